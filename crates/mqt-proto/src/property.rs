//! MQTT 5 properties (section 2.2.2.2): one table of kinds, and the ordered list that a packet carries.

use bytes::Bytes;
use bytestring::ByteString;

/// Where a property stands: the packet, or the will inside CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Place {
    /// CONNECT
    Connect = 1,
    /// CONNACK
    ConnAck = 1 << 1,
    /// PUBLISH
    Publish = 1 << 2,
    /// The will properties in CONNECT's payload
    Will = 1 << 3,
    /// PUBACK
    PubAck = 1 << 4,
    /// PUBREC
    PubRec = 1 << 5,
    /// PUBREL
    PubRel = 1 << 6,
    /// PUBCOMP
    PubComp = 1 << 7,
    /// SUBSCRIBE
    Subscribe = 1 << 8,
    /// SUBACK
    SubAck = 1 << 9,
    /// UNSUBSCRIBE
    Unsubscribe = 1 << 10,
    /// UNSUBACK
    UnsubAck = 1 << 11,
    /// DISCONNECT
    Disconnect = 1 << 12,
    /// AUTH
    Auth = 1 << 13,
}

impl Place {
    /// The name in lower case, as it is typed: `connect`, `will`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnAck => "connack",
            Self::Publish => "publish",
            Self::Will => "will",
            Self::PubAck => "puback",
            Self::PubRec => "pubrec",
            Self::PubRel => "pubrel",
            Self::PubComp => "pubcomp",
            Self::Subscribe => "subscribe",
            Self::SubAck => "suback",
            Self::Unsubscribe => "unsubscribe",
            Self::UnsubAck => "unsuback",
            Self::Disconnect => "disconnect",
            Self::Auth => "auth",
        }
    }
}

/// The data type of a property (1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One byte that is 0 or 1 (for Maximum QoS too, 3.2.2.3.4).
    Flag,
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
    /// A variable byte integer, at most 268,435,455.
    VarInt,
    /// A UTF-8 encoded string.
    Text,
    /// Binary data.
    Binary,
    /// A UTF-8 string pair.
    TextPair,
}

/// A value of a property, by its data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyValue<'a> {
    /// [`ValueType::Flag`]
    Flag(u8),
    /// [`ValueType::U16`]
    U16(u16),
    /// [`ValueType::U32`]
    U32(u32),
    /// [`ValueType::VarInt`]
    VarInt(u32),
    /// [`ValueType::Text`]
    Text(&'a str),
    /// [`ValueType::Binary`]
    Binary(&'a Bytes),
    /// [`ValueType::TextPair`]
    TextPair(&'a str, &'a str),
}

impl PropertyValue<'_> {
    /// How many bytes a text, a pair of texts or binary data has; 0 for numbers.
    fn len(&self) -> usize {
        match self {
            Self::Binary(data) => data.len(),
            other => other.text_len(),
        }
    }

    fn text_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::TextPair(name, value) => name.len().saturating_add(value.len()),
            _ => 0,
        }
    }
}

/// A value as it is in a [`PropertyValue`]: numbers by value, the rest by reference.
macro_rules! property_value {
    (Text, $value:ident) => {
        PropertyValue::Text($value)
    };
    (Binary, $value:ident) => {
        PropertyValue::Binary($value)
    };
    ($type:ident, $value:ident) => {
        PropertyValue::$type(*$value)
    };
}

/// A copy of a value that shares nothing: a text from the given source, numbers as they are.
macro_rules! detached_value {
    (Text, $value:ident, $texts:ident) => {
        $texts($value)
    };
    (Binary, $value:ident, $texts:ident) => {
        Bytes::copy_from_slice($value)
    };
    ($type:ident, $value:ident, $texts:ident) => {
        *$value
    };
}

macro_rules! properties {
    ($($kind:ident($rust:ty) = $id:literal, $name:literal, $accessor:ident, $type:ident, [$($place:ident)*];)*) => {
        /// Which property. The value is the identifier on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum PropertyKind {
            $(#[doc = $name] $kind = $id,)*
            /// user-property
            UserProperty = 0x26,
        }

        /// A property with its value.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Property {
            $(#[doc = $name] $kind($rust),)*
            /// user-property: name and value
            UserProperty(ByteString, ByteString),
        }

        impl PropertyKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)* Self::UserProperty];

            /// The kind with this identifier on the wire.
            #[must_use]
            pub const fn from_id(id: u8) -> Option<Self> {
                match id {
                    $($id => Some(Self::$kind),)*
                    0x26 => Some(Self::UserProperty),
                    _ => None,
                }
            }

            /// The name in lower case with hyphens, as it is typed and printed: `message-expiry-interval`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                    Self::UserProperty => "user-property",
                }
            }

            /// The data type of its value.
            #[must_use]
            pub const fn value_type(self) -> ValueType {
                match self {
                    $(Self::$kind => ValueType::$type,)*
                    Self::UserProperty => ValueType::TextPair,
                }
            }

            /// Whether it may be there (table 2-4).
            #[must_use]
            pub const fn is_allowed_in(self, place: Place) -> bool {
                let places: u16 = match self {
                    $(Self::$kind => 0 $(| Place::$place as u16)*,)*
                    Self::UserProperty => u16::MAX,
                };
                places & place as u16 != 0
            }
        }

        impl Property {
            /// Which property this is.
            #[must_use]
            pub const fn kind(&self) -> PropertyKind {
                match self {
                    $(Self::$kind(_) => PropertyKind::$kind,)*
                    Self::UserProperty(..) => PropertyKind::UserProperty,
                }
            }

            /// Its value, by its data type.
            #[must_use]
            pub fn value(&self) -> PropertyValue<'_> {
                match self {
                    $(Self::$kind(value) => property_value!($type, value),)*
                    Self::UserProperty(name, value) => PropertyValue::TextPair(name, value),
                }
            }

            /// A copy that shares nothing with this one; `own` gives each text back in memory of its own.
            fn detached(&self, mut own: impl FnMut(&str) -> ByteString) -> Self {
                match self {
                    $(Self::$kind(value) => Self::$kind(detached_value!($type, value, own)),)*
                    Self::UserProperty(name, value) => Self::UserProperty(own(name), own(value)),
                }
            }
        }

        impl Properties {
            $(#[doc = concat!("The value of `", $name, "`: the first, where there are several.")]
            #[must_use]
            pub fn $accessor(&self) -> Option<&$rust> {
                self.0.iter().find_map(|property| match property {
                    Property::$kind(value) => Some(value),
                    _ => None,
                })
            })*
        }
    };
}

properties! {
    PayloadFormatIndicator(u8) = 0x01, "payload-format-indicator", payload_format_indicator, Flag, [Publish Will];
    MessageExpiryInterval(u32) = 0x02, "message-expiry-interval", message_expiry_interval, U32, [Publish Will];
    ContentType(ByteString) = 0x03, "content-type", content_type, Text, [Publish Will];
    ResponseTopic(ByteString) = 0x08, "response-topic", response_topic, Text, [Publish Will];
    CorrelationData(Bytes) = 0x09, "correlation-data", correlation_data, Binary, [Publish Will];
    SubscriptionIdentifier(u32) = 0x0B, "subscription-identifier", subscription_identifier, VarInt,
        [Publish Subscribe];
    SessionExpiryInterval(u32) = 0x11, "session-expiry-interval", session_expiry_interval, U32,
        [Connect ConnAck Disconnect];
    AssignedClientIdentifier(ByteString) = 0x12, "assigned-client-identifier", assigned_client_identifier, Text,
        [ConnAck];
    ServerKeepAlive(u16) = 0x13, "server-keep-alive", server_keep_alive, U16, [ConnAck];
    AuthenticationMethod(ByteString) = 0x15, "authentication-method", authentication_method, Text,
        [Connect ConnAck Auth];
    AuthenticationData(Bytes) = 0x16, "authentication-data", authentication_data, Binary, [Connect ConnAck Auth];
    RequestProblemInformation(u8) = 0x17, "request-problem-information", request_problem_information, Flag,
        [Connect];
    WillDelayInterval(u32) = 0x18, "will-delay-interval", will_delay_interval, U32, [Will];
    RequestResponseInformation(u8) = 0x19, "request-response-information", request_response_information, Flag,
        [Connect];
    ResponseInformation(ByteString) = 0x1A, "response-information", response_information, Text, [ConnAck];
    ServerReference(ByteString) = 0x1C, "server-reference", server_reference, Text, [ConnAck Disconnect];
    ReasonString(ByteString) = 0x1F, "reason-string", reason_string, Text,
        [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth];
    ReceiveMaximum(u16) = 0x21, "receive-maximum", receive_maximum, U16, [Connect ConnAck];
    TopicAliasMaximum(u16) = 0x22, "topic-alias-maximum", topic_alias_maximum, U16, [Connect ConnAck];
    TopicAlias(u16) = 0x23, "topic-alias", topic_alias, U16, [Publish];
    MaximumQoS(u8) = 0x24, "maximum-qos", maximum_qos, Flag, [ConnAck];
    RetainAvailable(u8) = 0x25, "retain-available", retain_available, Flag, [ConnAck];
    MaximumPacketSize(u32) = 0x27, "maximum-packet-size", maximum_packet_size, U32, [Connect ConnAck];
    WildcardSubscriptionAvailable(u8) = 0x28, "wildcard-subscription-available", wildcard_subscription_available,
        Flag, [ConnAck];
    SubscriptionIdentifierAvailable(u8) = 0x29, "subscription-identifier-available",
        subscription_identifier_available, Flag, [ConnAck];
    SharedSubscriptionAvailable(u8) = 0x2A, "shared-subscription-available", shared_subscription_available, Flag,
        [ConnAck];
}

impl PropertyKind {
    /// Whether a client may send it there: table 2-4 without a Server Reference in DISCONNECT (3.14.2.2.5) and a
    /// Subscription Identifier in PUBLISH ([MQTT-3.3.4-6]), which only servers send.
    #[must_use]
    pub const fn is_allowed_from_client_in(self, place: Place) -> bool {
        !matches!(
            (self, place),
            (Self::ServerReference, Place::Disconnect) | (Self::SubscriptionIdentifier, Place::Publish)
        ) && self.is_allowed_in(place)
    }

    /// The kind with this name; case does not matter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Whether it may stand more than once in a packet: user properties everywhere (2.2.2.2), subscription
    /// identifiers in a PUBLISH that the server sends (3.3.2.3.8).
    #[must_use]
    pub const fn is_repeatable_in(self, place: Place) -> bool {
        match self {
            Self::UserProperty => true,
            Self::SubscriptionIdentifier => matches!(place, Place::Publish),
            _ => false,
        }
    }
}

impl Property {
    /// Checks the value against the rules that hold wherever the property stands: flags are 0 or 1,
    /// and Receive Maximum, Topic Alias, Maximum Packet Size and Subscription Identifier are not 0.
    ///
    /// # Errors
    /// What the value may be, in words.
    pub fn check_value(&self) -> Result<(), &'static str> {
        match self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::MaximumQoS(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value)
                if *value > 1 =>
            {
                Err("must be 0 or 1")
            }
            Self::ReceiveMaximum(0)
            | Self::TopicAlias(0)
            | Self::MaximumPacketSize(0)
            | Self::SubscriptionIdentifier(0) => Err("must not be 0"),
            Self::SubscriptionIdentifier(value) if *value > 268_435_455 => Err("must be at most 268435455"),
            Self::ResponseTopic(topic) if topic.is_empty() || topic.contains(['+', '#']) => {
                Err("must be a topic name: not empty, without '+' and '#'")
            }
            _ => Ok(()),
        }
    }
}

/// The properties of a packet, in the order in which they are on the wire. Empty costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// No properties.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one at the end.
    pub fn push(&mut self, property: Property) {
        self.0.push(property);
    }

    /// Takes away every property of a kind.
    pub fn remove(&mut self, kind: PropertyKind) {
        self.0.retain(|property| property.kind() != kind);
    }

    /// Replaces the property of this kind where it stands, or adds it at the end.
    pub fn set(&mut self, property: Property) {
        match self.0.iter_mut().find(|old| old.kind() == property.kind()) {
            Some(old) => *old = property,
            None => self.0.push(property),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each one, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Property> {
        self.0.iter()
    }

    /// How many bytes of memory the list takes: its places, used or not, and every text and binary value.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.0.iter().fold(self.0.capacity().saturating_mul(size_of::<Property>()), |sum, property| {
            sum.saturating_add(property.value().len())
        })
    }

    /// A copy with bytes of its own, all texts in one allocation.
    #[must_use]
    pub fn detached(&self) -> Self {
        self.detached_behind("").1
    }

    /// A copy as [`Self::detached`] makes it, with another text in the same allocation.
    pub(super) fn detached_behind(&self, first: &str) -> (ByteString, Self) {
        let len =
            self.0.iter().fold(first.len(), |sum, property| sum.saturating_add(property.value().text_len()));
        let mut all = String::with_capacity(len);
        all.push_str(first);
        for property in &self.0 {
            match property.value() {
                PropertyValue::Text(text) => all.push_str(text),
                PropertyValue::TextPair(name, value) => all.extend([name, value]),
                _ => {}
            }
        }
        let all = ByteString::from(all);
        let mut rest = &*all;
        let mut own = |text: &str| {
            let (front, behind) = rest.split_at_checked(text.len()).unwrap_or((rest, ""));
            rest = behind;
            all.slice_ref(front)
        };
        let first = own(first);
        let list = self.0.iter().map(|property| property.detached(&mut own)).collect();
        (first, Self(list))
    }

    /// Whether one of this kind is there.
    #[must_use]
    pub fn contains(&self, kind: PropertyKind) -> bool {
        self.0.iter().any(|property| property.kind() == kind)
    }
}

impl From<Vec<Property>> for Properties {
    fn from(list: Vec<Property>) -> Self {
        Self(list)
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Property;
    type IntoIter = std::slice::Iter<'a, Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content_type: &str) -> Property {
        Property::ContentType(content_type.into())
    }

    #[test]
    fn setting_replaces_in_place_and_only_its_own_kind() {
        let user = Property::UserProperty("a".into(), "b".into());
        let mut properties: Properties = vec![text("old"), user.clone()].into();
        properties.set(text("new"));
        assert_eq!(properties.iter().cloned().collect::<Vec<_>>(), [text("new"), user.clone()]);
        properties.set(Property::MessageExpiryInterval(7));
        let expected = [text("new"), user, Property::MessageExpiryInterval(7)];
        assert_eq!(properties.iter().cloned().collect::<Vec<_>>(), expected);
        properties.remove(PropertyKind::ContentType);
        assert_eq!(properties.len(), 2);
        assert!(!properties.is_empty());
    }

    #[test]
    fn only_servers_send_a_server_reference_and_identifiers_in_publish() {
        // 5:3.3.4-6
        for (kind, place, allowed) in [
            (PropertyKind::ServerReference, Place::Disconnect, false),
            (PropertyKind::SubscriptionIdentifier, Place::Publish, false),
            (PropertyKind::SubscriptionIdentifier, Place::Subscribe, true),
            (PropertyKind::ContentType, Place::Publish, true),
            (PropertyKind::ContentType, Place::Subscribe, false),
        ] {
            assert_eq!(kind.is_allowed_from_client_in(place), allowed, "{kind:?} in {place:?}");
        }
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        for kind in PropertyKind::ALL {
            assert_eq!(PropertyKind::from_name(kind.name()), Some(*kind));
            assert_eq!(PropertyKind::from_name(&kind.name().to_uppercase()), Some(*kind));
        }
        assert_eq!(PropertyKind::from_name("content"), None);
    }

    #[test]
    fn a_copy_has_the_same_values_and_bytes_of_its_own() {
        let properties: Properties = vec![
            text("text/plain"),
            Property::CorrelationData(vec![1, 2, 3].into()),
            Property::UserProperty("name".into(), "value".into()),
            Property::MessageExpiryInterval(7),
        ]
        .into();
        let copy = properties.detached();
        assert_eq!(copy, properties);
        // Places of the list, and 10 + 3 + 9 bytes of texts and data.
        let places = copy.0.capacity() * size_of::<Property>();
        assert_eq!(copy.held_bytes(), places + 22);
    }
}
