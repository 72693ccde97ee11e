//! The one clock of a run: monotonic, with the time of day that it had at its start; and how far another one is
//! ahead of it.
//!
//! For that the four times of a question and its answer count: when it was asked and answered by the clock of
//! whoever asks, when it came and its answer left by the other one. The question with the shortest way there and
//! back says most, and half of that way is how far off it may be.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time of day: that of the system, but for tests.
pub type TimeOfDay = fn() -> SystemTime;

/// Nanoseconds since the start of the run, and the same since 1970. Never steps: the time of day is read
/// once.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_unix: u64,
}

impl Clock {
    /// Starts now, with the time of day that is given.
    #[must_use]
    pub fn start(time_of_day: TimeOfDay) -> Self {
        let since_1970 = time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_unix: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Goes by another clock, which is this many microseconds ahead, or behind if below zero.
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

    /// How long ago a time since 1970 is, by a clock that is this many microseconds ahead of this one; 0 when it is
    /// still to come.
    #[must_use]
    pub fn since(&self, unix: u64, now: u64, ahead_us: i64) -> u64 {
        self.unix(now).saturating_add_signed(ahead_us.saturating_mul(1_000)).saturating_sub(unix)
    }

    /// A time since the start as the runtime's timers take it.
    #[must_use]
    pub fn instant(&self, time: u64) -> Instant {
        let after = std::time::Duration::from_nanos(time);
        // Beyond the end of time: far enough away.
        self.start.checked_add(after).unwrap_or(self.start)
    }
}

/// A time of a run, to the nanosecond; or never, which is later than every other one and stands for what is not known
/// yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunTime(u64);

impl RunTime {
    /// Not at all, or not known yet.
    pub const NEVER: Self = Self(u64::MAX);

    /// This many nanoseconds since the start of the run.
    #[must_use]
    pub const fn at(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// This many nanoseconds later. Never stays never.
    #[must_use]
    pub const fn after(self, nanoseconds: u64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }

    /// Nanoseconds since the start of the run; `None`: never.
    #[must_use]
    pub const fn known(self) -> Option<u64> {
        if self.is_never() { None } else { Some(self.0) }
    }

    /// Whether it is never.
    #[must_use]
    pub const fn is_never(self) -> bool {
        self.0 == Self::NEVER.0
    }

    /// Whether it has come, `now` in nanoseconds since the start of the run.
    #[must_use]
    pub const fn has_come(self, now: u64) -> bool {
        self.0 <= now && !self.is_never()
    }

    /// How many nanoseconds it is after another time; 0 when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// How far another clock is ahead of the own one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Microseconds; below zero when it is behind.
    pub micros: i64,
    /// How far off that may be, in microseconds.
    pub error_us: u64,
}

impl Offset {
    /// What one question tells, in nanoseconds since 1970: when it was asked, came there, was answered there, and
    /// when its answer came.
    #[must_use]
    pub fn of([asked, came, left, answered]: [u64; 4]) -> Self {
        let difference = |later: u64, earlier: u64| i128::from(later) - i128::from(earlier);
        let ahead = difference(came, asked) + difference(left, answered);
        let way = difference(answered, asked) - difference(left, came);
        Self {
            micros: i64::try_from(ahead / 2_000).unwrap_or(i64::MAX),
            error_us: u64::try_from((way.max(0) + 1_999) / 2_000).unwrap_or(u64::MAX),
        }
    }

    /// The one that says more.
    #[must_use]
    pub const fn better(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.error_us <= self.error_us => other,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_right_for_equal_ways_and_within_its_error_for_others() {
        // The other clock is 5 ms ahead; 1 ms there, 0.2 ms to answer, 1 ms back.
        let equal = Offset::of([0, 6_000_000, 6_200_000, 2_200_000]);
        assert_eq!(equal, Offset { micros: 5_000, error_us: 1_000 });
        // 3 ms behind, and all of the way is the way back.
        let uneven = Offset::of([10_000_000, 7_000_000, 7_000_000, 12_000_000]);
        assert_eq!((uneven.micros, uneven.error_us), (-4_000, 1_000));
        let best = Offset { micros: 1, error_us: 900 };
        assert_eq!(
            (best.better(Some(equal)), equal.better(Some(best)), best.better(None)),
            (best, best, best)
        );
    }
}
