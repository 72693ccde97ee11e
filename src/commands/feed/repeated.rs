//! One payload, a number of times.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// One payload, some more times. A round is the payload on each of the topics.
pub(super) struct Repeated {
    payload: Bytes,
    left: u64,
    /// Between the confirmation of a round and the next one.
    delay: Duration,
    not_before: Option<Instant>,
    /// A round begins when the one before is confirmed, a pause or not: as mosquitto_pub does it.
    stepwise: bool,
    /// A round has begun.
    begun: bool,
}

impl Repeated {
    pub fn new(payload: Bytes, times: u64, delay: Duration, stepwise: bool) -> Self {
        Self { payload, left: times, delay, not_before: None, stepwise, begun: false }
    }

    /// The payload of the next round, if its time has come. `drained`: everything before is confirmed.
    pub fn next(&mut self, drained: bool) -> Option<Bytes> {
        if self.left == 0 || (self.waits_for_confirmation() && !drained) {
            return None;
        }
        if !self.delay.is_zero() {
            match self.not_before {
                Some(time) if Instant::now() < time => return None,
                Some(_) => self.not_before = None,
                // The pause begins when the round before is confirmed.
                None if self.begun => {
                    self.not_before = Some(Instant::now() + self.delay);
                    return None;
                }
                None => {}
            }
        }
        self.left -= 1;
        self.begun = true;
        Some(self.payload.clone())
    }

    /// Waits until [`Self::next`] may have something. Cancel-safe.
    pub async fn ready(&self, drained: bool) {
        match self.not_before {
            Some(time) => tokio::time::sleep_until(time).await,
            None if self.waits_for_confirmation() && !drained => std::future::pending().await,
            None => {}
        }
    }

    fn waits_for_confirmation(&self) -> bool {
        self.stepwise || !self.delay.is_zero()
    }

    /// How many rounds are left.
    pub fn left(&self) -> u64 {
        self.left
    }
}
