//! What the server allows.

use super::*;

fn with(properties: &str, options: SessionOptions) -> Bench {
    let mut bench = Bench::new(Version::V5, options);
    bench.connect();
    bench.accept(false, properties);
    bench
}

fn refusal(bench: &mut Bench) -> Refusal {
    bench.sent("");
    let mut events = bench.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let Some(Event::Refused { refusal, ticket: 1, .. }) = events.pop() else { panic!("not refused") };
    assert_eq!(bench.figures(), [1, 0, 1, 0, 0]);
    assert!(bench.session.is_drained());
    assert!(bench.session.is_connected(), "the connection is unharmed");
    bench.publish(QoS::AtMostOnce, "x");
    bench.sent("30 05 0001 't' 00 'x'");
    refusal
}

#[test]
fn limits_are_read_from_connack() {
    let mut bench = Bench::plain(Version::V5);
    bench.connect();
    bench.accept(false, "21 0007 24 01 25 00 27 00001000 22 0009 28 00 29 00 2A 00");
    let limits = bench.session.limits();
    assert_eq!(
        *limits,
        ServerLimits {
            receive_maximum: 7,
            maximum_qos: QoS::AtLeastOnce,
            retain_available: false,
            maximum_packet_size: 4096,
            topic_alias_maximum: 9,
            wildcard_subscriptions: false,
            subscription_identifiers: false,
            shared_subscriptions: false,
        }
    );
    bench.reconnect(false);
    assert_eq!(*bench.session.limits(), ServerLimits::unstated(), "each connection has its own");
}

#[test]
fn maximum_qos_is_obeyed() {
    // 5:3.2.2-11
    for (properties, asked, allowed) in [
        ("24 00", QoS::AtLeastOnce, QoS::AtMostOnce),
        ("24 00", QoS::ExactlyOnce, QoS::AtMostOnce),
        ("24 01", QoS::ExactlyOnce, QoS::AtLeastOnce),
    ] {
        let mut bench = with(properties, options());
        bench.publish(asked, "x");
        assert_eq!(refusal(&mut bench), Refusal::QoS { asked, maximum: allowed });
    }
    let mut bench = with("24 01", SessionOptions { downgrade_qos: true, ..options() });
    bench.publish(QoS::ExactlyOnce, "x");
    bench.sent(&publish_bytes(Version::V5, 0b0010, 1, 'x'));
    let mut bench = with("24 00", SessionOptions { downgrade_qos: true, ..options() });
    bench.publish(QoS::ExactlyOnce, "x");
    bench.sent("30 05 0001 't' 00 'x'");
}

#[test]
fn retain_available_is_obeyed() {
    // 5:3.2.2-14
    let mut bench = with("25 00", options());
    bench.session.publish(Message { retain: true, ..message(QoS::AtMostOnce, "x") });
    assert_eq!(refusal(&mut bench), Refusal::Retain);
}

#[test]
fn maximum_packet_size_is_obeyed() {
    // 5:3.2.2-15
    let mut bench = with("27 00000009", options());
    bench.publish(QoS::AtLeastOnce, "123456789");
    assert_eq!(refusal(&mut bench), Refusal::TooLarge { size: 17, allowed: 9 });
    bench.publish(QoS::AtLeastOnce, "x");
    bench.sent(&publish_bytes(Version::V5, 0b0010, 1, 'x'));
    // The limit holds for the whole packet, the length bytes too.
    let payload = "x".repeat(121).leak();
    let mut bench = with("27 00000082", options());
    bench.publish(QoS::AtLeastOnce, payload);
    assert_eq!(bench.take().len(), 0x82 - 1);
    let payload = "x".repeat(122).leak();
    let mut bench = with("27 00000082", options());
    bench.publish(QoS::AtLeastOnce, payload);
    assert_eq!(refusal(&mut bench), Refusal::TooLarge { size: 131, allowed: 130 });
}

#[test]
fn topic_alias_maximum_is_obeyed() {
    // 5:3.2.2-17 5:3.2.2-18 5:3.3.2-9
    let aliased = |alias| Message {
        properties: vec![Property::TopicAlias(alias)].into(),
        ..message(QoS::AtMostOnce, "x")
    };
    let mut bench = with("22 0004", options());
    bench.session.publish(aliased(5));
    assert_eq!(refusal(&mut bench), Refusal::TopicAlias { alias: 5, maximum: 4 });
    bench.session.publish(aliased(4));
    bench.sent("30 08 0001 't' 03 23 0004 'x'");
    let mut bench = with("", options());
    bench.session.publish(aliased(1));
    assert_eq!(refusal(&mut bench), Refusal::TopicAlias { alias: 1, maximum: 0 });
}

#[test]
fn what_is_no_publish_is_refused_before_it_is_sent() {
    // 5:3.3.4-6 5:3.3.2-8 5:3.3.2-13 5:3.3.2-14 5:3.3.2-19 311:4.7.3-1 5:4.7.3-1
    let cases: Vec<Properties> = vec![
        vec![Property::SubscriptionIdentifier(1)].into(),
        vec![Property::TopicAlias(0)].into(),
        vec![Property::ResponseTopic("a/#".into())].into(),
        vec![Property::ResponseTopic("a\0".into())].into(),
        vec![Property::ContentType("a\0".into())].into(),
    ];
    for properties in cases {
        let mut bench = with("22 0009", options());
        bench.session.publish(Message { properties: properties.clone(), ..message(QoS::AtLeastOnce, "x") });
        assert!(matches!(refusal(&mut bench), Refusal::Unencodable(_)), "{properties:?}");
    }
    let mut bench = with("", options());
    bench.session.publish(Message { topic: TopicName::default(), ..message(QoS::AtMostOnce, "x") });
    assert!(matches!(refusal(&mut bench), Refusal::Unencodable(_)));
}

#[test]
fn properties_do_not_vanish_silently_in_3x() {
    let mut bench = Bench::connected(Version::V311);
    bench.session.publish(Message {
        properties: vec![Property::ContentType("a".into())].into(),
        ..message(QoS::AtLeastOnce, "x")
    });
    bench.sent("");
    assert!(matches!(&bench.events()[..], [Event::Refused { refusal: Refusal::Unencodable(_), .. }]));
    assert_eq!(bench.figures(), [1, 0, 1, 0, 0]);
}

#[test]
fn disconnect_keeps_to_the_maximum_packet_size() {
    // 5:3.2.2-15
    let disconnect_properties: Properties = vec![Property::ReasonString("a long goodbye".into())].into();
    let options = SessionOptions { disconnect_properties, ..options() };
    let mut bench = with("27 00000010", options.clone());
    bench.session.disconnect(ReasonCode::SUCCESS);
    bench.sent("E0 00");
    let mut bench = with("", options);
    bench.session.disconnect(ReasonCode::DISCONNECT_WITH_WILL);
    bench.sent("E0 13 04 11 1F 000E 'a long goodbye'");
}
