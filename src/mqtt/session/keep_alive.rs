//! Keep alive (3.1.2.10): when to send PINGREQ, and when the peer counts as dead.
//!
//! PINGREQ goes out when for half the keep alive nothing was sent or nothing was received; the peer is dead
//! when a whole keep alive passes after that without a single byte from it. So a broken link is found within
//! 1.5 times the keep alive, and a large message that arrives slowly counts as life.

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
    ping_sent: Option<Instant>,
}

impl KeepAlive {
    /// Starts at `now`; an interval of zero switches it off.
    #[must_use]
    pub fn new(seconds: u16, now: Instant) -> Self {
        let interval = Duration::from_secs(seconds.into());
        Self { interval, last_sent: now, last_received: now, ping_sent: None }
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
    }

    /// A PINGRESP came. Returns whether it was asked for.
    pub fn pong(&mut self) -> bool {
        self.ping_sent.take().is_some()
    }

    /// The caller does not read: the peer's silence means nothing, and a PINGREQ that is out is not waited for.
    pub fn unread(&mut self, now: Instant) {
        self.last_received = now;
        self.ping_sent = None;
    }

    /// The moment at which [`Self::due`] is to be asked next; `None` when it is off.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        match self.ping_sent {
            Some(ping) => ping.max(self.last_received).checked_add(self.interval),
            None => self.last_sent.min(self.last_received).checked_add(self.half()),
        }
    }

    fn half(&self) -> Duration {
        self.interval.checked_div(2).unwrap_or_default()
    }

    /// What is due at `now`.
    #[must_use]
    pub fn due(&self, now: Instant) -> Due {
        match self.deadline() {
            Some(deadline) if now >= deadline => {
                if self.ping_sent.is_some() {
                    Due::Dead
                } else {
                    Due::Ping
                }
            }
            _ => Due::Nothing,
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
    fn any_byte_is_life_and_sending_alone_does_not_save_the_ping() {
        let start = Instant::now();
        let mut timer = KeepAlive::new(10, start);
        timer.sent(start + seconds(4));
        assert_eq!(timer.due(start + seconds(5)), Due::Ping, "only sending proves nothing");
        timer.ping(start + seconds(5));
        for second in 6..60 {
            timer.received(start + seconds(second));
            assert_eq!(timer.due(start + seconds(second + 1)), Due::Nothing);
        }
        assert!(timer.pong());
        assert!(!timer.pong());
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
