//! Application messages, wills and subscriptions: what users ask for and receive.

use bytes::Bytes;

use super::{Properties, QoS, TopicFilter, TopicName};

/// An application message: what is published and what is delivered (section 1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The topic name. Empty only inside a PUBLISH packet that names its topic by alias (3.3.2.3.4).
    pub topic: TopicName,
    /// The payload, byte for byte.
    pub payload: Bytes,
    /// The quality of service.
    pub qos: QoS,
    /// The RETAIN flag (3.3.1.3).
    pub retain: bool,
    /// The MQTT 5 properties in wire order; empty for 3.x.
    pub properties: Properties,
}

/// What keeping a message takes besides itself and its bytes: up to three allocations with their headers, and
/// the counts of those that share them.
const BOOKKEEPING: usize = 96;

impl Message {
    /// How many bytes of memory it takes to keep the message: itself, topic, payload, the list of properties
    /// with every text in it, and what the allocator needs for them.
    ///
    /// Counted from lengths, without allocating, in time that grows with the number of properties only. It is
    /// the measure of a message that has its bytes for itself, as [`Self::detached`] makes one. A message as it
    /// was decoded shares the buffer that it was read into and keeps all of that alive.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        size_of::<Self>()
            .saturating_add(BOOKKEEPING)
            .saturating_add(self.topic.len())
            .saturating_add(self.payload.len())
            .saturating_add(self.properties.held_bytes())
    }

    /// A copy with bytes of its own, in as few allocations as can be: to be kept for long, so that a short
    /// message does not hold the large buffer in memory that it was read into.
    #[must_use]
    pub fn detached(&self) -> Self {
        let (topic, properties) = self.properties.detached_behind(&self.topic);
        Self {
            // Only the empty name of a PUBLISH with an alias is none.
            topic: TopicName::new(topic).unwrap_or_default(),
            payload: Bytes::copy_from_slice(&self.payload),
            qos: self.qos,
            retain: self.retain,
            properties,
        }
    }
}

/// The will: the message that the server publishes when the connection ends badly (3.1.2.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Will {
    /// Topic, payload, QoS and retain of the will. Its properties are the will properties (3.1.3.2),
    /// the will delay interval among them.
    pub message: Message,
}

/// One topic filter of a SUBSCRIBE with its subscription options (3.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What to receive.
    pub filter: TopicFilter,
    /// The highest QoS at which the server may send.
    pub qos: QoS,
    /// MQTT 5: do not send back what this client publishes.
    pub no_local: bool,
    /// MQTT 5: keep the RETAIN flag as it was published.
    pub retain_as_published: bool,
    /// MQTT 5: which retained messages to send when subscribing.
    pub retain_handling: RetainHandling,
}

impl Subscription {
    /// A subscription with the default options, which mean the same in all versions.
    #[must_use]
    pub fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Always,
        }
    }
}

/// Whether retained messages are sent when a subscription is made (3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// 0: at every SUBSCRIBE.
    #[default]
    Always = 0,
    /// 1: only when the subscription is new.
    New = 1,
    /// 2: never.
    Never = 2,
}

#[cfg(test)]
mod tests {
    use super::super::Property;
    use super::*;

    fn message(properties: Vec<Property>) -> Message {
        Message {
            topic: TopicName::new("a/b").unwrap(),
            payload: Bytes::from_static(b"12345"),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: Properties::from(properties),
        }
    }

    #[test]
    fn the_measure_counts_properties_their_texts_and_unused_places() {
        let empty = message(Vec::new()).held_bytes();
        assert!(empty >= size_of::<Message>() + 3 + 5);
        let pair =
            |name: &'static str, value: &'static str| Property::UserProperty(name.into(), value.into());
        assert_eq!(message(vec![pair("", "")]).held_bytes(), empty + size_of::<Property>());
        assert_eq!(message(vec![pair("ab", "c")]).held_bytes(), empty + size_of::<Property>() + 3);
        let data = Property::CorrelationData(Bytes::from_static(b"1234"));
        assert_eq!(message(vec![data]).held_bytes(), empty + size_of::<Property>() + 4);
        let mut list = Vec::with_capacity(8);
        list.push(Property::TopicAlias(1));
        assert_eq!(message(list).held_bytes(), empty + 8 * size_of::<Property>());
    }

    #[test]
    fn a_detached_message_is_the_same_and_shares_nothing() {
        let mut buffer = Bytes::from(vec![b'x'; 1_000]);
        let mut take = |count| bytestring::ByteString::try_from(buffer.split_to(count)).unwrap();
        let original = message(vec![
            Property::UserProperty(take(2), take(3)),
            Property::ContentType(take(0)),
            Property::ResponseTopic(take(7)),
            Property::UserProperty(take(0), take(1)),
            Property::MessageExpiryInterval(9),
            Property::CorrelationData(take(4).into_bytes()),
        ]);
        let original = Message { payload: buffer.clone(), ..original };
        let copy = original.detached();
        assert_eq!(copy, original);
        drop(original);
        assert!(buffer.is_unique(), "the buffer is kept alive");
        let aliased = Message { topic: TopicName::default(), ..copy };
        assert_eq!(aliased.detached(), aliased);
    }
}
