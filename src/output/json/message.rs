//! A received message as a JSON object.

use super::super::clock::Moment;
use super::super::{Delivery, Presentation};
use super::emitter::{Emitter, Layout, Look};
use super::number::push_number;
use super::scanner::{Scanner, Token};
use mqt_proto::{Message, Properties, Property, PropertyKind, PropertyValue};

/// Whose JSON it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::output) enum JsonForm {
    /// That of `--json`: time as RFC 3339 wants it, the DUP flag when it is set, `""` for an empty payload.
    Lossless,
    /// mosquitto's `%j`: no colon in the offset, no DUP flag, `null` for an empty payload.
    Mosquitto,
}

/// JSON payloads beyond this are never indented: each level would multiply them.
const PRETTY_DEPTH: usize = 128;
/// In bytes.
const PRETTY_LENGTH: usize = 1024 * 1024;

/// Appends the object. Text that is not UTF-8 stands as base64 under another key.
pub(in crate::output) fn push_message(
    delivery: &Delivery,
    moment: &Moment<'_>,
    dialect: JsonForm,
    look: &Look,
    out: &mut Vec<u8>,
) {
    let mut json = Emitter::new(look, out);
    push_head(delivery, moment, dialect, &mut json);
    let payload = &delivery.publish.message.payload;
    match std::str::from_utf8(payload) {
        Ok("") if dialect == JsonForm::Mosquitto => {
            json.key("payload");
            json.raw(b"null");
        }
        Ok(text) => {
            json.key("payload");
            json.string(text);
        }
        Err(_) => {
            json.key("payload_base64");
            json.base64(payload);
        }
    }
    json.end_object();
}

/// Appends the object with the payload as the JSON value that it is (`%J`): white space dropped, numbers
/// as mosquitto prints them, keys in order. Returns false, and appends nothing, when the payload is not JSON.
pub(in crate::output) fn push_message_with_json_payload(
    delivery: &Delivery,
    moment: &Moment<'_>,
    look: &Look,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let mut json = Emitter::new(look, out);
    push_head(delivery, moment, JsonForm::Mosquitto, &mut json);
    json.key("payload");
    let payload = &delivery.publish.message.payload;
    let valid =
        payload.is_empty() || std::str::from_utf8(payload).is_ok_and(|text| push_value(text, &mut json));
    if payload.is_empty() {
        json.raw(b"null");
    }
    json.end_object();
    if !valid {
        out.truncate(start);
    }
    valid
}

fn push_head(delivery: &Delivery, moment: &Moment<'_>, dialect: JsonForm, json: &mut Emitter<'_>) {
    let publish = &delivery.publish;
    let Message { topic, payload, qos, retain, properties } = &publish.message;
    json.begin_object();
    json.key("tst");
    json.quoted(|out| match dialect {
        JsonForm::Lossless => moment.push_rfc3339(out),
        JsonForm::Mosquitto => moment.push_basic_offset(out),
    });
    json.key("topic");
    json.string(topic);
    json.key("qos");
    json.integer(u64::from(qos.level()));
    json.key("retain");
    json.raw(if *retain { b"true" } else { b"false" });
    if publish.dup && dialect == JsonForm::Lossless {
        json.key("dup");
        json.raw(b"true");
    }
    json.key("payloadlen");
    json.integer(payload.len() as u64);
    if let Some(id) = publish.packet_id {
        json.key("mid");
        json.integer(u64::from(id.get()));
    }
    if !properties.is_empty() {
        json.key("properties");
        push_properties(properties, json);
    }
}

/// Those of one kind stand together at the place of the first: user properties, and subscription
/// identifiers where there are several.
fn push_properties(properties: &Properties, json: &mut Emitter<'_>) {
    json.begin_object();
    // One bit a kind: a packet may carry millions of properties.
    let mut seen = 0_u64;
    for (index, property) in properties.iter().enumerate() {
        let kind = property.kind();
        let bit = 1 << (kind as u8);
        if seen & bit != 0 {
            continue;
        }
        seen |= bit;
        let same = || properties.iter().skip(index).filter(move |property| property.kind() == kind);
        match property {
            Property::UserProperty(..) => {
                json.key(USER_PROPERTIES);
                push_user_properties(same(), json);
            }
            Property::SubscriptionIdentifier(_) if same().nth(1).is_some() => {
                json.key(kind.name());
                json.begin_array();
                for property in same() {
                    json.element();
                    push_property_value(property, json);
                }
                json.end_array();
            }
            Property::CorrelationData(data) | Property::AuthenticationData(data) => {
                match std::str::from_utf8(data) {
                    Ok(text) => {
                        json.key(kind.name());
                        json.string(text);
                    }
                    Err(_) => {
                        json.key(base64_name(kind));
                        json.base64(data);
                    }
                }
            }
            _ => {
                json.key(kind.name());
                push_property_value(property, json);
            }
        }
    }
    json.end_object();
}

/// The key for the value of a binary property that is not UTF-8.
pub(super) const fn base64_name(kind: PropertyKind) -> &'static str {
    match kind {
        PropertyKind::AuthenticationData => "authentication-data_base64",
        _ => "correlation-data_base64",
    }
}

/// The key of the array that holds the user properties.
pub(super) const USER_PROPERTIES: &str = "user-properties";

/// The user properties as the array that is under their key, in order: `[{"name":"value"}]`.
#[must_use]
pub fn user_properties(properties: &Properties) -> String {
    let mut out = Vec::new();
    let look = Look::new(Layout::Compact, &Presentation::default());
    push_user_properties(properties.iter(), &mut Emitter::new(&look, &mut out));
    // It is made of strings.
    String::from_utf8(out).unwrap_or_default()
}

fn push_user_properties<'a>(properties: impl Iterator<Item = &'a Property>, json: &mut Emitter<'_>) {
    json.begin_array();
    for property in properties {
        if let Property::UserProperty(name, value) = property {
            json.element();
            json.begin_object();
            json.any_key(name);
            json.string(value);
            json.end_object();
        }
    }
    json.end_array();
}

fn push_property_value(property: &Property, json: &mut Emitter<'_>) {
    match property.value() {
        PropertyValue::Flag(value) => json.integer(value.into()),
        PropertyValue::U16(value) => json.integer(value.into()),
        PropertyValue::U32(value) | PropertyValue::VarInt(value) => json.integer(value.into()),
        PropertyValue::Text(text) | PropertyValue::TextPair(_, text) => json.string(text),
        PropertyValue::Binary(data) => json.base64(data),
    }
}

/// Prints a JSON text again. Returns false when it is not JSON; something may have been appended then.
fn push_value(text: &str, json: &mut Emitter<'_>) -> bool {
    let mut deepest = 0;
    let mut depth = 0_usize;
    let checked = Scanner::new(text).document(&mut |token| match token {
        Token::BeginObject | Token::BeginArray => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        Token::EndObject | Token::EndArray => depth = depth.saturating_sub(1),
        _ => {}
    });
    if checked.is_err() {
        return false;
    }
    let compact = deepest > PRETTY_DEPTH || text.len() > PRETTY_LENGTH;
    let before = compact.then(|| json.set_layout(Layout::Compact));
    let printed = Scanner::new(text).document(&mut |token| match token {
        Token::BeginObject => json.begin_object(),
        Token::EndObject => json.end_object(),
        Token::BeginArray => json.begin_array(),
        Token::EndArray => json.end_array(),
        Token::Element => json.element(),
        Token::Key(key) => json.any_key(&key),
        Token::String(text) => json.string(&text),
        Token::Number(number) => push_number(number, json),
        Token::Literal(word) => json.raw(word.as_bytes()),
    });
    if let Some(layout) = before {
        json.set_layout(layout);
    }
    printed.is_ok()
}
