//! Whether a broker is so near that waiting for it awake is quicker than sleeping.
//!
//! With a window of 20 messages the time of one round trip decides how fast QoS 1 and 2 are, and on one machine
//! falling asleep and waking up takes longer than the broker takes to answer. So a publisher whose messages are
//! all in flight stays awake for a moment. Where that has not paid off it is tried more and more rarely: a
//! broker that is far away, or one that answers message by message, costs no time of the processor.

use std::time::{Duration, Instant};

/// How long nothing else is waited for: a few times what waking up takes.
const AWAKE: Duration = Duration::from_micros(50);
/// After this many vain attempts in a row the pause until the next one grows no more.
const MISSES: u32 = 8;

/// What is known of it so far.
#[derive(Debug)]
pub(crate) struct Nearness {
    /// Since when the broker owes an answer.
    since: Instant,
    /// The publishes that had their outcome by then.
    closed: u64,
    near: bool,
    misses: u32,
    /// This many answers come before the next attempt.
    pause: u32,
}

impl Nearness {
    /// Nothing is known yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, closed: 0, near: false, misses: 0, pause: 0 }
    }

    /// How many messages to send at once, of a window of this many: all of them to a broker that is near, since
    /// each write costs time then; else half of them, so that the broker works on one half while the other is
    /// made.
    pub(crate) fn batch(&self, window: usize) -> usize {
        if self.near { window } else { (window / 2).max(1) }
    }

    /// Whether to stay awake while this many messages are in flight.
    pub(crate) fn is_worth_waiting(&mut self, inflight: usize, now: Instant) -> bool {
        if inflight == 0 || self.pause > 0 {
            return false;
        }
        let awake = now.saturating_duration_since(self.since) < AWAKE;
        if !awake {
            self.missed();
        }
        awake
    }

    /// Something has come or gone: this many publishes have their outcome by now.
    pub(crate) fn moved(&mut self, closed: u64, window: usize, now: Instant) {
        let answered = closed.saturating_sub(self.closed);
        if answered == 0 {
            return;
        }
        self.closed = closed;
        self.since = now;
        if self.pause > 0 {
            self.pause -= 1;
        } else if answered.saturating_mul(2) >= window as u64 {
            self.near = true;
            self.misses = 0;
        } else {
            // Awake for one message at a time it would take all of a processor.
            self.missed();
        }
    }

    fn missed(&mut self) {
        self.near = false;
        self.misses = (self.misses + 1).min(MISSES);
        self.pause = 1 << self.misses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = 20;

    /// Answers of this many messages each, `after` the message before.
    fn answers(nearness: &mut Nearness, start: Instant, count: u64, each: u64, after: Duration) -> u64 {
        let (mut now, mut closed, mut looks) = (start, nearness.closed, 0);
        for _ in 0..count {
            let answered = now + after;
            while now < answered && nearness.is_worth_waiting(WINDOW, now) {
                looks += 1;
                now += Duration::from_micros(5);
            }
            now = answered;
            closed += each;
            nearness.moved(closed, WINDOW, now);
        }
        looks
    }

    #[test]
    fn a_broker_that_answers_a_window_at_once_is_waited_for_awake() {
        let start = Instant::now();
        let mut nearness = Nearness::new(start);
        assert_eq!(nearness.batch(WINDOW), 10);
        let looks = answers(&mut nearness, start, 100, 20, Duration::from_micros(10));
        assert_eq!((nearness.batch(WINDOW), looks), (20, 200));
    }

    #[test]
    fn a_broker_that_is_far_away_is_looked_for_more_and_more_rarely() {
        let start = Instant::now();
        let mut nearness = Nearness::new(start);
        let looks = answers(&mut nearness, start, 10_000, 20, Duration::from_millis(1));
        assert_eq!(nearness.batch(WINDOW), 10);
        assert!(looks <= 10 * (8 + 10_000 / 256), "{looks}");
    }

    #[test]
    fn single_answers_end_it() {
        let start = Instant::now();
        let mut nearness = Nearness::new(start);
        answers(&mut nearness, start, 10, 20, Duration::from_micros(10));
        assert_eq!(nearness.batch(WINDOW), 20);
        let looks =
            answers(&mut nearness, start + Duration::from_secs(1), 10_000, 1, Duration::from_micros(5));
        assert_eq!(nearness.batch(WINDOW), 10);
        assert!(looks <= 2 * (8 + 10_000 / 256), "{looks}");
    }

    #[test]
    fn nobody_waits_when_nothing_is_on_its_way() {
        let start = Instant::now();
        let mut nearness = Nearness::new(start);
        assert!(!nearness.is_worth_waiting(0, start));
        assert!(nearness.is_worth_waiting(1, start));
    }

    #[test]
    fn a_window_of_one_is_a_batch_of_one() {
        assert_eq!(Nearness::new(Instant::now()).batch(1), 1);
    }
}
