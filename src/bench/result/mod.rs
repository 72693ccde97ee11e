//! What a run came to: the data model of result files, reports, verdicts, merging and comparing.
//!
//! `schema/bench.schema.json` describes the files.

pub mod compare;
mod doubt;
pub mod histogram;
pub mod merge;
pub mod recorder;
pub mod run_config;
pub mod snapshot;
pub mod tracker;
pub mod verdict;
pub mod warning;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cli::bench::Condition;
use crate::output::sanitize::escape;
use crate::output::units::Throughput;

pub use histogram::Histogram;
pub use run_config::RunConfig;

/// The version of the file format. It changes when a reader of the old one would read something wrong.
pub const FORMAT: u32 = 1;

/// A result file: one or more runs of the same configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// [`FORMAT`].
    pub format: u32,
    /// Who wrote it: `mqt x.y.z`.
    pub tool: String,
    /// In the order in which they ran; at least one. With a search for the highest rate: the run at it.
    pub runs: Vec<RunResult>,
    /// The steps of a search for the highest rate, in the order in which they ran; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<SearchStep>,
    /// What the thresholds say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// What its messages carried: 16 hexadecimal digits.
    pub run_id: String,
    /// Which part of the whole it is, and of how many; `None`: all of it.
    pub shard: Option<(u32, u32)>,
    /// When the first connection was opened, RFC 3339.
    pub started: String,
    /// The same in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// When the load began, the ramp or the warm-up first, in nanoseconds since 1970; 0: it did not.
    pub load_started_unix_ns: u64,
    /// Whether it was ended before its time, by a signal.
    pub interrupted: bool,
    /// What was asked for.
    pub config: RunConfig,
    /// How long each phase took.
    pub phases: Phases,
    /// Messages of the measured phase.
    pub counts: Counts,
    /// Connections, over all phases.
    pub connects: Connects,
    /// Latencies of the measured phase.
    pub latency: LatencyFigures,
    /// Publishers and subscriptions with lost, duplicate or reordered messages; at most
    /// [`ANOMALIES_KEPT`], the worst first.
    pub anomalies: Vec<Anomaly>,
    /// How many there are, kept or not.
    pub anomalies_total: u64,
    /// How the connections were opened, second by second.
    pub connecting: Vec<ConnectSecond>,
    /// Second by second, from the start of the ramp.
    pub series: Vec<Second>,
    /// The name of the machine; empty: not known, or several.
    #[serde(default)]
    pub host: String,
    /// What the generator itself took.
    pub resources: Resources,
    /// How often each error occurred, by its keyword.
    pub errors: Vec<(String, u64)>,
    /// How the clock of shard 0 differs from the own one; `None`: one process, or shard 0 itself.
    #[serde(default)]
    pub clock: Option<ClockOffset>,
    /// How the clocks of other runs differ from the own one whose messages came in, for each of their processes.
    #[serde(default)]
    pub publisher_clocks: Vec<PublisherClock>,
    /// What the reader must know, the gravest first.
    pub warnings: Vec<RunWarning>,
}

/// The keyword of a refused subscription among the errors.
pub const SUBSCRIPTION_REFUSED: &str = "subscription-refused";

/// How many [`Anomaly`] entries a result holds at most.
pub const ANOMALIES_KEPT: usize = 100;

/// How long each phase took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// Opening the connections.
    pub connect_ms: u64,
    /// Raising the rate.
    pub ramp_ms: u64,
    /// The warm-up.
    pub warmup_ms: u64,
    /// The measured phase. Where a number of messages ended it: until the last of them had come in.
    pub measured_ms: u64,
    /// Waiting for what was in flight.
    pub drain_ms: u64,
}

/// Messages of the measured phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Had an intended time.
    pub offered: u64,
    /// Written to a connection.
    pub sent: u64,
    /// Confirmed by the broker at their QoS.
    pub confirmed: u64,
    /// Refused by the broker.
    pub refused: u64,
    /// That should have come in, over all subscriptions.
    pub expected: u64,
    /// Came in, duplicates left out.
    pub delivered: u64,
    /// Should have come in and did not.
    pub lost: u64,
    /// Came in again.
    pub duplicates: u64,
    /// Came in behind a later one of the same publisher.
    pub out_of_order: u64,
    /// Written to a connection within the measured time, of whichever phase: what the rate is made from.
    pub sent_within: u64,
    /// Confirmed within the measured time, of whichever phase.
    pub confirmed_within: u64,
    /// Came in within the measured time, of whichever phase, duplicates left out.
    pub delivered_within: u64,
    /// Whole packets, before TLS and WebSocket.
    pub bytes_sent: u64,
    /// Whole packets, after TLS and WebSocket.
    pub bytes_received: u64,
}

/// Connections.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Connects {
    /// Were to be opened.
    pub asked: u64,
    /// Were opened: CONNACK with success.
    pub established: u64,
    /// Could not be opened, by keyword of the exit-status table: `connect`, `timeout`, `login`, ….
    pub failed: BTreeMap<String, u64>,
    /// Attempts that failed: of first connects and of later ones, whether or not another one followed.
    pub failed_attempts: u64,
    /// Ended without being told to.
    pub lost: u64,
    /// Were lost or dropped, and could not be opened again.
    pub given_up: u64,
    /// Opened again after a loss or, with `churn` and `storm`, after being dropped.
    pub reconnected: u64,
}

/// Latencies of the measured phase.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LatencyFigures {
    /// From the intended time to the arrival at a subscriber; where nobody subscribes, to the
    /// acknowledgement.
    pub response: Histogram,
    /// From the actual time of sending to the same.
    pub service: Histogram,
    /// From the start of a connect to its CONNACK; with a rate of connects, from when it was due.
    pub connect: Histogram,
    /// From the intended time of sending to the time at which the generator turned to the message: its own
    /// lateness, without waiting for the broker (a full window, a full socket).
    pub schedule_lag: Histogram,
}

/// A publisher, or a publisher as one subscription saw it, with lost, duplicate or reordered messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The number of the publisher in the whole run.
    pub publisher: u32,
    /// The number of the subscriber in the whole run; `None`: all that share a subscription.
    pub subscriber: Option<u32>,
    /// Never arrived.
    pub lost: u64,
    /// Arrived again.
    pub duplicates: u64,
    /// Arrived behind a later one.
    pub out_of_order: u64,
}

/// A second of the run, or the rest of one at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Second {
    /// Its beginning, in milliseconds from the start of the ramp.
    pub t_ms: u64,
    /// Messages with an intended time in it.
    pub offered: u64,
    /// Messages written in it.
    pub sent: u64,
    /// Messages confirmed in it.
    pub acked: u64,
    /// Messages that came in in it.
    pub delivered: u64,
    /// Errors in it.
    pub errors: u64,
    /// Open connections at its end.
    pub connections: u64,
    /// Response time of what came in in it; 0 when nothing did.
    pub p50_us: u64,
    /// Response time of what came in in it; 0 when nothing did.
    pub p99_us: u64,
    /// Response time of what came in in it; 0 when nothing did.
    pub max_us: u64,
    /// How many of its messages are of the measured phase. All seconds together make the [`Counts`] of the run.
    #[serde(default)]
    pub measured: MeasuredCounts,
}

/// Messages of the measured phase, in the second in which they fell due, were written, confirmed or came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MeasuredCounts {
    /// Fell due.
    pub offered: u64,
    /// Were written.
    pub sent: u64,
    /// Were confirmed.
    pub acked: u64,
    /// Came in, duplicates left out.
    pub delivered: u64,
}

impl MeasuredCounts {
    /// Adds others.
    pub const fn merge(&mut self, other: Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.acked += other.acked;
        self.delivered += other.delivered;
    }
}

/// A second of connecting, or the rest of one at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectSecond {
    /// Its beginning, in milliseconds from the first connect.
    pub t_ms: u64,
    /// Connections that were opened in it.
    pub opened: u64,
    /// Attempts that failed in it.
    pub failed: u64,
    /// Open connections at its end.
    pub connections: u64,
}

/// What the generator itself took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// CPU time in user space, measured phase.
    pub cpu_user_ms: u64,
    /// CPU time in the kernel, measured phase.
    pub cpu_sys_ms: u64,
    /// The most memory that was in use; 0 when it is not known.
    pub max_rss_bytes: u64,
    /// CPU time of the thread that used most, measured phase; 0 when it is not known.
    pub busiest_thread_ms: u64,
    /// Threads that drove clients.
    pub threads: u32,
    /// Cores that they could use, of all machines.
    pub cores: u32,
}

/// How far another clock is ahead of the own one, measured through the broker: that of shard 0, or of a process that
/// published. Times are corrected by what it was before the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// Before the load, in microseconds; below zero: behind.
    pub before_us: i64,
    /// After it; `None`: the other process was gone by then.
    pub after_us: Option<i64>,
    /// How far off either may be, in microseconds.
    pub error_us: u64,
}

impl ClockOffset {
    /// How far the clocks moved apart meanwhile, in microseconds; `None`: that is not known.
    #[must_use]
    pub fn moved_us(&self) -> Option<u64> {
        Some(self.before_us.abs_diff(self.after_us?))
    }

    /// How far off times between this process and the other may be, in microseconds.
    #[must_use]
    pub fn doubt_us(&self) -> u64 {
        self.error_us.saturating_add(self.moved_us().unwrap_or(0))
    }
}

/// The clock of a process that published what another run has received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherClock {
    /// The lower half of its run id, as messages bear it: 8 hexadecimal digits.
    pub run: String,
    /// `None`: it did not answer, and times are as they came.
    pub clock: Option<ClockOffset>,
}

/// Something that the reader of a result must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWarning {
    /// The stable word: see [`crate::bench::result::warning`].
    pub keyword: String,
    /// In plain words, one line.
    pub text: String,
}

/// A step of the search for the highest rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchStep {
    /// Messages per second that were offered.
    pub rate: f64,
    /// Messages per second that arrived or, without subscribers, were confirmed.
    pub achieved: f64,
    /// The 99th percentile of the response time; `None`: too few samples.
    pub p99_us: Option<u64>,
    /// Lost messages.
    pub lost: u64,
    /// Whether each objective was met.
    pub held: bool,
    /// Those that were not, and why.
    pub reasons: Vec<String>,
}

/// What the thresholds say about a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether nothing speaks against it.
    pub passed: bool,
    /// Each threshold.
    pub checks: Vec<Check>,
}

/// A threshold, held against a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// As it was typed.
    pub condition: Condition,
    /// It must hold (`slo`), or must not (`fail-if`).
    pub rule: Rule,
    /// The figure: microseconds, a count, per cent or a rate, as the bound is. `None`: too few samples.
    pub value: Option<f64>,
    /// Whether the result passes.
    pub passed: bool,
    /// In plain words.
    pub text: String,
}

/// How a condition decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// It must hold.
    Slo,
    /// It must not hold.
    FailIf,
}

impl RunResult {
    /// Messages per second over the measured phase; 0 when that took no time.
    #[must_use]
    pub fn per_second(&self, count: u64) -> f64 {
        match self.phases.measured_ms {
            0 => 0.0,
            millis => count as f64 * 1_000.0 / millis as f64,
        }
    }

    /// Messages per second in words: `-` where the measured phase took less than a millisecond, as that of one
    /// message does.
    #[must_use]
    pub fn rate_text(&self, count: u64) -> String {
        match self.phases.measured_ms {
            0 => "-".to_owned(),
            _ => Throughput(self.per_second(count)).to_string(),
        }
    }

    /// Whether arrivals at subscribers were measured; otherwise what counts is what the broker confirmed.
    #[must_use]
    pub const fn has_deliveries(&self) -> bool {
        self.counts.expected > 0 || self.counts.delivered > 0
    }

    /// Messages per second that arrived within the measured time or, without subscribers, were confirmed or, at
    /// QoS 0, sent. What a broker still owes at the end and delivers later is in the counts, not in the rate.
    #[must_use]
    pub fn achieved_rate(&self) -> f64 {
        let counts = &self.counts;
        self.per_second(if self.has_deliveries() {
            counts.delivered_within
        } else if self.config.is_confirmed() {
            counts.confirmed_within
        } else {
            counts.sent_within
        })
    }

    /// Connections that could not be opened.
    #[must_use]
    pub fn failed_connects(&self) -> u64 {
        self.connects.failed.values().sum()
    }

    /// Connections that the broker refused with a reason.
    #[must_use]
    pub fn refused_connects(&self) -> u64 {
        const REFUSALS: [&str; 4] = ["login", "auth", "unavailable", "denied"];
        REFUSALS.iter().filter_map(|keyword| self.connects.failed.get(*keyword)).sum()
    }

    /// Subscriptions that the broker refused.
    #[must_use]
    pub fn refused_subscriptions(&self) -> u64 {
        self.errors
            .iter()
            .filter(|(keyword, _)| keyword == SUBSCRIPTION_REFUSED)
            .map(|(_, count)| count)
            .sum()
    }

    /// Errors of all kinds.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }
}

impl ResultFile {
    /// A file of this version of mqt.
    #[must_use]
    pub fn new(runs: Vec<RunResult>) -> Self {
        Self {
            format: FORMAT,
            tool: concat!("mqt ", env!("CARGO_PKG_VERSION")).to_owned(),
            runs,
            steps: Vec::new(),
            verdict: None,
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// It is truncated, no JSON, of another version, or not a result.
    pub fn parse(text: &str) -> Result<Self, ResultFileError> {
        /// What every version has.
        #[derive(Deserialize)]
        struct ResultHead {
            format: Option<u32>,
        }

        let head: ResultHead = serde_json::from_str(text).map_err(|error| ResultFileError::of(&error))?;
        match head.format {
            Some(FORMAT) => {}
            Some(found) => return Err(ResultFileError::Version { found }),
            None => return Err(ResultFileError::NoResult),
        }
        let file: Self = serde_json::from_str(text).map_err(|error| ResultFileError::of(&error))?;
        if file.runs.is_empty() { Err(ResultFileError::NoResult) } else { Ok(file) }
    }

    /// The text of the file: JSON, a line feed at its end.
    ///
    /// # Errors
    /// None that is known of: every value has its form in JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string(self)?))
    }
}

/// Why a file is no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResultFileError {
    /// It ends in the middle.
    #[error("line {line}, column {column}: the file is truncated")]
    Truncated {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// No JSON, or other than it must be.
    #[error("line {line}, column {column}: {what}")]
    Content {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// Of another version.
    #[error("the file has format {found}, this mqt reads format {FORMAT}")]
    Version {
        /// The version that it names.
        found: u32,
    },
    /// JSON, but something else.
    #[error("the file is not a result of mqt bench")]
    NoResult,
}

impl ResultFileError {
    fn of(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_eof() {
            return Self::Truncated { line, column };
        }
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        Self::Content { line, column, what: escape(what).into_owned() }
    }
}

#[cfg(test)]
pub(crate) mod tests;
