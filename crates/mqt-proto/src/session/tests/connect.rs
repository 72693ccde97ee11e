//! CONNECT and CONNACK.

use super::*;

fn connect_bytes(version: Version, options: SessionOptions, credentials: Credentials) -> String {
    let mut bench = Bench::new(version, options);
    bench.session.connect(version, credentials, bench.now).unwrap();
    hex(&bench.take())
}

fn login(user_name: Option<&str>, password: Option<&str>) -> Credentials {
    Credentials { user_name: user_name.map(ByteString::from), password: password.map(Secret::from) }
}

#[test]
fn the_first_packet_is_connect() {
    // 311:3.1.0-1 5:3.1.0-1 5:3.1.2-1
    let expected = [
        (Version::V31, "10 0F 0006 'MQIsdp' 03 02 003C 0001 'c'"),
        (Version::V311, "10 0D 0004 'MQTT' 04 02 003C 0001 'c'"),
        (Version::V5, "10 0E 0004 'MQTT' 05 02 003C 00 0001 'c'"),
    ];
    for (version, expected) in expected {
        let mut bench = Bench::plain(version);
        // Whatever is asked for before goes out after CONNACK.
        bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
        bench.publish(QoS::AtLeastOnce, "x");
        assert!(bench.take().is_empty());
        bench.session.connect(version, Credentials::default(), bench.now).unwrap();
        bench.sent(expected);
        bench.publish(QoS::AtMostOnce, "y");
        bench.sent("");
    }
}

#[test]
fn connect_is_sent_once() {
    // 311:3.1.0-2 5:3.1.0-2
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.publish(QoS::AtMostOnce, "x");
        bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
        bench.wait(30.0).unwrap();
        bench.session.disconnect(ReasonCode::SUCCESS);
        let sent = bench.take();
        let decoder = Decoder::new(Receiver::Server, version, 1_000_000);
        let mut buffer = BytesMut::from(&sent[..]);
        let mut names = Vec::new();
        while let Some(packet) = decoder.decode(&mut buffer).unwrap() {
            names.push(packet.name());
        }
        assert_eq!(names, ["PUBLISH", "SUBSCRIBE", "PINGREQ", "DISCONNECT"]);
    }
}

#[test]
fn payload_fields_stand_in_their_order() {
    // 311:3.1.3-1 5:3.1.3-1 311:3.1.2-18 311:3.1.2-19 311:3.1.2-20 311:3.1.2-21
    // 5:3.1.2-16 5:3.1.2-17 5:3.1.2-18 5:3.1.2-19
    let will = Will {
        message: Message {
            topic: TopicName::new("w").unwrap(),
            payload: "bye".into(),
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: vec![Property::WillDelayInterval(9)].into(),
        },
    };
    let options = SessionOptions { will: Some(will), keep_alive: 10, ..options() };
    let credentials = login(Some("u"), Some("pw"));
    assert_eq!(
        connect_bytes(Version::V311, options.clone(), credentials.clone()),
        hex(&bytes("10 1C 0004 'MQTT' 04 F6 000A 0001 'c' 0001 'w' 0003 'bye' 0001 'u' 0002 'pw'"))
    );
    assert_eq!(
        connect_bytes(Version::V5, options, credentials),
        hex(&bytes(
            "10 23 0004 'MQTT' 05 F6 000A 00 0001 'c' 05 18 00000009 0001 'w' 0003 'bye' 0001 'u' 0002 'pw'"
        ))
    );
}

#[test]
fn flags_without_a_will_are_zero() {
    // 311:3.1.2-11 311:3.1.2-13 311:3.1.2-15 5:3.1.2-11 5:3.1.2-13
    // 311:3.1.2-14 5:3.1.2-12: QoS 3 has no value of its type.
    for version in BOTH {
        let mut bench = Bench::new(version, SessionOptions { clean_start: false, ..options() });
        assert_eq!(bench.connect()[9], 0, "no flag at all");
        for (qos, flags) in [(QoS::AtMostOnce, 0x04), (QoS::AtLeastOnce, 0x0C), (QoS::ExactlyOnce, 0x14)] {
            let will = Some(Will { message: message(qos, "") });
            let mut bench = Bench::new(version, SessionOptions { will, clean_start: false, ..options() });
            assert_eq!(bench.connect()[9], flags);
        }
    }
}

#[test]
fn an_empty_user_name_or_password_is_not_the_same_as_none() {
    // 311:3.1.2-18 311:3.1.2-19 311:3.1.2-20 311:3.1.2-21
    // 5:3.1.2-16 5:3.1.2-17 5:3.1.2-18 5:3.1.2-19
    for (user_name, password, flags, payload) in [
        (None, None, "02", ""),
        (Some(""), None, "82", "0000"),
        (Some("u"), Some(""), "C2", "0001 'u' 0000"),
        (Some(""), Some(""), "C2", "0000 0000"),
    ] {
        for (version, level, properties, length) in
            [(Version::V311, "04", "", 13), (Version::V5, "05", "00", 14)]
        {
            let length = length + bytes(payload).len();
            assert_eq!(
                connect_bytes(version, options(), login(user_name, password)),
                hex(&bytes(&format!(
                    "10 {length:02X} 0004 'MQTT' {level} {flags} 003C {properties} 0001 'c' {payload}"
                )))
            );
        }
    }
}

#[test]
fn a_password_alone_is_for_mqtt_5_only() {
    // 311:3.1.2-22
    let mut bench = Bench::plain(Version::V311);
    assert!(bench.session.connect(Version::V311, login(None, Some("p")), bench.now).is_err());
    assert!(bench.take().is_empty(), "nothing is sent");
    assert_eq!(
        connect_bytes(Version::V5, options(), login(None, Some("p"))),
        hex(&bytes("10 11 0004 'MQTT' 05 42 003C 00 0001 'c' 0001 'p'"))
    );
}

#[test]
fn texts_that_a_length_cannot_carry_are_never_sent() {
    // 311:3.1.3-3 311:3.1.3-4 311:3.1.3-11 5:3.1.3-3 5:3.1.3-4 5:3.1.3-12
    let long = || "x".repeat(65_536);
    for version in BOTH {
        let cases = [
            (SessionOptions { client_id: long().into(), ..options() }, Credentials::default()),
            (SessionOptions { client_id: "a\0b".into(), ..options() }, Credentials::default()),
            (options(), login(Some(&long()), None)),
            (options(), login(Some("a\0b"), None)),
            (options(), login(Some("u"), Some(&long()))),
        ];
        for (options, credentials) in cases {
            let mut bench = Bench::new(version, options);
            assert!(bench.session.connect(version, credentials, bench.now).is_err());
            assert!(bench.take().is_empty(), "nothing is sent");
        }
        let longest = SessionOptions { client_id: "x".repeat(65_535).into(), ..options() };
        assert_eq!(
            Bench::new(version, longest).connect().len(),
            if version == Version::V5 { 65_552 } else { 65_551 }
        );
    }
}

#[test]
fn an_empty_client_identifier_needs_a_clean_session() {
    // 311:3.1.3-7 311:3.1.3-8
    let nameless = |clean_start| SessionOptions { client_id: ByteString::new(), clean_start, ..options() };
    let mut bench = Bench::new(Version::V311, nameless(false));
    assert!(bench.session.connect(Version::V311, Credentials::default(), bench.now).is_err());
    assert!(bench.take().is_empty(), "nothing is sent");
    let sent = connect_bytes(Version::V311, nameless(true), Credentials::default());
    assert_eq!(sent, hex(&bytes("10 0C 0004 'MQTT' 04 02 003C 0000")));
    let sent = connect_bytes(Version::V5, nameless(false), Credentials::default());
    assert_eq!(sent, hex(&bytes("10 0D 0004 'MQTT' 05 00 003C 00 0000")));
}

#[test]
fn properties_keep_their_order_and_stay_out_of_3x() {
    let properties: Properties = vec![
        Property::UserProperty("k".into(), "v".into()),
        Property::ReceiveMaximum(7),
        Property::MaximumPacketSize(1000),
        Property::UserProperty("k".into(), "w".into()),
    ]
    .into();
    let options = SessionOptions {
        connect_properties: properties,
        session_expiry: 60,
        clean_start: false,
        ..options()
    };
    assert_eq!(
        connect_bytes(Version::V5, options.clone(), Credentials::default()),
        hex(&bytes(
            "10 29 0004 'MQTT' 05 00 003C
             1B 26 0001 'k' 0001 'v' 21 0007 27 000003E8 26 0001 'k' 0001 'w' 11 0000003C 0001 'c'"
        ))
    );
    assert_eq!(
        connect_bytes(Version::V311, options, Credentials::default()),
        hex(&bytes("10 0D 0004 'MQTT' 04 00 003C 0001 'c'"))
    );
}

#[test]
fn a_session_expiry_among_the_properties_wins() {
    let options = SessionOptions {
        session_expiry: 60,
        connect_properties: vec![Property::SessionExpiryInterval(5)].into(),
        ..options()
    };
    assert_eq!(
        connect_bytes(Version::V5, options, Credentials::default()),
        hex(&bytes("10 13 0004 'MQTT' 05 02 003C 05 11 00000005 0001 'c'"))
    );
}

#[test]
fn a_reconnect_goes_on_with_the_session_where_there_is_one() {
    // (version, clean start, expiry) → flags of the first and of the second CONNECT
    for (version, clean_start, session_expiry, first, second) in [
        (Version::V311, true, 0, 0x02, 0x02),
        (Version::V311, false, 0, 0x00, 0x00),
        (Version::V5, true, 0, 0x02, 0x02),
        (Version::V5, false, 0, 0x00, 0x00),
        (Version::V5, true, 60, 0x02, 0x00),
        (Version::V5, false, 60, 0x00, 0x00),
    ] {
        let mut bench = Bench::new(version, SessionOptions { clean_start, session_expiry, ..options() });
        assert_eq!(bench.connect()[9], first);
        bench.session.lost();
        assert_eq!(bench.connect()[9], first, "the first was never accepted");
        bench.accept(false, "");
        bench.session.lost();
        assert_eq!(bench.connect()[9], second, "MQTT {version} {clean_start} {session_expiry}");
    }
}

#[test]
fn an_assigned_client_identifier_is_kept_for_reconnects() {
    // 5:3.1.3-3
    let mut bench = Bench::new(
        Version::V5,
        SessionOptions { client_id: ByteString::new(), session_expiry: 60, ..SessionOptions::default() },
    );
    bench.connect();
    bench.accept(false, "12 0003 'abc'");
    assert_eq!(bench.session.client_id(), "abc");
    bench.session.lost();
    let sent = bench.connect();
    assert_eq!(hex(&sent), hex(&bytes("10 15 0004 'MQTT' 05 00 003C 05 11 0000003C 0003 'abc'")));
}

#[test]
fn a_refused_connection_is_over() {
    // 5:4.13.2-1 5:3.2.2-7
    for (code, reason) in [(1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87), (6, 0x80), (255, 0x80)] {
        let mut bench = Bench::plain(Version::V311);
        bench.connect();
        let error = bench.receive(&format!("20 02 00 {code:02X}")).unwrap_err();
        assert!(
            matches!(error, SessionError::Refused { reason: got, code: on_wire, version: Version::V311, .. }
            if got.0 == reason && on_wire == code)
        );
        bench.sent("");
        assert!(!bench.session.was_established());
    }
    for code in [0x80, 0x84, 0x87, 0x8A, 0x8C, 0x97, 0x9F] {
        let mut bench = Bench::plain(Version::V5);
        bench.connect();
        let error = bench.receive(&format!("20 0E 00 {code:02X} 0B 1F 0002 'no' 1C 0003 'b:1'")).unwrap_err();
        let SessionError::Refused { reason, reason_string, server_reference, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(reason.0, code);
        assert_eq!(reason_string.as_deref(), Some("no"));
        assert_eq!(server_reference.as_deref(), Some("b:1"));
        bench.sent("");
        bench.publish(QoS::AtMostOnce, "x");
        bench.sent("");
    }
}

#[test]
fn session_present_after_a_clean_start_closes_the_connection() {
    // 5:3.2.2-4 311:3.1.2-6 5:3.1.2-4
    for version in BOTH {
        let mut bench = Bench::plain(version);
        bench.connect();
        let error = bench.try_accept(true, "").unwrap_err();
        assert!(matches!(error, SessionError::Violation { reason: ReasonCode::PROTOCOL_ERROR, .. }));
        bench.sent(if version == Version::V5 { "E0 01 82" } else { "" });
        assert!(bench.events().is_empty(), "CONNACK is not reported");
        assert!(!bench.session.was_established());
    }
}

#[test]
fn session_present_without_a_clean_start_is_welcome() {
    // 5:3.2.2-4: the broker's session of an earlier run of the program is what was asked for.
    for version in BOTH {
        let mut bench =
            Bench::new(version, SessionOptions { resumed_identifiers_from: 0x1234, ..persistent() });
        bench.connect();
        bench.accept(true, "");
        assert!(bench.session.resumed());
        bench.publish(QoS::AtLeastOnce, "x");
        bench.sent(&publish_bytes(version, 0b0010, 0x1235, 'x'));
    }
}

#[test]
fn only_one_connack() {
    // 5:4.13.2-1
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.refuses(if version == Version::V5 { "20 03 00 00 00" } else { "20 02 00 00" }, 0x82);
    }
}

#[test]
fn nothing_but_connack_may_come_first() {
    // 5:3.1.2-30: what this client sends before CONNACK is CONNECT and, to end, DISCONNECT.
    for version in BOTH {
        for packet in ["30 04 0001 't' 00", "D0 00", "90 03 0001 00"] {
            let packet = match (version, packet) {
                (Version::V5, "90 03 0001 00") => "90 04 0001 00 00",
                _ => packet,
            };
            let mut bench = Bench::plain(version);
            bench.connect();
            assert!(matches!(bench.receive(packet), Err(SessionError::Violation { .. })), "{packet}");
            bench.sent("");
        }
        let mut bench = Bench::plain(version);
        bench.connect();
        bench.session.disconnect(ReasonCode::SUCCESS);
        bench.sent("E0 00");
    }
}

#[test]
fn an_authentication_exchange_is_named_or_refused() {
    // 5:4.12.0-6 5:4.12.0-7: without a method of ours there is no AUTH.
    let mut bench = Bench::connected(Version::V5);
    bench.refuses("F0 00", 0x82);
    let mut bench = Bench::plain(Version::V5);
    bench.connect();
    assert!(matches!(bench.receive("F0 07 18 05 15 0002 'xy'"), Err(SessionError::Violation { .. })));
    bench.sent("");
    let mut bench = Bench::plain(Version::V5);
    bench.connect();
    bench.refuses("20 08 00 00 05 15 0002 'xy'", 0x82);
    // With a method that only the user knows, the exchange ends here.
    let options = SessionOptions {
        connect_properties: vec![Property::AuthenticationMethod("xy".into())].into(),
        ..options()
    };
    let mut bench = Bench::new(Version::V5, options);
    let sent = bench.connect();
    assert_eq!(hex(&sent), hex(&bytes("10 13 0004 'MQTT' 05 02 003C 05 15 0002 'xy' 0001 'c'")));
    let error = bench.receive("F0 07 18 05 15 0002 'xy'").unwrap_err();
    assert!(matches!(error, SessionError::Authentication { method: Some(method) } if method == "xy"));
    bench.sent("");
    // 5:4.12.0-5: a server that asks for no exchange accepts under the same method.
    bench.session.lost();
    bench.connect();
    bench.accept(false, "15 0002 'xy'");
    bench.session.lost();
    bench.connect();
    assert!(bench.try_accept(false, "15 0002 'zz'").is_err());
    bench.sent("E0 01 82");
}

#[test]
fn every_packet_is_traced_in_both_directions() {
    let mut bench = Bench::new(Version::V5, SessionOptions { trace: true, ..options() });
    bench.connect();
    bench.try_accept(false, "").unwrap();
    bench.publish(QoS::ExactlyOnce, "x");
    bench.take_in("50 02 0001 70 02 0001");
    bench.take_in(&publish_bytes(Version::V5, 0b0010, 9, 'y'));
    bench.session.acknowledge(1);
    bench.session.disconnect(ReasonCode::SUCCESS);
    let names: Vec<String> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Sent(packet) => Some(format!("> {}", packet.name())),
            Event::Received(packet) => Some(format!("< {}", packet.name())),
            _ => None,
        })
        .collect();
    assert_eq!(
        names,
        [
            "> CONNECT",
            "< CONNACK",
            "> PUBLISH",
            "< PUBREC",
            "> PUBREL",
            "< PUBCOMP",
            "< PUBLISH",
            "> PUBACK",
            "> DISCONNECT"
        ]
    );
}
