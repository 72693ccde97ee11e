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
