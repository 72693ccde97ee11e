//! A broker that sends the right packets at the wrong time: every state of a session against the packets
//! that have no place in it. One row, one session.
//!
//! 311:4.8.0-1 5:4.13.1-1: what breaks the protocol ends the connection; MQTT 5 is told why.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::session::{Credentials, Event, Session, SessionError, SessionOptions};
use mqt_proto::{Message, Properties, QoS, ReasonCode, Subscription, TopicFilter, TopicName, Version};

use crate::notation::{bytes, hex};

/// `versions | state | what the broker sends | what comes of it`
///
/// Bytes are hexadecimal with text between quotes. `L` is the Remaining Length, `P` an empty property list of
/// MQTT 5 and nothing in 3.1.1, `U` the reason code 0x00 of an UNSUBACK of MQTT 5.
///
/// What comes of it: `ignored`; `sends BYTES`; `delivers`; `confirms`, the publish has succeeded; `denies`, it
/// has failed; `answers`, a SUBACK or UNSUBACK was accepted; `connects`; `refused CODE`; `ended CODE`, by a
/// DISCONNECT; `breaks CODE`: the connection is over, and MQTT 5 is told so with this reason once a CONNACK was
/// taken; `exchange`, an authentication exchange is asked for.
const ROWS: &str = "
both | connecting    | 20 L 00 00 P                    | connects
311  | connecting    | 20 02 01 00                     | breaks 82
5    | connecting    | 20 03 01 00 00                  | sends E0 01 82, breaks 82
both | connecting    | 20 L 00 00 P  20 L 00 00 P      | connects, breaks 82
both | connecting    | 20 L 00 00 P  30 L 0001 't' P 'x' | connects, delivers
both | connecting    | 20 L 01 05 P                    | breaks 82
both | connecting    | 20 L 02 00 P                    | breaks 81
311  | connecting    | 20 02 00 01                     | refused 84
311  | connecting    | 20 02 00 02                     | refused 85
311  | connecting    | 20 02 00 03                     | refused 88
311  | connecting    | 20 02 00 04                     | refused 86
311  | connecting    | 20 02 00 05                     | refused 87
311  | connecting    | 20 02 00 06                     | refused 80
311  | connecting    | 20 03 00 00 00                  | breaks 81
5    | connecting    | 20 03 00 84 00                  | refused 84
5    | connecting    | 20 03 00 87 00                  | refused 87
5    | connecting    | 20 03 00 9F 00                  | refused 9F
5    | connecting    | 20 03 00 01 00                  | breaks 82
5    | connecting    | 20 02 00 01                     | breaks 82
5    | connecting    | 20 02 00 00                     | breaks 82
5    | connecting    | 20 06 00 00 03 21 0000          | breaks 82
5    | connecting    | 20 05 00 00 02 24 02            | breaks 82
5    | connecting    | 20 08 00 00 05 27 00000000      | breaks 82
5    | connecting    | 20 09 00 00 06 21 0001 21 0002  | breaks 82
5    | connecting    | 20 06 00 00 03 23 0001          | breaks 81
5    | connecting    | 20 07 00 00 04 15 0001 'm'      | sends E0 01 82, breaks 82
both | connecting    | 30 L 0001 't' P 'x'             | breaks 82
both | connecting    | 32 L 0001 't' 0009 P 'x'        | breaks 82
both | connecting    | 34 L 0001 't' 0009 P 'x'        | breaks 82
both | connecting    | 40 02 0001                      | breaks 82
both | connecting    | 50 02 0001                      | breaks 82
both | connecting    | 62 02 0001                      | breaks 82
both | connecting    | 70 02 0001                      | breaks 82
both | connecting    | 90 L 0001 P 00                  | breaks 82
both | connecting    | B0 L 0001 P U                   | breaks 82
both | connecting    | D0 00                           | breaks 82
both | connecting    | 10 00                           | breaks 82
both | connecting    | 82 L 0001 P 0001 'a' 00         | breaks 82
both | connecting    | A2 L 0001 P 0001 'a'            | breaks 82
both | connecting    | C0 00                           | breaks 82
both | connecting    | E0 00                           | breaks 82
5    | connecting    | E0 01 8B                        | breaks 82
311  | connecting    | F0 00                           | breaks 81
5    | connecting    | F0 00                           | breaks 82
5    | connecting    | F0 06 18 04 15 0001 'm'         | breaks 82
both | connecting    | 00 00                           | breaks 81
both | connecting    | 'HTTP/1.1 400 Bad Request'      | breaks 81

both | idle          | 20 L 00 00 P                    | breaks 82
both | idle          | 20 L 00 05 P                    | breaks 82
both | idle          | 30 L 0001 't' P 'x'             | delivers
both | idle          | 32 L 0001 't' 0009 P 'x'        | delivers
both | idle          | 3A L 0001 't' 0009 P 'x'        | delivers
both | idle          | 3C L 0001 't' 0009 P 'x'        | delivers
both | idle          | 38 L 0001 't' P 'x'             | tolerates, delivers
both | idle          | 36 L 0001 't' 0009 P 'x'        | breaks 81
both | idle          | 32 L 0001 't' 0000 P 'x'        | breaks 82
both | idle          | 30 L 0003 'a/#' P 'x'           | breaks 90
311  | idle          | 30 L 0000 'x'                   | breaks 82
5    | idle          | 30 L 0000 00 'x'                | breaks 82
5    | idle          | 30 L 0000 03 23 0001 'x'        | breaks 94
5    | idle          | 30 L 0001 't' 03 23 0001 'x'    | breaks 94
5    | idle          | 30 L 0001 't' 03 23 0000 'x'    | breaks 94
both | idle          | 40 02 0007                      | ignored
5    | idle          | 40 03 0007 87                   | ignored
5    | idle          | 40 03 0007 05                   | breaks 82
311  | idle          | 50 02 0007                      | sends 62 02 0007
5    | idle          | 50 02 0007                      | sends 62 03 0007 92
5    | idle          | 50 03 0007 97                   | ignored
311  | idle          | 62 02 0007                      | sends 70 02 0007
5    | idle          | 62 02 0007                      | sends 70 03 0007 92
5    | idle          | 62 03 0007 92                   | sends 70 03 0007 92
both | idle          | 60 02 0007                      | breaks 81
both | idle          | 70 02 0007                      | ignored
both | idle          | 40 02 0000                      | breaks 82
both | idle          | 62 02 0000                      | breaks 82
both | idle          | 90 L 0001 P 00                  | tolerates
both | idle          | 90 L 0001 P                     | breaks 82
both | idle          | B0 L 0001 P U                   | tolerates
both | idle          | D0 00                           | ignored
both | idle          | D0 00 D0 00 D0 00               | ignored
both | idle          | 10 00                           | breaks 82
both | idle          | 82 L 0001 P 0001 'a' 00         | breaks 82
both | idle          | A2 L 0001 P 0001 'a'            | breaks 82
both | idle          | C0 00                           | breaks 82
311  | idle          | E0 00                           | breaks 82
5    | idle          | E0 00                           | ended 00
5    | idle          | E0 01 8E                        | ended 8E
5    | idle          | E0 02 9D 00                     | ended 9D
5    | idle          | E0 01 8E  30 05 0001 't' 00 'x' | ended 8E
5    | idle          | E0 01 85                        | ended 85
5    | idle          | E0 07 00 05 11 00000001         | breaks 82
5    | idle          | F0 00                           | breaks 82
5    | idle          | F0 06 18 04 15 0001 'm'         | breaks 82
311  | idle          | F0 00                           | breaks 81

5    | authenticating | F0 06 18 04 15 0001 'm'        | exchange
5    | authenticating | 20 07 00 00 04 15 0001 'm'     | connects
5    | authenticating | 20 07 00 00 04 15 0001 'n'     | sends E0 01 82, breaks 82
5    | authenticating | 20 03 00 8C 00                 | refused 8C
5    | authenticating | 20 03 00 00 00  F0 06 18 04 15 0001 'm' | connects, exchange

both | qos 1         | 40 02 0001                      | confirms
both | qos 1         | 40 02 0001  40 02 0001          | confirms
5    | qos 1         | 40 03 0001 10                   | confirms
5    | qos 1         | 40 03 0001 87                   | denies
5    | qos 1         | 40 03 0001 87  40 03 0001 00    | denies
both | qos 1         | 40 02 0002                      | ignored
both | qos 1         | 50 02 0001                      | breaks 82
5    | qos 1         | 50 03 0001 87                   | breaks 82
both | qos 1         | 70 02 0001                      | breaks 82
both | qos 1         | 90 L 0001 P 00                  | tolerates
both | qos 1         | B0 L 0001 P U                   | tolerates
311  | qos 1         | 62 02 0001                      | sends 70 02 0001
5    | qos 1         | 62 02 0001                      | sends 70 03 0001 92
both | qos 1         | 32 L 0001 't' 0001 P 'x'        | delivers

both | qos 2         | 50 02 0001                      | sends 62 02 0001
both | qos 2         | 50 02 0001  70 02 0001          | sends 62 02 0001, confirms
both | qos 2         | 50 02 0001  50 02 0001          | sends 62 02 0001 62 02 0001
5    | qos 2         | 50 03 0001 87                   | denies
311  | qos 2         | 50 02 0001  50 02 0001  70 02 0001  70 02 0001 | sends 62 02 0001 62 02 0001, confirms
both | qos 2         | 40 02 0001                      | tolerates, denies
5    | qos 2         | 40 03 0001 87                   | tolerates, denies
both | qos 2         | 70 02 0001                      | breaks 82
both | qos 2         | 90 L 0001 P 00                  | tolerates
both | qos 2         | B0 L 0001 P U                   | tolerates
both | released      | 70 02 0001                      | confirms
5    | released      | 70 03 0001 92                   | confirms
both | released      | 50 02 0001                      | sends 62 02 0001
5    | released      | 50 03 0001 97                   | ignored
both | released      | 40 02 0001                      | breaks 82
both | released      | 90 L 0001 P 00                  | tolerates

both | subscribing   | 90 L 0001 P 00                  | answers
5    | subscribing   | 90 L 0001 P 87                  | answers
311  | subscribing   | 90 L 0001 80                    | answers
both | subscribing   | 90 L 0001 P 00  90 L 0001 P 00  | answers, tolerates
both | subscribing   | 90 L 0001 P 00 00               | breaks 82
both | subscribing   | 90 L 0001 P                     | breaks 82
both | subscribing   | 90 L 0002 P 00                  | tolerates
both | subscribing   | 90 L 0000 P 00                  | breaks 82
both | subscribing   | 90 L 0001 P 03                  | breaks 82
311  | subscribing   | 90 L 0001 87                    | tolerates, answers
both | subscribing   | B0 L 0001 P U                   | tolerates
both | subscribing   | 40 02 0001                      | breaks 82
both | subscribing   | 50 02 0001                      | breaks 82
both | subscribing   | 70 02 0001                      | breaks 82
both | subscribing   | 30 L 0001 't' P 'x'             | delivers
both | unsubscribing | B0 L 0001 P U                   | answers
both | unsubscribing | B0 L 0001 P U  B0 L 0001 P U    | answers, tolerates
5    | unsubscribing | B0 L 0001 00 11                 | answers
5    | unsubscribing | B0 L 0001 00 00 00              | breaks 82
5    | unsubscribing | B0 L 0001 00                    | breaks 82
311  | unsubscribing | B0 L 0001 00                    | breaks 81
both | unsubscribing | B0 L 0002 P U                   | tolerates
both | unsubscribing | 90 L 0001 P 00                  | tolerates
both | unsubscribing | 40 02 0001                      | breaks 82

both | received 1    | 3A L 0001 't' 0009 P 'x'        | delivers
311  | received 1    | 62 02 0009                      | sends 70 02 0009
5    | received 1    | 62 02 0009                      | sends 70 03 0009 92
both | received 2    | 3C L 0001 't' 0009 P 'x'        | ignored
both | received 2    | 34 L 0001 't' 0009 P 'y'        | ignored
both | received 2    | 32 L 0001 't' 0009 P 'y'        | delivers
both | received 2    | 62 02 0009                      | breaks 82
both | recorded      | 3C L 0001 't' 0009 P 'x'        | sends 50 02 0009
both | recorded      | 62 02 0009                      | sends 70 02 0009
5    | recorded      | 62 03 0009 92                   | sends 70 02 0009
both | recorded      | 62 02 0009  34 L 0001 't' 0009 P 'z' | sends 70 02 0009, delivers
5    | recorded      | 62 02 0009  62 02 0009          | sends 70 02 0009 70 03 0009 92
311  | recorded      | 62 02 0009  62 02 0009          | sends 70 02 0009 70 02 0009
both | recorded      | 40 02 0009                      | ignored

both | closing       | 30 L 0001 't' P 'x'             | ignored
both | closing       | 32 L 0001 't' 0009 P 'x'        | ignored
both | closing       | 34 L 0001 't' 0009 P 'x'        | ignored
both | closing       | 50 02 0007                      | ignored
both | closing       | 62 02 0007                      | ignored
both | closing       | D0 00                           | ignored
5    | closing       | E0 01 8E                        | ended 8E
both | closing       | 20 L 00 00 P                    | breaks 82
both | closing       | C0 00                           | breaks 82
";

/// Writes a row's bytes for a version.
fn packets(text: &str, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    // The packets of a row: each but the last ends where two spaces follow.
    for packet in text.split("  ").map(str::trim).filter(|packet| !packet.is_empty()) {
        let v5 = version == Version::V5;
        let mut filled = String::new();
        for (index, part) in packet.split('\'').enumerate() {
            if index % 2 == 1 {
                filled += &format!("'{part}'");
            } else {
                let empty = if v5 { "00" } else { "" };
                filled += &part.replace(['P', 'U'], empty);
            }
        }
        match filled.split_once('L') {
            Some((head, body)) if !head.contains('\'') => {
                let body = bytes(body);
                out.extend(bytes(head));
                out.push(u8::try_from(body.len()).unwrap());
                out.extend(body);
            }
            _ => out.extend(bytes(&filled)),
        }
    }
    out
}

struct Case {
    session: Session,
    version: Version,
    state: &'static str,
    now: Instant,
}

impl Case {
    fn feed(&mut self, packets: &[u8]) -> Result<(), SessionError> {
        let decoder = Decoder::new(Receiver::Client, self.version, 1_000_000);
        let mut buffer = BytesMut::from(packets);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(None) => return Ok(()),
                Ok(Some(packet)) => self.session.handle(packet, self.now)?,
                Err(error) => {
                    let error = SessionError::from(error);
                    self.session.tell(&error);
                    return Err(error);
                }
            }
        }
    }

    fn text(&mut self, packets_in: &str) {
        let packets = packets(packets_in, self.version);
        self.feed(&packets).unwrap();
    }

    fn sent(&mut self) -> Vec<u8> {
        let outbox = self.session.outbox();
        let length = outbox.remaining();
        outbox.copy_to_bytes(length).to_vec()
    }

    fn publish(&mut self, qos: QoS) {
        let topic = TopicName::new("t").unwrap();
        self.session.publish(Message { topic, payload: "p".into(), qos, ..Message::default() });
    }

    /// A session in this state, with nothing left to write or to report.
    fn new(version: Version, state: &'static str) -> Self {
        let now = Instant::now();
        let mut options = SessionOptions { client_id: "c".into(), ..SessionOptions::default() };
        if state == "authenticating" {
            options.connect_properties = vec![mqt_proto::Property::AuthenticationMethod("m".into())].into();
        }
        let session = Session::new(options, now);
        let mut case = Self { session, version, state, now };
        case.session.connect(version, Credentials::default(), now).unwrap();
        if !matches!(state, "connecting" | "authenticating") {
            case.text("20 L 00 00 P");
        }
        let filter = TopicFilter::new("a").unwrap();
        match state {
            "connecting" | "authenticating" | "idle" => {}
            "qos 1" => case.publish(QoS::AtLeastOnce),
            "qos 2" => case.publish(QoS::ExactlyOnce),
            "released" => {
                case.publish(QoS::ExactlyOnce);
                case.text("50 02 0001");
            }
            "subscribing" => {
                case.session.subscribe(vec![Subscription::new(filter, QoS::AtMostOnce)], Properties::new());
            }
            "unsubscribing" => case.session.unsubscribe(vec![filter], Properties::new()),
            "received 1" => case.text("32 L 0001 't' 0009 P 'x'"),
            "received 2" => case.text("34 L 0001 't' 0009 P 'x'"),
            "recorded" => {
                case.text("34 L 0001 't' 0009 P 'x'");
                case.session.acknowledge(1);
            }
            "closing" => case.session.disconnect(ReasonCode::SUCCESS),
            other => panic!("no state {other}"),
        }
        case.sent();
        while case.session.take_event().is_some() {}
        case
    }

    /// What came of it, in the words of the table.
    fn outcome(&mut self, packets: &[u8]) -> String {
        let before = self.session.ledger();
        let result = self.feed(packets);
        let mut words = Vec::new();
        let sent = self.sent();
        let mut events = Vec::new();
        while let Some(event) = self.session.take_event() {
            events.push(match event {
                Event::Connected(_) => "connects",
                Event::Message { .. } => "delivers",
                Event::Subscribed { .. } | Event::Unsubscribed { .. } => "answers",
                Event::Refused { .. } => "denies",
                Event::Tolerated(_) => "tolerates",
                Event::Unknown { .. } => "forgets",
                other => panic!("{other:?}"),
            });
        }
        let mut told = Vec::new();
        let verdict = match &result {
            Ok(()) => None,
            Err(error @ (SessionError::Malformed(_) | SessionError::Violation { .. })) => {
                let reason = error.disconnect_reason().expect("a reason for what breaks the protocol").0;
                let knows = !matches!(self.state, "connecting" | "authenticating" | "closing");
                if self.version == Version::V5 && (knows || events.contains(&"connects")) {
                    told = vec![0xE0, 1, reason];
                }
                Some(format!("breaks {reason:02X}"))
            }
            Err(SessionError::Refused { reason, .. }) => Some(format!("refused {:02X}", reason.0)),
            Err(SessionError::Disconnected { reason, .. }) => Some(format!("ended {:02X}", reason.0)),
            Err(error @ SessionError::Authentication { .. }) => {
                if events.contains(&"connects") {
                    told = vec![0xE0, 1, error.disconnect_reason().unwrap().0];
                }
                Some("exchange".into())
            }
            Err(other) => panic!("{other:?}"),
        };
        assert!(sent.ends_with(&told), "MQTT 5 was not told: {}", hex(&sent));
        let answers = &sent[..sent.len() - told.len()];
        if !answers.is_empty() {
            words.push(format!("sends {}", hex(answers).trim().to_uppercase()));
        }
        words.extend(events.iter().map(|event| (*event).to_owned()));
        if self.session.ledger().confirmed > before.confirmed {
            words.push("confirms".into());
        }
        words.extend(verdict);
        if words.is_empty() { "ignored".into() } else { words.join(", ") }
    }

    /// Whatever came before: nothing follows a DISCONNECT, the next connection works, and no publish was lost
    /// from the ledger.
    fn survives(&mut self) {
        if !self.session.is_connected() {
            self.publish(QoS::AtMostOnce);
            self.session.acknowledge(u64::MAX);
            assert!(self.sent().is_empty(), "something was sent without a connection");
        }
        self.session.lost();
        self.session.connect(self.version, Credentials::default(), self.now).unwrap();
        self.sent();
        self.text("20 L 00 00 P");
        let before = self.session.ledger();
        // What is open was sent again, under identifiers that are known from the bytes.
        let sent = self.sent();
        let decoder = Decoder::new(Receiver::Server, self.version, 1_000_000);
        let mut buffer = BytesMut::from(&sent[..]);
        while let Some(packet) = decoder.decode(&mut buffer).unwrap() {
            let mqt_proto::Packet::Publish(publish) = packet else { continue };
            let Some(id) = publish.packet_id else { continue };
            match publish.message.qos {
                QoS::AtLeastOnce => self.text(&format!("40 02 {id:04X}")),
                _ => self.text(&format!("50 02 {id:04X}  70 02 {id:04X}")),
            }
        }
        assert!(self.session.is_drained(), "{before:?} {:?}", self.session.ledger());
    }
}

fn cases() -> Vec<(Version, &'static str, &'static str, &'static str)> {
    let mut cases = Vec::new();
    for row in ROWS.lines().filter(|row| !row.is_empty()) {
        let columns: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [versions, state, packets, outcome] = columns[..] else { panic!("not four columns: {row}") };
        let versions: &[Version] = match versions {
            "both" => &[Version::V311, Version::V5],
            "311" => &[Version::V311],
            "5" => &[Version::V5],
            other => panic!("no version {other}"),
        };
        cases.extend(versions.iter().map(|version| (*version, state, packets, outcome)));
    }
    cases
}

#[test]
fn every_packet_out_of_place_has_its_outcome() {
    // 311:4.8.0-1 5:4.13.1-1
    let cases = cases();
    assert!(cases.len() >= 200, "only {} rows", cases.len());
    let mut wrong = Vec::new();
    for (version, state, text, expected) in cases {
        let mut case = Case::new(version, state);
        let outcome = case.outcome(&packets(text, version));
        let spaceless = |text: &str| text.replace(' ', "");
        if spaceless(&outcome) != spaceless(expected) {
            wrong.push(format!(
                "MQTT {version} | {state} | {text}\n    expected {expected}\n    got      {outcome}"
            ));
        }
        case.survives();
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
