//! CONNACK, the acknowledgements, pings, DISCONNECT and AUTH.

use super::*;

#[test]
fn conn_ack_of_3_x() {
    for (bytes, reason, code) in [
        ("20 02 00 00", ReasonCode::SUCCESS, 0),
        ("20 02 00 01", ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, 1),
        ("20 02 00 02", ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, 2),
        ("20 02 00 03", ReasonCode::SERVER_UNAVAILABLE, 3),
        ("20 02 00 04", ReasonCode::BAD_USER_NAME_OR_PASSWORD, 4),
        ("20 02 00 05", ReasonCode::NOT_AUTHORIZED, 5),
    ] {
        for version in OLD {
            let packet = ConnAck { reason, code, ..ConnAck::default() };
            same(Receiver::Client, version, bytes, Packet::ConnAck(packet));
        }
    }
    let unlisted = ConnAck { reason: ReasonCode::UNSPECIFIED_ERROR, code: 6, ..ConnAck::default() };
    means(Receiver::Client, Version::V311, "20 02 00 06", Packet::ConnAck(unlisted));
}

#[test]
fn the_session_present_bit_is_read_from_3_1_1_on() {
    // 311:3.2.2-4 5:3.2.2-1 5:3.2.2-6
    let present = Packet::ConnAck(ConnAck { session_present: true, ..ConnAck::default() });
    same(Receiver::Client, Version::V311, "20 02 01 00", present.clone());
    same(Receiver::Client, Version::V5, "20 03 01 00 00", present.clone());
    means(Receiver::Client, Version::V31, "20 02 FF 00", Packet::ConnAck(ConnAck::default()));
    assert_eq!(encoded(&present, Version::V31), Ok(bytes("20 02 00 00").into()));
    let client = Receiver::Client;
    refused(client, Version::V311, "20 02 01 05", ReasonCode::PROTOCOL_ERROR, "session is present");
    refused(client, Version::V5, "20 03 01 87 00", ReasonCode::PROTOCOL_ERROR, "session is present");
    refused(client, Version::V311, "20 02 02 00", ReasonCode::MALFORMED_PACKET, "reserved");
    refused(client, Version::V5, "20 03 81 00 00", ReasonCode::MALFORMED_PACKET, "reserved");
}

#[test]
fn conn_ack_of_mqtt_5_with_every_property() {
    let properties = properties([
        Property::SessionExpiryInterval(1),
        Property::ReceiveMaximum(2),
        Property::MaximumQoS(1),
        Property::RetainAvailable(0),
        Property::MaximumPacketSize(3),
        Property::AssignedClientIdentifier("c".into()),
        Property::TopicAliasMaximum(4),
        Property::ReasonString("r".into()),
        Property::UserProperty("k".into(), "v".into()),
        Property::WildcardSubscriptionAvailable(1),
        Property::SubscriptionIdentifierAvailable(0),
        Property::SharedSubscriptionAvailable(1),
        Property::ServerKeepAlive(0),
        Property::ResponseInformation("i".into()),
        Property::ServerReference("s".into()),
        Property::AuthenticationMethod("m".into()),
        Property::AuthenticationData(Bytes::from_static(b"\0")),
    ]);
    let packet = ConnAck { properties, ..ConnAck::default() };
    same(
        Receiver::Client,
        Version::V5,
        "20 3F 00 00 3C \
         11 00000001  21 0002  24 01  25 00  27 00000003  12 0001 63  22 0004  1F 0001 72 \
         26 0001 6B 0001 76  28 01  29 00  2A 01  13 0000  1A 0001 69  1C 0001 73 \
         15 0001 6D  16 0001 00",
        Packet::ConnAck(packet),
    );
}

#[test]
fn a_3_x_conn_ack_for_an_mqtt_5_connect_has_its_own_error() {
    for (bytes, code) in [("20 02 00 01", 1), ("20 02 00 00", 0)] {
        let error = decode(Receiver::Client, Version::V5, &notation::bytes(bytes)).unwrap_err();
        assert_eq!(error, DecodeError::OldConnAck { code });
    }
}

#[test]
fn acknowledgements_in_all_forms() {
    // 5:3.4.2-1 5:3.5.2-1 5:3.6.2-1 5:3.7.2-1 311:3.6.1-1 5:3.6.1-1
    type Make = fn(Ack) -> Packet;
    let kinds: [(&str, Receiver, AckKind, Make, u8); 4] = [
        ("40", Receiver::Client, AckKind::PubAck, Packet::PubAck, 0x87),
        ("50", Receiver::Client, AckKind::PubRec, Packet::PubRec, 0x97),
        ("62", Receiver::Server, AckKind::PubRel, Packet::PubRel, 0x92),
        ("70", Receiver::Client, AckKind::PubComp, Packet::PubComp, 0x92),
    ];
    for (first, receiver, kind, make, code) in kinds {
        let plain = Ack::new(id(0x1234), ReasonCode::SUCCESS);
        for version in ALL {
            same(receiver, version, &format!("{first} 02 1234"), make(plain.clone()));
            let mut out = WriteBuffer::new();
            encode_ack(kind, id(0x1234), ReasonCode::SUCCESS, version, &mut out);
            assert_eq!(out.chunk(), bytes(&format!("{first} 02 1234")));
        }
        means(receiver, Version::V5, &format!("{first} 03 1234 00"), make(plain.clone()));
        means(receiver, Version::V5, &format!("{first} 04 1234 00 00"), make(plain.clone()));
        let failed = Ack::new(id(1), ReasonCode(code));
        same(receiver, Version::V5, &format!("{first} 03 0001 {code:02X}"), make(failed.clone()));
        means(receiver, Version::V5, &format!("{first} 04 0001 {code:02X} 00"), make(failed));
        let mut out = WriteBuffer::new();
        encode_ack(kind, id(1), ReasonCode(code), Version::V5, &mut out);
        assert_eq!(out.chunk(), bytes(&format!("{first} 03 0001 {code:02X}")));
        let explained = Ack { properties: properties([Property::ReasonString("no".into())]), ..plain };
        same(receiver, Version::V5, &format!("{first} 09 1234 00 05 1F 0002 6E6F"), make(explained));

        let (malformed, protocol) = (ReasonCode::MALFORMED_PACKET, ReasonCode::PROTOCOL_ERROR);
        refused(receiver, Version::V5, &format!("{first} 02 0000"), protocol, "identifier is 0");
        refused(receiver, Version::V5, &format!("{first} 03 1234 01"), protocol, "0x01");
        refused(receiver, Version::V5, &format!("{first} 05 1234 00 00 00"), malformed, "left over");
        refused(receiver, Version::V5, &format!("{first} 04 1234 00 01"), malformed, "ends in the middle");
        refused(receiver, Version::V311, &format!("{first} 03"), malformed, "cannot be 3");
        refused(receiver, Version::V5, &format!("{first} 01"), malformed, "cannot be 1");
        let wrong_flags = format!("{:02X}", u8::from_str_radix(first, 16).unwrap() ^ 0b0010);
        refused(receiver, Version::V5, &wrong_flags, malformed, "MQTT-2.1.3-1");
    }
}

#[test]
fn every_listed_reason_code_is_taken_and_no_other_but_refusals() {
    // 5:3.2.2-8 5:3.4.2-1 5:3.5.2-1 5:3.6.2-1 5:3.7.2-1 5:3.9.3-2 5:3.11.3-2 5:3.14.2-1 5:3.15.2-1
    let method = "04 15 0001 6D";
    type Bytes<'a> = &'a dyn Fn(u8) -> String;
    let cases: [(Bytes, &[u8]); 9] = [
        (
            &|code| format!("20 03 00 {code:02X} 00"),
            &[
                0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95,
                0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
            ],
        ),
        (&|code| format!("40 03 0001 {code:02X}"), &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
        (&|code| format!("50 03 0001 {code:02X}"), &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
        (&|code| format!("62 03 0001 {code:02X}"), &[0x00, 0x92]),
        (&|code| format!("70 03 0001 {code:02X}"), &[0x00, 0x92]),
        (
            &|code| format!("90 04 0001 00 {code:02X}"),
            &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
        ),
        (&|code| format!("B0 04 0001 00 {code:02X}"), &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91]),
        (
            &|code| format!("E0 01 {code:02X}"),
            &[
                0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93,
                0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
            ],
        ),
        (&|code| format!("F0 06 {code:02X} {method}"), &[0x00, 0x18, 0x19]),
    ];
    for (bytes, listed) in cases {
        for code in 0..=255 {
            let result = decode(Receiver::Client, Version::V5, &notation::bytes(&bytes(code)));
            match result {
                // A refusal is one to a client, whatever the number.
                Ok(Some(_)) => assert!(listed.contains(&code) || code >= 0x80, "{} was taken", bytes(code)),
                Ok(None) => panic!("{} is not whole", bytes(code)),
                Err(error) => {
                    assert!(!listed.contains(&code), "{}: {error}", bytes(code));
                    assert_eq!(error.reason(), ReasonCode::PROTOCOL_ERROR);
                }
            }
        }
    }
}

#[test]
fn pings_are_two_bytes() {
    for version in ALL {
        same(Receiver::Server, version, "C0 00", Packet::PingReq);
        same(Receiver::Client, version, "D0 00", Packet::PingResp);
        refused(Receiver::Client, version, "D0 01", ReasonCode::MALFORMED_PACKET, "cannot be 1");
    }
}

#[test]
fn disconnect_in_all_forms() {
    // 5:3.14.1-1 5:3.14.2-1 5:3.14.2-2 311:3.14.1-1
    for version in ALL {
        same(Receiver::Server, version, "E0 00", Packet::Disconnect(Disconnect::default()));
        refused(Receiver::Server, version, "E1", ReasonCode::MALFORMED_PACKET, "MQTT-2.1.3-1");
    }
    let client = Receiver::Client;
    let normal = Packet::Disconnect(Disconnect::default());
    for bytes in ["E0 01 00", "E0 02 00 00"] {
        means(client, Version::V5, bytes, normal.clone());
    }
    let taken_over = Disconnect { reason: ReasonCode::SESSION_TAKEN_OVER, properties: Properties::new() };
    same(client, Version::V5, "E0 01 8E", Packet::Disconnect(taken_over.clone()));
    means(client, Version::V5, "E0 02 8E 00", Packet::Disconnect(taken_over));
    let moved = Disconnect {
        reason: ReasonCode::SERVER_MOVED,
        properties: properties([
            Property::ReasonString("x".into()),
            Property::ServerReference("y".into()),
            Property::UserProperty("".into(), "".into()),
        ]),
    };
    same(client, Version::V5, "E0 0F 9D 0D 1F 0001 78 1C 0001 79 26 0000 0000", Packet::Disconnect(moved));
    let expiring = Disconnect {
        reason: ReasonCode::DISCONNECT_WITH_WILL,
        properties: properties([Property::SessionExpiryInterval(0xFFFF_FFFF)]),
    };
    let bytes = "E0 07 04 05 11 FFFFFFFF";
    same(Receiver::Server, Version::V5, bytes, Packet::Disconnect(expiring));
    refused(client, Version::V5, bytes, ReasonCode::PROTOCOL_ERROR, "MQTT-3.14.2-2");
    for version in OLD {
        refused(client, version, "E0", ReasonCode::PROTOCOL_ERROR, "must not be sent to a client");
        refused(Receiver::Server, version, "E0 01", ReasonCode::MALFORMED_PACKET, "cannot be 1");
    }
}

#[test]
fn auth_belongs_to_mqtt_5() {
    // 5:3.15.1-1
    for receiver in [Receiver::Client, Receiver::Server] {
        same(receiver, Version::V5, "F0 00", Packet::Auth(Auth::default()));
        means(receiver, Version::V5, "F0 02 00 00", Packet::Auth(Auth::default()));
        let auth = Auth {
            reason: ReasonCode::CONTINUE_AUTHENTICATION,
            properties: properties([
                Property::AuthenticationMethod("m".into()),
                Property::AuthenticationData(Bytes::from_static(b"\x01\x02")),
            ]),
        };
        assert_eq!(auth.data().map(|data| &data[..]), Some(&[1, 2][..]));
        same(receiver, Version::V5, "F0 0B 18 09 15 0001 6D 16 0002 0102", Packet::Auth(auth));
        refused(receiver, Version::V5, "F0 02 18 00", ReasonCode::PROTOCOL_ERROR, "method");
        refused(receiver, Version::V5, "F0 01 18", ReasonCode::MALFORMED_PACKET, "ends in the middle");
        refused(receiver, Version::V5, "F1", ReasonCode::MALFORMED_PACKET, "MQTT-2.1.3-1");
        for version in OLD {
            refused(receiver, version, "F0", ReasonCode::MALFORMED_PACKET, "reserved");
        }
    }
}
