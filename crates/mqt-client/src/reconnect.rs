//! When to try again: exponential back-off with jitter.

use std::time::Duration;

use mqt_process::random::Random;

use super::Attempts;

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that lasted this long was healthy: the pauses start with the shortest again.
const HEALTHY_AFTER: Duration = Duration::from_secs(5);

/// The pauses between attempts.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// Attempts in a row that did not bring a CONNACK.
    failures: u32,
    /// Pauses in a row without a healthy connection.
    pauses: u32,
    random: Random,
}

impl Backoff {
    /// Begins without a failure. `seed` drives the jitter.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { failures: 0, pauses: 0, random: Random::new(seed) }
    }

    /// A connection ended this long after CONNACK. With `progress` something was achieved on
    /// it: a bad link that carries messages is worth a quick return.
    pub fn lived(&mut self, life: Duration, progress: bool) {
        if life >= HEALTHY_AFTER || progress {
            self.pauses = 0;
        }
    }

    /// CONNACK accepted: what counts against the limit of attempts begins with nothing. The pauses do so only after
    /// a healthy life.
    pub fn connected(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; the pause before the next attempt, at most 30 s, or `None` when no more are allowed.
    pub fn next(&mut self, allowed: Attempts) -> Option<Duration> {
        if let Attempts::AtMost(limit) = allowed
            && self.failures >= limit
        {
            return None;
        }
        let factor = 1_u32.checked_shl(self.pauses.min(16)).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        self.pauses = self.pauses.saturating_add(1);
        let pause = SHORTEST.saturating_mul(factor).min(LONGEST);
        // Between three quarters of it and all of it: at most ten attempts in the first minute.
        Some(pause.mul_f64(0.75 + self.random.fraction() / 4.0))
    }

    /// The number of failures in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
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
    fn clients_that_lose_one_broker_do_not_return_together() {
        let pauses: Vec<f64> = (0..1_000)
            .map(|seed| Backoff::new(seed).next(Attempts::Unlimited).unwrap().div_duration_f64(SHORTEST))
            .collect();
        for (from, to) in [(0.75, 0.8), (0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1.0)] {
            let count = pauses.iter().filter(|pause| (from..to).contains(*pause)).count();
            assert!((120..280).contains(&count), "{count} of 1000 pauses from {from} to {to}");
        }
    }

    #[test]
    fn a_healthy_life_begins_with_the_shortest_pause_again() {
        let mut backoff = Backoff::new(3);
        for (life, short) in [(HEALTHY_AFTER, true), (HEALTHY_AFTER - Duration::from_millis(1), false)] {
            for _ in 0..8 {
                backoff.next(Attempts::Unlimited).unwrap();
            }
            assert!(backoff.failures() >= 8);
            backoff.connected();
            assert_eq!(backoff.failures(), 0);
            backoff.lived(life, false);
            assert_eq!(backoff.next(Attempts::Unlimited).unwrap() <= SHORTEST, short, "{life:?}");
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
        while waited < Duration::from_secs(30) {
            backoff.connected();
            connects += 1;
            backoff.lived(Duration::from_millis(10), false);
            waited += backoff.next(Attempts::Unlimited).unwrap();
        }
        assert!(connects <= 12, "{connects} connects in 30 s");
    }

    #[test]
    fn a_bad_link_that_carries_messages_is_tried_again_soon() {
        let mut backoff = Backoff::new(3);
        for _ in 0..100 {
            backoff.connected();
            backoff.lived(Duration::from_secs(1), true);
            assert!(backoff.next(Attempts::AtMost(1)).unwrap() <= SHORTEST);
        }
    }
}
