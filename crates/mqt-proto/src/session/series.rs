//! Many messages of QoS 0 that differ in some bytes of their payload only: encoded once, then copied.

use bytes::Buf;

use super::publishing::OUTBOX_HIGH_WATER;
use super::{Phase, Session};
use crate::{Message, QoS, WriteBuffer, codec};

/// Larger packets gain nothing: copying their payload is what takes the time, in bytes.
const LARGEST: usize = 16 * 1024;

/// A PUBLISH of QoS 0, encoded for one connection.
#[derive(Debug)]
pub struct Series {
    packet: Vec<u8>,
    /// Where its payload begins.
    payload_at: usize,
    /// [`Session::connections`] when it was encoded.
    connection: u64,
}

impl Series {
    /// The length of the whole packet, in bytes.
    #[must_use]
    pub fn packet_len(&self) -> usize {
        self.packet.len()
    }
}

impl Session {
    /// Encodes a message for [`Self::publish_series`] on this connection. `None` where it has to go by
    /// [`Self::publish`]: at another QoS, with a topic alias, when packets are reported, when it is large, or
    /// when the server would not take it.
    #[must_use]
    pub fn series(&self, message: &Message) -> Option<Series> {
        if message.qos != QoS::AtMostOnce
            || self.options.trace
            || self.phase != Phase::Connected
            || message.properties.topic_alias().is_some()
            || self.limits.check(message, self.version).is_err()
        {
            return None;
        }
        let mut encoded = WriteBuffer::new();
        codec::encode_publish(message, false, None, self.version, &mut encoded).ok()?;
        if encoded.len() > LARGEST || encoded.chunk().len() != encoded.len() {
            return None;
        }
        let packet = encoded.chunk().to_vec();
        let payload_at = packet.len().checked_sub(message.payload.len())?;
        Some(Series { packet, payload_at, connection: self.connections })
    }

    /// Whether a series was encoded for this connection.
    #[must_use]
    pub fn fits(&self, series: &Series) -> bool {
        self.phase == Phase::Connected && series.connection == self.connections
    }

    /// Publishes messages of a series, as many as [`Self::wants_publish`] allows, and returns how many. `next`
    /// writes what is new into the payload, or returns false when there is no further message.
    pub fn publish_series(&mut self, series: &mut Series, mut next: impl FnMut(&mut [u8]) -> bool) -> u64 {
        if !self.fits(series) || !self.wants_publish() {
            return 0;
        }
        let mut count: u64 = 0;
        while self.outbox.len() < OUTBOX_HIGH_WATER {
            let Some(payload) = series.packet.get_mut(series.payload_at..) else { break };
            if !next(payload) {
                break;
            }
            self.outbox.put_slice(&series.packet);
            count = count.saturating_add(1);
        }
        for counter in [&mut self.ledger.asked, &mut self.ledger.sent, &mut self.unproved] {
            *counter = counter.saturating_add(count);
        }
        count
    }
}
