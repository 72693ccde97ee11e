//! The codec: bytes ⇄ [`Packet`], strict in both directions.
//!
//! Decoding takes one whole packet off the front of a buffer, without copying, and refuses whatever the
//! standards call a Malformed Packet or, as far as one packet shows it, a Protocol Error (5: 4.13; 3.1.1:
//! 4.8). Encoding checks the packet before it writes the first byte, so nothing half-written and nothing
//! that a strict peer would refuse gets out. What takes more than one packet to judge (order, identifiers
//! in use, negotiated limits) belongs to the session.

mod connect;
mod decode;
mod encode;
mod error;
mod fixed_header;
mod listed;
mod primitive;
mod properties;

pub use encode::{AckKind, encode, encode_ack, encode_publish, publish_len};
pub use error::{DecodeError, EncodeError};
pub use listed::{is_listed, is_sub_ack_code};
pub use properties::MAX_PROPERTIES;

use bytes::{Buf, BytesMut};

use super::{Packet, Version};
use fixed_header::FixedHeader;

/// Who decodes. A client and a server may be sent different packets (table 2-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// Receives CONNACK, SUBACK, UNSUBACK, PINGRESP, and in MQTT 5 DISCONNECT.
    Client,
    /// Receives CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ and DISCONNECT.
    Server,
}

/// Takes packets out of a stream of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoder {
    /// The version of the connection. A CONNECT is read by the level that it names itself; whoever
    /// accepts it sets the version here before the next packet.
    pub version: Version,
    /// For whom the bytes are.
    pub receiver: Receiver,
    /// The largest packet that is taken, fixed header included, in bytes (3.1.2.11.4).
    pub max_packet_size: u32,
}

impl Decoder {
    /// A decoder for one direction of one connection.
    #[must_use]
    pub const fn new(receiver: Receiver, version: Version, max_packet_size: u32) -> Self {
        Self { version, receiver, max_packet_size }
    }

    /// Takes one whole packet off the front of `buffer`; `None` when more bytes are needed.
    ///
    /// Nothing is copied but a password: payloads and strings share the memory of `buffer`. Nothing is
    /// allocated for a packet that is announced but not there.
    ///
    /// # Errors
    /// What is wrong with the packet. The connection is to be closed ([MQTT-4.13.1-1], 3.1.1:
    /// [MQTT-4.8.0-1]); what is left in `buffer` then has no meaning.
    pub fn decode(&self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some(header) = FixedHeader::read(buffer, self)? else { return Ok(None) };
        let length = header.packet_len();
        if buffer.len() < length {
            return Ok(None);
        }
        if let Some(packet) = decode::short_ack(header, buffer) {
            buffer.advance(length);
            return Ok(Some(packet));
        }
        let mut body = buffer.split_to(length).freeze();
        body.advance(header.len);
        decode::body(header, body, self).map(Some)
    }

    /// The length of the packet at the front in bytes, fixed header included, once the fixed header is
    /// there; `None` before.
    ///
    /// # Errors
    /// Whatever the fixed header alone shows to be wrong: a packet that the receiver may not be sent,
    /// reserved flags, a Remaining Length that cannot be, a packet larger than the maximum.
    pub fn frame_len(&self, buffer: &[u8]) -> Result<Option<usize>, DecodeError> {
        Ok(FixedHeader::read(buffer, self)?.map(|header| header.packet_len()))
    }
}

#[cfg(test)]
mod tests;
