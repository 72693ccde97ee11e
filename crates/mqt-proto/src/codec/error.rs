//! Why a packet was refused on the way in or out.

use std::borrow::Cow;

use super::super::{PropertyKind, ReasonCode, TopicError, Version};

/// Why received bytes are no acceptable packet. Clauses are those of MQTT 5 unless the text says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes cannot be read as the standard says (1.2, Malformed Packet).
    #[error("malformed {packet}: {what} ({clause})")]
    Malformed {
        /// The packet as the standard names it, `PUBLISH`.
        packet: &'static str,
        /// What is wrong with it.
        what: Cow<'static, str>,
        /// The statement or section that it breaks.
        clause: &'static str,
    },
    /// The bytes can be read, but say what the protocol does not allow (1.2, Protocol Error).
    #[error("{packet} breaks the protocol: {what} ({clause})")]
    Protocol {
        /// The packet as the standard names it, `PUBLISH`.
        packet: &'static str,
        /// What is wrong with it.
        what: Cow<'static, str>,
        /// The statement or section that it breaks.
        clause: &'static str,
    },
    /// A topic name that section 4.7 does not allow.
    #[error("{packet} has an invalid topic name: {why}")]
    TopicName {
        /// The packet that carries it.
        packet: &'static str,
        /// The rule that it breaks.
        why: TopicError,
    },
    /// A topic filter that section 4.7 or 4.8.2 does not allow.
    #[error("{packet} has an invalid topic filter: {why}")]
    TopicFilter {
        /// The packet that carries it.
        packet: &'static str,
        /// The rule that it breaks.
        why: TopicError,
    },
    /// [MQTT-3.3.2-8]
    #[error("PUBLISH has the topic alias 0 (MQTT-3.3.2-8)")]
    TopicAliasZero,
    /// The packet is larger than the receiver takes (3.1.2.11.4).
    #[error("{packet} has {size} bytes, more than the maximum of {limit}")]
    TooLarge {
        /// The packet as the standard names it.
        packet: &'static str,
        /// Its length with the fixed header, in bytes.
        size: usize,
        /// The largest length allowed, in bytes.
        limit: u32,
    },
    /// More properties than this implementation keeps in memory for one packet.
    #[error("{packet} has more than {limit} properties")]
    TooManyProperties {
        /// The packet as the standard names it.
        packet: &'static str,
        /// The number that is allowed.
        limit: usize,
    },
    /// A CONNECT of a protocol or level that is none of MQTT 3.1, 3.1.1 and 5 ([MQTT-3.1.2-1],
    /// [MQTT-3.1.2-2]). A server may answer with CONNACK 0x84, or 0x01 to a client of 3.x.
    #[error("CONNECT asks for the protocol {name:?} level {level}, which is not supported")]
    UnsupportedProtocol {
        /// The start of the protocol name.
        name: String,
        /// The protocol level.
        level: u8,
    },
    /// A CONNACK of two bytes came for an MQTT 5 CONNECT, where three are the least (3.2.2): that is how
    /// a server answers that knows MQTT 3.x only.
    #[error("the server answers with an MQTT 3.x CONNACK, so it does not speak MQTT 5")]
    OldConnAck {
        /// The return code of 3.x (3.1.1: 3.2.2.3).
        code: u8,
    },
}

impl DecodeError {
    /// The reason code for the DISCONNECT (or, when it was a CONNECT, the CONNACK) that says so (4.13).
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Malformed { .. } => ReasonCode::MALFORMED_PACKET,
            Self::Protocol { .. } | Self::OldConnAck { .. } => ReasonCode::PROTOCOL_ERROR,
            Self::TopicName { .. } => ReasonCode::TOPIC_NAME_INVALID,
            Self::TopicFilter { .. } => ReasonCode::TOPIC_FILTER_INVALID,
            Self::TopicAliasZero => ReasonCode::TOPIC_ALIAS_INVALID,
            Self::TooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
            Self::TooManyProperties { .. } => ReasonCode::QUOTA_EXCEEDED,
            Self::UnsupportedProtocol { .. } => ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
        }
    }
}

/// Why a packet cannot be sent as it is. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The version of the connection has no such thing.
    #[error("MQTT {version} has no {what}")]
    NotInVersion {
        /// The packet, field or option.
        what: &'static str,
        /// The version of the connection.
        version: Version,
    },
    /// A string or binary value is longer than its two-byte length can say (1.5.4, 1.5.6).
    #[error("the {what} has {len} bytes; at most 65535 fit")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// [MQTT-1.5.4-2]
    #[error("the {what} contains the character U+0000, which no MQTT string may contain")]
    Nul {
        /// The field.
        what: &'static str,
    },
    /// The packet is longer than the Remaining Length can say (2.1.4).
    #[error("the {packet} has {size} bytes; at most 268435455 fit in any packet")]
    PacketTooLarge {
        /// The packet as the standard names it.
        packet: &'static str,
        /// Its length without the fixed header, in bytes.
        size: usize,
    },
    /// The property may not be in this packet (table 2-4).
    #[error("{place} has no property {}", property.name())]
    PropertyNotAllowed {
        /// The property.
        property: PropertyKind,
        /// The packet, or the will.
        place: &'static str,
    },
    /// The property is in this packet already (2.2.2.2).
    #[error("the property {} is given twice for {place}, where it is allowed once", property.name())]
    PropertyTwice {
        /// The property.
        property: PropertyKind,
        /// The packet, or the will.
        place: &'static str,
    },
    /// The value is not one that the property may have.
    #[error("the property {} {rule}", property.name())]
    PropertyValue {
        /// The property.
        property: PropertyKind,
        /// What its value must be.
        rule: &'static str,
    },
    /// The fields of the packet do not go together.
    #[error("a {packet} {rule} ({clause})")]
    Invalid {
        /// The packet as the standard names it.
        packet: &'static str,
        /// What must hold.
        rule: &'static str,
        /// The statement or section that asks for it.
        clause: &'static str,
    },
}
