//! The parts of a message that a format can print, and how each is filled up to its width.

use super::super::Delivery;
use super::super::Target;
use super::super::clock::Moment;
use super::super::json::{JsonForm, Look, push_message, push_message_with_json_payload};
use super::super::sanitize::{Keep, escape, escape_into};
use super::FieldSpec;
use mqt_proto::Property;

/// A part of a message, by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateField {
    /// `%t`
    Topic,
    /// `%p`: the width is the most as well as the least.
    Payload,
    /// `%x`: cut to `width` bytes first; the precision is the number of digits between separators.
    LowerHex,
    /// `%X`
    UpperHex,
    /// `%l`
    PayloadLength,
    /// `%q`
    QoS,
    /// `%r`: `1` or `0`
    Retain,
    /// `%m`: 0 for QoS 0
    PacketId,
    /// `%A`
    TopicAlias,
    /// `%C`
    ContentType,
    /// `%D`
    CorrelationData,
    /// `%E`
    MessageExpiryInterval,
    /// `%F`
    PayloadFormatIndicator,
    /// `%P`: `name:value` joined by spaces
    UserProperties,
    /// `%R`
    ResponseTopic,
    /// `%S`: the first
    SubscriptionIdentifier,
    /// `%I`: `YYYY-MM-DDTHH:MM:SS+HHMM`
    LocalTime,
    /// `%U`: seconds since the epoch with nine decimals
    UnixTime,
    /// `%j`: the message as JSON, the payload a string
    Json,
    /// `%J`: the message as JSON, the payload the JSON that it is
    JsonPayload,
    /// `%f`: the payload is four bytes
    Float,
    /// `%d`: the payload is eight bytes
    Double,
}

impl TemplateField {
    /// The field with this letter.
    #[must_use]
    pub const fn from_letter(letter: char) -> Option<Self> {
        Some(match letter {
            't' => Self::Topic,
            'p' => Self::Payload,
            'x' => Self::LowerHex,
            'X' => Self::UpperHex,
            'l' => Self::PayloadLength,
            'q' => Self::QoS,
            'r' => Self::Retain,
            'm' => Self::PacketId,
            'A' => Self::TopicAlias,
            'C' => Self::ContentType,
            'D' => Self::CorrelationData,
            'E' => Self::MessageExpiryInterval,
            'F' => Self::PayloadFormatIndicator,
            'P' => Self::UserProperties,
            'R' => Self::ResponseTopic,
            'S' => Self::SubscriptionIdentifier,
            'I' => Self::LocalTime,
            'U' => Self::UnixTime,
            'j' => Self::Json,
            'J' => Self::JsonPayload,
            'f' => Self::Float,
            'd' => Self::Double,
            _ => return None,
        })
    }
}

/// Warnings kept between two calls of `take_warnings`; further ones are counted.
const MAX_WARNINGS: usize = 16;

/// Prints fields for one kind of reader.
#[derive(Debug)]
pub(super) struct Renderer {
    target: Target,
    look: Look,
    /// Warnings are those of the mosquitto clients.
    mosquitto_words: bool,
    warnings: Vec<String>,
    unsaid: usize,
}

impl Renderer {
    pub(super) const fn new(target: Target, look: Look) -> Self {
        Self { target, look, mosquitto_words: false, warnings: Vec::new(), unsaid: 0 }
    }

    pub(super) const fn in_words(mut self, old: bool) -> Self {
        self.mosquitto_words = old;
        self
    }

    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        let unsaid = std::mem::take(&mut self.unsaid);
        if unsaid > 0 {
            warnings.push(format!("{unsaid} more payloads could not be printed in this format"));
        }
        warnings
    }

    fn warn(&mut self, topic: &str, field: TemplateField) {
        if self.warnings.len() < MAX_WARNINGS {
            let topic = escape(topic);
            self.warnings.push(match (field, self.mosquitto_words) {
                (TemplateField::Float, true) => {
                    "requested float printing, but non-float data received".to_owned()
                }
                (TemplateField::Double, true) => {
                    "requested double printing, but non-double data received".to_owned()
                }
                (_, true) => format!("Error: Message payload is not valid JSON on topic {topic}."),
                (TemplateField::Float, false) => {
                    format!("the payload is not of four bytes, as '%f' wants it (topic {topic})")
                }
                (TemplateField::Double, false) => {
                    format!("the payload is not of eight bytes, as '%d' wants it (topic {topic})")
                }
                (_, false) => format!("the payload is not valid JSON, as '%J' wants it (topic {topic})"),
            });
        } else {
            self.unsaid += 1;
        }
    }

    pub(super) fn push(
        &mut self,
        field: TemplateField,
        spec: &FieldSpec,
        delivery: &Delivery,
        moment: &Moment<'_>,
        out: &mut Vec<u8>,
    ) {
        let publish = &delivery.publish;
        let message = &publish.message;
        let properties = &message.properties;
        match field {
            TemplateField::Topic => self.push_text(message.topic.as_bytes(), spec, out),
            TemplateField::Payload => self.push_payload(&message.payload, spec, out),
            TemplateField::LowerHex => push_hex(&message.payload, b"0123456789abcdef", spec, out),
            TemplateField::UpperHex => push_hex(&message.payload, b"0123456789ABCDEF", spec, out),
            TemplateField::PayloadLength => push_integer(Some(message.payload.len() as u64), spec, out),
            TemplateField::QoS => out.push(b'0' + message.qos.level()),
            TemplateField::Retain => out.push(if message.retain { b'1' } else { b'0' }),
            TemplateField::PacketId => {
                push_integer(Some(publish.packet_id.map_or(0, |id| id.get().into())), spec, out)
            }
            TemplateField::TopicAlias => {
                push_integer(properties.topic_alias().map(|value| u64::from(*value)), spec, out)
            }
            TemplateField::ContentType => {
                let text: &str = properties.content_type().map_or("", |text| text);
                self.push_text(text.as_bytes(), spec, out);
            }
            TemplateField::CorrelationData => {
                self.push_outside(properties.correlation_data().map_or(&[], |data| data), Keep::Nothing, out);
            }
            TemplateField::MessageExpiryInterval => {
                push_integer(properties.message_expiry_interval().map(|value| u64::from(*value)), spec, out);
            }
            TemplateField::PayloadFormatIndicator => {
                push_integer(properties.payload_format_indicator().map(|value| u64::from(*value)), spec, out);
            }
            TemplateField::UserProperties => {
                let mut first = true;
                for property in properties {
                    if let Property::UserProperty(name, value) = property {
                        if !std::mem::replace(&mut first, false) {
                            out.push(b' ');
                        }
                        self.push_outside(name.as_bytes(), Keep::Nothing, out);
                        out.push(b':');
                        self.push_outside(value.as_bytes(), Keep::Nothing, out);
                    }
                }
            }
            TemplateField::ResponseTopic => {
                if let Some(topic) = properties.response_topic() {
                    self.push_text(topic.as_bytes(), spec, out);
                }
            }
            TemplateField::SubscriptionIdentifier => {
                push_integer(properties.subscription_identifier().map(|value| u64::from(*value)), spec, out);
            }
            TemplateField::LocalTime => {
                let mut text = Vec::with_capacity(24);
                moment.push_seconds(&mut text);
                self.push_text(&text, spec, out);
            }
            TemplateField::UnixTime => moment.push_unix(out),
            TemplateField::Json => push_message(delivery, moment, JsonForm::Mosquitto, &self.look, out),
            TemplateField::JsonPayload => {
                if !push_message_with_json_payload(delivery, moment, &self.look, out) {
                    self.warn(&message.topic, field);
                }
            }
            TemplateField::Float => match <[u8; 4]>::try_from(&*message.payload) {
                Ok(bytes) => push_float(f64::from(f32::from_ne_bytes(bytes)), spec, out),
                Err(_) => self.warn(&message.topic, field),
            },
            TemplateField::Double => match <[u8; 8]>::try_from(&*message.payload) {
                Ok(bytes) => push_float(f64::from_ne_bytes(bytes), spec, out),
                Err(_) => self.warn(&message.topic, field),
            },
        }
    }

    /// Bytes from outside, escaped where a terminal reads them.
    fn push_outside(&self, bytes: &[u8], keep: Keep, out: &mut Vec<u8>) {
        match self.target {
            Target::Pipe => out.extend_from_slice(bytes),
            Target::Terminal => escape_into(bytes, keep, out),
        }
    }

    /// C's `%s`: the precision is the most, the width the least, zeros have no effect.
    fn push_text(&self, bytes: &[u8], spec: &FieldSpec, out: &mut Vec<u8>) {
        let bytes = bytes.get(..spec.precision.unwrap_or(usize::MAX)).unwrap_or(bytes);
        let blanks = spec.width.saturating_sub(bytes.len());
        fill(b' ', if spec.left { 0 } else { blanks }, out);
        self.push_outside(bytes, Keep::Nothing, out);
        fill(b' ', if spec.left { blanks } else { 0 }, out);
    }

    fn push_payload(&self, bytes: &[u8], spec: &FieldSpec, out: &mut Vec<u8>) {
        let bytes = cut(bytes, spec);
        let missing = spec.width.saturating_sub(bytes.len());
        let filler = if spec.zeros && !spec.left { b'0' } else { b' ' };
        fill(filler, if spec.left { 0 } else { missing }, out);
        self.push_outside(bytes, Keep::Lines, out);
        fill(filler, if spec.left { missing } else { 0 }, out);
    }
}

/// The first `width` bytes, where there is a width.
fn cut<'a>(bytes: &'a [u8], spec: &FieldSpec) -> &'a [u8] {
    match spec.width {
        0 => bytes,
        width => bytes.get(..width).unwrap_or(bytes),
    }
}

fn fill(byte: u8, count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, byte);
}

fn push_hex(payload: &[u8], alphabet: &[u8; 16], spec: &FieldSpec, out: &mut Vec<u8>) {
    let payload = cut(payload, spec);
    let missing = spec.width.saturating_sub(payload.len() * 2);
    let filler = if spec.zeros && !spec.left { b'0' } else { b' ' };
    let (before, after) = if spec.left { (0, missing) } else { (missing, 0) };
    let digits =
        payload.iter().flat_map(|byte| [alphabet[usize::from(byte >> 4)], alphabet[usize::from(byte & 0xf)]]);
    let characters =
        std::iter::repeat_n(filler, before).chain(digits).chain(std::iter::repeat_n(filler, after));
    match spec.precision {
        None | Some(0) => out.extend(characters),
        Some(group) => {
            for (index, character) in characters.enumerate() {
                if index > 0 && index % group == 0 {
                    out.push(spec.separator.unwrap_or(b' '));
                }
                out.push(character);
            }
        }
    }
}

/// C's `%d`; what is not there is as many blanks (or zeros) as the width.
fn push_integer(value: Option<u64>, spec: &FieldSpec, out: &mut Vec<u8>) {
    let digits = value.map(|value| value.to_string()).unwrap_or_default();
    push_number(&digits, spec.zeros, spec, out);
}

/// C's `%f`.
fn push_float(value: f64, spec: &FieldSpec, out: &mut Vec<u8>) {
    let text = if value.is_finite() {
        format!("{value:.*}", spec.precision.unwrap_or(6))
    } else {
        let sign = if value.is_sign_negative() { "-" } else { "" };
        format!("{sign}{}", if value.is_nan() { "nan" } else { "inf" })
    };
    push_number(&text, spec.zeros && value.is_finite(), spec, out);
}

fn push_number(text: &str, zeros: bool, spec: &FieldSpec, out: &mut Vec<u8>) {
    let missing = spec.width.saturating_sub(text.len());
    if spec.left {
        out.extend_from_slice(text.as_bytes());
        fill(b' ', missing, out);
    } else if zeros {
        let digits = text.trim_start_matches('-');
        out.extend_from_slice(&text.as_bytes()[..text.len() - digits.len()]);
        fill(b'0', missing, out);
        out.extend_from_slice(digits.as_bytes());
    } else {
        fill(b' ', missing, out);
        out.extend_from_slice(text.as_bytes());
    }
}
