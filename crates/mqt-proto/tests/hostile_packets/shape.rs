//! Good packets in pieces, written by hand from the standard.

use mqt_proto::packet::{Ack, Auth, ConnAck, Disconnect, Publish, SubAck};
use mqt_proto::{Message, Packet, PacketId, Properties, Property, QoS, ReasonCode, TopicName, Version};

use super::Outcome::{self, Taken};
use super::{PROTOCOL_ERROR, Row};
use crate::notation::bytes;

/// What stands behind the properties.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Tail {
    Nothing,
    Payload,
    Codes,
}

/// A good packet in pieces.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) version: Version,
    pub(super) first: u8,
    /// The body up to the properties.
    pub(super) before: &'static str,
    /// For MQTT 5 the list of properties without its length: whatever the packet must have, and then a
    /// text property `hi`. That property starts with the byte `text`.
    pub(super) must_have: &'static str,
    pub(super) text: u8,
    /// A property that has no place here.
    pub(super) forbidden: &'static str,
    pub(super) after: &'static str,
    pub(super) tail: Tail,
    /// Where in `before` the packet identifier starts, and the reason code stands.
    pub(super) id_at: Option<usize>,
    pub(super) reason_at: Option<usize>,
    /// The packet.
    pub(super) whole: Packet,
    /// What becomes of it with a body of only so many bytes, where that is not malformed.
    pub(super) cut: Vec<(usize, Outcome)>,
}

impl Shape {
    pub(super) fn is_v5(&self) -> bool {
        self.version == Version::V5
    }

    pub(super) fn good_list(&self) -> Vec<u8> {
        [bytes(self.must_have), vec![self.text], bytes("0002 6869")].concat()
    }

    /// The body with these bytes for the property list and its length.
    pub(super) fn body_with(&self, properties: &[u8]) -> Vec<u8> {
        let properties = if self.is_v5() { properties } else { &[] };
        [&bytes(self.before), properties, &bytes(self.after)].concat()
    }

    pub(super) fn body(&self) -> Vec<u8> {
        self.body_with(&with_length(&self.good_list()))
    }

    pub(super) fn row(&self, what: &str, bytes: Vec<u8>, outcome: Outcome) -> Row {
        let what = format!("MQTT {}: {} with {what}", self.version, self.name);
        Row { what, version: self.version, bytes, outcome }
    }
}

pub(super) fn with_length(list: &[u8]) -> Vec<u8> {
    [&[list.len() as u8], list].concat()
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn ack(properties: Properties) -> Ack {
    Ack { packet_id: id(0x1234), reason: ReasonCode::SUCCESS, properties }
}

fn publish(qos: QoS, payload: &'static str, properties: Properties) -> Packet {
    let topic = TopicName::new("a/b").unwrap();
    let message = Message { topic, payload: payload.into(), qos, retain: false, properties };
    Packet::Publish(Publish { dup: false, packet_id: (qos != QoS::AtMostOnce).then(|| id(0x1234)), message })
}

fn sub_ack(reasons: &[u8], properties: Properties) -> SubAck {
    let reasons = reasons.iter().copied().map(ReasonCode).collect();
    SubAck { packet_id: id(0x1234), properties, reasons }
}

fn reason_string() -> Properties {
    vec![Property::ReasonString("hi".into())].into()
}

pub(super) fn v5_shapes() -> Vec<Shape> {
    let base = || Shape {
        name: "",
        version: Version::V5,
        first: 0,
        before: "1234 00",
        must_have: "",
        text: 0x1F,
        forbidden: "23 0001",
        after: "",
        tail: Tail::Nothing,
        id_at: Some(0),
        reason_at: Some(2),
        whole: Packet::PingResp,
        cut: Vec::new(),
    };
    let short_acks = |make: fn(Ack) -> Packet| {
        let short = Taken(make(ack(Properties::new())));
        vec![(2, short.clone()), (3, short)]
    };
    let publish_shape = |name, first, qos| {
        let content_type = || Properties::from(vec![Property::ContentType("hi".into())]);
        let before = if qos == QoS::AtMostOnce { "0003 612F62" } else { "0003 612F62 1234" };
        let head_len = bytes(before).len() + 6;
        Shape {
            name,
            first,
            before,
            text: 0x03,
            forbidden: "21 0001",
            after: "78 79",
            tail: Tail::Payload,
            id_at: (qos != QoS::AtMostOnce).then_some(5),
            reason_at: None,
            whole: publish(qos, "xy", content_type()),
            cut: vec![
                (head_len, Taken(publish(qos, "", content_type()))),
                (head_len + 1, Taken(publish(qos, "x", content_type()))),
            ],
            ..base()
        }
    };
    let codes = |name, first, after, make: fn(SubAck) -> Packet, reasons: &[u8]| Shape {
        name,
        first,
        before: "1234",
        after,
        tail: Tail::Codes,
        reason_at: None,
        whole: make(sub_ack(reasons, reason_string())),
        cut: vec![(8, PROTOCOL_ERROR), (9, Taken(make(sub_ack(&reasons[..1], reason_string()))))],
        ..base()
    };
    let taken_over =
        |properties| Packet::Disconnect(Disconnect { reason: ReasonCode::SESSION_TAKEN_OVER, properties });
    let method = Property::AuthenticationMethod("m".into());
    let auth = Auth {
        reason: ReasonCode::CONTINUE_AUTHENTICATION,
        properties: vec![method, Property::ReasonString("hi".into())].into(),
    };
    vec![
        Shape {
            name: "CONNACK",
            first: 0x20,
            before: "00 00",
            id_at: None,
            reason_at: Some(1),
            whole: Packet::ConnAck(ConnAck { properties: reason_string(), ..ConnAck::default() }),
            // The CONNACK of a server that knows 3.x only.
            cut: vec![(2, PROTOCOL_ERROR)],
            ..base()
        },
        publish_shape("PUBLISH of QoS 0", 0x30, QoS::AtMostOnce),
        publish_shape("PUBLISH of QoS 1", 0x32, QoS::AtLeastOnce),
        publish_shape("PUBLISH of QoS 2", 0x34, QoS::ExactlyOnce),
        Shape {
            name: "PUBACK",
            first: 0x40,
            whole: Packet::PubAck(ack(reason_string())),
            cut: short_acks(Packet::PubAck),
            ..base()
        },
        Shape {
            name: "PUBREC",
            first: 0x50,
            whole: Packet::PubRec(ack(reason_string())),
            cut: short_acks(Packet::PubRec),
            ..base()
        },
        Shape {
            name: "PUBREL",
            first: 0x62,
            whole: Packet::PubRel(ack(reason_string())),
            cut: short_acks(Packet::PubRel),
            ..base()
        },
        Shape {
            name: "PUBCOMP",
            first: 0x70,
            whole: Packet::PubComp(ack(reason_string())),
            cut: short_acks(Packet::PubComp),
            ..base()
        },
        codes("SUBACK", 0x90, "02 87", Packet::SubAck, &[0x02, 0x87]),
        codes("UNSUBACK", 0xB0, "00 11", Packet::UnsubAck, &[0x00, 0x11]),
        Shape {
            name: "DISCONNECT",
            first: 0xE0,
            before: "8E",
            id_at: None,
            reason_at: Some(0),
            whole: taken_over(reason_string()),
            cut: vec![
                (0, Taken(Packet::Disconnect(Disconnect::default()))),
                (1, Taken(taken_over(Properties::new()))),
            ],
            ..base()
        },
        Shape {
            name: "AUTH",
            first: 0xF0,
            before: "18",
            must_have: "15 0001 6D",
            id_at: None,
            reason_at: Some(0),
            whole: Packet::Auth(auth),
            cut: vec![(0, Taken(Packet::Auth(Auth::default())))],
            ..base()
        },
    ]
}

pub(super) fn old_shapes(version: Version) -> Vec<Shape> {
    let none = Properties::new;
    let shape = |name, first, before, after, tail, id_at, whole, cut| Shape {
        name,
        version,
        first,
        before,
        must_have: "",
        text: 0,
        forbidden: "",
        after,
        tail,
        id_at,
        reason_at: None,
        whole,
        cut,
    };
    let published = |qos, payload| publish(qos, payload, none());
    let acked = |name, first, make: fn(Ack) -> Packet| {
        shape(name, first, "1234", "", Tail::Nothing, Some(0), make(ack(none())), Vec::new())
    };
    vec![
        shape(
            "CONNACK",
            0x20,
            "00 00",
            "",
            Tail::Nothing,
            None,
            Packet::ConnAck(ConnAck::default()),
            Vec::new(),
        ),
        shape(
            "PUBLISH of QoS 0",
            0x30,
            "0003 612F62",
            "78 79",
            Tail::Payload,
            None,
            published(QoS::AtMostOnce, "xy"),
            vec![(5, Taken(published(QoS::AtMostOnce, ""))), (6, Taken(published(QoS::AtMostOnce, "x")))],
        ),
        shape(
            "PUBLISH of QoS 1",
            0x32,
            "0003 612F62 1234",
            "78 79",
            Tail::Payload,
            Some(5),
            published(QoS::AtLeastOnce, "xy"),
            vec![(7, Taken(published(QoS::AtLeastOnce, ""))), (8, Taken(published(QoS::AtLeastOnce, "x")))],
        ),
        acked("PUBACK", 0x40, Packet::PubAck),
        acked("PUBREC", 0x50, Packet::PubRec),
        acked("PUBREL", 0x62, Packet::PubRel),
        acked("PUBCOMP", 0x70, Packet::PubComp),
        shape(
            "SUBACK",
            0x90,
            "1234",
            "02 80",
            Tail::Codes,
            Some(0),
            Packet::SubAck(sub_ack(&[0x02, 0x80], none())),
            vec![(2, PROTOCOL_ERROR), (3, Taken(Packet::SubAck(sub_ack(&[0x02], none()))))],
        ),
        shape(
            "UNSUBACK",
            0xB0,
            "1234",
            "",
            Tail::Nothing,
            Some(0),
            Packet::UnsubAck(sub_ack(&[], none())),
            Vec::new(),
        ),
        shape("PINGRESP", 0xD0, "", "", Tail::Nothing, None, Packet::PingResp, Vec::new()),
    ]
}
