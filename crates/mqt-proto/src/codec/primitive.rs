//! The data types (1.5): variable byte integers, strings, binary data; read from a body, written to a sink.

use std::borrow::Cow;

use bytes::{Buf, Bytes};
use bytestring::ByteString;

use super::super::{MAX_STRING_LENGTH, PacketId, TopicError, TopicFilter, TopicName, WriteBuffer};
use super::{DecodeError, EncodeError};

/// A variable byte integer (1.5.5) at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Varint {
    /// More bytes are needed.
    Incomplete,
    /// The fourth byte says that there is a fifth.
    TooLong,
    Value {
        value: u32,
        /// The number of bytes that it takes: 1 to 4.
        len: usize,
        /// Whether it takes as few bytes as it can.
        is_shortest: bool,
    },
}

/// Reads a variable byte integer.
pub(super) fn read_varint(bytes: &[u8]) -> Varint {
    let mut value = 0;
    for (byte, (shift, len)) in bytes.iter().zip([(0, 1), (7, 2), (14, 3), (21, 4)]) {
        value |= u32::from(byte & 0x7F).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Varint::Value { value, len, is_shortest: *byte != 0 || len == 1 };
        }
    }
    if bytes.len() >= 4 { Varint::TooLong } else { Varint::Incomplete }
}

/// The number of bytes that a variable byte integer takes.
pub(super) const fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Takes values off the front of the body of a packet.
#[derive(Debug)]
pub(super) struct Reader {
    packet: &'static str,
    rest: Bytes,
}

impl Reader {
    pub(super) const fn new(packet: &'static str, body: Bytes) -> Self {
        Self { packet, rest: body }
    }

    pub(super) const fn packet(&self) -> &'static str {
        self.packet
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// What is left, as it lies in memory.
    pub(super) fn into_rest(self) -> Bytes {
        self.rest
    }

    /// A Malformed Packet.
    #[cold]
    pub(super) fn malformed(&self, what: impl Into<Cow<'static, str>>, clause: &'static str) -> DecodeError {
        DecodeError::Malformed { packet: self.packet, what: what.into(), clause }
    }

    /// A Protocol Error.
    #[cold]
    pub(super) fn protocol(&self, what: impl Into<Cow<'static, str>>, clause: &'static str) -> DecodeError {
        DecodeError::Protocol { packet: self.packet, what: what.into(), clause }
    }

    #[cold]
    fn too_short(&self) -> DecodeError {
        self.malformed("it ends in the middle of a field", "2.1.4")
    }

    /// Checks that nothing is left.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.malformed(format!("{} bytes are left over behind its last field", self.rest.len()), "2.1.4"))
    }

    pub(super) fn take(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        if len > self.rest.len() {
            return Err(self.too_short());
        }
        Ok(self.rest.split_to(len))
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.rest.try_get_u8().map_err(|_| self.too_short())
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.rest.try_get_u16().map_err(|_| self.too_short())
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.rest.try_get_u32().map_err(|_| self.too_short())
    }

    /// A variable byte integer, in its shortest form ([MQTT-1.5.5-1]).
    pub(super) fn varint(&mut self) -> Result<u32, DecodeError> {
        match read_varint(&self.rest) {
            Varint::Incomplete => Err(self.too_short()),
            Varint::TooLong => {
                Err(self.malformed("a variable byte integer has more than four bytes", "1.5.5"))
            }
            Varint::Value { is_shortest: false, .. } => {
                Err(self.malformed("a variable byte integer has more bytes than it needs", "MQTT-1.5.5-1"))
            }
            Varint::Value { value, len, .. } => {
                self.rest.advance(len);
                Ok(value)
            }
        }
    }

    /// A packet identifier, which is not 0 ([MQTT-2.2.1-3]).
    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?).ok_or_else(|| self.protocol("its packet identifier is 0", "MQTT-2.2.1-3"))
    }

    /// Binary data (1.5.6).
    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    fn utf8(&mut self, what: &'static str) -> Result<ByteString, DecodeError> {
        ByteString::try_from(self.binary()?)
            .map_err(|_| self.malformed(format!("its {what} is not UTF-8"), "MQTT-1.5.4-1"))
    }

    /// A UTF-8 string without U+0000 (1.5.4).
    pub(super) fn text(&mut self, what: &'static str) -> Result<ByteString, DecodeError> {
        let text = self.utf8(what)?;
        if has_nul(&text) {
            return Err(self.nul(what));
        }
        Ok(text)
    }

    #[cold]
    fn nul(&self, what: &'static str) -> DecodeError {
        self.malformed(format!("its {what} contains U+0000"), "MQTT-1.5.4-2")
    }

    /// A topic name; the empty one, which only an alias makes good, is the default value.
    pub(super) fn topic_name(&mut self, what: &'static str) -> Result<TopicName, DecodeError> {
        let text = self.utf8(what)?;
        if text.is_empty() {
            return Ok(TopicName::default());
        }
        TopicName::new(text).map_err(|why| match why {
            TopicError::Nul => self.nul(what),
            why => DecodeError::TopicName { packet: self.packet, why },
        })
    }

    /// A topic filter.
    pub(super) fn topic_filter(&mut self) -> Result<TopicFilter, DecodeError> {
        let text = self.utf8("topic filter")?;
        TopicFilter::new(text).map_err(|why| match why {
            TopicError::Nul => self.nul("topic filter"),
            why => DecodeError::TopicFilter { packet: self.packet, why },
        })
    }
}

fn has_nul(text: &str) -> bool {
    memchr::memchr(0, text.as_bytes()).is_some()
}

/// Where encoded bytes go: the write buffer, or a count of them.
pub(super) trait Sink {
    fn put_u8(&mut self, byte: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u32(&mut self, value: u32);
    fn put_slice(&mut self, bytes: &[u8]);

    /// A variable byte integer (1.5.5); the value was checked to fit.
    fn put_varint(&mut self, mut value: usize) {
        while value > 0x7F {
            self.put_u8(low_byte(value) | 0x80);
            value >>= 7;
        }
        self.put_u8(low_byte(value));
    }

    /// The two-byte length and the bytes; the length was checked to fit.
    fn put_binary(&mut self, bytes: &[u8]) {
        self.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.put_slice(bytes);
    }
}

fn low_byte(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

impl Sink for WriteBuffer {
    fn put_u8(&mut self, byte: u8) {
        self.put_u8(byte);
    }

    fn put_u16(&mut self, value: u16) {
        self.put_u16(value);
    }

    fn put_u32(&mut self, value: u32) {
        self.put_u32(value);
    }

    fn put_slice(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

/// Counts bytes instead of writing them.
#[derive(Debug, Default)]
pub(super) struct ByteCount(pub(super) usize);

impl ByteCount {
    fn add(&mut self, len: usize) {
        self.0 = self.0.saturating_add(len);
    }
}

impl Sink for ByteCount {
    fn put_u8(&mut self, _: u8) {
        self.add(1);
    }

    fn put_u16(&mut self, _: u16) {
        self.add(2);
    }

    fn put_u32(&mut self, _: u32) {
        self.add(4);
    }

    fn put_slice(&mut self, bytes: &[u8]) {
        self.add(bytes.len());
    }
}

/// Checks that a two-byte length can say how long a value is.
pub(super) fn check_binary(what: &'static str, bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.len() > MAX_STRING_LENGTH {
        return Err(EncodeError::TooLong { what, len: bytes.len() });
    }
    Ok(())
}

/// Checks the length of a string, and that it is without U+0000 ([MQTT-1.5.4-2]).
pub(super) fn check_text(what: &'static str, text: &str) -> Result<(), EncodeError> {
    check_binary(what, text.as_bytes())?;
    if has_nul(text) {
        return Err(EncodeError::Nul { what });
    }
    Ok(())
}
