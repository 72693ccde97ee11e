//! Reads a message from a JSON object: the line of `mqt sub --json`, or one written by hand.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use bytestring::ByteString;

use super::super::clock;
use super::super::sanitize::escape;
use super::message::{USER_PROPERTIES, base64_name};
use super::scanner::{JsonValue, Scanner, SyntaxError};
use mqt_proto::{MAX_STRING_LENGTH, Place, Properties, Property, PropertyKind, QoS, TopicError, TopicName};

/// What a JSON object says about a message. What it leaves out is for the caller to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonMessage {
    /// `topic`
    pub topic: Option<TopicName>,
    /// `payload` or `payload_base64`
    pub payload: Option<Bytes>,
    /// `qos`
    pub qos: Option<QoS>,
    /// `retain`
    pub retain: Option<bool>,
    /// `properties`, in order. Without `subscription-identifier` and `topic-alias`, which belong to the
    /// delivery that was printed and not to the message.
    pub properties: Properties,
}

/// Why a line is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonMessageError {
    /// It is not JSON, or not an object.
    #[error("not a JSON object: {expected} expected at byte {at}")]
    Syntax {
        /// Where, in bytes; the first is 1.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// A key that means nothing here.
    #[error("unknown key \"{key}\"; known are {known}")]
    UnknownKey {
        /// The key, escaped.
        key: String,
        /// Those that are known.
        known: &'static str,
    },
    /// A key occurs twice, or two keys mean the same.
    #[error("\"{key}\" is given twice")]
    Twice {
        /// The second of them, escaped.
        key: String,
    },
    /// A value of the wrong type or out of range.
    #[error("\"{key}\" must be {expected}")]
    Value {
        /// Its key, escaped.
        key: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A message of a recording does not say when it was received.
    #[error("\"tst\" is missing: without it nobody knows when the message is due")]
    NoTime,
    /// The topic is no topic name.
    #[error("\"topic\": {0}")]
    Topic(#[from] TopicError),
    /// A property that no PUBLISH carries, or none at all.
    #[error("\"properties\": \"{name}\" is not a property of PUBLISH")]
    UnknownProperty {
        /// Its name, escaped.
        name: String,
    },
    /// The value of a property.
    #[error("\"properties\": \"{name}\" {expected}")]
    Property {
        /// Its name, escaped.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl From<SyntaxError> for JsonMessageError {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax { at: error.at, expected: error.expected }
    }
}

const KNOWN: &str = "topic, payload, payload_base64, qos, retain, properties, and tst, dup, payloadlen, mid, \
                     which are ignored";

/// Reads a message. `payload` may be a string, null (empty), or any other JSON value, whose text is then the
/// payload, exactly as written; `payload_base64` gives bytes. `tst`, `dup`, `payloadlen` and `mid` belong
/// to a delivery and are ignored; other keys are refused, as a slip of the pen.
///
/// # Errors
/// The first thing that is wrong, by its key or its place, with what is expected.
pub fn parse_message(line: &[u8]) -> Result<JsonMessage, JsonMessageError> {
    read(line, |_| Ok(()))
}

/// Reads a message of a recording as [`parse_message`] does, and when it was received: its `tst`.
///
/// # Errors
/// As [`parse_message`]; and the time is missing, or cannot be read.
pub fn parse_recorded(line: &[u8]) -> Result<(SystemTime, JsonMessage), JsonMessageError> {
    let mut received = None;
    let message = read(line, |value| {
        let time = match value {
            JsonValue::String(text) => clock::parse(text),
            JsonValue::Number(digits) => clock::parse_epoch(digits),
            _ => None,
        };
        received = Some(time.ok_or_else(|| wrong("tst", TIME))?);
        Ok(())
    })?;
    Ok((received.ok_or(JsonMessageError::NoTime)?, message))
}

const TIME: &str = "a time such as \"2026-11-20T11:37:41.581+01:00\", or the seconds or milliseconds since 1970 \
                    as a number";

/// Reads a message; its time is for the caller to read.
fn read(
    line: &[u8],
    mut time: impl FnMut(&JsonValue<'_>) -> Result<(), JsonMessageError>,
) -> Result<JsonMessage, JsonMessageError> {
    let text = std::str::from_utf8(line).map_err(|error| JsonMessageError::Syntax {
        at: error.valid_up_to() + 1,
        expected: "UTF-8 (\"payload_base64\" is for other bytes)",
    })?;
    let mut message = JsonMessage::default();
    let mut seen = SeenKeys::default();
    for (key, value) in Scanner::new(text).members()? {
        let twice = match &*key {
            "payload" | "payload_base64" => seen.is_second("payload"),
            _ => seen.is_second(&key),
        };
        if twice {
            return Err(JsonMessageError::Twice { key: escape(&key).into_owned() });
        }
        match (&*key, value) {
            ("topic", JsonValue::String(topic)) => message.topic = Some(TopicName::new(topic.into_owned())?),
            ("qos", JsonValue::Number(level)) => {
                message.qos = Some(level.parse().map_err(|_| wrong(&key, "0, 1 or 2"))?);
            }
            ("retain", JsonValue::Bool(retain)) => message.retain = Some(retain),
            ("retain", JsonValue::Number(digit @ ("0" | "1"))) => message.retain = Some(digit == "1"),
            ("payload", JsonValue::Null) => message.payload = Some(Bytes::new()),
            ("payload", JsonValue::String(text)) => message.payload = Some(Bytes::from(text.into_owned())),
            ("payload", value) => {
                message.payload = value.source().map(|text| Bytes::copy_from_slice(text.as_bytes()));
            }
            ("payload_base64", JsonValue::String(text)) => {
                message.payload = Some(decode(&text).ok_or_else(|| wrong(&key, BASE64))?);
            }
            ("properties", JsonValue::Object(text)) => message.properties = properties(text)?,
            ("tst", value) => time(&value)?,
            ("dup" | "payloadlen" | "mid", _) => {}
            ("topic", _) => return Err(wrong(&key, "a string")),
            ("qos", _) => return Err(wrong(&key, "0, 1 or 2")),
            ("retain", _) => return Err(wrong(&key, "true or false")),
            ("payload_base64", _) => return Err(wrong(&key, BASE64)),
            ("properties", _) => return Err(wrong(&key, "an object")),
            _ => return Err(JsonMessageError::UnknownKey { key: escape(&key).into_owned(), known: KNOWN }),
        }
    }
    Ok(message)
}

const BASE64: &str = "a string in base64 with padding";

fn wrong(key: &str, expected: &'static str) -> JsonMessageError {
    JsonMessageError::Value { key: escape(key).into_owned(), expected }
}

fn decode(text: &str) -> Option<Bytes> {
    STANDARD.decode(text).ok().map(Bytes::from)
}

/// The keys that came by: there are few.
#[derive(Default)]
struct SeenKeys(Vec<String>);

impl SeenKeys {
    fn is_second(&mut self, key: &str) -> bool {
        if self.0.iter().any(|seen| seen == key) {
            return true;
        }
        self.0.push(key.to_owned());
        false
    }
}

fn properties(text: &str) -> Result<Properties, JsonMessageError> {
    let mut properties = Properties::new();
    let mut seen = SeenKeys::default();
    for (name, value) in Scanner::new(text).members()? {
        let fault = |expected| JsonMessageError::Property { name: escape(&name).into_owned(), expected };
        let (kind, is_base64) = kind_of(&name)
            .ok_or_else(|| JsonMessageError::UnknownProperty { name: escape(&name).into_owned() })?;
        if seen.is_second(kind.name()) {
            return Err(fault("is given twice"));
        }
        match kind {
            PropertyKind::UserProperty => {
                for property in user_properties(value).map_err(fault)? {
                    properties.push(property);
                }
            }
            // Of the delivery, not of the message: a client must not send an identifier [MQTT-3.3.4-6],
            // and an alias means something else on each connection.
            PropertyKind::SubscriptionIdentifier | PropertyKind::TopicAlias => {}
            _ => {
                let property = property(kind, is_base64, value).map_err(fault)?;
                property.check_value().map_err(fault)?;
                properties.push(property);
            }
        }
    }
    Ok(properties)
}

/// The kind that a key of `properties` names, and whether its value is in base64.
fn kind_of(name: &str) -> Option<(PropertyKind, bool)> {
    if name == USER_PROPERTIES {
        return Some((PropertyKind::UserProperty, false));
    }
    if name == base64_name(PropertyKind::CorrelationData) {
        return Some((PropertyKind::CorrelationData, true));
    }
    PropertyKind::from_name(name)
        .filter(|kind| kind.is_allowed_in(Place::Publish) && *kind != PropertyKind::UserProperty)
        .map(|kind| (kind, false))
}

fn property(kind: PropertyKind, is_base64: bool, value: JsonValue<'_>) -> Result<Property, &'static str> {
    Ok(match kind {
        PropertyKind::PayloadFormatIndicator => {
            Property::PayloadFormatIndicator(integer(&value).ok_or("must be 0 or 1")?)
        }
        PropertyKind::MessageExpiryInterval => {
            Property::MessageExpiryInterval(integer(&value).ok_or("must be a number from 0 to 4294967295")?)
        }
        PropertyKind::ContentType => Property::ContentType(string(value)?),
        PropertyKind::ResponseTopic => Property::ResponseTopic(string(value)?),
        PropertyKind::CorrelationData => {
            let data = match value {
                JsonValue::String(text) if is_base64 => {
                    decode(&text).ok_or("must be a string in base64 with padding")?
                }
                JsonValue::String(text) => Bytes::from(text.into_owned()),
                _ => return Err("must be a string"),
            };
            if data.len() > MAX_STRING_LENGTH {
                return Err("must have at most 65535 bytes");
            }
            Property::CorrelationData(data)
        }
        _ => return Err("cannot be given here"),
    })
}

fn integer<T: std::str::FromStr>(value: &JsonValue<'_>) -> Option<T> {
    match value {
        JsonValue::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn string(value: JsonValue<'_>) -> Result<ByteString, &'static str> {
    match value {
        JsonValue::String(text) if text.len() > MAX_STRING_LENGTH => Err("must have at most 65535 bytes"),
        JsonValue::String(text) if text.contains('\0') => Err("must not contain U+0000"),
        JsonValue::String(text) => Ok(ByteString::from(text.into_owned())),
        _ => Err("must be a string"),
    }
}

/// `[{"name":"value"},…]` as this program and mosquitto 2.1 print it, or one object as mosquitto 2.0 does.
fn user_properties(value: JsonValue<'_>) -> Result<Vec<Property>, &'static str> {
    const EXPECTED: &str = "must be an array of objects like {\"name\":\"value\"}";
    let objects = match value {
        JsonValue::Object(text) => vec![JsonValue::Object(text)],
        JsonValue::Array(text) => Scanner::new(text).elements().map_err(|_| EXPECTED)?,
        _ => return Err(EXPECTED),
    };
    let mut properties = Vec::new();
    for object in objects {
        let JsonValue::Object(text) = object else { return Err(EXPECTED) };
        for (name, value) in Scanner::new(text).members().map_err(|_| EXPECTED)? {
            let name = string(JsonValue::String(name))?;
            properties.push(Property::UserProperty(name, string(value)?));
        }
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> JsonMessage {
        parse_message(line.as_bytes()).expect(line)
    }

    fn recorded(line: &str) -> Result<SystemTime, String> {
        parse_recorded(line.as_bytes()).map(|(time, _)| time).map_err(|error| error.to_string())
    }

    fn fault(line: &str) -> String {
        parse_message(line.as_bytes()).expect_err(line).to_string()
    }

    #[test]
    fn what_is_left_out_stays_open() {
        assert_eq!(read("{}"), JsonMessage::default());
        let message = read(r#" { "topic" : "a\/b\u00e9" , "retain" : 1 } "#);
        assert_eq!(message.topic.as_deref(), Some("a/bé"));
        assert_eq!(message.retain, Some(true));
        assert_eq!((message.payload, message.qos), (None, None));
    }

    #[test]
    fn a_line_of_a_recording_says_when_it_was_received() {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_795_171_061_581);
        for tst in [
            "\"2026-11-20T11:37:41.581+01:00\"",
            "\"2026-11-20T10:37:41.581000Z+0000\"",
            "\"1795171061.581\"",
            "1795171061.581",
            "1795171061581",
        ] {
            assert_eq!(recorded(&format!("{{\"topic\":\"a\",\"tst\":{tst}}}")), Ok(time), "{tst}");
        }
        for tst in ["\"garbage\"", "\"\"", "7", "-1795171061", "1795171061e3", "null", "true", "[]", "{}"] {
            let fault = recorded(&format!("{{\"tst\":{tst}}}")).unwrap_err();
            assert!(fault.starts_with("\"tst\" must be a time such as"), "{tst}: {fault}");
            // To whoever publishes it now, it does not matter.
            assert_eq!(read(&format!("{{\"tst\":{tst}}}")), JsonMessage::default());
        }
        assert!(recorded("{}").unwrap_err().starts_with("\"tst\" is missing"));
        assert_eq!(recorded("x"), Err("not a JSON object: an object expected at byte 1".to_owned()));
        let twice = recorded("{\"tst\":1795171061,\"tst\":1795171061}");
        assert_eq!(twice, Err("\"tst\" is given twice".to_owned()));
    }

    #[test]
    fn a_payload_is_a_string_base64_or_the_text_of_a_json_value() {
        for (line, payload) in [
            (r#"{"payload":"a\u0000\ud83d\ude00"}"#, "a\0😀".as_bytes()),
            (r#"{"payload":""}"#, b""),
            (r#"{"payload":null}"#, b""),
            (r#"{"payload":21.50}"#, b"21.50"),
            (r#"{"payload":true}"#, b"true"),
            (r#"{"payload": {"t": [1, "}"]} }"#, br#"{"t": [1, "}"]}"#),
            (r#"{"payload_base64":"AP8="}"#, b"\x00\xff"),
        ] {
            assert_eq!(read(line).payload.as_deref(), Some(payload), "{line}");
        }
    }

    #[test]
    fn properties_keep_their_order() {
        let message = read(
            r#"{"properties":{"content-type":"x","user-properties":[{"b":"1"},{"a":"2"},{"b":"3"}],
                "message-expiry-interval":4294967295,"correlation-data_base64":"/w==","topic-alias":3,
                "subscription-identifier":[1,2],"response-topic":"r","payload-format-indicator":1}}"#,
        );
        let pair = |name: &'static str, value: &'static str| {
            Property::UserProperty(ByteString::from_static(name), ByteString::from_static(value))
        };
        let expected = vec![
            Property::ContentType(ByteString::from_static("x")),
            pair("b", "1"),
            pair("a", "2"),
            pair("b", "3"),
            Property::MessageExpiryInterval(u32::MAX),
            Property::CorrelationData(Bytes::from_static(b"\xff")),
            Property::ResponseTopic(ByteString::from_static("r")),
            Property::PayloadFormatIndicator(1),
        ];
        assert_eq!(message.properties, Properties::from(expected));
        assert_eq!(read(r#"{"properties":{"user-properties":{"a":"1","b":"2"}}}"#).properties.len(), 2);
    }

    #[test]
    fn a_fault_names_its_key_and_what_is_expected() {
        for (line, text) in [
            ("[]", "not a JSON object: an object expected at byte 1"),
            ("{} x", "not a JSON object: the end of the text expected at byte 4"),
            (r#"{"topic":1}"#, "\"topic\" must be a string"),
            (
                r##"{"topic":"a/#"}"##,
                "\"topic\": it contains '+' or '#', which only topic filters may contain",
            ),
            (r#"{"qos":3}"#, "\"qos\" must be 0, 1 or 2"),
            (r#"{"qos":"1"}"#, "\"qos\" must be 0, 1 or 2"),
            (r#"{"retain":2}"#, "\"retain\" must be true or false"),
            (r#"{"payload_base64":"AP8"}"#, "\"payload_base64\" must be a string in base64 with padding"),
            (r#"{"payload":"a","payload_base64":"AP8="}"#, "\"payload_base64\" is given twice"),
            (r#"{"topic":"a","topic":"b"}"#, "\"topic\" is given twice"),
            (r#"{"properties":[]}"#, "\"properties\" must be an object"),
            (
                r#"{"properties":{"server-keep-alive":1}}"#,
                "\"properties\": \"server-keep-alive\" is not a property of PUBLISH",
            ),
            (
                r#"{"properties":{"payload-format-indicator":2}}"#,
                "\"properties\": \"payload-format-indicator\" must be 0 or 1",
            ),
            (
                r#"{"properties":{"message-expiry-interval":-1}}"#,
                "\"properties\": \"message-expiry-interval\" must be a number from 0 to 4294967295",
            ),
            (
                r#"{"properties":{"content-type":"a\u0000"}}"#,
                "\"properties\": \"content-type\" must not contain U+0000",
            ),
            (
                r#"{"properties":{"user-properties":["a"]}}"#,
                "\"properties\": \"user-properties\" must be an array of objects like {\"name\":\"value\"}",
            ),
        ] {
            assert_eq!(fault(line), text, "{line}");
        }
        assert!(fault("{\"reta\x7fin\":true}").starts_with("unknown key \"reta\\x7fin\"; known are topic,"));
        let bytes = parse_message(b"{\"payload\":\"\xff\"}").expect_err("not UTF-8").to_string();
        assert!(bytes.contains("UTF-8") && bytes.ends_with("at byte 13"), "{bytes}");
    }
}
