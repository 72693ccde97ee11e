//! A hostile server, one packet at a time: for every packet that a client receives, the ways in which it can
//! be wrong, and what the client must make of each.
//!
//! The rows are made from shapes: a good packet in pieces, written by hand from the standard, of which one
//! piece at a time is spoilt. Every row ends in exactly one way: refused for a stated reason, or taken as a
//! stated packet.

mod shape;

use bytes::{Bytes, BytesMut};
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::packet::ConnAck;
use mqt_proto::{Packet, Properties, Property, PropertyKind, ReasonCode, Version};

use crate::notation::bytes;
use shape::{Shape, Tail, old_shapes, v5_shapes, with_length};

/// How a packet ends.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    /// An error with this reason code.
    Refused(u8),
    Taken(Packet),
}

use Outcome::{Refused, Taken};

const MALFORMED: Outcome = Refused(0x81);
const PROTOCOL_ERROR: Outcome = Refused(0x82);
const TOPIC_NAME_INVALID: Outcome = Refused(0x90);
const TOPIC_ALIAS_INVALID: Outcome = Refused(0x94);
const PACKET_TOO_LARGE: Outcome = Refused(0x95);

/// The most that the client takes, in bytes.
const MAX_PACKET_SIZE: u32 = 1_000_000;

struct Row {
    what: String,
    version: Version,
    bytes: Vec<u8>,
    outcome: Outcome,
}

/// A packet with a Remaining Length of one byte that is right.
fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    [&[first, body.len() as u8], body].concat()
}

/// The rows that every shape has.
fn rows_of(shape: &Shape) -> Vec<Row> {
    let mut rows = Vec::new();
    let body = shape.body();
    rows.push(shape.row("nothing wrong", framed(shape.first, &body), Taken(shape.whole.clone())));
    for len in 0..body.len() {
        let outcome = shape.cut.iter().find(|(at, _)| *at == len).map_or(MALFORMED, |(_, end)| end.clone());
        rows.push(shape.row(&format!("a body of {len} bytes"), framed(shape.first, &body[..len]), outcome));
    }
    for byte in [0x00, 0xFF] {
        let bytes = framed(shape.first, &[&body[..], &[byte]].concat());
        rows.push(shape.row(&format!("{byte:02X} behind it"), bytes, longer(shape, byte)));
    }
    if shape.tail != Tail::Payload {
        // 5:2.1.3-1 311:2.2.2-2, except that 3.1 sets DUP in a PUBREL that it sends again
        for flags in (0..16).filter(|flags| *flags != shape.first & 0x0F) {
            if shape.version == Version::V31 && shape.first == 0x62 && flags == 0x0A {
                continue;
            }
            let bytes = framed(shape.first & 0xF0 | flags, &body);
            rows.push(shape.row(&format!("flags {flags:04b}"), bytes, MALFORMED));
        }
    }
    if let Some(at) = shape.id_at {
        // 5:2.2.1-3 311:2.3.1-1
        let mut body = body.clone();
        body[at..at + 2].fill(0);
        rows.push(shape.row("packet identifier 0", framed(shape.first, &body), PROTOCOL_ERROR));
    }
    if let Some(at) = shape.reason_at {
        // 5:3.2.2-8 5:3.4.2-1 5:3.5.2-1 5:3.6.2-1 5:3.7.2-1 5:3.14.2-1 5:3.15.2-1
        for reason in [0x03, 0x7F, 0xA3, 0xFF] {
            let mut body = body.clone();
            body[at] = reason;
            let what = format!("reason code {reason:02X}");
            // A refusal is one to a client, whatever the number.
            let outcome = match with_reason(&shape.whole, reason) {
                Some(packet) if reason >= 0x80 => Taken(packet),
                _ => PROTOCOL_ERROR,
            };
            rows.push(shape.row(&what, framed(shape.first, &body), outcome));
        }
    }
    let length = body.len() as u8;
    let long = [&[shape.first, length | 0x80, 0x00], &body[..]].concat();
    // 5:1.5.5-1; 3.x does not ask for it
    let outcome = if shape.is_v5() { MALFORMED } else { Taken(shape.whole.clone()) };
    rows.push(shape.row("a Remaining Length with a byte too many", long, outcome));
    let five = [&[shape.first, length | 0x80, 0x80, 0x80, 0x80, 0x00], &body[..]].concat();
    rows.push(shape.row("a Remaining Length of five bytes", five, MALFORMED));
    // A Remaining Length that the type cannot have shows before the size does.
    let can_be_long = shape.is_v5() || matches!(shape.tail, Tail::Payload | Tail::Codes);
    let outcome = if can_be_long { PACKET_TOO_LARGE } else { MALFORMED };
    rows.push(shape.row("a claim of 256 MiB", vec![shape.first, 0xFF, 0xFF, 0xFF, 0x7F], outcome));
    if shape.is_v5() {
        rows.extend(property_rows(shape));
    }
    rows
}

/// The packet with another reason code; `None` for AUTH, which refuses nothing.
fn with_reason(packet: &Packet, code: u8) -> Option<Packet> {
    let mut packet = packet.clone();
    let reason = ReasonCode(code);
    match &mut packet {
        Packet::ConnAck(ack) => (ack.reason, ack.code) = (reason, code),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.reason = reason
        }
        Packet::Disconnect(disconnect) => disconnect.reason = reason,
        _ => return None,
    }
    Some(packet)
}

/// What becomes of the packet when a byte follows its body.
fn longer(shape: &Shape, byte: u8) -> Outcome {
    let mut packet = shape.whole.clone();
    match (&mut packet, shape.tail) {
        (Packet::Publish(publish), Tail::Payload) => {
            publish.message.payload = Bytes::from([&publish.message.payload, &[byte][..]].concat());
        }
        (Packet::SubAck(ack) | Packet::UnsubAck(ack), Tail::Codes) => {
            ack.reasons.push(ReasonCode(byte));
        }
        _ => return MALFORMED,
    }
    Taken(packet)
}

/// What can be wrong with a list of properties (5: 2.2.2).
fn property_rows(shape: &Shape) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut list_row = |what: &str, list: &[u8], outcome| {
        let bytes = framed(shape.first, &shape.body_with(&with_length(list)));
        rows.push(shape.row(what, bytes, outcome));
    };
    let good = shape.good_list();
    let text = |rest: &str| [bytes(shape.must_have), vec![shape.text], bytes(rest)].concat();
    let other = |list: &str| [bytes(shape.must_have), bytes(list)].concat();
    list_row("a property twice", &[&good[..], &[shape.text], &bytes("0001 78")].concat(), PROTOCOL_ERROR);
    list_row("a forbidden property", &other(shape.forbidden), MALFORMED);
    list_row("a property that does not exist", &other("04 00"), MALFORMED);
    list_row("a property with the identifier 0", &other("00 00"), MALFORMED);
    list_row("a property identifier of two bytes", &other("9F00 0000"), MALFORMED);
    list_row("a property without value", &text(""), MALFORMED);
    list_row("half of a text's length", &text("00"), MALFORMED);
    list_row("a text longer than the list", &text("0003 6869"), MALFORMED);
    // 5:1.5.7-1 5:1.5.4-1 5:1.5.4-2
    list_row("a byte FF in a text", &text("0001 FF"), MALFORMED);
    list_row("a surrogate in a text", &text("0003 EDA080"), MALFORMED);
    list_row("an overlong NUL in a text", &text("0002 C080"), MALFORMED);
    list_row("half a character in a text", &text("0001 C3"), MALFORMED);
    list_row("a NUL in a text", &text("0001 00"), MALFORMED);
    list_row("half a user property", &other("26 0001 61"), MALFORMED);
    list_row("a NUL in the name of a user property", &other("26 0001 00 0001 61"), MALFORMED);
    list_row("a byte FF in the value of a user property", &other("26 0001 61 0001 FF"), MALFORMED);
    let mut longer = good.clone();
    longer.extend(bytes("26 0001 61 0000 26 0001 61 0001 62"));
    let mut packet = shape.whole.clone();
    for value in ["", "b"] {
        properties(&mut packet).push(Property::UserProperty("a".into(), value.into()));
    }
    list_row("user properties of one name", &longer, Taken(packet));
    let mut length_row = |what: &str, length: &[u8]| {
        let bytes = framed(shape.first, &shape.body_with(&[length, &good].concat()));
        rows.push(shape.row(what, bytes, MALFORMED));
    };
    let len = good.len() as u8;
    length_row("a property length one too long", &[len + 1]);
    length_row("a property length one too short", &[len - 1]);
    length_row("a property length beyond the packet", &[0x7F]);
    length_row("a property length with a byte too many", &[len | 0x80, 0]);
    length_row("a property length of five bytes", &[len | 0x80, 0x80, 0x80, 0x80, 0]);
    rows
}

fn properties(packet: &mut Packet) -> &mut Properties {
    match packet {
        Packet::ConnAck(conn_ack) => &mut conn_ack.properties,
        Packet::Publish(publish) => &mut publish.message.properties,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &mut ack.properties
        }
        Packet::SubAck(ack) | Packet::UnsubAck(ack) => &mut ack.properties,
        Packet::Disconnect(disconnect) => &mut disconnect.properties,
        Packet::Auth(auth) => &mut auth.properties,
        _ => panic!("{} has no properties here", packet.name()),
    }
}

/// Every property with a good value, and the packets to a client in which table 2-4 allows it: C is CONNACK,
/// P is PUBLISH, A is PUBACK, PUBREC, PUBREL and PUBCOMP, S is SUBACK and UNSUBACK, D is DISCONNECT, X is AUTH.
fn table_2_4() -> Vec<(&'static str, Property, &'static str)> {
    vec![
        ("01 01", Property::PayloadFormatIndicator(1), "P"),
        ("02 00000001", Property::MessageExpiryInterval(1), "P"),
        ("03 0001 78", Property::ContentType("x".into()), "P"),
        ("08 0001 78", Property::ResponseTopic("x".into()), "P"),
        ("09 0001 00", Property::CorrelationData(Bytes::from_static(b"\0")), "P"),
        ("0B 8001", Property::SubscriptionIdentifier(128), "P"),
        ("11 00000001", Property::SessionExpiryInterval(1), "C"),
        ("12 0001 78", Property::AssignedClientIdentifier("x".into()), "C"),
        ("13 0001", Property::ServerKeepAlive(1), "C"),
        ("15 0001 78", Property::AuthenticationMethod("x".into()), "CX"),
        ("16 0001 00", Property::AuthenticationData(Bytes::from_static(b"\0")), "CX"),
        ("17 01", Property::RequestProblemInformation(1), ""),
        ("18 00000001", Property::WillDelayInterval(1), ""),
        ("19 01", Property::RequestResponseInformation(1), ""),
        ("1A 0001 78", Property::ResponseInformation("x".into()), "C"),
        ("1C 0001 78", Property::ServerReference("x".into()), "CD"),
        ("1F 0001 78", Property::ReasonString("x".into()), "CASDX"),
        ("21 0001", Property::ReceiveMaximum(1), "C"),
        ("22 0001", Property::TopicAliasMaximum(1), "C"),
        ("23 0001", Property::TopicAlias(1), "P"),
        ("24 01", Property::MaximumQoS(1), "C"),
        ("25 01", Property::RetainAvailable(1), "C"),
        ("26 0001 78 0001 79", Property::UserProperty("x".into(), "y".into()), "CPASDX"),
        ("27 00000001", Property::MaximumPacketSize(1), "C"),
        ("28 01", Property::WildcardSubscriptionAvailable(1), "C"),
        ("29 01", Property::SubscriptionIdentifierAvailable(1), "C"),
        ("2A 01", Property::SharedSubscriptionAvailable(1), "C"),
    ]
}

/// Every property in every packet: alone, and where it may stand, twice.
fn property_place_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for shape in v5_shapes() {
        let place = match shape.name {
            "CONNACK" => 'C',
            "SUBACK" | "UNSUBACK" => 'S',
            "DISCONNECT" => 'D',
            "AUTH" => 'X',
            name if name.starts_with("PUBLISH") => 'P',
            _ => 'A',
        };
        for (bytes, property, places) in table_2_4() {
            let kind = property.kind();
            let is_method = kind == PropertyKind::AuthenticationMethod;
            // AUTH must have a method in any case.
            let must_have = if is_method { Vec::new() } else { crate::notation::bytes(shape.must_have) };
            let row = |what: &str, list: Vec<u8>, outcome| {
                let body = shape.body_with(&with_length(&list));
                shape.row(&format!("{} {what}", kind.name()), framed(shape.first, &body), outcome)
            };
            let packet = |count| {
                let mut packet = shape.whole.clone();
                let list = properties(&mut packet);
                list.remove(PropertyKind::ReasonString);
                list.remove(PropertyKind::ContentType);
                if is_method {
                    list.remove(PropertyKind::AuthenticationMethod);
                }
                (0..count).for_each(|_| list.push(property.clone()));
                Taken(packet)
            };
            let once = [must_have.clone(), crate::notation::bytes(bytes)].concat();
            let twice = [must_have, crate::notation::bytes(bytes), crate::notation::bytes(bytes)].concat();
            if kind == PropertyKind::SessionExpiryInterval && place == 'D' {
                // 5:3.14.2-2: only a client sends it.
                rows.push(row("once", once, PROTOCOL_ERROR));
            } else if !places.contains(place) {
                rows.push(row("once", once, MALFORMED));
            } else {
                rows.push(row("once", once, packet(1)));
                let may_be_twice =
                    matches!(kind, PropertyKind::UserProperty | PropertyKind::SubscriptionIdentifier);
                rows.push(row("twice", twice, if may_be_twice { packet(2) } else { PROTOCOL_ERROR }));
            }
        }
    }
    rows
}

/// What only single packets can have wrong.
fn single_rows() -> Vec<Row> {
    let row = |version: Version, what: &str, bytes: &str, outcome| Row {
        what: format!("MQTT {version}: {what}"),
        version,
        bytes: crate::notation::bytes(bytes),
        outcome,
    };
    let mut rows = Vec::new();
    for version in [Version::V31, Version::V311, Version::V5] {
        rows.extend([
            row(version, "the reserved type 0", "00 00", MALFORMED),
            row(version, "CONNECT to a client", "10 00", PROTOCOL_ERROR),
            row(version, "SUBSCRIBE to a client", "82 00", PROTOCOL_ERROR),
            row(version, "UNSUBSCRIBE to a client", "A2 00", PROTOCOL_ERROR),
            row(version, "PINGREQ to a client", "C0 00", PROTOCOL_ERROR),
            row(version, "PINGRESP with a body", "D0 01 00", MALFORMED),
            // 5:3.3.1-4 311:3.3.1-4
            row(version, "PUBLISH of QoS 3", "36 06 0001 61 0001 00", MALFORMED),
            row(version, "PUBLISH of QoS 3 with DUP and RETAIN", "3F 06 0001 61 0001 00", MALFORMED),
            // 5:3.3.2-2 311:3.3.2-2 5:4.7.0-1 311:4.7.1-1
            row(version, "PUBLISH to #", "30 04 0001 23 00", TOPIC_NAME_INVALID),
            row(version, "PUBLISH to a/+", "30 06 0003 612F2B 00", TOPIC_NAME_INVALID),
            row(version, "PUBLISH to a#b", "30 06 0003 612362 00", TOPIC_NAME_INVALID),
            // 5:3.3.2-1 311:3.3.2-1 5:1.5.4-1 311:1.5.3-1
            row(version, "PUBLISH to FF", "30 04 0001 FF 00", MALFORMED),
            row(version, "PUBLISH to a surrogate", "30 06 0003 EDA080 00", MALFORMED),
            row(version, "PUBLISH to an overlong slash", "30 05 0002 C0AF 00", MALFORMED),
            // 5:1.5.4-2 311:1.5.3-2 5:4.7.3-2 311:4.7.3-2
            row(version, "PUBLISH to NUL", "30 04 0001 00 00", MALFORMED),
            // 5:4.7.3-1 311:4.7.3-1
            row(version, "PUBLISH without topic", "30 03 0000 00", PROTOCOL_ERROR),
        ]);
    }
    let old = Version::V311;
    let refused = ConnAck { reason: ReasonCode::UNSPECIFIED_ERROR, code: 0x06, ..ConnAck::default() };
    rows.extend([
        row(old, "AUTH", "F0 00", MALFORMED),
        row(old, "DISCONNECT from a server", "E0 00", PROTOCOL_ERROR),
        row(old, "CONNACK with reserved flags", "20 02 02 00", MALFORMED),
        row(old, "CONNACK that refuses and has a session", "20 02 01 05", PROTOCOL_ERROR),
        row(old, "CONNACK with a reserved return code", "20 02 00 06", Taken(Packet::ConnAck(refused))),
        // 311:3.9.3-2
        row(old, "SUBACK with 03", "90 03 0001 03", PROTOCOL_ERROR),
    ]);
    let v5 = Version::V5;
    rows.extend([
        row(v5, "CONNACK of 3.x", "20 02 00 01", PROTOCOL_ERROR),
        row(v5, "CONNACK with reserved flags", "20 03 02 00 00", MALFORMED),
        row(v5, "CONNACK that refuses and has a session", "20 03 01 87 00", PROTOCOL_ERROR),
        row(v5, "CONNACK with maximum QoS 2", "20 05 00 00 02 24 02", PROTOCOL_ERROR),
        row(v5, "CONNACK with retain available 2", "20 05 00 00 02 25 02", PROTOCOL_ERROR),
        row(v5, "CONNACK with wildcards available 2", "20 05 00 00 02 28 02", PROTOCOL_ERROR),
        row(v5, "CONNACK with identifiers available 2", "20 05 00 00 02 29 02", PROTOCOL_ERROR),
        row(v5, "CONNACK with sharing available 2", "20 05 00 00 02 2A 02", PROTOCOL_ERROR),
        row(v5, "CONNACK with receive maximum 0", "20 06 00 00 03 21 0000", PROTOCOL_ERROR),
        row(v5, "CONNACK with maximum packet size 0", "20 08 00 00 05 27 00000000", PROTOCOL_ERROR),
        row(v5, "PUBLISH with payload format 2", "30 06 0001 61 02 01 02", PROTOCOL_ERROR),
        // 5:3.3.2-8
        row(v5, "PUBLISH with topic alias 0", "30 07 0001 61 03 23 0000", TOPIC_ALIAS_INVALID),
        row(v5, "PUBLISH with only topic alias 0", "30 06 0000 03 23 0000", TOPIC_ALIAS_INVALID),
        row(v5, "PUBLISH with subscription identifier 0", "30 06 0001 61 02 0B 00", PROTOCOL_ERROR),
        row(v5, "PUBLISH with an identifier too long", "30 07 0001 61 03 0B 8100", MALFORMED),
        row(v5, "PUBLISH with an identifier of five bytes", "30 0A 0001 61 06 0B 8180808001", MALFORMED),
        // 5:3.3.2-13 5:3.3.2-14
        row(v5, "PUBLISH with response topic #", "30 08 0001 61 04 08 0001 23", PROTOCOL_ERROR),
        row(v5, "PUBLISH with an empty response topic", "30 07 0001 61 03 08 0000", PROTOCOL_ERROR),
        row(v5, "PUBLISH without property length", "30 03 0001 61", MALFORMED),
        row(v5, "PUBLISH of QoS 1 without property length", "32 05 0001 61 0001", MALFORMED),
        row(v5, "PUBLISH whose list ends in a property", "30 0A 0001 61 03 02 00000001 78", MALFORMED),
        row(v5, "SUBACK with 03", "90 04 0001 00 03", PROTOCOL_ERROR),
        row(v5, "UNSUBACK with 01", "B0 04 0001 00 01", PROTOCOL_ERROR),
        row(v5, "AUTH without method", "F0 02 18 00", PROTOCOL_ERROR),
        row(v5, "AUTH with data only", "F0 06 00 04 16 0001 78", PROTOCOL_ERROR),
        row(v5, "AUTH without property length", "F0 01 18", MALFORMED),
    ]);
    rows
}

fn outcome(version: Version, bytes: &[u8]) -> Option<Outcome> {
    let mut buffer = BytesMut::from(bytes);
    match Decoder::new(Receiver::Client, version, MAX_PACKET_SIZE).decode(&mut buffer) {
        Ok(Some(packet)) if buffer.is_empty() => Some(Taken(packet)),
        Ok(_) => None,
        Err(error) => Some(Refused(error.reason().0)),
    }
}

#[test]
fn every_row_ends_as_it_must() {
    let shapes = v5_shapes().into_iter().chain(old_shapes(Version::V311)).chain(old_shapes(Version::V31));
    let mut rows: Vec<Row> = shapes.flat_map(|shape| rows_of(&shape)).collect();
    rows.extend(property_place_rows());
    rows.extend(single_rows());
    assert!(rows.len() >= 900, "only {} rows", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let found = outcome(row.version, &row.bytes);
            let wrong = found.as_ref() != Some(&row.outcome);
            wrong.then(|| format!("{}\n  {:02X?}\n  {found:?}, not {:?}", row.what, row.bytes, row.outcome))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn a_row_stands_once() {
    let mut names: Vec<String> = v5_shapes()
        .iter()
        .chain(&old_shapes(Version::V311))
        .flat_map(rows_of)
        .chain(property_place_rows())
        .chain(single_rows())
        .map(|row| row.what)
        .collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
