//! CONNECT (3.1).

use super::*;

fn connect(version: Version) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        properties: Properties::new(),
        client_id: "c".into(),
        will: None,
        user_name: None,
        password: None,
    }
}

fn packet(connect: Connect) -> Packet {
    Packet::Connect(Box::new(connect))
}

#[test]
fn protocol_name_and_level_of_every_version() {
    // 5:3.1.2-1 311:3.1.2-1
    let server = Receiver::Server;
    let bytes = "10 0F 0006 4D5149736470 03 02 003C 0001 63";
    same(server, Version::V31, bytes, packet(connect(Version::V31)));
    same(server, Version::V311, "10 0D 0004 4D515454 04 02 003C 0001 63", packet(connect(Version::V311)));
    same(server, Version::V5, "10 0E 0004 4D515454 05 02 003C 00 0001 63", packet(connect(Version::V5)));
}

#[test]
fn a_connect_is_read_by_the_level_that_it_names() {
    let bytes = "10 0D 0004 4D515454 04 02 003C 0001 63";
    means(Receiver::Server, Version::V5, bytes, packet(connect(Version::V311)));
}

#[test]
fn the_payload_is_in_order_and_flagged() {
    // 311:3.1.3-1 5:3.1.3-1 311:3.1.2-18 311:3.1.2-19 311:3.1.2-20 311:3.1.2-21
    // 5:3.1.2-16 5:3.1.2-17 5:3.1.2-18 5:3.1.2-19 311:3.1.3-3 311:3.1.3-4 311:3.1.3-11
    // 5:3.1.3-3 5:3.1.3-4 5:3.1.3-12
    let topic = TopicName::new("w/t").unwrap();
    let message = Message {
        topic,
        payload: Bytes::from_static(b"\xFF"),
        qos: QoS::ExactlyOnce,
        retain: true,
        properties: Properties::new(),
    };
    let mut all = Connect {
        clean_start: false,
        keep_alive: 0xFFFF,
        will: Some(Will { message }),
        user_name: Some("us".into()),
        password: Some(Secret::new(*b"\0\xFE")),
        ..connect(Version::V311)
    };
    same(
        Receiver::Server,
        Version::V311,
        "10 1D 0004 4D515454 04 F4 FFFF 0001 63 0003 772F74 0001 FF 0002 7573 0002 00FE",
        packet(all.clone()),
    );
    all.version = Version::V5;
    all.properties = properties([
        Property::SessionExpiryInterval(0xFFFF_FFFF),
        Property::ReceiveMaximum(65_535),
        Property::MaximumPacketSize(1),
        Property::TopicAliasMaximum(0),
        Property::RequestResponseInformation(1),
        Property::RequestProblemInformation(0),
        Property::UserProperty("a".into(), "b".into()),
        Property::AuthenticationMethod("m".into()),
        Property::AuthenticationData(Bytes::from_static(b"d")),
    ]);
    if let Some(will) = &mut all.will {
        will.message.properties = properties([
            Property::WillDelayInterval(5),
            Property::PayloadFormatIndicator(0),
            Property::MessageExpiryInterval(6),
            Property::ContentType("t".into()),
            Property::ResponseTopic("r".into()),
            Property::CorrelationData(Bytes::from_static(b"c")),
            Property::UserProperty("x".into(), "y".into()),
        ]);
    }
    same(
        Receiver::Server,
        Version::V5,
        "10 61 0004 4D515454 05 F4 FFFF \
         23 11 FFFFFFFF 21 FFFF 27 00000001 22 0000 19 01 17 00 26 0001 61 0001 62 15 0001 6D 16 0001 64 \
         0001 63 \
         1F 18 00000005 01 00 02 00000006 03 0001 74 08 0001 72 09 0001 63 26 0001 78 0001 79 \
         0003 772F74 0001 FF 0002 7573 0002 00FE",
        packet(all),
    );
}

#[test]
fn empty_is_not_the_same_as_absent() {
    // 311:3.1.2-19 311:3.1.2-21 5:3.1.2-17 5:3.1.2-19
    let empty = Connect {
        client_id: "".into(),
        user_name: Some("".into()),
        password: Some(Secret::from("")),
        ..connect(Version::V311)
    };
    same(Receiver::Server, Version::V311, "10 10 0004 4D515454 04 C2 003C 0000 0000 0000", packet(empty));
}

#[test]
fn a_password_alone_is_for_mqtt_5() {
    // 311:3.1.2-22 5:3.1.2-18
    let alone = Connect { password: Some(Secret::from("p")), ..connect(Version::V5) };
    let bytes = "10 11 0004 4D515454 05 42 003C 00 0001 63 0001 70";
    same(Receiver::Server, Version::V5, bytes, packet(alone));
    for (version, name) in [(Version::V31, "0006 4D5149736470 03"), (Version::V311, "0004 4D515454 04")] {
        let len = if version == Version::V31 { "12" } else { "10" };
        let bytes = format!("10 {len} {name} 42 003C 0001 63 0001 70");
        refused(Receiver::Server, version, &bytes, ReasonCode::MALFORMED_PACKET, "MQTT-3.1.2-22");
        let alone = Connect { password: Some(Secret::from("p")), ..connect(version) };
        unsendable(packet(alone), version, "password only with a user name");
    }
}

#[test]
fn for_3_1_the_remaining_length_takes_precedence_over_the_flags() {
    let server = Receiver::Server;
    let bytes = "10 0F 0006 4D5149736470 03 C2 003C 0001 63";
    means(server, Version::V31, bytes, packet(connect(Version::V31)));
    let named = Connect { user_name: Some("u".into()), ..connect(Version::V31) };
    means(server, Version::V31, "10 12 0006 4D5149736470 03 C2 003C 0001 63 0001 75", packet(named));
    let bytes = "10 0D 0004 4D515454 04 82 003C 0001 63";
    refused(server, Version::V311, bytes, ReasonCode::MALFORMED_PACKET, "ends in the middle");
}

#[test]
fn wrong_flags_are_malformed() {
    for (flags, why) in [
        // 311:3.1.2-3 5:3.1.2-3
        ("03", "reserved"),
        // 311:3.1.2-11 311:3.1.2-13 311:3.1.2-15 5:3.1.2-11 5:3.1.2-13
        ("0A", "without a will"),
        ("12", "without a will"),
        ("22", "without a will"),
        // 311:3.1.2-14 5:3.1.2-12
        ("1E", "will QoS is 3"),
    ] {
        let bytes = format!("10 0D 0004 4D515454 04 {flags} 003C 0001 63");
        refused(Receiver::Server, Version::V311, &bytes, ReasonCode::MALFORMED_PACKET, why);
        let bytes = format!("10 0E 0004 4D515454 05 {flags} 003C 00 0001 63");
        refused(Receiver::Server, Version::V5, &bytes, ReasonCode::MALFORMED_PACKET, why);
    }
}

#[test]
fn unknown_protocols_have_their_own_error() {
    // 311:3.1.2-1 311:3.1.2-2 5:3.1.2-1 5:3.1.2-2
    for (bytes, name, level) in [
        ("10 07 0004 4D515454 06", "MQTT", 6),
        ("10 07 0004 4D515454 03", "MQTT", 3),
        ("10 09 0006 4D5149736470 04", "MQIsdp", 4),
        ("10 07 0004 6D717474 04", "mqtt", 4),
        ("10 03 0000 04", "", 4),
        ("10 17 0014 4142434445464748494A4B4C4D4E4F5051525354 04", "ABCDEFGHIJKLMNOP", 4),
    ] {
        let error = decode(Receiver::Server, Version::V5, &notation::bytes(bytes)).unwrap_err();
        assert_eq!(error, DecodeError::UnsupportedProtocol { name: name.into(), level });
        assert_eq!(error.reason(), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
    }
}

#[test]
fn wrong_payloads_are_refused() {
    let server = Receiver::Server;
    let malformed = ReasonCode::MALFORMED_PACKET;
    for (rest, len, reason, why) in [
        // 311:3.1.3-4 5:3.1.3-4 311:1.5.3-2 5:1.5.4-2
        ("02 003C 0001 FF", "0D", malformed, "client identifier is not UTF-8"),
        ("02 003C 0001 00", "0D", malformed, "client identifier contains U+0000"),
        // 311:3.1.3-11 5:3.1.3-12
        ("82 003C 0001 63 0001 FF", "10", malformed, "user name is not UTF-8"),
        ("82 003C 0001 63 0001 00", "10", malformed, "user name contains U+0000"),
        // 311:3.1.3-10 5:3.1.3-11
        ("06 003C 0001 63 0001 FF 0000", "12", malformed, "will topic is not UTF-8"),
        ("06 003C 0001 63 0000 0000", "11", malformed, "will topic is empty"),
        ("06 003C 0001 63 0001 23 0000", "12", ReasonCode::TOPIC_NAME_INVALID, "'+' or '#'"),
        ("02 003C 0001 63 00", "0E", malformed, "left over"),
        ("02 003C 0002 63", "0D", malformed, "ends in the middle"),
        ("02 003C", "0A", malformed, "ends in the middle"),
    ] {
        let bytes = format!("10 {len} 0004 4D515454 04 {rest}");
        refused(server, Version::V311, &bytes, reason, why);
    }
    let lonely = "10 12 0004 4D515454 05 02 003C 04 16 0001 64 0001 63";
    refused(server, Version::V5, lonely, ReasonCode::PROTOCOL_ERROR, "without a method");
    let zero = "10 11 0004 4D515454 05 02 003C 03 21 0000 0001 63";
    refused(server, Version::V5, zero, ReasonCode::PROTOCOL_ERROR, "receive-maximum must not be 0");
    // 5:2.2.2-1: without a property length, the length of the client identifier is taken for it
    let without = "10 0D 0004 4D515454 05 02 003C 0001 63";
    refused(server, Version::V5, without, malformed, "ends in the middle");
}
