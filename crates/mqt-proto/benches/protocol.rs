//! The codec and the session, without a socket: nanoseconds a packet.

#![expect(clippy::expect_used, reason = "a benchmark that cannot begin is to stop")]

use std::hint::black_box;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mqt_proto::codec::{Decoder, Receiver, encode_publish};
use mqt_proto::packet::{Ack, ConnAck};
use mqt_proto::session::{Credentials, Session, SessionOptions};
use mqt_proto::{
    Message, Packet, PacketId, Properties, Property, QoS, ReasonCode, TopicName, Version, WriteBuffer,
};

/// Packets in one buffer, as they lie in it behind each other at high rates.
const PACKETS: u16 = 1_000;
const MAX_PACKET_SIZE: u32 = 1 << 20;

fn message(qos: QoS, properties: Properties) -> Message {
    Message {
        topic: TopicName::new("sensors/kitchen/temperature").expect("a topic name"),
        payload: vec![b'x'; 100].into(),
        qos,
        retain: false,
        properties,
    }
}

/// Bytes of [`PACKETS`] PUBLISH packets.
fn encoded(message: &Message, version: Version) -> BytesMut {
    let mut out = WriteBuffer::new();
    for number in 1..=PACKETS {
        let id = PacketId::new(number).filter(|_| message.qos > QoS::AtMostOnce);
        encode_publish(message, false, id, version, &mut out).expect("a packet that can be encoded");
    }
    let length = out.len();
    BytesMut::from(&out.copy_to_bytes(length)[..])
}

fn forms() -> [(&'static str, Version, Message); 3] {
    let user_property = Property::UserProperty("unit".into(), "degrees".into());
    [
        ("3.1.1, QoS 0", Version::V311, message(QoS::AtMostOnce, Properties::new())),
        ("5, QoS 1", Version::V5, message(QoS::AtLeastOnce, Properties::new())),
        ("5, QoS 1, a user property", Version::V5, message(QoS::AtLeastOnce, vec![user_property].into())),
    ]
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("PUBLISH of 100 bytes");
    group.throughput(Throughput::Elements(PACKETS.into()));
    for (name, version, message) in forms() {
        group.bench_function(format!("encode, {name}"), |b| b.iter(|| encoded(black_box(&message), version)));
        let bytes = encoded(&message, version);
        let decoder = Decoder::new(Receiver::Client, version, MAX_PACKET_SIZE);
        group.bench_function(format!("decode, {name}"), |b| {
            b.iter_batched(
                || bytes.clone(),
                |mut bytes| {
                    while black_box(decoder.decode(&mut bytes)).is_ok_and(|packet| packet.is_some()) {}
                },
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn session(c: &mut Criterion) {
    let now = Instant::now();
    let options = SessionOptions { client_id: "bench".into(), max_inflight: 20, ..SessionOptions::default() };
    let mut session = Session::new(options, now);
    session.connect(Version::V5, Credentials::default(), now).expect("a session that is new");
    let accepted = ConnAck {
        session_present: false,
        reason: ReasonCode::SUCCESS,
        code: 0,
        properties: Properties::new(),
    };
    session.handle(Packet::ConnAck(accepted), now).expect("a CONNACK in its place");
    let message = message(QoS::AtLeastOnce, Properties::new());
    let decoder = Decoder::new(Receiver::Server, Version::V5, MAX_PACKET_SIZE);
    let mut sent = BytesMut::new();
    c.bench_function("session: publish at QoS 1 and its PUBACK", |b| {
        b.iter(|| {
            session.publish(black_box(message.clone()));
            let length = session.outbox().len();
            sent.extend_from_slice(&session.outbox().copy_to_bytes(length));
            while let Ok(Some(packet)) = decoder.decode(&mut sent) {
                if let Packet::Publish(publish) = packet {
                    let id = publish.packet_id.expect("one of QoS 1 has an identifier");
                    let ack = Packet::PubAck(Ack::new(id, ReasonCode::SUCCESS));
                    session.handle(ack, now).expect("a PUBACK in its place");
                }
            }
            while session.take_event().is_some() {}
            while session.take_confirmed().is_some() {}
        });
    });
}

criterion_group!(benches, codec, session);
criterion_main!(benches);
