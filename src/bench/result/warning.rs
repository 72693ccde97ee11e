//! What makes a result doubtful, in plain words: said at the top of every report.

use std::time::Duration;

use crate::bench::result::histogram::samples_needed;
use crate::bench::result::{ClockOffset, RunResult, RunWarning};
use crate::cli::bench::Scenario;
use crate::output::units::{Count, Latency, Many, Span, Throughput};

/// The lag may be at most this part of the latency, both at p99.
const LAG_PART: u64 = 10;
/// How many samples a comparison of lag and latency needs.
const LAG_SAMPLES: u64 = 100;
/// The generator counts as busy when it used more of its cores than this.
const BUSY_PERCENT: f64 = 80.0;
/// In less time than this, in milliseconds, the clock of the CPU says too little.
const BUSY_MS: u64 = 500;
/// The queue grows when less than this part of what was due was done in the same time.
const KEEPING_UP: f64 = 0.99;

/// The keywords of the warnings that a result gives reason to.
pub const KEYWORDS: &[&str] = &[
    "generator-bound",
    "generator-busy",
    "overloaded",
    "lost-connections",
    "failed-connects",
    "refused",
    "loss",
    "own-broker",
    "clocks",
    "few-samples",
    "closed-loop",
    "interrupted",
];

/// What the reader must know about a run, the gravest first. Warnings that came about while it ran follow.
#[must_use]
pub fn warnings(run: &RunResult) -> Vec<RunWarning> {
    let rules = [
        generator_bound,
        generator_busy,
        overloaded,
        connections_lost,
        connections_failed,
        refused,
        messages_lost,
        own_broker,
        other_clock,
        few_samples,
        closed_loop,
        interrupted,
    ];
    let found = rules.into_iter().filter_map(|rule| rule(run));
    let mut warnings: Vec<RunWarning> = found.collect();
    warnings.extend(run.warnings.iter().filter(|told| !KEYWORDS.contains(&told.keyword.as_str())).cloned());
    warnings
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn warning(keyword: &str, text: String) -> Option<RunWarning> {
    Some(RunWarning { keyword: keyword.to_owned(), text })
}

fn generator_bound(run: &RunResult) -> Option<RunWarning> {
    let (lag, response) = (&run.latency.schedule_lag, &run.latency.response);
    if lag.count().min(response.count()) < LAG_SAMPLES {
        return None;
    }
    let figures = lag.percentile_us(99_000).zip(response.percentile_us(99_000));
    let (lag, response) = (lag.quantile_us(0.99), response.quantile_us(0.99));
    if lag.saturating_mul(LAG_PART) <= response {
        return None;
    }
    // What the report has too few samples for is not quoted here either.
    let how_late = match figures {
        Some((lag, response)) => format!(
            "p99 {}, more than a tenth of the response time's p99 of {}",
            Latency(lag),
            Latency(response)
        ),
        None => "by more than a tenth of the response time".to_owned(),
    };
    warning("generator-bound", format!("generator-bound: do not quote. Messages went out late: {how_late}"))
}

/// The share of its cores that the generator used in the measured phase, in per cent; of no more cores than it
/// had threads.
#[must_use]
pub fn cpu_percent(run: &RunResult) -> f64 {
    let cores = run.resources.cores.min(run.resources.threads);
    let available = run.phases.measured_ms as f64 * f64::from(cores);
    if available <= 0.0 {
        return 0.0;
    }
    // The system counts in hundredths of a second: a short time may come out as more than there is.
    ((run.resources.cpu_user_ms + run.resources.cpu_sys_ms) as f64 * 100.0 / available).min(100.0)
}

fn generator_busy(run: &RunResult) -> Option<RunWarning> {
    if run.phases.measured_ms < BUSY_MS {
        return None;
    }
    let percent = cpu_percent(run);
    if percent <= BUSY_PERCENT {
        let busiest =
            run.resources.busiest_thread_ms as f64 * 100.0 / (run.phases.measured_ms as f64).max(1.0);
        if busiest <= BUSY_PERCENT {
            return None;
        }
        return warning(
            "generator-busy",
            format!(
                "a thread of the generator was busy {:.0} % of the time: the broker may carry more than this shows",
                busiest.min(100.0)
            ),
        );
    }
    warning(
        "generator-busy",
        format!("the generator used {percent:.0} % of its cores: the broker may carry more than this shows"),
    )
}

fn overloaded(run: &RunResult) -> Option<RunWarning> {
    if !run.config.is_open_loop() {
        return None;
    }
    let begin = run.phases.ramp_ms + run.phases.warmup_ms;
    let end = begin + run.phases.measured_ms;
    // Behind the last message that was due, whatever was late may come in.
    let last = run.series.iter().rev().find(|second| second.offered > 0).map_or(0, |second| second.t_ms);
    let seconds = run
        .series
        .iter()
        .filter(|second| second.t_ms >= begin && second.t_ms + 1_000 <= end && second.t_ms <= last);
    let (mut offered, mut sent, mut delivered, mut acked, mut whole) = (0, 0, 0, 0, 0_u64);
    for second in seconds {
        offered += second.offered;
        sent += second.sent;
        delivered += second.delivered;
        acked += second.acked;
        whole += 1;
    }
    if offered == 0 || whole == 0 {
        return None;
    }
    let per_second = |count: f64| Throughput(count / whole as f64);
    let due = offered as f64;
    if (sent as f64) < due * KEEPING_UP {
        return warning(
            "overloaded",
            format!(
                "overloaded: the queue grows. {} were due and {} were sent",
                per_second(due),
                per_second(sent as f64)
            ),
        );
    }
    let (word, done, should) = if run.has_deliveries() && run.counts.offered > 0 {
        let copies = run.counts.expected as f64 / run.counts.offered as f64;
        ("delivered", delivered as f64, due * copies)
    } else if run.config.is_confirmed() {
        ("confirmed", acked as f64, due)
    } else {
        return None;
    };
    if done >= should * KEEPING_UP {
        return None;
    }
    warning(
        "overloaded",
        format!(
            "overloaded: the queue grows. {} should have been {word} and {} were",
            per_second(should),
            per_second(done)
        ),
    )
}

fn drops_on_purpose(run: &RunResult) -> bool {
    run.config.groups.iter().any(|group| matches!(group.scenario, Scenario::Churn | Scenario::Storm))
}

fn connections_lost(run: &RunResult) -> Option<RunWarning> {
    let given_up = match run.connects.given_up {
        0 => String::new(),
        given_up => format!("; {} of them could not be opened again", Count(given_up)),
    };
    match run.connects.lost {
        _ if !given_up.is_empty() => {
            let gone = run.connects.lost.max(run.connects.given_up);
            warning(
                "lost-connections",
                match gone {
                    1 => "a connection was lost while it ran and could not be opened again".to_owned(),
                    gone => format!("{} connections were lost while it ran{given_up}", Count(gone)),
                },
            )
        }
        0 => None,
        _ if drops_on_purpose(run) => None,
        1 => warning("lost-connections", "a connection was lost while it ran".to_owned()),
        lost => warning("lost-connections", format!("{} connections were lost while it ran", Count(lost))),
    }
}

fn connections_failed(run: &RunResult) -> Option<RunWarning> {
    let failed = run.failed_connects();
    if failed == 0 {
        return None;
    }
    let reasons: Vec<String> =
        run.connects.failed.iter().map(|(keyword, count)| format!("{keyword} {}", Count(*count))).collect();
    warning(
        "failed-connects",
        format!(
            "{} of {} could not be opened: {}",
            Count(failed),
            Many(run.connects.asked, "connection"),
            reasons.join(", ")
        ),
    )
}

fn refused(run: &RunResult) -> Option<RunWarning> {
    let many = |count: u64, one: &str| match count {
        0 => None,
        1 => Some(format!("a {one}")),
        _ => Some(format!("{} {one}s", Count(count))),
    };
    let refused = [many(run.refused_subscriptions(), "subscription"), many(run.counts.refused, "publish")];
    let list: Vec<String> =
        refused.into_iter().flatten().map(|text| text.replace("publishs", "publishes")).collect();
    (!list.is_empty()).then_some(())?;
    warning("refused", format!("the broker refused {}", list.join(" and ")))
}

fn messages_lost(run: &RunResult) -> Option<RunWarning> {
    let counts = &run.counts;
    (counts.lost > 0).then_some(())?;
    warning("loss", format!("{} of {} never arrived", Count(counts.lost), Many(counts.expected, "message")))
}

fn own_broker(run: &RunResult) -> Option<RunWarning> {
    run.config.own_broker.then_some(())?;
    warning(
        "own-broker",
        "the broker ran in the same process as the load: not for figures to quote".to_owned(),
    )
}

fn other_clock(run: &RunResult) -> Option<RunWarning> {
    let clocks = &run.publisher_clocks;
    let compared = || clocks.iter().filter_map(|of| of.clock);
    let is_unknown = clocks.is_empty() && run.config.only_receives();
    if run.config.stamp && run.counts.delivered > 0 && (is_unknown || compared().count() < clocks.len()) {
        let text = match compared().count() {
            0 => "the messages bear times of the clocks of their publishers, which nobody compared with this one: the \
                  latencies are right only if all of them ran on this machine"
                .to_owned(),
            known => format!(
                "{} of {} runs that published did not answer when they were asked for their clocks: their latencies \
                 are right only if they ran on this machine",
                Count(count(clocks.len() - known)),
                Count(count(clocks.len()))
            ),
        };
        return warning("clocks", text);
    }
    let of_shards = run.clock.filter(|_| run.config.crosses_processes());
    let clock = of_shards.into_iter().chain(compared()).max_by_key(ClockOffset::doubt_us)?;
    let moved = match clock.moved_us() {
        Some(moved) => format!("the clocks moved apart by {} meanwhile", Latency(moved)),
        None => "and by what the clocks moved apart meanwhile, which is not known".to_owned(),
    };
    let text = format!(
        "publishers and subscribers ran by different clocks: latencies may be off by {} ({moved})",
        Latency(clock.doubt_us()),
    );
    warning("clocks", text)
}

fn few_samples(run: &RunResult) -> Option<RunWarning> {
    if run.config.only_receives() && run.counts.delivered == 0 {
        return warning("few-samples", "no message came in within the measured time".to_owned());
    }
    let samples = run.latency.response.count();
    let needed = samples_needed(99_000);
    let publishes = run.config.groups.iter().any(|group| group.publishers > 0);
    if !publishes || !run.config.stamp || samples >= needed {
        return None;
    }
    let samples = match samples {
        1 => "1 latency is".to_owned(),
        _ => format!("{} latencies are", Count(samples)),
    };
    warning("few-samples", format!("{samples} too few: p99 needs {}", Count(needed)))
}

fn closed_loop(run: &RunResult) -> Option<RunWarning> {
    run.config.is_closed_loop().then_some(())?;
    warning(
        "closed-loop",
        "the load waited for the broker (--inflight): a stall of the broker hides in the latencies"
            .to_owned(),
    )
}

fn interrupted(run: &RunResult) -> Option<RunWarning> {
    run.interrupted.then_some(())?;
    let measured = Span(Duration::from_millis(run.phases.measured_ms));
    warning("interrupted", format!("it was ended before its time, after {measured} of measuring"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::run_config::LoadConfig;
    use crate::bench::result::tests::run;
    use crate::bench::result::{LatencyFigures, PublisherClock};

    fn told(change: impl FnOnce(&mut RunResult)) -> Vec<(String, String)> {
        let mut run = run();
        change(&mut run);
        warnings(&run).into_iter().map(|warning| (warning.keyword, warning.text)).collect()
    }

    #[track_caller]
    fn assert_told(change: impl FnOnce(&mut RunResult), keyword: &str, text: &str) {
        let told = told(change);
        let found = told.iter().any(|(told, words)| told == keyword && words.contains(text));
        assert!(found, "no {keyword} with {text:?} in {told:?}");
    }

    #[test]
    fn a_good_run_has_none() {
        assert_eq!(told(|_| {}), []);
    }

    #[test]
    fn a_lag_of_more_than_a_tenth_of_the_latency_comes_first() {
        let late = |lag| {
            move |run: &mut RunResult| {
                run.latency.schedule_lag.clear();
                run.latency.schedule_lag.record_n(lag, 1_000);
                run.connects.lost = 1;
            }
        };
        // The latency's p99 is 1,090 µs.
        let first = told(late(110)).remove(0);
        assert_eq!(first.0, "generator-bound");
        assert!(first.1.starts_with("generator-bound: do not quote."), "{}", first.1);
        assert_eq!(told(late(108)).remove(0).0, "lost-connections");
        assert!(first.1.contains("p99 110 µs, more than a tenth of"), "{}", first.1);
        let few = told(|run| {
            for (histogram, micros) in
                [(&mut run.latency.schedule_lag, 110), (&mut run.latency.response, 1_000)]
            {
                histogram.clear();
                histogram.record_n(micros, LAG_SAMPLES);
            }
        });
        assert!(few[0].0 == "generator-bound" && !few[0].1.contains("p99"), "{few:?}");
    }

    #[test]
    fn too_little_of_what_was_due_is_an_overload() {
        let second = |change: fn(&mut crate::bench::result::Second)| {
            move |run: &mut RunResult| run.series.iter_mut().for_each(change)
        };
        assert_told(
            second(|second| second.delivered = 900),
            "overloaded",
            "overloaded: the queue grows. 1,000/s should have been delivered and 900/s were",
        );
        assert_told(second(|second| second.sent = 500), "overloaded", "1,000/s were due and 500/s were sent");
        assert_eq!(told(second(|second| second.delivered = 995)), []);
        // What is late and comes in when nothing is due any more does not make up for it.
        assert_told(
            |run| {
                (run.phases.measured_ms, run.counts.delivered_within) = (12_000, 10_000);
                run.series.iter_mut().for_each(|second| second.delivered = 800);
                let late = crate::bench::result::Second { delivered: 2_000, ..Default::default() };
                let at = |t_ms| crate::bench::result::Second { t_ms, ..late };
                run.series.extend([at(11_000), at(12_000)]);
            },
            "overloaded",
            "1,000/s should have been delivered and 800/s were",
        );
        // The warm-up does not count.
        assert_eq!(told(|run| run.series[0].delivered = 0), []);
        // Each message goes to four subscribers.
        assert_told(|run| run.counts.expected = 40_000, "overloaded", "4,000/s should have been delivered");
        assert_told(
            |run| {
                (run.counts.expected, run.counts.delivered) = (0, 0);
                run.series.iter_mut().for_each(|second| second.acked = 10);
            },
            "overloaded",
            "should have been confirmed",
        );
    }

    #[test]
    fn each_doubt_has_its_words() {
        assert_told(|run| run.connects.lost = 2, "lost-connections", "2 connections were lost");
        assert_told(|run| run.resources.cpu_user_ms = 18_000, "generator-busy", "92 % of its cores");
        assert_told(
            |run| (run.resources.threads, run.resources.cpu_user_ms) = (1, 8_000),
            "generator-busy",
            "83 % of its cores",
        );
        assert_told(
            |run| {
                run.config.groups[0].publishers = 0;
                (run.counts.delivered, run.counts.expected) = (0, 0);
            },
            "few-samples",
            "no message came in",
        );
        assert_eq!(
            told(|run| (run.phases.measured_ms, run.resources.cpu_user_ms) = (400, 4_000)),
            [],
            "too short to tell"
        );
        assert_told(
            |run| run.resources.busiest_thread_ms = 9_000,
            "generator-busy",
            "a thread of the generator was busy 90 % of the time",
        );
        assert_told(
            |run| (run.connects.lost, run.connects.given_up) = (3, 2),
            "lost-connections",
            "3 connections were lost while it ran; 2 of them could not be opened again",
        );
        assert_told(
            |run| {
                run.counts.refused = 2;
                run.errors = vec![(crate::bench::result::SUBSCRIPTION_REFUSED.to_owned(), 1)];
            },
            "refused",
            "the broker refused a subscription and 2 publishes",
        );
        assert_told(
            |run| run.connects.failed = [("timeout".to_owned(), 3)].into(),
            "failed-connects",
            "3 of 20 connections could not be opened: timeout 3",
        );
        assert_told(|run| run.counts.lost = 7, "loss", "7 of 10,000 messages never arrived");
        assert_told(|run| run.config.own_broker = true, "own-broker", "not for figures to quote");
        assert_told(|run| run.interrupted = true, "interrupted", "after 10 s of measuring");
        assert_told(
            |run| {
                run.config.groups[0].scenario = Scenario::FanOut;
                run.clock = Some(ClockOffset { before_us: -300, after_us: Some(200), error_us: 400 });
            },
            "clocks",
            "off by 900 µs (the clocks moved apart by 500 µs",
        );
        assert_told(
            |run| {
                run.config.groups[0].subscribers = 3;
                run.clock = Some(ClockOffset { before_us: -300, after_us: None, error_us: 400 });
            },
            "clocks",
            "off by 400 µs (and by what the clocks moved apart meanwhile, which is not known)",
        );
        assert_told(
            |run| {
                run.config.groups[0].publishers = 0;
                run.config.groups[0].scenario = Scenario::Sub;
            },
            "clocks",
            "which nobody compared with this one",
        );
        let clock = |before_us, after_us| ClockOffset { before_us, after_us, error_us: 400 };
        let heard = |clocks: Vec<Option<ClockOffset>>| {
            move |run: &mut RunResult| {
                run.config.groups[0].publishers = 0;
                run.config.groups[0].scenario = Scenario::Sub;
                let of = |clock| PublisherClock { run: "0000002a".to_owned(), clock };
                run.publisher_clocks = clocks.into_iter().map(of).collect();
            }
        };
        assert_told(
            heard(vec![Some(clock(5_000_000, Some(5_000_100))), Some(clock(0, Some(0)))]),
            "clocks",
            "latencies may be off by 500 µs (the clocks moved apart by 100 µs meanwhile)",
        );
        assert_told(heard(vec![None, None]), "clocks", "which nobody compared with this one");
        assert_told(
            heard(vec![Some(clock(0, Some(0))), None, None]),
            "clocks",
            "2 of 3 runs that published did not answer",
        );
        assert_told(|run| run.latency = LatencyFigures::default(), "few-samples", "0 latencies are too few");
        assert_told(
            |run| run.config.groups[0].load = LoadConfig::Closed { inflight: 10 },
            "closed-loop",
            "hides in the latencies",
        );
    }

    #[test]
    fn pairs_are_in_one_process_and_have_one_clock() {
        let told = told(|run| run.clock = Some(ClockOffset { before_us: 9, after_us: Some(9), error_us: 1 }));
        assert_eq!(told, []);
    }

    #[test]
    fn what_drops_on_purpose_is_no_loss() {
        let told = told(|run| {
            run.config.groups[0].scenario = Scenario::Churn;
            run.connects.lost = 5;
        });
        assert_eq!(told, []);
    }

    #[test]
    fn what_the_run_itself_told_is_kept_behind() {
        let told = told(|run| {
            run.warnings = vec![RunWarning { keyword: "ports".to_owned(), text: "few ports".to_owned() }];
            run.counts.lost = 1;
        });
        assert_eq!(told.iter().map(|(keyword, _)| keyword.as_str()).collect::<Vec<_>>(), ["loss", "ports"]);
    }
}
