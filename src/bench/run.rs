//! `mqt bench` from its settings to the report: once, several times, or in search of the highest rate.

use std::time::{Duration, SystemTime};

use crate::bench::deliver;
use crate::bench::load::engine::{LoadStopped, measure};
use crate::bench::load::observer::{LoadProgress, Observer};
use crate::bench::load::steps::Finished;
use crate::bench::plan::find_max::RateSearch;
use crate::bench::plan::stamp::STAMP_LEN;
use crate::bench::report::live::Live;
use crate::bench::report::openmetrics::MetricsServer;
use crate::bench::report::text::step_line;
use crate::bench::result::histogram::samples_needed;
use crate::bench::result::run_config::run_id;
use crate::bench::result::snapshot::Snapshot;
use crate::bench::result::{Check, ResultFile, Rule, RunResult, SearchStep, Second};
use crate::bench::result::{verdict, warning};
use crate::cli::bench::{LoadRate, Metric, RunId, Scenario};
use crate::commands::signals::{Exit, Signal, Signals};
use crate::commands::talk::outcome;
use crate::commands::{local_broker, run_to_end};
use crate::config::BenchSettings;
use crate::config::bench::{ClientGroup, Load, LoadPayload, OpenStage};
use crate::error::{Failure, Kind};
use crate::ui::{Summary, Ui};

/// Puts the load on, and delivers what it came to.
///
/// # Errors
/// The settings make no run, no client could connect, a file cannot be written, a threshold failed; without
/// thresholds also: something went wrong with a connection.
pub fn run(mut settings: BenchSettings, ui: &Ui) -> Result<Exit, Failure> {
    deliver::check_folders(&settings.outputs)?;
    let loaded = run_to_end(load(&mut settings, ui))?;
    let counts = sums(&loaded.file.runs);
    if let (Some(signal), true) = (loaded.signal, loaded.file.runs.is_empty()) {
        // There is nothing to report.
        let (exit, keyword) = outcome(&Ok(()), Some(signal));
        ui.summary(&Summary { exit, keyword, ..counts });
        return Ok(Exit::Signal(signal));
    }
    let delivered = deliver::deliver(loaded.file, &settings.outputs, &settings.thresholds, ui);
    let verdict = match (delivered, loaded.failure) {
        (Ok(()), Some(failure)) if settings.thresholds.is_empty() => Err(failure),
        (delivered, _) => delivered,
    };
    let verdict = match (verdict, loaded.stopped) {
        (Ok(()), Some(stopped)) => Err(stopped),
        (Err(failure), Some(stopped)) => Err(stopped.graver(failure)),
        (verdict, None) => verdict,
    };
    let (exit, keyword) = outcome(&verdict, loaded.signal);
    ui.summary(&Summary { exit, keyword, ..counts });
    verdict.map(|()| loaded.signal.into())
}

/// The counts of all runs for the closing line.
fn sums(runs: &[RunResult]) -> Summary {
    let mut sums = Summary::default();
    for run in runs {
        let counts = &run.counts;
        sums.asked += counts.offered.max(counts.sent);
        sums.sent += counts.sent;
        sums.confirmed += counts.confirmed;
        sums.denied += counts.refused;
        if run.config.is_confirmed() {
            sums.unconfirmed += counts.sent.saturating_sub(counts.confirmed + counts.refused);
        }
        sums.received += counts.delivered;
        sums.duplicates += counts.duplicates;
        sums.reconnects += run.connects.reconnected;
    }
    sums
}

/// What all runs came to.
struct Loaded {
    file: ResultFile,
    /// What ended them before their time.
    signal: Option<Signal>,
    /// The first thing that went wrong with a connection.
    failure: Option<Failure>,
    /// What kept further runs from being made.
    stopped: Option<Failure>,
}

async fn load(settings: &mut BenchSettings, ui: &Ui) -> Result<Loaded, Failure> {
    let mut signals = Signals::listen().map_err(|error| crate::commands::shortage(&error))?;
    note_padding(settings, ui);
    let _broker = local_broker(settings.with_broker.clone(), &mut settings.client).await?;
    if settings.with_broker.is_some() {
        settings.brokers = vec![settings.client.transport.clone()];
    }
    let mut watch = RunWatch::new(settings, ui)?;
    if settings.find_max {
        find_max(settings, &mut signals, &mut watch, ui).await
    } else {
        repeat(settings, &mut signals, &mut watch, ui).await
    }
}

fn note_padding(settings: &BenchSettings, ui: &Ui) {
    let small =
        settings.groups.iter().filter(|group| group.publishers > 0).find_map(|group| match &group.payload {
            LoadPayload::Size(size) if usize::try_from(size.min).is_ok_and(|bytes| bytes < STAMP_LEN) => {
                Some(size.min)
            }
            _ => None,
        });
    if let (true, Some(bytes)) = (settings.stamp, small) {
        ui.note(
            "stamp",
            &format!("payloads of {bytes} bytes are padded to the {STAMP_LEN} of the stamp; --no-stamp leaves it out"),
        );
    }
}

async fn repeat(
    settings: &mut BenchSettings,
    signals: &mut Signals,
    watch: &mut RunWatch,
    ui: &Ui,
) -> Result<Loaded, Failure> {
    let first_id = run_id(settings);
    let mut loaded = Loaded { file: ResultFile::new(Vec::new()), signal: None, failure: None, stopped: None };
    for number in 0..settings.repeat.get() {
        if settings.repeat.get() > 1 {
            ui.status(&format!("mqt: run {} of {}", number + 1, settings.repeat));
        }
        // What is left of one run must not count in the next.
        settings.run_id = first_id.map(|RunId(id)| RunId(id.wrapping_add(number.into())));
        watch.begin();
        let finished = match measure(settings, SystemTime::now, signals, watch, ui).await {
            Ok(finished) => finished,
            // What has been measured is reported all the same.
            Err(LoadStopped::Failure(failure)) if number > 0 => {
                loaded.stopped = Some(failure);
                break;
            }
            Err(LoadStopped::Failure(failure)) => return Err(failure),
            Err(LoadStopped::Signal(signal)) => {
                loaded.signal = Some(signal);
                break;
            }
        };
        settings.start_at = None;
        let Finished { result, signal, failure } = finished;
        loaded.file.runs.push(result);
        loaded.failure = loaded.failure.or(failure);
        if signal.is_some() {
            loaded.signal = signal;
            break;
        }
    }
    watch.end();
    Ok(loaded)
}

async fn find_max(
    settings: &mut BenchSettings,
    signals: &mut Signals,
    watch: &mut RunWatch,
    ui: &Ui,
) -> Result<Loaded, Failure> {
    let mut search = RateSearch::new(total_rate(settings));
    let length = settings.timing.duration;
    let mut steps = Vec::new();
    let (mut best, mut last) = (None, None);
    let (mut signal, mut stopped) = (None, None);
    while let Some(rate) = search.rate() {
        set_rate(settings, rate);
        settings.timing.duration = length.map(|length| long_enough(settings, rate, length));
        watch.begin();
        let finished = match measure(settings, SystemTime::now, signals, watch, ui).await {
            Ok(finished) => finished,
            Err(LoadStopped::Signal(first)) => {
                signal = Some(first);
                break;
            }
            // What has been found is reported all the same.
            Err(LoadStopped::Failure(failure)) if !steps.is_empty() => {
                stopped = Some(failure);
                break;
            }
            Err(LoadStopped::Failure(failure)) => return Err(failure),
        };
        settings.start_at = None;
        // A part of a step proves nothing.
        if finished.signal.is_some() {
            signal = finished.signal;
            last = Some(finished.result);
            break;
        }
        let (step, is_known) = judge_step(&finished.result, settings, rate);
        ui.status(&format!("mqt: {}", step_line(&step)));
        search.tell(step.held);
        if step.held {
            best = Some(finished.result);
        } else {
            last = Some(finished.result);
        }
        steps.push(step);
        // At a lower rate there would be even less to tell it from.
        if !is_known {
            break;
        }
    }
    watch.end();
    let mut file = ResultFile::new(best.or(last).into_iter().collect());
    file.steps = steps;
    Ok(Loaded { file, signal, failure: None, stopped })
}

/// A step lasts longer where the rate is too low for the samples that an objective needs, up to this many times.
const LONGER: u32 = 10;

/// How long a step of the search measures.
fn long_enough(settings: &BenchSettings, rate: f64, length: Duration) -> Duration {
    let needed = settings
        .thresholds
        .slo
        .iter()
        .filter_map(|condition| match condition.metric {
            Metric::Percentile(_, percentile) => Some(samples_needed(percentile)),
            Metric::Count(_) | Metric::Rate | Metric::SentRate => None,
        })
        .max()
        .unwrap_or(0);
    let copies = settings.groups.iter().map(|group| match group.scenario {
        Scenario::FanIn | Scenario::FanOut => group.subscribers,
        _ => 1,
    });
    let a_second = rate * f64::from(copies.max().unwrap_or(1).max(1));
    // A tenth more, for what is still in flight.
    let needed = Duration::try_from_secs_f64(needed as f64 * 1.1 / a_second).unwrap_or(Duration::MAX);
    needed.clamp(length, length.saturating_mul(LONGER))
}

/// Messages a second of all groups together, in their first stage.
fn total_rate(settings: &BenchSettings) -> f64 {
    settings
        .groups
        .iter()
        .filter_map(|group| match &group.load {
            Load::Open { stages, .. } => stages.first().map(|stage| stage.rate.get()),
            Load::Closed { .. } | Load::None => None,
        })
        .sum()
}

/// A search has one group with one stage.
fn set_rate(settings: &mut BenchSettings, rate: f64) {
    for group in &mut settings.groups {
        if let (Load::Open { stages, .. }, Some(rate)) = (&mut group.load, LoadRate::per_second(rate)) {
            *stages = vec![OpenStage { duration: None, rate }];
        }
    }
}

/// A rate holds when each objective does, and the generator has kept it up.
/// Second: whether that is known, or there were too few samples for one of the objectives and all others held.
fn judge_step(run: &RunResult, settings: &BenchSettings, rate: f64) -> (SearchStep, bool) {
    let missed: Vec<Check> = settings
        .thresholds
        .slo
        .iter()
        .map(|condition| verdict::check(run, condition, Rule::Slo))
        .filter(|check| !check.passed)
        .collect();
    let is_untold = !missed.is_empty() && missed.iter().all(|check| check.value.is_none());
    let doubts = warning::warnings(run)
        .into_iter()
        .filter(|doubt| {
            matches!(doubt.keyword.as_str(), "generator-bound" | "overloaded" | "failed-connects")
        })
        .map(|doubt| doubt.text);
    let doubts: Vec<String> = doubts.collect();
    let is_known = !is_untold || !doubts.is_empty();
    let reasons: Vec<String> = missed.into_iter().map(|check| check.text).chain(doubts).collect();
    let step = SearchStep {
        rate,
        achieved: run.achieved_rate(),
        p99_us: run.latency.response.percentile_us(99_000),
        lost: run.counts.lost,
        held: reasons.is_empty(),
        reasons,
    };
    (step, is_known)
}

/// How many of all messages the publishers of this process send.
fn own_part(settings: &BenchSettings, count: u64) -> u64 {
    let all: u64 = settings.groups.iter().map(|group| u64::from(group.publishers)).sum();
    let own = |group: &ClientGroup| match settings.shard {
        Some(shard) => u64::from(shard.part_of(group.publishers).end - shard.part_of(group.publishers).start),
        None => group.publishers.into(),
    };
    let own: u64 = settings.groups.iter().map(own).sum();
    u64::try_from(u128::from(count) * u128::from(own) / u128::from(all.max(1))).unwrap_or(count)
}

/// Shows how a run goes, on stderr and to whoever asks for metrics.
struct RunWatch {
    ui: Ui,
    live: Option<Live>,
    metrics: Option<MetricsServer>,
    snapshot: Snapshot,
    planned_count: Option<u64>,
}

impl RunWatch {
    fn new(settings: &BenchSettings, ui: &Ui) -> Result<Self, Failure> {
        let serve = |address| {
            MetricsServer::start(address).map_err(|error| {
                Failure::new(Kind::Connect, format!("cannot serve metrics at {address}"))
                    .keyword("listen")
                    .source(&error)
            })
        };
        let metrics = settings.outputs.openmetrics.map(serve).transpose()?;
        if let Some(server) = &metrics {
            ui.note("openmetrics", &format!("metrics at http://{}/metrics", server.address()));
        }
        let planned_count = settings.timing.count.map(|count| own_part(settings, count.get()));
        Ok(Self { ui: ui.clone(), live: None, metrics, snapshot: Snapshot::default(), planned_count })
    }

    /// A run begins: counters go on, as those of one process do.
    fn begin(&mut self) {
        let totals = self.snapshot.totals;
        self.snapshot = Snapshot { totals, planned_count: self.planned_count, ..Snapshot::default() };
        self.live = Some(Live::new(&self.ui));
    }

    fn end(&mut self) {
        self.live = None;
    }
}

impl Observer for RunWatch {
    fn progress(&mut self, progress: &LoadProgress) {
        let snapshot = &mut self.snapshot;
        snapshot.phase = progress.phase;
        (snapshot.elapsed, snapshot.length) = (progress.elapsed, progress.length);
        (snapshot.connections, snapshot.connections_asked) = (progress.online, progress.asked);
        snapshot.sent = progress.sent;
        if let Some(live) = &mut self.live {
            live.progress(snapshot);
        }
    }

    fn second(&mut self, second: &Second) {
        self.snapshot.add(second);
        if let Some(metrics) = &self.metrics {
            metrics.set(&self.snapshot);
        }
        if let Some(live) = &mut self.live {
            live.second(&self.snapshot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Request, parse};
    use crate::config::{Environment, bench};

    fn settings(line: &str) -> BenchSettings {
        let environment = Environment::empty();
        match parse(["mqt", "bench"].into_iter().chain(line.split(' ')).map(Into::into)).unwrap() {
            Request::Bench(args) => bench(args.load, &environment).unwrap().settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_dev_broker_has_room_for_all_clients() {
        let broker = settings("connect --with-broker -n 20k").with_broker.unwrap();
        let limits = crate::commands::broker::options(&broker).unwrap().limits;
        assert!(limits.connections > 20_000 && limits.sessions > 20_000);
    }

    #[test]
    fn the_bar_of_a_part_is_full_when_its_own_messages_are_sent() {
        assert_eq!(own_part(&settings("--publishers 5"), 1_000), 1_000);
        let parts = ["0/2", "1/2"]
            .map(|shard| own_part(&settings(&format!("--publishers 5 --run-id x --shard {shard}")), 1_000));
        assert_eq!(parts, [400, 600]);
    }

    #[test]
    fn a_step_takes_as_long_as_its_objectives_need() {
        let seconds =
            |line: &str, rate| long_enough(&settings(line), rate, Duration::from_secs(1)).as_secs_f64();
        let line = "--find-max --duration 1s --slo p99<1s,loss=0";
        assert!((seconds(line, 2_000.0) - 1.0).abs() < 1e-9);
        assert!((seconds(line, 500.0) - 2.2).abs() < 1e-9, "1,000 samples and a tenth");
        assert!((seconds(line, 1.0) - 10.0).abs() < 1e-9, "not without end");
        assert!((seconds(&format!("fan-out --subscribers 100 {line}"), 11.0) - 1.0).abs() < 1e-9);
        assert!((seconds("--find-max --slo loss=0", 1.0) - 1.0).abs() < 1e-9);
    }
}
