//! How far a run is, told to whoever wants to show it.

use std::time::Duration;

use crate::bench::result::Second;
use crate::bench::result::snapshot::RunPhase;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// Which phase it is in.
    pub phase: RunPhase,
    /// How long it has been in it.
    pub elapsed: Duration,
    /// How long this part takes, where that is known.
    pub length: Option<Duration>,
    /// Connections that stand.
    pub online: u64,
    /// Connections that are to stand.
    pub asked: u64,
    /// Messages of the measured phase that were sent.
    pub sent: u64,
    /// Of those, how many are confirmed.
    pub confirmed: u64,
    /// Deliveries of the measured phase.
    pub delivered: u64,
}

/// Is told how a run goes.
pub trait Observer {
    /// A few times a second.
    fn progress(&mut self, progress: &LoadProgress);
    /// When a second of the series is complete.
    fn second(&mut self, second: &Second);
}

/// An observer that ignores everything.
impl Observer for () {
    fn progress(&mut self, _: &LoadProgress) {}
    fn second(&mut self, _: &Second) {}
}
