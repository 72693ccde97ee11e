//! Bytes written by hand from the standards, held against packets, in both directions.

mod ack;
mod connect;
mod encode_error;
mod frame;
mod publish;
mod subscribe;

use bytes::{Buf, Bytes, BytesMut};

use crate::notation::{self, bytes};

use super::super::packet::*;
use super::super::*;
use super::*;

/// Larger than any packet can be.
const NO_LIMIT: u32 = u32::MAX;

const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];
const OLD: [Version; 2] = [Version::V31, Version::V311];

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn properties<const N: usize>(list: [Property; N]) -> Properties {
    Vec::from(list).into()
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

fn decode(receiver: Receiver, version: Version, bytes: &[u8]) -> Result<Option<Packet>, DecodeError> {
    let mut buffer = BytesMut::from(bytes);
    let packet = Decoder::new(receiver, version, NO_LIMIT).decode(&mut buffer)?;
    assert!(packet.is_none() || buffer.is_empty(), "bytes are left over");
    Ok(packet)
}

fn encoded(packet: &Packet, version: Version) -> Result<Bytes, EncodeError> {
    let mut out = WriteBuffer::new();
    let result = encode(packet, version, &mut out);
    let len = out.len();
    let bytes = out.copy_to_bytes(len);
    result.inspect_err(|_| assert_eq!(bytes, "", "something was written"))?;
    Ok(bytes)
}

/// The bytes mean the packet, and the packet is written as the bytes.
#[track_caller]
fn same(receiver: Receiver, version: Version, bytes: &str, packet: Packet) {
    means(receiver, version, bytes, packet.clone());
    assert_eq!(encoded(&packet, version), Ok(notation::bytes(bytes).into()), "encoding for MQTT {version}");
}

/// The bytes mean the packet, though it is not written so.
#[track_caller]
fn means(receiver: Receiver, version: Version, bytes: &str, packet: Packet) {
    let bytes = notation::bytes(bytes);
    assert_eq!(decode(receiver, version, &bytes), Ok(Some(packet)), "decoding for MQTT {version}");
    for end in 0..bytes.len() {
        assert_eq!(decode(receiver, version, &bytes[..end]), Ok(None), "the first {end} bytes");
    }
}

/// The bytes are refused for a reason whose text contains `why`.
#[track_caller]
fn refused(receiver: Receiver, version: Version, bytes: &str, reason: ReasonCode, why: &str) {
    let error = decode(receiver, version, &notation::bytes(bytes)).expect_err(bytes);
    assert_eq!(error.reason(), reason, "{error}");
    assert!(error.to_string().contains(why), "`{error}` does not say `{why}`");
}

/// The packet is refused before anything is written.
#[track_caller]
fn unsendable(packet: Packet, version: Version, why: &str) {
    let error = encoded(&packet, version).expect_err(why);
    assert!(error.to_string().contains(why), "`{error}` does not say `{why}`");
}
