//! Messages on their way through the broker: as they are routed, and as they are kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use mqt_proto::{Message, Property, PropertyKind, QoS, TopicName};

use super::holdings::{Held, Holdings};

/// What a kept message takes besides the message, in bytes.
const STORED_COST: usize = size_of::<Stored>() - size_of::<Message>() + 32;

/// A message that the broker keeps: retained, queued or in flight. It has its own copy of every byte, so
/// that a short message does not hold the large buffer in memory that it was read with.
#[derive(Debug)]
pub(crate) struct Stored {
    message: Message,
    expires_at: Option<Instant>,
    held: Held,
}

impl Stored {
    /// The message as it was published.
    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// Whether its message expiry interval has passed ([MQTT-3.3.2-5]).
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// How much memory it takes, in bytes, see [`Message::held_bytes`].
    pub(crate) fn size(&self) -> usize {
        self.held.bytes()
    }

    /// The message as it is sent now, its expiry interval shortened by the time it waited ([MQTT-3.3.2-6]).
    pub(crate) fn to_message(&self, now: Instant) -> Message {
        let mut message = self.message.clone();
        if let Some(at) = self.expires_at {
            // A message that is sent again after its time is up keeps one second, because it must still be finished.
            let left = at.saturating_duration_since(now).as_millis().div_ceil(1000).max(1);
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            message.properties.set(Property::MessageExpiryInterval(left));
        }
        message
    }
}

/// A message on its way to its subscribers.
#[derive(Debug)]
pub(crate) struct Routed {
    /// The message; while it is encoded for a subscriber, QoS and RETAIN are that subscriber's.
    pub message: Message,
    /// The QoS at which it was published.
    pub qos: QoS,
    /// Whether it was published with RETAIN.
    pub retain: bool,
    expires_at: Option<Instant>,
    stored: Option<Arc<Stored>>,
}

impl Routed {
    /// Takes a message just published. Its topic alias belongs to the publisher's connection and goes no
    /// further ([MQTT-3.3.2-7]).
    pub(crate) fn new(mut message: Message, now: Instant) -> Self {
        let mut expires_at = None;
        if !message.properties.is_empty() {
            message.properties.remove(PropertyKind::TopicAlias);
            expires_at = expiry(&message, now);
        }
        let (qos, retain) = (message.qos, message.retain);
        Self { message, qos, retain, expires_at, stored: None }
    }

    /// Takes a kept message up again.
    pub(crate) fn again(stored: &Arc<Stored>, now: Instant) -> Self {
        let message = stored.to_message(now);
        Self {
            qos: message.qos,
            retain: message.retain,
            message,
            expires_at: stored.expires_at,
            stored: Some(Arc::clone(stored)),
        }
    }

    /// How many bytes [`Self::stored`] would take: none when the copy is there.
    pub(crate) fn cost(&self) -> usize {
        if self.stored.is_some() { 0 } else { self.message.held_bytes() + STORED_COST }
    }

    /// Takes the payload out of the copy to keep, so that who holds on to it holds on to nothing else.
    pub(crate) fn own_payload(&mut self, holdings: &Holdings) {
        self.message.payload = self.stored(holdings).message.payload.clone();
    }

    /// The copy to keep; made once, however many keep it.
    pub(crate) fn stored(&mut self, holdings: &Holdings) -> Arc<Stored> {
        let (message, qos, retain, expires_at) = (&self.message, self.qos, self.retain, self.expires_at);
        let stored = self.stored.get_or_insert_with(|| {
            let message = Message { qos, retain, ..message.detached() };
            let held = holdings.hold(message.held_bytes() + STORED_COST);
            Arc::new(Stored { message, expires_at, held })
        });
        Arc::clone(stored)
    }
}

fn expiry(message: &Message, now: Instant) -> Option<Instant> {
    let seconds = *message.properties.message_expiry_interval()?;
    now.checked_add(Duration::from_secs(u64::from(seconds)))
}

/// A topic name with its own copy of the text.
pub(crate) fn own_topic(topic: &TopicName) -> TopicName {
    TopicName::new(ByteString::from(&**topic)).unwrap_or_default()
}
