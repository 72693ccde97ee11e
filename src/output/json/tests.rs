use std::sync::LazyLock;

use bytes::Bytes;
use bytestring::ByteString;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;

use super::super::fixture::{delivery, record, with_properties};
use super::super::sanitize::is_unsafe;
use super::super::{Style, Target};
use super::*;
use mqt_proto::{Message, PacketId, Properties, Property, QoS, TopicName};

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../schema/message.schema.json")).expect("JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
});

fn presentation(target: Target) -> Presentation {
    Presentation { target, ..Presentation::default() }
}

fn print(presentation: &Presentation, pretty: bool, delivery: &Delivery) -> String {
    let clock = LocalClock::in_zone(TimeZone::posix("<+0545>-5:45").expect("a POSIX zone"));
    let mut json = Json::with_clock(presentation, pretty, clock);
    let mut text = String::from_utf8(record(&mut json, delivery)).expect("UTF-8");
    assert_eq!(text.pop(), Some('\n'));
    text
}

fn line(delivery: &Delivery) -> String {
    print(&Presentation::default(), false, delivery)
}

#[test]
fn a_message_is_one_line_with_its_keys_in_order() {
    assert_eq!(
        line(&delivery("a/b", b"21.5")),
        r#"{"tst":"2026-11-20T16:22:41.581159+05:45","topic":"a/b","qos":0,"retain":false,"payloadlen":4,"payload":"21.5"}"#
    );
    let mut odd = with_properties(
        "ä\"\u{1}",
        b"\0\xff",
        vec![
            Property::UserProperty(ByteString::from_static("k"), ByteString::from_static("1\n")),
            Property::CorrelationData(Bytes::from_static(b"\xfe")),
            Property::UserProperty(ByteString::from_static("k"), ByteString::from_static("2")),
            Property::SubscriptionIdentifier(1),
            Property::PayloadFormatIndicator(0),
        ],
    );
    odd.publish.dup = true;
    assert_eq!(
        line(&odd),
        concat!(
            r#"{"tst":"2026-11-20T16:22:41.581159+05:45","topic":"ä\"\u0001","qos":1,"retain":true,"dup":true,"#,
            r#""payloadlen":2,"mid":7,"properties":{"user-properties":[{"k":"1\n"},{"k":"2"}],"#,
            r#""correlation-data_base64":"/g==","subscription-identifier":1,"payload-format-indicator":0},"#,
            r#""payload_base64":"AP8="}"#
        )
    );
    assert!(line(&delivery("a", b"")).ends_with(r#""payloadlen":0,"payload":""}"#));
}

#[test]
fn pretty_is_two_spaces_a_level() {
    let message = with_properties(
        "a",
        b"x",
        vec![
            Property::UserProperty(ByteString::from_static("k"), ByteString::from_static("v")),
            Property::ContentType(ByteString::from_static("t")),
        ],
    );
    assert_eq!(
        print(&Presentation::default(), true, &message),
        r#"{
  "tst": "2026-11-20T16:22:41.581159+05:45",
  "topic": "a",
  "qos": 1,
  "retain": true,
  "payloadlen": 1,
  "mid": 7,
  "properties": {
    "user-properties": [
      {
        "k": "v"
      }
    ],
    "content-type": "t"
  },
  "payload": "x"
}"#
    );
}

#[test]
fn keys_have_a_colour_where_there_are_colours() {
    let presentation = Presentation { style: Style::colored(), ..presentation(Target::Terminal) };
    let text = print(&presentation, false, &delivery("a\x1b[2J", b"\xc2\x9b2J"));
    assert!(text.contains("\x1b[36m\"topic\"\x1b[0m:\"a\\u001b[2J\""), "{text:?}");
    assert!(text.ends_with("\x1b[36m\"payload\"\x1b[0m:\"\\u009b2J\"}"), "{text:?}");
}

#[test]
fn the_schema_refuses_what_is_not_printed() {
    let good = r#"{"tst":"2026-11-20T16:22:41.581159+05:45","topic":"a","qos":1,"retain":false,"payloadlen":1,"mid":1,"payload":"x"}"#;
    let valid = |text: &str| SCHEMA.is_valid(&serde_json::from_str(text).expect("JSON"));
    assert!(valid(good));
    for (from, to) in [
        ("+05:45", "+0545"),
        ("\"a\"", "\"a/#\""),
        ("\"qos\":1", "\"qos\":3"),
        ("\"qos\":1", "\"qos\":0"),
        ("false", "0"),
        ("\"mid\":1,", ""),
        ("\"x\"", "null"),
        ("\"payload\"", "\"payload_base64\""),
        (",\"payload\":\"x\"", ""),
        ("\"mid\":1", "\"mid\":1,\"properties\":{}"),
        ("\"mid\":1", "\"mid\":1,\"properties\":{\"server-keep-alive\":1}"),
        ("\"mid\":1", "\"mid\":1,\"dup\":false"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(!valid(&bad), "{bad}");
    }
}

/// Text with what terminals, JSON and line protocols stumble over.
fn text(min: usize, max: usize) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(
        "\u{1}\n\r\t\u{8}\u{c}\u{1b}\"\\/\u{7f}\u{85}\u{9b}\u{202e}\u{feff}\u{2028}\u{e0041}é世🎉\u{ffff}\u{10ffff} "
            .chars()
            .collect::<Vec<_>>(),
    );
    let any = any::<char>().prop_filter("no property and no topic has it", |c| *c != '\0');
    prop::collection::vec(prop_oneof![odd, any], min..max)
        .prop_map(|characters| characters.into_iter().collect())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        text(0, 20).prop_map(Bytes::from),
        text(0, 20).prop_map(|text| Bytes::from(format!("\0{text}\0"))),
    ]
}

fn property() -> impl Strategy<Value = Property> {
    let string = || text(0, 12).prop_map(ByteString::from);
    prop_oneof![
        (0..2_u8).prop_map(Property::PayloadFormatIndicator),
        any::<u32>().prop_map(Property::MessageExpiryInterval),
        string().prop_map(Property::ContentType),
        topic().prop_map(|topic| Property::ResponseTopic(topic.as_byte_string().clone())),
        bytes().prop_map(Property::CorrelationData),
        (1..268_435_456_u32).prop_map(Property::SubscriptionIdentifier),
        (1..=u16::MAX).prop_map(Property::TopicAlias),
        (string(), string()).prop_map(|(name, value)| Property::UserProperty(name, value)),
        (string(), string()).prop_map(|(name, value)| Property::UserProperty(name, value)),
    ]
}

fn topic() -> impl Strategy<Value = TopicName> {
    text(1, 20).prop_map(|text| TopicName::new(text.replace(['+', '#'], "/")).expect("a topic name"))
}

fn properties() -> impl Strategy<Value = Properties> {
    prop::collection::vec(property(), 0..8).prop_map(|list| {
        let mut properties = Properties::new();
        for property in list {
            if property.kind().is_repeatable_in(mqt_proto::Place::Publish)
                || !properties.contains(property.kind())
            {
                properties.push(property);
            }
        }
        properties
    })
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    (topic(), bytes(), 0..3_u8, any::<(bool, bool)>(), 1..=u16::MAX, properties(), 0..250_000_000_000_u64)
        .prop_map(|(topic, payload, level, (retain, dup), id, properties, micros)| {
            let mut delivery = delivery("t", b"");
            let qos = QoS::from_level(level).expect("a QoS");
            delivery.publish.message = Message { topic, payload, qos, retain, properties };
            delivery.publish.packet_id = PacketId::new(id).filter(|_| level > 0);
            delivery.publish.dup = dup && level > 0;
            delivery.received += std::time::Duration::from_millis(micros);
            delivery
        })
}

/// What of a delivered message can be published again: without what belongs to the delivery, and user
/// properties together at the place of the first.
fn publishable(message: &Message) -> Message {
    let mut list: Vec<Property> = Vec::new();
    let mut rest: Vec<&Property> = message.properties.iter().collect();
    while !rest.is_empty() {
        let kind = rest[0].kind();
        let (same, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|property| property.kind() == kind);
        if !matches!(
            kind,
            mqt_proto::PropertyKind::SubscriptionIdentifier | mqt_proto::PropertyKind::TopicAlias
        ) {
            list.extend(same.into_iter().cloned());
        }
        rest = others;
    }
    Message { properties: Properties::from(list), ..message.clone() }
}

fn read_back(line: &str) -> Message {
    let read = parse_message(line.as_bytes()).expect(line);
    Message {
        topic: read.topic.expect("a topic"),
        payload: read.payload.expect("a payload"),
        qos: read.qos.expect("a QoS"),
        retain: read.retain.expect("a flag"),
        properties: read.properties,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_valid_and_reads_back_to_the_same_message(delivery in any_delivery()) {
        let text = line(&delivery);
        prop_assert!(!text.contains('\n'));
        let value: Value = serde_json::from_str(&text).expect("an independent parser reads it");
        if let Err(error) = SCHEMA.validate(&value) {
            prop_assert!(false, "{error}: {text}");
        }
        let message = &delivery.publish.message;
        prop_assert_eq!(value["topic"].as_str(), Some(&*message.topic));
        prop_assert_eq!(value["payloadlen"].as_u64(), Some(message.payload.len() as u64));
        prop_assert_eq!(value["payload"].as_str(), std::str::from_utf8(&message.payload).ok());
        prop_assert_eq!(read_back(&text), publishable(message));
    }

    #[test]
    fn indented_and_on_a_terminal_it_says_the_same(delivery in any_delivery()) {
        let plain: Value = serde_json::from_str(&line(&delivery)).expect("JSON");
        for (target, pretty) in [(Target::Pipe, true), (Target::Terminal, true), (Target::Terminal, false)] {
            let text = print(&presentation(target), pretty, &delivery);
            if target == Target::Terminal {
                prop_assert!(!text.chars().any(|c| is_unsafe(c) && !(pretty && c == '\n')), "{text:?}");
            }
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).expect("JSON"), &plain);
            prop_assert_eq!(read_back(&text), publishable(&delivery.publish.message));
        }
    }

    #[test]
    fn the_reader_survives_anything(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0..400_usize, delivery in any_delivery()) {
        let _ = parse_message(&bytes);
        let text = line(&delivery);
        let part = &text.as_bytes()[..cut.min(text.len() - 1)];
        prop_assert!(parse_message(part).is_err(), "a part of an object is none");
    }
}
