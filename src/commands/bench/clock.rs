//! The one clock of a run: monotonic, with the time of day that it had at its start.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the start of the run, and the same since 1970. Never steps: the time of day is read
/// once.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_unix: u64,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_unix: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Goes by another clock, which is so many microseconds ahead, or behind if below zero.
    pub const fn follow(&mut self, ahead_us: i64) {
        self.start_unix = self.start_unix.saturating_add_signed(ahead_us.saturating_mul(1_000));
    }

    /// A time since the start as one since 1970.
    #[must_use]
    pub const fn unix(&self, time: u64) -> u64 {
        self.start_unix.saturating_add(time)
    }

    /// A time since 1970 as one since the start; 0 when it was before.
    #[must_use]
    pub const fn since_start(&self, unix: u64) -> u64 {
        unix.saturating_sub(self.start_unix)
    }

    /// A time since the start as the runtime's timers take it.
    #[must_use]
    pub fn instant(&self, time: u64) -> Instant {
        let after = std::time::Duration::from_nanos(time);
        // Beyond the end of time: far enough away.
        self.start.checked_add(after).unwrap_or(self.start)
    }
}
