//! The results of all shards as the result of one run: exactly what a single recorder would hold.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::bench::result::compare::{Difference, differences};
use crate::bench::result::doubt::{contradiction, contradiction_of_all};
use crate::bench::result::warning::KEYWORDS;
use crate::bench::result::{
    ANOMALIES_KEPT, ClockOffset, ConnectSecond, Counts, Phases, PublisherClock, Resources, ResultFile,
    RunResult, RunWarning, Second,
};
use crate::output::units::Span;

/// Why results are not parts of one run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MergeError {
    /// A result of a whole run.
    #[error("{file} is no shard: it was made without --shard")]
    NoShard {
        /// The file.
        file: String,
    },
    /// Two shards of different numbers of shards.
    #[error("{file} is one of {found} shards, {first} is one of {expected}")]
    Count {
        /// The file.
        file: String,
        /// How many shards it knows.
        found: u32,
        /// The first file.
        first: String,
        /// How many shards that one knows.
        expected: u32,
    },
    /// One shard given twice.
    #[error("{file} and {other} are both shard {index}")]
    Twice {
        /// A file.
        file: String,
        /// Another one.
        other: String,
        /// From 0.
        index: u32,
    },
    /// A shard that is not there.
    #[error("shards are missing: {missing} of {count}")]
    Missing {
        /// Their indexes.
        missing: String,
        /// How many there are.
        count: u32,
    },
    /// Another configuration.
    #[error("{file} has another configuration than {first}: {place} is {found}, not {expected}")]
    Config {
        /// The file.
        file: String,
        /// The first file.
        first: String,
        /// Where in the configuration.
        place: String,
        /// What the file has.
        found: String,
        /// What the first one has.
        expected: String,
    },
    /// Parts of different runs.
    #[error("{file} is a part of run {found}, {first} is one of run {expected}")]
    Run {
        /// The file.
        file: String,
        /// Its run id.
        found: String,
        /// The first file.
        first: String,
        /// The run id of that one.
        expected: String,
    },
    /// Another number of repeats.
    #[error("{file} has {found} runs, {first} has {expected}")]
    Runs {
        /// The file.
        file: String,
        /// How many runs it has.
        found: usize,
        /// The first file.
        first: String,
        /// How many that one has.
        expected: usize,
    },
    /// Started at another time.
    #[error("{late} started {} after {early}: they did not run together", Span(*.apart))]
    Skew {
        /// The file that started last.
        late: String,
        /// The file that started first.
        early: String,
        /// How far apart.
        apart: Duration,
    },
    /// A result whose numbers do not fit together.
    #[error("{file} contradicts itself: {what}")]
    Contradiction {
        /// The file.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// Results that do not fit together.
    #[error("the shards contradict each other: {what}")]
    Disagreement {
        /// What does not fit.
        what: String,
    },
    /// Nothing to merge.
    #[error("there is no result to merge")]
    Nothing,
}

/// A result and the file that it comes from.
pub type Named = (String, ResultFile);

/// Merges the shards of a run, given in any order; with repeats, run by run.
///
/// # Errors
/// They are not all the shards of one run, or started further apart than `max_skew`.
pub fn merge(mut files: Vec<Named>, max_skew: Duration) -> Result<ResultFile, MergeError> {
    check_shards(&files)?;
    files.sort_by_key(|(_, file)| file.runs.first().and_then(|run| run.shard).map(|(index, _)| index));
    let Some((first, model)) = files.first() else { return Err(MergeError::Nothing) };
    for (name, file) in &files {
        if file.runs.len() != model.runs.len() {
            return Err(MergeError::Runs {
                file: name.clone(),
                found: file.runs.len(),
                first: first.clone(),
                expected: model.runs.len(),
            });
        }
    }
    let runs = (0..model.runs.len())
        .map(|number| {
            let shards: Vec<(&str, &RunResult)> = files
                .iter()
                .filter_map(|(name, file)| file.runs.get(number).map(|run| (name.as_str(), run)))
                .collect();
            check_run(&shards, max_skew)?;
            let merged = merge_runs(&shards)?;
            match contradiction_of_all(&merged) {
                Some(what) => Err(MergeError::Disagreement { what }),
                None => Ok(merged),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ResultFile::new(runs))
}

fn check_shards(files: &[Named]) -> Result<(), MergeError> {
    let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
    let mut whole: Option<(&str, u32)> = None;
    for (name, run) in
        files.iter().flat_map(|(name, file)| file.runs.iter().take(1).map(move |run| (name, run)))
    {
        let Some((index, count)) = run.shard else { return Err(MergeError::NoShard { file: name.clone() }) };
        let (first, expected) = *whole.get_or_insert((name, count));
        if count != expected {
            return Err(MergeError::Count {
                file: name.clone(),
                found: count,
                first: first.to_owned(),
                expected,
            });
        }
        if let Some(other) = seen.insert(index, name) {
            return Err(MergeError::Twice { file: name.clone(), other: other.to_owned(), index });
        }
    }
    let Some((_, count)) = whole else { return Err(MergeError::Nothing) };
    let there = u32::try_from(seen.len()).unwrap_or(u32::MAX);
    if there < count {
        // A damaged file may claim any number of shards: name the first few only.
        let missing: Vec<String> = (0..count)
            .filter(|index| !seen.contains_key(index))
            .take(10)
            .map(|index| index.to_string())
            .collect();
        return Err(MergeError::Missing { missing: missing.join(", "), count });
    }
    Ok(())
}

fn check_run(shards: &[(&str, &RunResult)], max_skew: Duration) -> Result<(), MergeError> {
    let Some((first, model)) = shards.first() else { return Err(MergeError::Nothing) };
    for (name, run) in shards {
        let mut differences = differences(&model.config, &run.config);
        differences.sort_by_key(Difference::rank);
        if let Some(Difference { place, before, after }) = differences.into_iter().next() {
            return Err(MergeError::Config {
                file: (*name).to_owned(),
                first: (*first).to_owned(),
                place,
                found: after,
                expected: before,
            });
        }
        if run.run_id != model.run_id {
            return Err(MergeError::Run {
                file: (*name).to_owned(),
                found: run.run_id.clone(),
                first: (*first).to_owned(),
                expected: model.run_id.clone(),
            });
        }
    }
    for (name, run) in shards {
        if let Some(what) = contradiction(run) {
            return Err(MergeError::Contradiction { file: (*name).to_owned(), what });
        }
    }
    // Connections may be opened before, at leisure; a part without a load has just those.
    let has_load = shards.iter().all(|(_, run)| run.load_started_unix_ns > 0);
    let start = |(_, run): &&(&str, &RunResult)| {
        if has_load { run.load_started_unix_ns } else { run.started_unix_ns }
    };
    if let (Some(early), Some(late)) = (shards.iter().min_by_key(start), shards.iter().max_by_key(start)) {
        let apart = Duration::from_nanos(start(&late).saturating_sub(start(&early)));
        if apart > max_skew {
            return Err(MergeError::Skew { late: late.0.to_owned(), early: early.0.to_owned(), apart });
        }
    }
    Ok(())
}

fn merge_runs(shards: &[(&str, &RunResult)]) -> Result<RunResult, MergeError> {
    let mut parts = shards.iter().map(|(_, run)| *run);
    let mut whole = parts.next().cloned().ok_or(MergeError::Nothing)?;
    let mut errors: BTreeMap<String, u64> = whole.errors.drain(..).collect();
    let mut series: BTreeMap<u64, Second> = BTreeMap::new();
    let mut connecting: BTreeMap<u64, ConnectSecond> = BTreeMap::new();
    let mut told: Vec<RunWarning> = Vec::new();
    for (_, run) in shards {
        for second in &run.connecting {
            let sum = connecting.entry(second.t_ms / 1_000).or_default();
            sum.t_ms = second.t_ms;
            sum.opened += second.opened;
            sum.failed += second.failed;
            sum.connections += second.connections;
        }
        for second in &run.series {
            add_second(series.entry(second.t_ms / 1_000).or_default(), second);
        }
        for warning in &run.warnings {
            if !told.contains(warning) {
                told.push(warning.clone());
            }
        }
    }
    for run in parts {
        if run.started_unix_ns < whole.started_unix_ns {
            (whole.started, whole.started_unix_ns) = (run.started.clone(), run.started_unix_ns);
        }
        whole.load_started_unix_ns = whole.load_started_unix_ns.min(run.load_started_unix_ns);
        whole.interrupted |= run.interrupted;
        add_phases(&mut whole.phases, &run.phases);
        add_counts(&mut whole.counts, &run.counts);
        let (connects, more) = (&mut whole.connects, &run.connects);
        connects.asked += more.asked;
        connects.established += more.established;
        connects.failed_attempts += more.failed_attempts;
        connects.given_up += more.given_up;
        connects.lost += more.lost;
        connects.reconnected += more.reconnected;
        for (keyword, count) in &more.failed {
            *connects.failed.entry(keyword.clone()).or_default() += count;
        }
        whole.latency.response.merge(&run.latency.response);
        whole.latency.service.merge(&run.latency.service);
        whole.latency.connect.merge(&run.latency.connect);
        whole.latency.schedule_lag.merge(&run.latency.schedule_lag);
        whole.anomalies.extend(run.anomalies.iter().cloned());
        whole.anomalies_total += run.anomalies_total;
        add_resources(&mut whole.resources, &run.resources);
        if run.host != whole.host {
            whole.host.clear();
        }
        whole.clock = worse_clock(whole.clock, run.clock);
        add_publisher_clocks(&mut whole.publisher_clocks, &run.publisher_clocks);
        for (keyword, count) in &run.errors {
            *errors.entry(keyword.clone()).or_default() += count;
        }
    }
    // A message may be sent in one shard and delivered in another: only the sums tell what is missing.
    whole.counts.lost = whole.counts.expected.saturating_sub(whole.counts.delivered);
    whole.shard = None;
    whole.resources.cores = cores(shards);
    whole.errors = errors.into_iter().collect();
    whole.connecting = connecting.into_values().collect();
    whole.series = series.into_values().collect();
    whole.anomalies.sort_by_key(|one| std::cmp::Reverse(one.lost + one.duplicates + one.out_of_order));
    whole.anomalies.truncate(ANOMALIES_KEPT);
    // What a result is the reason for is said of the whole only when the whole is a reason too.
    whole.warnings = told.into_iter().filter(|told| !KEYWORDS.contains(&told.keyword.as_str())).collect();
    Ok(whole)
}

/// The shards ran at the same time: each phase took as long as it took the slowest.
fn add_phases(whole: &mut Phases, part: &Phases) {
    whole.connect_ms = whole.connect_ms.max(part.connect_ms);
    whole.ramp_ms = whole.ramp_ms.max(part.ramp_ms);
    whole.warmup_ms = whole.warmup_ms.max(part.warmup_ms);
    whole.measured_ms = whole.measured_ms.max(part.measured_ms);
    whole.drain_ms = whole.drain_ms.max(part.drain_ms);
}

fn add_counts(whole: &mut Counts, part: &Counts) {
    whole.offered += part.offered;
    whole.sent += part.sent;
    whole.confirmed += part.confirmed;
    whole.refused += part.refused;
    whole.expected += part.expected;
    whole.delivered += part.delivered;
    whole.sent_within += part.sent_within;
    whole.confirmed_within += part.confirmed_within;
    whole.delivered_within += part.delivered_within;
    whole.duplicates += part.duplicates;
    whole.out_of_order += part.out_of_order;
    whole.bytes_sent += part.bytes_sent;
    whole.bytes_received += part.bytes_received;
}

/// Percentiles of a second cannot be merged: the highest one of the shards stands for all.
fn add_second(whole: &mut Second, part: &Second) {
    whole.t_ms = part.t_ms / 1_000 * 1_000;
    whole.offered += part.offered;
    whole.sent += part.sent;
    whole.acked += part.acked;
    whole.delivered += part.delivered;
    whole.errors += part.errors;
    whole.connections += part.connections;
    whole.p50_us = whole.p50_us.max(part.p50_us);
    whole.p99_us = whole.p99_us.max(part.p99_us);
    whole.max_us = whole.max_us.max(part.max_us);
    whole.measured.merge(part.measured);
}

fn add_resources(whole: &mut Resources, part: &Resources) {
    whole.cpu_user_ms += part.cpu_user_ms;
    whole.cpu_sys_ms += part.cpu_sys_ms;
    whole.max_rss_bytes += part.max_rss_bytes;
    whole.busiest_thread_ms = whole.busiest_thread_ms.max(part.busiest_thread_ms);
    whole.threads += part.threads;
}

/// The cores of all machines: processes on one of them share its cores.
fn cores(shards: &[(&str, &RunResult)]) -> u32 {
    let mut known: BTreeMap<&str, u32> = BTreeMap::new();
    let mut sum: u32 = 0;
    for (_, run) in shards {
        if run.host.is_empty() {
            sum = sum.saturating_add(run.resources.cores);
        } else {
            let cores = known.entry(&run.host).or_default();
            *cores = run.resources.cores.max(*cores);
        }
    }
    known.into_values().fold(sum, u32::saturating_add)
}

fn worse_clock(one: Option<ClockOffset>, other: Option<ClockOffset>) -> Option<ClockOffset> {
    [one, other].into_iter().flatten().max_by_key(ClockOffset::doubt_us)
}

/// Each shard has compared its clock with those of publishers: the one that knows least speaks for all.
fn add_publisher_clocks(whole: &mut Vec<PublisherClock>, part: &[PublisherClock]) {
    for other in part {
        match whole.iter_mut().find(|own| own.run == other.run) {
            Some(own) => {
                own.clock =
                    own.clock.zip(other.clock).and_then(|(own, other)| worse_clock(Some(own), Some(other)))
            }
            None => whole.push(other.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bench::result::tests::run;
    use crate::bench::result::{Anomaly, LatencyFigures};

    const SECOND: Duration = Duration::from_secs(1);

    fn shard(index: u32, count: u32) -> RunResult {
        RunResult { shard: Some((index, count)), ..run() }
    }

    fn named(runs: Vec<RunResult>) -> Vec<Named> {
        runs.into_iter()
            .enumerate()
            .map(|(number, run)| (format!("r{number}.json"), ResultFile::new(vec![run])))
            .collect()
    }

    fn refused(runs: Vec<RunResult>) -> String {
        merge(named(runs), SECOND).unwrap_err().to_string()
    }

    #[test]
    fn counts_are_added_and_what_ran_at_once_is_not() {
        let mut second = shard(1, 2);
        second.load_started_unix_ns += 500_000_000;
        second.started_unix_ns += 60_000_000_000;
        second.phases.drain_ms = 40;
        second.errors = vec![("timeout".to_owned(), 2)];
        second.anomalies =
            vec![Anomaly { publisher: 3, subscriber: Some(1), lost: 4, duplicates: 0, out_of_order: 0 }];
        second.anomalies_total = 1;
        second.series.truncate(10);
        let eleventh = second.series[9].measured;
        second.series[9].measured.merge(eleventh);
        let heard = |run: &str, error| PublisherClock {
            run: run.to_owned(),
            clock: Some(error).map(|error_us| ClockOffset { before_us: 1, after_us: None, error_us }),
        };
        let unknown = |run: &str| PublisherClock { run: run.to_owned(), clock: None };
        second.publisher_clocks = vec![heard("a", 9), unknown("b"), heard("c", 7)];
        let mut first = shard(0, 2);
        first.publisher_clocks = vec![heard("a", 3), heard("b", 3)];
        // In any order.
        let merged = merge(named(vec![second, first]), SECOND).unwrap().runs.remove(0);
        assert_eq!(merged.publisher_clocks, [heard("a", 9), unknown("b"), heard("c", 7)]);
        assert_eq!((merged.shard, merged.started_unix_ns), (None, run().started_unix_ns));
        assert_eq!((merged.counts.delivered, merged.connects.asked), (20_000, 40));
        assert_eq!((merged.phases.measured_ms, merged.phases.drain_ms), (10_000, 40));
        assert!((merged.achieved_rate() - 2_000.0).abs() < 1e-9);
        assert_eq!(
            (merged.series.len(), merged.series[0].delivered, merged.series[10].delivered),
            (11, 2_000, 1_000)
        );
        assert_eq!((merged.series[0].p99_us, merged.series[0].connections), (1_090, 40));
        assert_eq!(merged.errors, [("timeout".to_owned(), 2)]);
        assert_eq!((merged.anomalies.len(), merged.anomalies_total), (1, 1));
        // Both ran on one machine.
        assert_eq!((merged.resources.cpu_user_ms, merged.resources.cores), (400, 2));
        assert_eq!((merged.host.as_str(), merged.resources.threads), ("one", 4));
    }

    #[test]
    fn the_cores_of_two_machines_are_added() {
        for (other, cores) in [("one", 2), ("two", 4), ("", 4)] {
            let second = RunResult { host: other.to_owned(), ..shard(1, 2) };
            let merged = merge(named(vec![shard(0, 2), second]), SECOND).unwrap().runs.remove(0);
            assert_eq!(merged.resources.cores, cores, "{other}");
        }
    }

    #[test]
    fn numbers_that_contradict_each_other_are_refused() {
        let changed = |change: fn(&mut RunResult)| {
            let mut second = shard(1, 2);
            change(&mut second);
            refused(vec![shard(0, 2), second])
        };
        for (text, what) in [
            (
                changed(|run| run.counts.delivered = 999_999),
                "its seconds have 10,000 messages delivered, its counts 999,999",
            ),
            (
                changed(|run| run.series[3].measured.sent += 1),
                "its seconds have 10,001 messages sent, its counts 10,000",
            ),
            (
                changed(|run| {
                    run.counts.confirmed += 1;
                    run.series[3].measured.acked += 1;
                }),
                "10,001 messages confirmed, and 10,000 sent",
            ),
            (
                changed(|run| {
                    run.counts.delivered += 1;
                    run.series[3].measured.delivered += 1;
                }),
                "10,001 messages delivered, and 10,000 latencies",
            ),
            (changed(|run| run.connects.established = 21), "21 connections opened, and 20 asked for"),
            (changed(|run| run.counts.bytes_sent = u64::MAX), "a count of 18,446,744,073,709,551,615"),
        ] {
            assert_eq!(text, format!("r1.json contradicts itself: {what}"));
        }
        let more = |change: fn(&mut RunResult)| {
            let mut parts = vec![shard(0, 2), shard(1, 2)];
            parts.iter_mut().for_each(change);
            refused(parts)
        };
        assert_eq!(
            more(|run| run.counts.expected = 400),
            "the shards contradict each other: 20,000 messages delivered, and 800 expected"
        );
    }

    #[test]
    fn what_is_not_one_run_is_refused() {
        assert_eq!(refused(vec![run()]), "r0.json is no shard: it was made without --shard");
        assert_eq!(refused(vec![shard(0, 2)]), "shards are missing: 1 of 2");
        assert_eq!(refused(vec![shard(0, 2), shard(0, 2)]), "r1.json and r0.json are both shard 0");
        assert_eq!(
            refused(vec![shard(0, 2), shard(1, 3)]),
            "r1.json is one of 3 shards, r0.json is one of 2"
        );
        let mut other = shard(1, 2);
        other.config.groups[0].qos = 2;
        assert_eq!(
            refused(vec![shard(0, 2), other]),
            "r1.json has another configuration than r0.json: groups[0].qos is 2, not 1"
        );
        let mut late = shard(1, 2);
        late.load_started_unix_ns += 1_500_000_000;
        assert_eq!(
            refused(vec![shard(0, 2), late]),
            "r1.json started 1.5 s after r0.json: they did not run together"
        );
        let mut other = shard(1, 2);
        other.run_id = "0000000000000001".to_owned();
        assert_eq!(
            refused(vec![shard(0, 2), other]),
            "r1.json is a part of run 0000000000000001, r0.json is one of run 00000000000000ff"
        );
        assert_eq!(refused(Vec::new()), "there is no result to merge");
        assert!(refused(vec![shard(0, u32::MAX)]).starts_with("shards are missing: 1, 2"));
        let mut files = named(vec![shard(0, 2), shard(1, 2)]);
        files[1].1.runs.push(shard(1, 2));
        assert_eq!(merge(files, SECOND).unwrap_err().to_string(), "r1.json has 2 runs, r0.json has 1");
    }

    fn recorded(samples: &[u64], (index, count): (u32, u32)) -> RunResult {
        let mut latency = LatencyFigures::default();
        let mut counts = Counts::default();
        for sample in samples {
            latency.response.record(*sample);
            latency.service.record(sample / 2);
            latency.connect.record(sample / 3);
            latency.schedule_lag.record(sample / 4);
            counts.offered += 1;
            counts.delivered += 1;
            counts.delivered_within += 1;
            counts.expected += 1 + sample % 2;
            counts.lost += sample % 2;
        }
        RunResult { latency, counts, shard: Some((index, count)), series: Vec::new(), ..run() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn merged_shards_are_a_single_recorder_fed_with_the_union(
            shards in proptest::collection::vec(
                proptest::collection::vec(0_u64..4_000_000_000, 0..60), 4..=4)
        ) {
            let files = named((0..).zip(&shards).map(|(index, samples)| recorded(samples, (index, 4))).collect());
            // As they come back from their files.
            let files = files
                .into_iter()
                .map(|(name, file)| (name, ResultFile::parse(&file.to_json().unwrap()).unwrap()))
                .collect();
            let merged = merge(files, SECOND).unwrap().runs.remove(0);
            let single = recorded(&shards.concat(), (0, 1));
            prop_assert!(merged.latency == single.latency);
            prop_assert_eq!(merged.counts, single.counts);
            prop_assert_eq!(
                serde_json::to_string(&merged.latency).unwrap(),
                serde_json::to_string(&single.latency).unwrap()
            );
        }
    }
}
