//! What is not sent.

use super::*;

fn publish(message: Message) -> Packet {
    let packet_id = (message.qos != QoS::AtMostOnce).then(|| id(1));
    Packet::Publish(Publish { dup: false, packet_id, message })
}

fn message(properties: Properties) -> Message {
    Message { topic: TopicName::new("t").unwrap(), properties, ..Message::default() }
}

fn connect(version: Version) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        properties: Properties::new(),
        client_id: "".into(),
        will: None,
        user_name: None,
        password: None,
    }
}

fn subscribe(subscription: Subscription) -> Packet {
    let properties = Properties::new();
    Packet::Subscribe(Subscribe { packet_id: id(1), properties, subscriptions: vec![subscription] })
}

#[test]
fn no_publish_without_topic() {
    // 311:4.7.3-1 5:4.7.3-1
    for version in ALL {
        unsendable(publish(Message::default()), version, "has a topic name");
    }
}

#[test]
fn packet_identifier_and_dup_go_with_the_qos() {
    // 311:2.3.1-1 311:2.3.1-5 5:2.2.1-2 5:2.2.1-3 311:3.3.1-2 5:3.3.1-2
    let qos_0 = message(Properties::new());
    let qos_1 = Message { qos: QoS::AtLeastOnce, ..qos_0.clone() };
    for version in ALL {
        let mut out = WriteBuffer::new();
        assert!(encode_publish(&qos_0, false, Some(id(1)), version, &mut out).is_err());
        assert!(encode_publish(&qos_0, true, None, version, &mut out).is_err());
        assert!(encode_publish(&qos_1, false, None, version, &mut out).is_err());
        assert!(out.is_empty());
    }
}

#[test]
fn strings_fit_in_their_length_and_have_no_nul() {
    // 311:3.1.3-3 311:3.1.3-4 311:3.1.3-11 5:3.1.3-3 5:3.1.3-4 5:3.1.3-12 311:1.5.3-2 5:1.5.4-2 5:1.5.7-1
    let long = "x".repeat(65_536);
    let longest = "x".repeat(65_535);
    let bytes = Bytes::from(long.clone());
    let will = |payload| {
        let topic = TopicName::new("t").unwrap();
        Some(Will { message: Message { topic, payload, ..Message::default() } })
    };
    for version in ALL {
        let connect = connect(version);
        let packet = |connect| Packet::Connect(Box::new(connect));
        let with_id = |text: &str| packet(Connect { client_id: text.into(), ..connect.clone() });
        assert!(encoded(&with_id(&longest), version).is_ok());
        unsendable(with_id(&long), version, "client identifier has 65536 bytes");
        unsendable(with_id("a\0"), version, "client identifier contains");
        let with_user = |text: &str| packet(Connect { user_name: Some(text.into()), ..connect.clone() });
        unsendable(with_user(&long), version, "user name has 65536 bytes");
        unsendable(with_user("\0"), version, "user name contains");
        let user_name = Some("u".into());
        let password = Some(Secret::from(&*long));
        unsendable(packet(Connect { user_name, password, ..connect.clone() }), version, "password has 65536");
        unsendable(packet(Connect { will: will(bytes.clone()), ..connect.clone() }), version, "will payload");
        let will = Some(Will::default());
        unsendable(packet(Connect { will, ..connect.clone() }), version, "will topic");
    }
    for property in [
        Property::ContentType(long.clone().into()),
        Property::CorrelationData(bytes),
        Property::UserProperty(long.clone().into(), "".into()),
        Property::UserProperty("".into(), long.into()),
    ] {
        unsendable(publish(message(properties([property]))), Version::V5, "has 65536 bytes");
    }
    for property in [
        Property::ContentType("\0".into()),
        Property::ResponseTopic("\0".into()),
        Property::UserProperty("\0".into(), "".into()),
        Property::UserProperty("".into(), "\0".into()),
    ] {
        unsendable(publish(message(properties([property]))), Version::V5, "U+0000");
    }
}

#[test]
fn properties_are_those_of_the_packet() {
    let send = |list| publish(message(list));
    let list = properties([Property::ReceiveMaximum(1)]);
    unsendable(send(list), Version::V5, "publish has no property receive-maximum");
    let list = properties([Property::TopicAlias(1), Property::TopicAlias(2)]);
    unsendable(send(list), Version::V5, "topic-alias is given twice");
    // 5:3.3.2-8 5:3.3.2-14
    unsendable(send(properties([Property::TopicAlias(0)])), Version::V5, "topic-alias must not be 0");
    unsendable(send(properties([Property::ResponseTopic("a/#".into())])), Version::V5, "response-topic");
    unsendable(send(properties([Property::PayloadFormatIndicator(2)])), Version::V5, "must be 0 or 1");
    let list = properties([Property::SubscriptionIdentifier(268_435_456)]);
    unsendable(send(list), Version::V5, "at most 268435455");
    let user = Property::UserProperty("a".into(), "b".into());
    for version in OLD {
        unsendable(send(properties([user.clone()])), version, "has no properties");
    }
}

#[test]
fn no_version_sends_what_it_does_not_have() {
    for version in OLD {
        unsendable(Packet::Auth(Auth::default()), version, "has no AUTH");
        let disconnect = Disconnect { reason: ReasonCode::DISCONNECT_WITH_WILL, ..Disconnect::default() };
        unsendable(Packet::Disconnect(disconnect), version, "no reason codes");
        let ack = Ack::new(id(1), ReasonCode::NOT_AUTHORIZED);
        unsendable(Packet::PubAck(ack), version, "no reason codes");
        let plain = Subscription::new(filter("a"), QoS::AtMostOnce);
        for subscription in [
            Subscription { no_local: true, ..plain.clone() },
            Subscription { retain_as_published: true, ..plain.clone() },
            Subscription { retain_handling: RetainHandling::Never, ..plain.clone() },
        ] {
            unsendable(subscribe(subscription), version, "no subscription options");
        }
        let reasons = vec![ReasonCode::NOT_AUTHORIZED];
        let sub_ack = SubAck { packet_id: id(1), properties: Properties::new(), reasons };
        // 311:3.9.3-2
        unsendable(Packet::SubAck(sub_ack), version, "0x80 only");
        let conn_ack = ConnAck { reason: ReasonCode::NOT_AUTHORIZED, ..ConnAck::default() };
        unsendable(Packet::ConnAck(conn_ack), version, "means the same as its reason");
        let reserved = ConnAck { reason: ReasonCode::UNSPECIFIED_ERROR, code: 6, ..ConnAck::default() };
        unsendable(Packet::ConnAck(reserved), version, "0 to 5");
    }
    let other = Packet::Connect(Box::new(connect(Version::V311)));
    unsendable(other, Version::V5, "names the version of the connection");
}

#[test]
fn subscriptions_are_complete_and_allowed() {
    // 311:3.8.3-3 5:3.8.3-2 5:3.8.3-4 311:3.10.3-2 5:3.10.3-2
    for version in ALL {
        let (packet_id, properties) = (id(1), Properties::new());
        let empty = Subscribe { packet_id, properties: properties.clone(), subscriptions: Vec::new() };
        unsendable(Packet::Subscribe(empty), version, "at least one");
        unsendable(Packet::Unsubscribe(Unsubscribe::new(id(1), Vec::new())), version, "at least one");
        unsendable(
            Packet::SubAck(SubAck { packet_id, properties, reasons: Vec::new() }),
            version,
            "at least one",
        );
    }
    let shared = Subscription { no_local: true, ..Subscription::new(filter("$share/g/a"), QoS::AtMostOnce) };
    unsendable(subscribe(shared), Version::V5, "No Local");
}

#[test]
fn reason_codes_are_listed() {
    // 5:3.14.2-1 5:3.4.2-1 5:3.15.2-1 5:3.2.2-6
    let version = Version::V5;
    unsendable(Packet::PubAck(Ack::new(id(1), ReasonCode(1))), version, "PUBACK has a reason code");
    let disconnect = Disconnect { reason: ReasonCode::BANNED, ..Disconnect::default() };
    unsendable(Packet::Disconnect(disconnect), version, "DISCONNECT has a reason code");
    let auth = Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, ..Auth::default() };
    unsendable(Packet::Auth(auth), version, "authentication method");
    let present =
        ConnAck { session_present: true, reason: ReasonCode(0x87), code: 0x87, ..ConnAck::default() };
    unsendable(Packet::ConnAck(present), version, "session is present");
    let unequal = ConnAck { reason: ReasonCode(0x87), code: 0, ..ConnAck::default() };
    unsendable(Packet::ConnAck(unequal), version, "its reason as its code");
}

#[test]
fn the_largest_packet() {
    // 2.1.4: the topic takes 3 bytes, for MQTT 5 with the property length 4
    let payload = Bytes::from(vec![0; MAX_REMAINING_LENGTH]);
    for (version, head) in [(Version::V311, 3), (Version::V5, 4)] {
        let mut largest = message(Properties::new());
        largest.payload = payload.slice(head..);
        let mut out = WriteBuffer::new();
        encode_publish(&largest, false, None, version, &mut out).unwrap();
        assert_eq!(out.len(), MAX_REMAINING_LENGTH + 5);
        assert_eq!(out.chunk()[..5], [0x30, 0xFF, 0xFF, 0xFF, 0x7F]);
        largest.payload = payload.slice(head - 1..);
        let error = encode_publish(&largest, false, None, version, &mut WriteBuffer::new()).unwrap_err();
        let size = MAX_REMAINING_LENGTH + 1;
        assert_eq!(error, EncodeError::PacketTooLarge { packet: "PUBLISH", size });
    }
}
