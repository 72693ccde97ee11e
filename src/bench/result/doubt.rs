//! Results whose numbers do not fit together: a file that was edited or damaged, or shards of different runs.

use crate::bench::result::{MeasuredCounts, RunResult};
use crate::cli::bench::Scenario;
use crate::output::units::{Count, Many};

/// Numbers beyond this are not exact in JSON, and sums of them would overflow.
const MOST: u64 = 1 << 53;

/// What contradicts itself in a result of a process, in words.
#[must_use]
pub fn contradiction(run: &RunResult) -> Option<String> {
    let counts = &run.counts;
    if let Some(huge) = huge(run) {
        return Some(format!("a count of {}", Count(huge)));
    }
    let at_most = |count: u64, what: &str, limit: u64, of: &str| {
        (count > limit).then(|| format!("{} {what}, and {} {of}", Many(count, "message"), Count(limit)))
    };
    let latencies = run.latency.response.count();
    // Each message that came in and bears a stamp has a latency; whether one does, other runs decide.
    let has_all = run.config.stamp
        && run.has_deliveries()
        && run.config.groups.iter().all(|group| group.scenario != Scenario::Sub)
        && run.warnings.iter().all(|warning| warning.keyword != "uncompared");
    seconds(run)
        .or_else(|| at_most(counts.confirmed, "confirmed", counts.sent, "sent"))
        .or_else(|| at_most(counts.sent, "sent", counts.offered, "offered"))
        .or_else(|| at_most(counts.delivered, "delivered", latencies, "latencies").filter(|_| has_all))
        .or_else(|| {
            let connects = &run.connects;
            (connects.established > connects.asked).then(|| {
                let opened = Many(connects.established, "connection");
                format!("{opened} opened, and {} asked for", Count(connects.asked))
            })
        })
}

/// What contradicts itself in the result of all processes together, in words.
#[must_use]
pub fn contradiction_of_all(run: &RunResult) -> Option<String> {
    // Anyone who listens to other runs receives more than this one sends.
    let is_alone = run.config.groups.iter().all(|group| group.scenario != Scenario::Sub);
    let (delivered, expected) = (run.counts.delivered, run.counts.expected);
    (is_alone && run.config.stamp && delivered > expected)
        .then(|| format!("{} delivered, and {} expected", Many(delivered, "message"), Count(expected)))
}

/// The seconds of a run make its counts, unless an impatient signal kept some of the threads from telling.
fn seconds(run: &RunResult) -> Option<String> {
    let mut sum = MeasuredCounts::default();
    run.series.iter().for_each(|second| sum.merge(second.measured));
    // Older files do not have them.
    if run.interrupted || sum == MeasuredCounts::default() {
        return None;
    }
    let counts = &run.counts;
    [
        ("sent", sum.sent, counts.sent),
        ("confirmed", sum.acked, counts.confirmed),
        ("delivered", sum.delivered, counts.delivered),
    ]
    .into_iter()
    .find(|(_, of_seconds, count)| of_seconds != count)
    .map(|(what, of_seconds, count)| {
        format!("its seconds have {} {what}, its counts {}", Many(of_seconds, "message"), Count(count))
    })
}

/// A number that nobody can have counted to.
fn huge(run: &RunResult) -> Option<u64> {
    fn walk(value: &serde_json::Value) -> Option<u64> {
        match value {
            serde_json::Value::Number(number) => number.as_u64().filter(|number| *number > MOST),
            serde_json::Value::Array(values) => values.iter().find_map(walk),
            serde_json::Value::Object(values) => values.values().find_map(walk),
            _ => None,
        }
    }
    let parts = (
        (&run.counts, &run.connects, &run.phases, &run.resources),
        (&run.series, &run.connecting, &run.anomalies, &run.errors, run.anomalies_total),
    );
    walk(&serde_json::to_value(parts).ok()?)
}
