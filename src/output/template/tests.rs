use bytes::Bytes;
use bytestring::ByteString;
use jiff::tz::TimeZone;

use super::super::fixture::{delivery, record, with_properties};
use super::*;
use mqt_proto::Property;

fn print(format: &str, delivery: &Delivery) -> String {
    let clock = LocalClock::in_zone(TimeZone::posix("CET-1").expect("a POSIX zone"));
    let mut template = Template::parse(format)
        .expect(format)
        .present(&Presentation { newline: false, ..Presentation::default() }, false)
        .with_clock(clock);
    String::from_utf8(record(&mut template, delivery)).expect("UTF-8")
}

fn full() -> Delivery {
    let text = ByteString::from_static;
    with_properties(
        "x/1",
        b"abcdef",
        vec![
            Property::ContentType(text("text/plain")),
            Property::UserProperty(text("k1"), text("v1")),
            Property::MessageExpiryInterval(60),
            Property::UserProperty(text("k2"), text("v 2")),
            Property::CorrelationData(Bytes::from_static(b"c0")),
            Property::ResponseTopic(text("re/ply")),
            Property::SubscriptionIdentifier(3),
            Property::SubscriptionIdentifier(4),
            Property::TopicAlias(9),
            Property::PayloadFormatIndicator(1),
        ],
    )
}

#[test]
fn every_field_with_width_precision_and_alignment() {
    for (format, printed) in [
        ("100%% of %t", "100% of x/1"),
        ("[%6t][%-6t][%06t][%.2t][%-5.1t]", "[   x/1][x/1   ][   x/1][x/][x    ]"),
        (
            "[%p][%3p][%8p][%-8p][%08p][%-08p][%.2p]",
            "[abcdef][abc][  abcdef][abcdef  ][00abcdef][abcdef  ][abcdef]",
        ),
        ("%x %X", "616263646566 616263646566"),
        ("%3x", "616263"),
        ("%.2x|%.2:X|%.3_x|%.0x", "61 62 63 64 65 66|61:62:63:64:65:66|616_263_646_566|616263646566"),
        ("[%14x][%-14x][%014x]", "[  616263646566][616263646566  ][00616263646566]"),
        ("[%14.4x]", "[  61 6263 6465 66]"),
        ("%l [%3l][%-3l][%03l]", "6 [  6][6  ][006]"),
        ("%q%5q %r%5r %m [%3m]", "11 11 7 [  7]"),
        ("%A %C %D %E %F %P %R %S", "9 text/plain c0 60 1 k1:v1 k2:v 2 re/ply 3"),
        ("[%4A][%12C][%.4C][%04E]", "[   9][  text/plain][text][0060]"),
        ("%I %U", "2026-11-20T11:37:41+0100 1795171061.581159042"),
        ("[%26I][%-26I][%.10I]", "[  2026-11-20T11:37:41+0100][2026-11-20T11:37:41+0100  ][2026-11-20]"),
        ("@Y-@m-@d @H:@M:@S.@N @Z", "2026-11-20 11:37:41.581159042 CET"),
        ("a@@b@%c@Q@é", "a@b%c%Q%é"),
        ("\\\\\\0\\a\\e\\n\\r\\t\\v", "\\\0\x07\x1b\n\r\t\x0b"),
        ("Grüße: %t", "Grüße: x/1"),
        ("", ""),
    ] {
        assert_eq!(print(format, &full()), printed, "{format}");
    }
}

#[test]
fn what_a_message_does_not_have_is_blank_or_nothing() {
    let bare = delivery("t", b"");
    for (format, printed) in [
        ("%m %l %q %r", "0 0 0 0"),
        ("[%A][%3A][%03A][%-3E][%2F][%2S]", "[][   ][000][   ][  ][  ]"),
        ("[%C][%3C][%D][%3D][%P][%3P][%R][%3R]", "[][   ][][][][][][]"),
        ("[%p][%2p][%x][%2x]", "[][  ][][  ]"),
    ] {
        assert_eq!(print(format, &bare), printed, "{format}");
    }
}

#[test]
fn floats_are_printed_as_c_prints_them() {
    for (value, format, printed) in [
        (21.5_f64, "%d", "21.500000"),
        (-1.0 / 3.0, "[%8.2d][%-8.2d][%08.2d]", "[   -0.33][-0.33   ][-0000.33]"),
        (f64::NEG_INFINITY, "[%06d]", "[  -inf]"),
        (f64::NAN, "%d", "nan"),
    ] {
        assert_eq!(print(format, &delivery("t", &value.to_ne_bytes())), printed, "{format}");
    }
    assert_eq!(print("%.3f", &delivery("t", &2.25_f32.to_ne_bytes())), "2.250");
}

#[test]
fn a_payload_of_the_wrong_shape_leaves_a_gap_and_a_warning() {
    let mut template = Template::parse("<%f%d%J>").expect("a format");
    assert_eq!(record(&mut template, &delivery("a\x1b", b"nope!")), b"<>\n");
    assert_eq!(
        template.take_warnings(),
        [
            "the payload is not of four bytes, as '%f' wants it (topic a\\x1b)",
            "the payload is not of eight bytes, as '%d' wants it (topic a\\x1b)",
            "the payload is not valid JSON, as '%J' wants it (topic a\\x1b)",
        ]
    );
    let presentation = Presentation { mosquitto_words: true, ..Presentation::default() };
    let mut old = Template::parse("%f%d%J").expect("a format").present(&presentation, false);
    record(&mut old, &delivery("a\x1b", b"nope!"));
    assert_eq!(
        old.take_warnings(),
        [
            "requested float printing, but non-float data received",
            "requested double printing, but non-double data received",
            "Error: Message payload is not valid JSON on topic a\\x1b.",
        ]
    );
    assert!(template.take_warnings().is_empty());
    for _ in 0..10 {
        record(&mut template, &delivery("a", b"nope!"));
    }
    let warnings = template.take_warnings();
    assert_eq!(warnings.len(), 17);
    assert_eq!(warnings[16], "14 more payloads could not be printed in this format");
}

#[test]
fn faults_are_found_when_parsing() {
    for (format, error) in [
        ("%", TemplateError::IncompleteSpecifier),
        ("%-010.3", TemplateError::IncompleteSpecifier),
        ("%.2:", TemplateError::IncompleteSpecifier),
        ("x@", TemplateError::IncompleteSpecifier),
        ("%Z", TemplateError::InvalidSpecifier('Z')),
        ("%0-5t", TemplateError::InvalidSpecifier('5')),
        ("%é", TemplateError::InvalidSpecifier('é')),
        ("%5%", TemplateError::InvalidSpecifier('%')),
        ("x\\", TemplateError::IncompleteEscape),
        ("\\x41", TemplateError::InvalidEscape('x')),
        ("%65536t", TemplateError::TooWide),
        ("%.99999999999999999999t", TemplateError::TooWide),
    ] {
        assert_eq!(Template::parse(format).expect_err(format), error, "{format}");
    }
}

#[test]
fn json_follows_mosquitto() {
    let head =
        r#"{"tst":"2026-11-20T11:37:41.581159+0100","topic":"x/1","qos":1,"retain":true,"payloadlen":"#;
    let message = |payload: &[u8]| with_properties("x/1", payload, vec![]);
    for (format, payload, tail) in [
        ("%j", &b"m"[..], r#","mid":7,"payload":"m"}"#),
        ("%j", b"", r#","mid":7,"payload":null}"#),
        ("%J", b"", r#","mid":7,"payload":null}"#),
        (
            "%j",
            b"\"\\\x08\x0c\n\r\t\x1f/\x7f\0z",
            ",\"mid\":7,\"payload\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f/\x7f\\u0000z\"}",
        ),
        ("%j", b"\xff", r#","mid":7,"payload_base64":"/w=="}"#),
        (
            "%J",
            b" {\"b\" : [2.50, 1e3,{}, \"\\u00e9\"], \"a\": null, \"b\": false} ",
            r#","mid":7,"payload":{"b":[2.5,1000,{},"é"],"a":null,"b":false}}"#,
        ),
        ("%J", b"12345678901234567890", r#","mid":7,"payload":1.2345678901234567e+19}"#),
    ] {
        assert_eq!(print(format, &message(payload)), format!("{head}{}{tail}", payload.len()), "{format}");
    }
    assert_eq!(
        print("%j", &full()),
        format!(
            "{head}6{}",
            r#","mid":7,"properties":{"content-type":"text/plain","user-properties":[{"k1":"v1"},{"k2":"v 2"}],"message-expiry-interval":60,"correlation-data":"c0","response-topic":"re/ply","subscription-identifier":[3,4],"topic-alias":9,"payload-format-indicator":1},"payload":"abcdef"}"#
        )
    );
}

#[test]
fn pretty_json_is_mosquittos() {
    let text = ByteString::from_static;
    let message = with_properties(
        "x",
        br#"{"a":[1,{"b":{}},[]],"c":"d"}"#,
        vec![Property::UserProperty(text("k"), text("v"))],
    );
    let clock = LocalClock::in_zone(TimeZone::UTC);
    let mut template =
        Template::parse("%J").expect("a format").present(&Presentation::default(), true).with_clock(clock);
    assert_eq!(
        String::from_utf8(record(&mut template, &message)).expect("UTF-8"),
        "{\n\t\"tst\":\t\"2026-11-20T10:37:41.581159+0000\",\n\t\"topic\":\t\"x\",\n\t\"qos\":\t1,\n\t\"retain\":\ttrue,\n\
         \t\"payloadlen\":\t29,\n\t\"mid\":\t7,\n\t\"properties\":\t{\n\t\t\"user-properties\":\t[{\n\t\t\t\t\"k\":\t\"v\"\n\
         \t\t\t}]\n\t},\n\t\"payload\":\t{\n\t\t\"a\":\t[1, {\n\t\t\t\t\"b\":\t{\n\t\t\t\t}\n\t\t\t}, []],\n\
         \t\t\"c\":\t\"d\"\n\t}\n}\n"
    );
    // What would grow out of proportion stays on one line.
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let printed = record(&mut template, &delivery("x", deep.as_bytes()));
    assert!(String::from_utf8(printed).expect("UTF-8").contains(&deep));
}

#[test]
fn a_terminal_gets_the_format_as_it_is_and_the_message_escaped() {
    let odd = with_properties(
        "a\x1b[2J",
        b"1\n\x1b[2J\xff",
        vec![Property::UserProperty(ByteString::from_static("k\u{202e}"), ByteString::from_static("v\n"))],
    );
    let presentation = Presentation { target: Target::Terminal, newline: false, ..Presentation::default() };
    let mut template = Template::parse("\\e[1m%t\\e[0m %p %P %j")
        .expect("a format")
        .present(&presentation, false)
        .with_clock(LocalClock::in_zone(TimeZone::UTC));
    let printed = String::from_utf8(record(&mut template, &odd)).expect("UTF-8");
    assert!(
        printed.starts_with("\x1b[1ma\\x1b[2J\x1b[0m 1\n\\x1b[2J\\xff k\\u{202e}:v\\n {\"tst\""),
        "{printed:?}"
    );
    assert!(printed.ends_with(
        r#""topic":"a\u001b[2J","qos":1,"retain":true,"payloadlen":7,"mid":7,"properties":{"user-properties":[{"k\u202e":"v\n"}]},"payload_base64":"MQobWzJK/w=="}"#
    ), "{printed:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..proptest::test_runner::Config::with_cases(5_000) })]

    #[test]
    fn any_format_prints_or_is_refused(text in "([%@\\\\][-+0]?[0-9]{0,3}[.]?[0-9]{0,2}[a-zA-Z%@\\\\]|[a-z é%@]){0,8}", payload in ".{0,12}") {
        if let Ok(mut template) = Template::parse(&text) {
            record(&mut template, &delivery("a/b", payload.as_bytes()));
        }
    }
}
