//! A session fed with packets of a hostile server, and with requests, acknowledgements, losses and time in
//! between: no panic, a ledger that adds up, and nothing but whole packets in the outbox.
#![no_main]

use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use libfuzzer_sys::fuzz_target;
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::session::{Credentials, Session, SessionOptions};
use mqt_proto::{Message, Properties, QoS, ReasonCode, Subscription, TopicFilter, TopicName, Version};

fuzz_target!(|data: &[u8]| {
    let [version, rest @ ..] = data else { return };
    let version = if version & 1 == 0 { Version::V311 } else { Version::V5 };
    let mut now = Instant::now();
    let options = SessionOptions { client_id: "f".into(), max_inflight: 4, ..SessionOptions::default() };
    let mut session = Session::new(options, now);
    let from_server = Decoder::new(Receiver::Client, version, 1 << 16);
    let from_client = Decoder::new(Receiver::Server, version, 1 << 20);
    let mut received = BytesMut::new();
    let mut sent = BytesMut::new();
    let connect = |session: &mut Session, now| session.connect(version, Credentials::default(), now).is_ok();
    assert!(connect(&mut session, now));
    for step in rest.chunks(8) {
        let [what, arguments @ ..] = step else { return };
        match what % 8 {
            0 => {
                session.publish(Message {
                    topic: TopicName::new("a").unwrap(),
                    payload: arguments.to_vec().into(),
                    qos: QoS::from_level(what / 8 % 3).unwrap(),
                    retain: false,
                    properties: Properties::new(),
                });
            }
            1 => {
                let filter = TopicFilter::new("a/#").unwrap();
                session.subscribe(vec![Subscription::new(filter, QoS::ExactlyOnce)], Properties::new());
            }
            2 => session.acknowledge(u64::from(*what)),
            3 => {
                now += Duration::from_secs(u64::from(what / 8));
                if session.timeout(now).is_err() {
                    session.lost();
                }
            }
            4 => session.disconnect(ReasonCode::SUCCESS),
            _ => {
                received.extend_from_slice(arguments);
                loop {
                    let broken = match from_server.decode(&mut received) {
                        Ok(Some(packet)) => session.handle(packet, now).is_err(),
                        Ok(None) => break,
                        Err(error) => {
                            session.tell(&error.into());
                            true
                        }
                    };
                    if broken {
                        session.lost();
                        received.clear();
                        sent.clear();
                        assert!(connect(&mut session, now));
                    }
                }
            }
        }
        while session.outbox().has_remaining() {
            let chunk = session.outbox().chunk().to_vec();
            session.outbox().advance(chunk.len());
            sent.extend_from_slice(&chunk);
        }
        while let Ok(Some(_)) = from_client.decode(&mut sent) {}
        assert!(from_client.decode(&mut sent).is_ok_and(|packet| packet.is_none()), "the session sent a bad packet");
        while session.take_event().is_some() {}
        let ledger = session.ledger();
        assert!(ledger.confirmed + ledger.refused + ledger.unknown <= ledger.asked);
    }
});
