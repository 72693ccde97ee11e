//! What a run has come to so far: what the live view and the metrics are made from.

use std::time::Duration;

use crate::bench::result::Second;

/// Which part of the run is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunPhase {
    /// Connections are being opened.
    #[default]
    Connecting,
    /// The other processes of the run are waited for.
    Waiting,
    /// The rate is raised, or what is sent does not count yet.
    WarmUp,
    /// What is sent counts.
    Measuring,
    /// What is in flight is waited for.
    Draining,
}

impl RunPhase {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Waiting => "waiting for the other shards",
            Self::WarmUp => "warm-up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
        }
    }
}

/// What a run has come to so far.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Which part of the run is going on.
    pub phase: RunPhase,
    /// How long it has been going on.
    pub elapsed: Duration,
    /// How long it takes, where that is known.
    pub length: Option<Duration>,
    /// How many messages there are to be in the measured phase; `None`: time ends the run.
    pub planned_count: Option<u64>,
    /// Messages of the measured phase that were sent.
    pub sent: u64,
    /// Open connections.
    pub connections: u64,
    /// How many connections there are to be.
    pub connections_asked: u64,
    /// The last whole second, whatever its phase.
    pub second: Second,
    /// The counts of all whole seconds together.
    pub totals: Totals,
}

/// The counts of all seconds so far together, in all phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Messages that had an intended time.
    pub offered: u64,
    /// Messages that were written to a connection.
    pub sent: u64,
    /// Messages that were confirmed.
    pub acked: u64,
    /// Messages that came in.
    pub delivered: u64,
    /// Errors of all kinds.
    pub errors: u64,
}

impl Snapshot {
    /// Takes in a whole second.
    pub fn add(&mut self, second: &Second) {
        self.second = *second;
        let totals = &mut self.totals;
        totals.offered += second.offered;
        totals.sent += second.sent;
        totals.acked += second.acked;
        totals.delivered += second.delivered;
        totals.errors += second.errors;
    }

    /// How much of this part of the run is done, from 0 to 1; `None` while that is not known.
    #[must_use]
    pub fn done(&self) -> Option<f64> {
        let part = match (self.phase, self.length, self.planned_count) {
            (RunPhase::Connecting, ..) => self.connections as f64 / self.connections_asked.max(1) as f64,
            (RunPhase::Waiting | RunPhase::Draining, ..) => 1.0,
            (_, Some(length), None) => self.elapsed.as_secs_f64() / length.as_secs_f64().max(1e-9),
            (_, _, Some(count)) => self.sent as f64 / count.max(1) as f64,
            (_, None, None) => return None,
        };
        Some(part.clamp(0.0, 1.0))
    }

    /// How long this part of the run still takes, if that is known.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        match self.phase {
            RunPhase::WarmUp | RunPhase::Measuring => {
                self.length.map(|length| length.saturating_sub(self.elapsed))
            }
            RunPhase::Connecting | RunPhase::Waiting | RunPhase::Draining => None,
        }
    }
}
