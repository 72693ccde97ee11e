//! When to try again: exponential back-off with jitter, and the failures that are never retried.

use std::time::Duration;

use super::Attempts;

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(100);
/// No pause is longer, but for suspected take-overs.
const LONGEST: Duration = Duration::from_secs(30);
/// No pause after suspected take-overs is longer.
const LONGEST_AFTER_TAKEOVER: Duration = Duration::from_secs(60);
/// A connection that lived so long was healthy: counting begins anew.
pub(super) const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// A connection that was lost sooner than this after CONNACK may have been taken over.
const TAKEOVER_BELOW: Duration = Duration::from_secs(5);
/// So many of them in a row are suspicious.
const TAKEOVERS_SUSPECTED_FROM: u32 = 3;

/// The pauses between attempts.
#[derive(Debug, Clone)]
pub struct Backoff {
    failures: u32,
    /// Connections in a row that were lost soon.
    short_lives: u32,
    /// Those of them in a row on which nothing was achieved.
    futile_lives: u32,
    random: u64,
}

impl Backoff {
    /// Begins without a failure. `seed` drives the jitter.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { failures: 0, short_lives: 0, futile_lives: 0, random: seed | 1 }
    }

    /// A connection ended after it had lived so long since CONNACK. With `progress` something was confirmed on
    /// it: a bad link that carries messages is worth a quick return. Returns whether a take-over by another
    /// client with the same client identifier is to be suspected.
    pub fn lived(&mut self, life: Duration, progress: bool) -> bool {
        if life >= HEALTHY_AFTER || progress {
            self.failures = 0;
        }
        let short = life < TAKEOVER_BELOW;
        self.short_lives = if short { self.short_lives.saturating_add(1) } else { 0 };
        self.futile_lives = if short && !progress { self.futile_lives.saturating_add(1) } else { 0 };
        self.short_lives == TAKEOVERS_SUSPECTED_FROM
    }

    /// CONNACK accepted: what counts against the limit of attempts begins anew; the pauses do so only after
    /// a healthy life.
    pub fn connected(&mut self) {
        if self.futile_lives < TAKEOVERS_SUSPECTED_FROM {
            self.failures = 0;
        }
    }

    /// Counts a failure; the pause before the next attempt, or `None` when no more are allowed.
    pub fn next(&mut self, allowed: Attempts) -> Option<Duration> {
        if let Attempts::AtMost(limit) = allowed
            && self.failures >= limit
        {
            return None;
        }
        let (doublings, longest) = if self.futile_lives >= TAKEOVERS_SUSPECTED_FROM {
            (self.futile_lives, LONGEST_AFTER_TAKEOVER)
        } else {
            (self.failures, LONGEST)
        };
        self.failures = self.failures.saturating_add(1);
        let pause =
            SHORTEST.saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX)).min(longest);
        // Between three quarters of it and all of it: at most ten attempts in the first minute.
        Some(pause.mul_f64(0.75 + self.fraction() / 4.0))
    }

    /// The number of failures in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// 0.0 to 1.0 (xorshift64: jitter needs no better).
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_hardly_shrink() {
        let mut backoff = Backoff::new(7);
        let mut ceiling = 0.1;
        for _ in 0..20 {
            let pause = backoff.next(Attempts::Unlimited).unwrap().as_secs_f64();
            assert!(pause <= ceiling + 1e-9 && pause >= ceiling * 0.75 - 1e-9, "{pause} of {ceiling}");
            ceiling = f64::min(ceiling * 2.0, 30.0);
        }
    }

    #[test]
    fn the_first_minute_has_ten_attempts_at_most() {
        for seed in 0..1_000 {
            let mut backoff = Backoff::new(seed);
            let mut waited = Duration::ZERO;
            let mut attempts = 0;
            while waited <= Duration::from_secs(60) {
                attempts += 1;
                waited += backoff.next(Attempts::Unlimited).unwrap();
            }
            assert!(attempts <= 10, "{attempts} attempts with seed {seed}");
        }
    }

    #[test]
    fn attempts_are_counted_in_a_row() {
        let mut backoff = Backoff::new(1);
        assert!(backoff.next(Attempts::AtMost(2)).is_some());
        assert!(backoff.next(Attempts::AtMost(2)).is_some());
        assert!(backoff.next(Attempts::AtMost(2)).is_none());
        backoff.connected();
        assert!(backoff.next(Attempts::AtMost(2)).is_some());
        assert!(Backoff::new(1).next(Attempts::AtMost(0)).is_none());
    }

    #[test]
    fn two_clients_that_fight_over_one_identifier_slow_down() {
        let mut backoff = Backoff::new(3);
        let mut waited = Duration::ZERO;
        let mut connects = 0;
        let mut suspected = 0;
        while waited < Duration::from_secs(30) {
            backoff.connected();
            connects += 1;
            suspected += u32::from(backoff.lived(Duration::from_millis(10), false));
            waited += backoff.next(Attempts::Unlimited).unwrap();
        }
        assert!(connects <= 12, "{connects} connects in 30 s");
        assert_eq!(suspected, 1, "said once");
    }

    #[test]
    fn a_bad_link_that_carries_messages_is_tried_again_soon() {
        let mut backoff = Backoff::new(3);
        for _ in 0..100 {
            backoff.connected();
            let _ = backoff.lived(Duration::from_secs(1), true);
            assert!(backoff.next(Attempts::AtMost(1)).unwrap() <= SHORTEST);
        }
    }
}
