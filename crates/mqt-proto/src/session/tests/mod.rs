//! The flows of a session, byte by byte: what is expected and what comes in is written by hand from the
//! standards, in hexadecimal, with text between single quotes.

#![expect(clippy::arithmetic_side_effects, reason = "a sum that overflows fails the test, as it should")]

mod alive;
mod asking;
mod connect;
mod limits;
mod publish;
mod receive;
mod resume;
mod subscribe;

use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use crate::notation::{bytes, hex};

use super::*;
use crate::codec::{Decoder, Receiver};
use crate::{Message, Property, QoS};

/// The two versions of which most tests hold.
const BOTH: [Version; 2] = [Version::V311, Version::V5];

/// A session between a scripted server and a scripted user.
struct Bench {
    session: Session,
    version: Version,
    /// When the test began.
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(version: Version, options: SessionOptions) -> Self {
        let now = Instant::now();
        Self { session: Session::new(options, now), version, start: now, now }
    }

    /// A session with the client identifier `c` and keep alive 60.
    fn plain(version: Version) -> Self {
        Self::new(version, options())
    }

    /// [`Self::plain`] after CONNECT and a CONNACK without properties.
    fn connected(version: Version) -> Self {
        let mut bench = Self::plain(version);
        bench.connect();
        bench.accept(false, "");
        bench
    }

    /// A session that outlives its connection, connected for the first time.
    fn persistent(version: Version) -> Self {
        let mut bench = Self::new(version, persistent());
        bench.connect();
        bench.accept(false, "");
        bench
    }

    /// Writes CONNECT and takes it out of the outbox.
    fn connect(&mut self) -> Vec<u8> {
        self.session.connect(self.version, Credentials::default(), self.now).unwrap();
        self.take()
    }

    /// CONNACK with code 0; `properties` in hexadecimal, for MQTT 5.
    #[track_caller]
    fn accept(&mut self, session_present: bool, properties: &str) {
        let earlier = self.session.events.len();
        self.try_accept(session_present, properties).unwrap();
        let reported = self.session.events.remove(earlier);
        assert!(matches!(reported, Some(Event::Connected(_))), "CONNACK was not reported first");
    }

    fn try_accept(&mut self, session_present: bool, properties: &str) -> Result<(), SessionError> {
        let present = if session_present { "01" } else { "00" };
        let properties = bytes(properties);
        let packet = if self.version == Version::V5 {
            format!(
                "20 {:02X} {present} 00 {:02X} {}",
                properties.len() + 3,
                properties.len(),
                hex(&properties)
            )
        } else {
            assert!(properties.is_empty(), "3.x has no properties");
            format!("20 02 {present} 00")
        };
        self.receive(&packet)
    }

    /// Loses the connection and makes another, up to CONNACK.
    #[track_caller]
    fn reconnect(&mut self, session_present: bool) {
        self.reconnect_with(session_present, "");
    }

    #[track_caller]
    fn reconnect_with(&mut self, session_present: bool, properties: &str) {
        self.session.lost();
        self.connect();
        self.accept(session_present, properties);
    }

    /// Takes everything out of the outbox.
    fn take(&mut self) -> Vec<u8> {
        let outbox = self.session.outbox();
        let mut bytes = vec![0; outbox.remaining()];
        outbox.copy_to_slice(&mut bytes);
        if !bytes.is_empty() {
            self.session.bytes_sent(self.now);
        }
        bytes
    }

    /// What was sent since the last look is exactly this.
    #[track_caller]
    fn sent(&mut self, expected: &str) {
        let sent = self.take();
        assert_eq!(hex(&sent), hex(&bytes(expected)), "MQTT {}", self.version);
    }

    /// Bytes arrive, whole packets.
    fn receive(&mut self, text: &str) -> Result<(), SessionError> {
        let mut buffer = BytesMut::from(&bytes(text)[..]);
        let decoder = Decoder::new(Receiver::Client, self.version, 268_435_460);
        self.session.bytes_received(self.now);
        while let Some(packet) = decoder.decode(&mut buffer).unwrap() {
            self.session.handle(packet, self.now)?;
        }
        assert!(buffer.is_empty(), "half a packet in {text}");
        Ok(())
    }

    /// Bytes arrive that are welcome.
    #[track_caller]
    fn take_in(&mut self, text: &str) {
        self.receive(text).unwrap_or_else(|error| panic!("{error} at {text}"));
    }

    /// Bytes arrive that break the protocol. MQTT 5 is told so by a DISCONNECT with this reason, and after it
    /// nothing is sent.
    #[track_caller]
    fn refuses(&mut self, text: &str, reason: u8) {
        let before = self.take();
        assert!(before.is_empty(), "unexpected before it: {}", hex(&before));
        let error = self.receive(text).expect_err("it was taken");
        assert!(
            matches!(&error, SessionError::Violation { reason: code, .. } if code.0 == reason),
            "{error:?} is not a violation with 0x{reason:02X}"
        );
        match self.version {
            Version::V5 => self.sent(&format!("E0 01 {reason:02X}")),
            _ => self.sent(""),
        }
        assert!(!self.session.is_connected() || self.version != Version::V5);
    }

    /// Time goes by.
    fn wait(&mut self, seconds: f64) -> Result<(), SessionError> {
        self.now += Duration::from_secs_f64(seconds);
        self.session.timeout(self.now)
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.take_event()).collect()
    }

    /// The messages that were delivered since the last look: number, topic, payload. Fails at other events.
    #[track_caller]
    fn delivered(&mut self) -> Vec<(u64, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.events()
            .into_iter()
            .map(|event| match event {
                Event::Message { publish, delivery } => {
                    (delivery, publish.message.topic.to_string(), text(&publish.message.payload))
                }
                other => panic!("unexpected {other:?}"),
            })
            .collect()
    }

    /// Publishes `payload` on the topic `t`.
    fn publish(&mut self, qos: QoS, payload: &'static str) -> u64 {
        self.session.publish(message(qos, payload))
    }

    /// The ledger's figures: asked, confirmed, refused, unknown, open.
    fn figures(&self) -> [u64; 5] {
        let ledger = self.session.ledger();
        [ledger.asked, ledger.confirmed, ledger.refused, ledger.unknown, ledger.open()]
    }
}

fn options() -> SessionOptions {
    SessionOptions { client_id: "c".into(), ..SessionOptions::default() }
}

/// Options of a session that outlives its connection.
fn persistent() -> SessionOptions {
    SessionOptions { clean_start: false, session_expiry: 3600, ..options() }
}

fn message(qos: QoS, payload: &'static str) -> Message {
    Message { topic: TopicName::new("t").unwrap(), payload: payload.into(), qos, ..Message::default() }
}

fn filter(text: &str, qos: QoS) -> Subscription {
    Subscription::new(TopicFilter::new(text).unwrap(), qos)
}

/// PUBLISH on the topic `t` with a payload of one byte, as a server or this client writes it. Of QoS 0
/// there is no identifier.
fn publish_bytes(version: Version, flags: u8, id: u16, payload: char) -> String {
    let id = if flags & 0b0110 == 0 { String::new() } else { format!("{id:04X}") };
    let properties = if version == Version::V5 { "00" } else { "" };
    let length = 4 + id.len() / 2 + properties.len() / 2;
    format!("3{flags:X} {length:02X} 0001 't' {id} {properties} '{payload}'")
}
