//! What the server allows, as its CONNACK says (3.2.2.3), and the check of a publish against it.

use bytestring::ByteString;

use crate::codec::publish_len;
use crate::{Message, Properties, PropertyKind, QoS, ReasonCode, TopicFilter, Version};

/// The limits of a server for one connection. 3.x servers state none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    /// How many QoS 1 and 2 publishes it takes unacknowledged.
    pub receive_maximum: u16,
    /// The highest QoS it takes.
    pub maximum_qos: QoS,
    /// Whether it keeps retained messages.
    pub retain_available: bool,
    /// The largest packet it takes, in bytes.
    pub maximum_packet_size: usize,
    /// The highest topic alias it takes; 0 is none.
    pub topic_alias_maximum: u16,
    /// Whether filters may have wildcards.
    pub wildcard_subscriptions: bool,
    /// Whether SUBSCRIBE may carry a subscription identifier.
    pub subscription_identifiers: bool,
    /// Whether it has shared subscriptions.
    pub shared_subscriptions: bool,
}

/// Why a publish ended without being confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The broker answered with a reason code of 0x80 or above.
    #[error("the broker refused it: {reason}")]
    Broker {
        /// The reason code.
        reason: ReasonCode,
        /// What the broker adds; not escaped.
        reason_string: Option<ByteString>,
    },
    /// [MQTT-3.2.2-15], or more than any packet can have (2.1.4)
    #[error("the packet has {size} bytes, allowed are {allowed}")]
    TooLarge {
        /// Size of the packet, bytes.
        size: usize,
        /// Limit, bytes.
        allowed: usize,
    },
    /// [MQTT-3.2.2-11]
    #[error("QoS {asked} was asked for, the broker supports at most {maximum}")]
    QoS {
        /// As asked.
        asked: QoS,
        /// As allowed.
        maximum: QoS,
    },
    /// [MQTT-3.2.2-14]
    #[error("the broker does not keep retained messages")]
    Retain,
    /// [MQTT-3.2.2-17]
    #[error("topic alias {alias} was asked for, the broker allows at most {maximum}")]
    TopicAlias {
        /// As asked.
        alias: u16,
        /// As allowed.
        maximum: u16,
    },
    /// The server closes the connection each time instead of answering, which is how 3.1.1 refuses.
    #[error("the broker closes the connection each time instead of answering {packet}")]
    Closed {
        /// The packet that has no answer.
        packet: &'static str,
        /// The QoS of the message.
        qos: QoS,
    },
    /// A QoS 2 publish was answered by PUBACK: it was delivered, but as one of QoS 1.
    #[error("the broker answered with PUBACK: delivered at QoS 1, at least once")]
    AcknowledgedAtQoS1,
    /// The message cannot be put into a packet of this protocol version.
    #[error("it cannot be sent: {0}")]
    Unencodable(String),
}

impl ServerLimits {
    /// What holds when nothing is said.
    #[must_use]
    pub fn unstated() -> Self {
        Self::from_connack(&Properties::new())
    }

    /// Reads the limits from the properties of a CONNACK.
    #[must_use]
    pub fn from_connack(properties: &Properties) -> Self {
        let available = |flag: Option<&u8>| flag != Some(&0);
        Self {
            receive_maximum: properties.receive_maximum().copied().unwrap_or(u16::MAX),
            maximum_qos: properties
                .maximum_qos()
                .and_then(|level| QoS::from_level(*level))
                .unwrap_or(QoS::ExactlyOnce),
            retain_available: available(properties.retain_available()),
            maximum_packet_size: properties
                .maximum_packet_size()
                .and_then(|size| usize::try_from(*size).ok())
                .unwrap_or(usize::MAX),
            topic_alias_maximum: properties.topic_alias_maximum().copied().unwrap_or(0),
            wildcard_subscriptions: available(properties.wildcard_subscription_available()),
            subscription_identifiers: available(properties.subscription_identifier_available()),
            shared_subscriptions: available(properties.shared_subscription_available()),
        }
    }

    /// Whether a message may be sent.
    ///
    /// # Errors
    /// The limit that it breaks.
    pub fn check(&self, message: &Message, version: Version) -> Result<(), Refusal> {
        if message.qos > self.maximum_qos {
            return Err(Refusal::QoS { asked: message.qos, maximum: self.maximum_qos });
        }
        if message.retain && !self.retain_available {
            return Err(Refusal::Retain);
        }
        if let Some(alias) = message.properties.topic_alias()
            && *alias > self.topic_alias_maximum
        {
            return Err(Refusal::TopicAlias { alias: *alias, maximum: self.topic_alias_maximum });
        }
        // [MQTT-3.3.4-6]
        if message.properties.contains(PropertyKind::SubscriptionIdentifier) {
            return Err(Refusal::Unencodable("a client's PUBLISH has no subscription identifier".into()));
        }
        if self.maximum_packet_size != usize::MAX {
            let size = publish_len(message, version);
            if size > self.maximum_packet_size {
                return Err(Refusal::TooLarge { size, allowed: self.maximum_packet_size });
            }
        }
        Ok(())
    }

    /// The reason why the server would not take a topic filter, as far as its CONNACK says so (3.2.2.3.11 to
    /// 3.2.2.3.13).
    #[must_use]
    pub fn check_subscription(&self, filter: &TopicFilter, with_identifier: bool) -> Option<ReasonCode> {
        if !self.shared_subscriptions && filter.share().is_some() {
            return Some(ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED);
        }
        if !self.wildcard_subscriptions && filter.has_wildcard() {
            return Some(ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED);
        }
        (with_identifier && !self.subscription_identifiers)
            .then_some(ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED)
    }
}
