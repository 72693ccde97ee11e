//! The fixed header (2.1): packet type, flags and Remaining Length, and what they show to be wrong
//! before the body is there.

use std::borrow::Cow;

use super::super::Version;
use super::primitive::{Varint, read_varint};
use super::{DecodeError, Decoder, Receiver};

/// A packet type (table 2-1). The value is the upper half of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum PacketType {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

impl PacketType {
    const fn from_first_byte(byte: u8) -> Option<Self> {
        Some(match byte >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The name as the standard writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// The first byte, with the flags that every type but PUBLISH has fixed (table 2-2).
    pub(super) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.fixed_flags()
    }

    const fn fixed_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    const fn may_be_sent_to(self, receiver: Receiver, version: Version) -> bool {
        let v5 = matches!(version, Version::V5);
        match self {
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => true,
            Self::Auth => v5,
            Self::Disconnect => v5 || matches!(receiver, Receiver::Server),
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::PingReq => {
                matches!(receiver, Receiver::Server)
            }
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => {
                matches!(receiver, Receiver::Client)
            }
        }
    }

    /// The least and the most that the Remaining Length may be, so that a hopeless packet is refused
    /// before its body is waited for.
    const fn body_len_range(self, version: Version) -> (u32, u32) {
        let v5 = matches!(version, Version::V5);
        match self {
            Self::PingReq | Self::PingResp => (0, 0),
            Self::Auth => (0, u32::MAX),
            Self::Disconnect => (0, if v5 { u32::MAX } else { 0 }),
            // Two bytes for MQTT 5 too: that is the CONNACK of a 3.x server, which gets its own error.
            Self::ConnAck | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp | Self::UnsubAck => {
                (2, if v5 { u32::MAX } else { 2 })
            }
            Self::Publish | Self::SubAck | Self::Subscribe | Self::Unsubscribe | Self::Connect => {
                (2, u32::MAX)
            }
        }
    }
}

/// The fixed header of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FixedHeader {
    pub(super) kind: PacketType,
    /// The lower half of the first byte.
    pub(super) flags: u8,
    /// Its own length in bytes: 2 to 5.
    pub(super) len: usize,
    /// The Remaining Length in bytes.
    pub(super) body_len: usize,
}

impl FixedHeader {
    /// Reads and judges the fixed header at the front; `None` when it is not whole.
    pub(super) fn read(buffer: &[u8], decoder: &Decoder) -> Result<Option<Self>, DecodeError> {
        let Some((&first, rest)) = buffer.split_first() else { return Ok(None) };
        let kind = check_first_byte(first, decoder)?;
        let (value, len) = match read_varint(rest) {
            Varint::Incomplete => return Ok(None),
            Varint::TooLong => {
                return Err(malformed(kind, "the Remaining Length has more than four bytes", "2.1.4"));
            }
            // 3.x does not ask for the shortest form.
            Varint::Value { is_shortest: false, .. } if decoder.version == Version::V5 => {
                return Err(malformed(
                    kind,
                    "the Remaining Length has more bytes than it needs",
                    "MQTT-1.5.5-1",
                ));
            }
            Varint::Value { value, len, .. } => (value, len),
        };
        let (least, most) = kind.body_len_range(decoder.version);
        if value < least || value > most {
            return Err(malformed(kind, format!("the Remaining Length cannot be {value}"), "2.1.4"));
        }
        let body_len = usize::try_from(value).unwrap_or(usize::MAX);
        let header = Self { kind, flags: first & 0x0F, len: len.saturating_add(1), body_len };
        if header.packet_len() > usize::try_from(decoder.max_packet_size).unwrap_or(usize::MAX) {
            return Err(DecodeError::TooLarge {
                packet: kind.name(),
                size: header.packet_len(),
                limit: decoder.max_packet_size,
            });
        }
        Ok(Some(header))
    }

    /// The length of the whole packet in bytes.
    pub(super) const fn packet_len(&self) -> usize {
        self.len.saturating_add(self.body_len)
    }
}

/// The packet type, when it is one that the receiver may be sent and its flags are right.
fn check_first_byte(first: u8, decoder: &Decoder) -> Result<PacketType, DecodeError> {
    let kind = PacketType::from_first_byte(first)
        .filter(|kind| *kind != PacketType::Auth || decoder.version == Version::V5)
        .ok_or(DecodeError::Malformed {
            packet: "packet",
            what: "its type is reserved".into(),
            clause: "table 2-1",
        })?;
    if !kind.may_be_sent_to(decoder.receiver, decoder.version) {
        let receiver = match decoder.receiver {
            Receiver::Client => "it must not be sent to a client",
            Receiver::Server => "it must not be sent to a server",
        };
        return Err(DecodeError::Protocol {
            packet: kind.name(),
            what: receiver.into(),
            clause: "table 2-1",
        });
    }
    let flags = first & 0x0F;
    if kind == PacketType::Publish {
        if flags & 0b0110 == 0b0110 {
            return Err(malformed(kind, "its QoS is 3", "MQTT-3.3.1-4"));
        }
        // 3.1 gives DUP a meaning above QoS 0 only, and so it is no error there. A client takes the message all the same.
        if flags & 0b1110 == 0b1000
            && decoder.version != Version::V31
            && matches!(decoder.receiver, Receiver::Server)
        {
            return Err(malformed(kind, "DUP is set at QoS 0", "MQTT-3.3.1-2"));
        }
        return Ok(kind);
    }
    // 3.1 sets DUP also when it sends these three again (3.1: 2.1).
    let ignored = if decoder.version == Version::V31 && kind.fixed_flags() != 0 { 0b1000 } else { 0 };
    if flags & !ignored != kind.fixed_flags() {
        return Err(malformed(kind, format!("its reserved flags are {flags:04b}"), "MQTT-2.1.3-1"));
    }
    Ok(kind)
}

#[cold]
fn malformed(kind: PacketType, what: impl Into<Cow<'static, str>>, clause: &'static str) -> DecodeError {
    DecodeError::Malformed { packet: kind.name(), what: what.into(), clause }
}
