//! Keep alive (3.1.2.10): when to send PINGREQ, and when the peer counts as dead.
//!
//! PINGREQ goes out when for half the keep alive nothing was sent or nothing was received; the peer is dead
//! when a whole keep alive passes after that without a single byte from it. So a broken link is found within
//! 1.5 times the keep alive, and a large message that arrives slowly counts as life. While its bytes keep the
//! PINGRESP waiting, PINGREQ is sent again in time: the server has a timer of its own ([MQTT-3.1.2-20]).

use std::time::{Duration, Instant};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// A PINGREQ.
    Ping,
    /// The peer is silent for too long.
    Dead,
}

/// The timers of one connection.
#[derive(Debug, Clone)]
pub struct KeepAlive {
    interval: Duration,
    last_sent: Instant,
    last_received: Instant,
    /// The last PINGREQ, while an answer is waited for.
    ping_sent: Option<Instant>,
    /// How many PINGREQs have no PINGRESP.
    unanswered: u32,
}

impl KeepAlive {
    /// Starts at `now`; an interval of zero switches it off.
    #[must_use]
    pub fn new(seconds: u16, now: Instant) -> Self {
        let interval = Duration::from_secs(seconds.into());
        Self { interval, last_sent: now, last_received: now, ping_sent: None, unanswered: 0 }
    }

    /// The interval in force; zero is off.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Bytes were written.
    pub fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Bytes were read: any byte is a sign of life.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// A PINGREQ was sent.
    pub fn ping(&mut self, now: Instant) {
        self.ping_sent = Some(now);
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// The PINGREQ that was sent still waits behind other bytes, which move: its answer is due later.
    pub fn ping_waits(&mut self, now: Instant) {
        if self.ping_sent.is_some() {
            self.ping_sent = Some(now);
        }
    }

    /// A PINGRESP came. Returns whether every PINGREQ has its answer with it.
    pub fn pong(&mut self) -> bool {
        if self.unanswered == 0 {
            return false;
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered > 0 {
            return false;
        }
        self.ping_sent = None;
        true
    }

    /// The caller does not read: the peer's silence means nothing, and a PINGREQ that is out is not waited for.
    /// One that could not be written yet is enough.
    pub fn unread(&mut self, now: Instant) {
        self.last_received = now;
        self.ping_sent = self.ping_sent.filter(|ping| self.last_sent < *ping).map(|_| now);
    }

    /// The moment at which [`Self::due`] is to be asked next; `None` when it is off.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match (self.ping_at(), self.dead_at()) {
            (Some(ping), Some(dead)) => Some(ping.min(dead)),
            (ping, dead) => ping.or(dead),
        }
    }

    /// When the next PINGREQ is due.
    fn ping_at(&self) -> Option<Instant> {
        let half = self.interval.checked_div(2).filter(|half| !half.is_zero())?;
        match self.ping_sent {
            None => self.last_sent.min(self.last_received).checked_add(half),
            Some(ping) if self.last_received > ping => self.last_sent.checked_add(half),
            Some(_) => None,
        }
    }

    /// When the peer counts as dead.
    fn dead_at(&self) -> Option<Instant> {
        self.ping_sent
            .filter(|_| !self.interval.is_zero())?
            .max(self.last_received)
            .checked_add(self.interval)
    }

    /// What is due at `now`.
    #[must_use]
    pub fn due(&self, now: Instant) -> Due {
        let passed = |moment: Option<Instant>| moment.is_some_and(|moment| now >= moment);
        if passed(self.dead_at()) {
            Due::Dead
        } else if passed(self.ping_at()) {
            Due::Ping
        } else {
            Due::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_silent_peer_is_found_within_one_and_a_half_intervals() {
        let start = Instant::now();
        let mut timer = KeepAlive::new(10, start);
        assert_eq!(timer.due(start + seconds(4)), Due::Nothing);
        assert_eq!(timer.due(start + seconds(5)), Due::Ping);
        timer.ping(start + seconds(5));
        timer.sent(start + seconds(5));
        assert_eq!(timer.due(start + seconds(14)), Due::Nothing);
        assert_eq!(timer.due(start + seconds(15)), Due::Dead);
    }

    #[test]
    fn sending_alone_does_not_save_the_ping() {
        let start = Instant::now();
        let mut timer = KeepAlive::new(10, start);
        timer.sent(start + seconds(4));
        assert_eq!(timer.due(start + seconds(5)), Due::Ping);
        assert!(!timer.pong(), "nothing was asked");
        timer.ping(start + seconds(5));
        assert!(timer.pong());
        assert!(!timer.pong(), "nothing more was asked");
    }

    #[test]
    fn any_byte_is_life_and_a_late_pingresp_does_not_stop_the_pings() {
        // 5:3.1.2-20 311:3.1.2-23
        let start = Instant::now();
        let mut timer = KeepAlive::new(10, start);
        let mut pings = Vec::new();
        for second in 1..60 {
            let now = start + seconds(second);
            match timer.due(now) {
                Due::Ping => {
                    timer.ping(now);
                    timer.sent(now);
                    pings.push(second);
                }
                due => assert_eq!(due, Due::Nothing, "at {second} s"),
            }
            // A part of a large message.
            timer.received(now + Duration::from_millis(500));
        }
        assert_eq!(pings, [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55]);
        let answers: Vec<bool> = pings.iter().map(|_| timer.pong()).collect();
        assert_eq!(answers.iter().position(|last| *last), Some(10), "every PINGREQ is answered by the last");
    }

    #[test]
    fn silence_after_life_is_found_within_one_and_a_half_intervals_too() {
        let start = Instant::now();
        let mut timer = KeepAlive::new(10, start);
        timer.ping(start + seconds(5));
        timer.sent(start + seconds(5));
        timer.received(start + seconds(12));
        assert_eq!(timer.due(start + seconds(12)), Due::Ping);
        timer.ping(start + seconds(12));
        timer.sent(start + seconds(12));
        assert_eq!(timer.deadline(), Some(start + seconds(22)));
        assert_eq!(timer.due(start + seconds(22)), Due::Dead);
    }

    #[test]
    fn a_ping_that_cannot_be_written_is_not_repeated_while_nothing_is_read() {
        let start = Instant::now();
        let mut timer = KeepAlive::new(10, start);
        assert_eq!(timer.due(start + seconds(5)), Due::Ping);
        timer.ping(start + seconds(5));
        for second in 5..60 {
            timer.unread(start + seconds(second));
            assert_eq!(timer.due(start + seconds(second)), Due::Nothing);
            assert!(timer.deadline() > Some(start + seconds(second)), "the timer would spin");
        }
        timer.sent(start + seconds(60));
        timer.unread(start + seconds(61));
        assert_eq!(timer.due(start + seconds(65)), Due::Ping, "the server has a timer of its own");
    }

    #[test]
    fn zero_is_off() {
        // 5:3.1.2-21 5:3.2.2-21: a server keep alive of 0 switches it off.
        let start = Instant::now();
        let timer = KeepAlive::new(0, start);
        assert_eq!(timer.deadline(), None);
        assert_eq!(timer.due(start + seconds(1_000_000)), Due::Nothing);
    }
}
