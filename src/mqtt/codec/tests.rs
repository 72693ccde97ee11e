//! Bytes written by hand from the standards, held against packets, in both directions.

use bytes::{Buf, BytesMut};

use super::super::packet::*;
use super::super::*;
use super::*;

const MAX: u32 = 268_435_460;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn decode_as(receiver: Receiver, version: Version, bytes: &[u8]) -> Result<Option<Packet>, DecodeError> {
    Decoder::new(receiver, version, MAX).decode(&mut BytesMut::from(bytes))
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

#[track_caller]
fn is_on_the_wire(receiver: Receiver, version: Version, bytes: &str, packet: Packet) {
    let bytes = hex(bytes);
    assert_eq!(decode_as(receiver, version, &bytes), Ok(Some(packet.clone())), "decode, MQTT {version}");
    let mut out = WriteBuffer::new();
    encode(&packet, version, &mut out).unwrap();
    let len = out.len();
    assert_eq!(out.copy_to_bytes(len), bytes, "encode, MQTT {version}");
}

#[test]
fn publish_of_every_version() {
    let message = Message {
        topic: TopicName::new("a/b").unwrap(),
        payload: "hi".into(),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::new(),
    };
    let packet = Packet::Publish(Publish { dup: true, packet_id: Some(id(10)), message });
    for receiver in [Receiver::Client, Receiver::Server] {
        is_on_the_wire(receiver, Version::V31, "3B 09 0003 612F62 000A 6869", packet.clone());
        is_on_the_wire(receiver, Version::V311, "3B 09 0003 612F62 000A 6869", packet.clone());
        is_on_the_wire(receiver, Version::V5, "3B 0A 0003 612F62 000A 00 6869", packet.clone());
    }
}

#[test]
fn connect_of_every_version() {
    let mut connect = Connect {
        version: Version::V31,
        clean_start: true,
        keep_alive: 60,
        properties: Properties::new(),
        client_id: "c".into(),
        will: None,
        user_name: Some("u".into()),
        password: Some(Secret::from("p")),
    };
    let server = Receiver::Server;
    is_on_the_wire(
        server,
        Version::V31,
        "10 15 0006 4D5149736470 03 C2 003C 0001 63 0001 75 0001 70",
        Packet::Connect(Box::new(connect.clone())),
    );
    connect.version = Version::V311;
    is_on_the_wire(
        server,
        Version::V311,
        "10 13 0004 4D515454 04 C2 003C 0001 63 0001 75 0001 70",
        Packet::Connect(Box::new(connect.clone())),
    );
    connect.version = Version::V5;
    is_on_the_wire(
        server,
        Version::V5,
        "10 14 0004 4D515454 05 C2 003C 00 0001 63 0001 75 0001 70",
        Packet::Connect(Box::new(connect)),
    );
}
