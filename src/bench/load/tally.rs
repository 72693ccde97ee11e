//! What all threads have recorded, added up to a result.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::bench::in_parts;
use crate::bench::load::usage::{CpuTime, max_memory};
use crate::bench::load::worker::{GroupTracker, Heard, SharedRun, WorkerOutcome};
use crate::bench::plan::scenario::{ClientRole, ClientSpec, Plan};
use crate::bench::result::recorder::Recorder;
use crate::bench::result::tracker::Tracker;
use crate::bench::result::{
    ANOMALIES_KEPT, Anomaly, ClockOffset, ConnectSecond, Phases, PublisherClock, Resources, RunConfig,
    RunResult, RunWarning, Second,
};
use crate::cli::bench::Scenario;
use crate::output::units::Many;

/// What there is at the end of a run.
pub(crate) struct Gathered<'a> {
    pub shared: &'a SharedRun,
    pub plan: &'a Plan<'a>,
    /// The clients of this process.
    pub specs: &'a [ClientSpec],
    /// What each thread has recorded.
    pub outcomes: Vec<WorkerOutcome>,
    pub connecting: Vec<ConnectSecond>,
    pub series: Vec<Second>,
    pub phases: Phases,
    /// CPU time of the measured phase.
    pub cpu: CpuTime,
    pub is_interrupted: bool,
    pub clock: Option<ClockOffset>,
    pub publisher_clocks: Vec<PublisherClock>,
    /// When the load began, since the start of the run.
    pub load_started: Option<u64>,
}

/// Adds it up.
pub(crate) fn tally(gathered: Gathered<'_>) -> RunResult {
    let Gathered {
        shared,
        plan,
        specs,
        outcomes,
        connecting,
        mut series,
        phases,
        cpu,
        is_interrupted,
        clock,
        publisher_clocks,
        load_started,
    } = gathered;
    // Nothing happens in the rest of a second after the last message.
    while series.last().is_some_and(|last| *last == Second { t_ms: last.t_ms, ..Second::default() }) {
        series.pop();
    }
    let mut recorder = Recorder::default();
    let mut sent = HashMap::new();
    let mut heard = Vec::new();
    let busiest_thread_ms = outcomes.iter().map(|outcome| outcome.cpu_ms).max().unwrap_or(0);
    for outcome in outcomes {
        recorder.merge(&outcome.recorder);
        sent.extend(outcome.sent);
        heard.extend(outcome.heard);
    }
    let groups: Vec<Vec<(u32, Tracker)>> = shared.group_trackers.iter().map(GroupTracker::take).collect();
    let mut anomalies = anomalies(plan, specs, &sent, &heard, &groups, shared.settings.stamp);
    let counts = &mut recorder.counts;
    if shared.publishers == 0 {
        // Others publish: what is missing shows in the numbers alone.
        let each = heard.iter().flat_map(|of| &of.trackers);
        counts.lost = each.chain(groups.iter().flatten()).map(|(_, tracker)| tracker.missing()).sum();
        counts.expected = counts.delivered + counts.lost;
    } else if in_parts(&shared.settings) {
        // What this process has sent may be delivered to another, which alone knows.
        counts.lost = anomalies.iter().map(|anomaly| anomaly.lost).sum();
    } else {
        counts.lost = counts.expected.saturating_sub(counts.delivered);
    }
    let anomalies_total = u64::try_from(anomalies.len()).unwrap_or(u64::MAX);
    anomalies.sort_by_key(|anomaly| Reverse((anomaly.lost, anomaly.duplicates, anomaly.out_of_order)));
    anomalies.truncate(ANOMALIES_KEPT);
    let started_unix_ns = shared.clock.unix(shared.connect_from);
    let settings = &shared.settings;
    RunResult {
        run_id: format!("{:016x}", shared.run),
        shard: settings.shard.map(|shard| (shard.index, shard.count.get())),
        started: jiff::Timestamp::from_nanosecond(started_unix_ns.into())
            .map_or_else(|_| String::new(), |time| time.to_string()),
        started_unix_ns,
        load_started_unix_ns: load_started.map_or(0, |time| shared.clock.unix(time)),
        interrupted: is_interrupted,
        config: RunConfig::new(settings),
        phases,
        counts: recorder.counts,
        connects: recorder.connects,
        latency: recorder.latency,
        anomalies,
        anomalies_total,
        connecting,
        series,
        host: host(),
        resources: Resources {
            cpu_user_ms: cpu.user_ms,
            cpu_sys_ms: cpu.system_ms,
            max_rss_bytes: max_memory(),
            busiest_thread_ms,
            threads: u32::try_from(shared.gauges.len()).unwrap_or(u32::MAX),
            cores: std::thread::available_parallelism()
                .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        },
        errors: recorder.errors.into_iter().map(|(keyword, count)| (keyword.to_owned(), count)).collect(),
        clock,
        publisher_clocks,
        warnings: without_latency(recorder.uncompared).into_iter().collect(),
    }
}

/// The name of this machine; empty where it is not known.
fn host() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    String::new()
}

/// What the reader must know of messages that came faster than the clock of their publisher could be asked for.
fn without_latency(messages: u64) -> Option<RunWarning> {
    (messages > 0).then(|| RunWarning {
        keyword: "uncompared".to_owned(),
        text: format!(
            "{} came in before the clock of the publisher was known, without a latency",
            Many(messages, "message")
        ),
    })
}

/// Each publisher as each subscription saw it, where something is wrong. What a subscriber should have had
/// from a publisher that it never heard is found by its filters.
fn anomalies(
    plan: &Plan<'_>,
    specs: &[ClientSpec],
    sent: &HashMap<u32, u64>,
    heard: &[Heard],
    groups: &[Vec<(u32, Tracker)>],
    has_stamps: bool,
) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut judge =
        |publisher: u32, subscriber: Option<u32>, lost: u64, tracker: &Tracker, in_order: bool| {
            let duplicates = tracker.duplicates() + tracker.unjudged();
            let out_of_order = if in_order { tracker.out_of_order() } else { 0 };
            if lost > 0 || duplicates > 0 || out_of_order > 0 {
                found.push(Anomaly { publisher, subscriber, lost, duplicates, out_of_order });
            }
        };
    let topics: Vec<_> = specs
        .iter()
        .filter(|spec| {
            spec.role == ClientRole::Publisher && sent.get(&spec.number).is_some_and(|sent| *sent > 0)
        })
        .filter_map(|spec| Some((spec.number, plan.topic(spec).ok()?)))
        .collect();
    let lost_of = |publisher: &u32, tracker: &Tracker| match sent.get(publisher) {
        Some(sent) => tracker.lost(*sent),
        None => tracker.missing(),
    };
    let by_number: HashMap<u32, &Heard> = heard.iter().map(|of| (of.subscriber, of)).collect();
    for Heard { subscriber, is_of_any_run, trackers } in heard {
        for (publisher, tracker) in trackers {
            let lost = if *is_of_any_run { tracker.missing() } else { lost_of(publisher, tracker) };
            judge(*publisher, Some(*subscriber), lost, tracker, true);
        }
    }
    let silent = Tracker::default();
    let mut seen_groups = vec![false; groups.len()];
    for spec in specs.iter().filter(|spec| spec.role == ClientRole::Subscriber) {
        let Ok(filters) = plan.filters(spec) else { continue };
        if filters.is_shared {
            let place = usize::from(spec.group);
            let (Some(seen), Some(heard)) = (seen_groups.get_mut(place), groups.get(place)) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            let is_of_any_run = plan.group(spec).is_some_and(|group| group.scenario == Scenario::Sub);
            for (publisher, tracker) in heard {
                let lost = if is_of_any_run { tracker.missing() } else { lost_of(publisher, tracker) };
                judge(*publisher, None, lost, tracker, false);
            }
            let heard: HashSet<u32> = heard.iter().map(|(publisher, _)| *publisher).collect();
            for (publisher, topic) in &topics {
                if !heard.contains(publisher) && filters.filters.iter().any(|filter| filter.matches(topic)) {
                    judge(*publisher, None, lost_of(publisher, &silent), &silent, false);
                }
            }
            continue;
        }
        let heard = by_number.get(&spec.number);
        // All heard: the usual case, and the only one that is quick for many publishers and subscribers.
        let expected = heard.map_or(0, |heard| heard.trackers.len());
        if has_stamps && expected < topics.len() {
            for (publisher, topic) in &topics {
                let is_heard = heard.is_some_and(|heard| {
                    if heard.is_of_any_run {
                        heard.trackers.iter().any(|(known, _)| known == publisher)
                    } else {
                        heard.trackers.binary_search_by_key(publisher, |(known, _)| *known).is_ok()
                    }
                });
                if !is_heard && filters.filters.iter().any(|filter| filter.matches(topic)) {
                    judge(*publisher, Some(spec.number), lost_of(publisher, &silent), &silent, true);
                }
            }
        }
    }
    found
}
