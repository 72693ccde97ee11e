//! Bytes for people and programs: pure functions into buffers.
//!
//! A [`Formatter`] turns one received message into one record; [`text`], [`json`] and [`template`] are the
//! three that `mqt sub` has. [`sanitize`] is the one escaper for everything that comes from outside and
//! goes to a terminal or to stderr, [`trace`] the packets under `--debug`, [`style`] the one place that knows colours, [`clock`] the one that
//! turns an instant into local time, [`units`] sizes, rates and durations for people.

pub mod clock;
pub mod json;
pub mod mosquitto_trace;
pub mod sanitize;
pub mod style;
pub mod template;
pub mod text;
pub mod trace;
pub mod units;
pub mod watch;

use std::time::SystemTime;

use mqt_proto::packet::Publish;

pub use json::Json;
pub use style::{Role, Style};
pub use template::{Template, TemplateError};
pub use text::Text;
pub use watch::Watch;

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The packet; its topic is never empty, aliases are resolved.
    pub publish: Publish,
    /// When it was read from the connection.
    pub received: SystemTime,
}

/// Writes received messages in one form.
pub trait Formatter: Send {
    /// Appends one record to `out`.
    fn format(&mut self, delivery: &Delivery, out: &mut Vec<u8>);

    /// What could not be printed since the last call: one text a message, already escaped.
    fn take_warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// What reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// A program or a file: bytes as they are.
    #[default]
    Pipe,
    /// A terminal, which obeys control characters: those from outside are escaped.
    Terminal,
}

/// How records look, whatever their format.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// What reads them.
    pub target: Target,
    /// Whether a line feed ends each of them.
    pub newline: bool,
    /// The colours.
    pub style: Style,
    /// Whether warnings have the words of the mosquitto clients.
    pub mosquitto_words: bool,
}

impl Default for Presentation {
    fn default() -> Self {
        Self { target: Target::Pipe, newline: true, style: Style::plain(), mosquitto_words: false }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod fixture {
    //! Deliveries for the tests of the formatters.

    use std::time::{Duration, SystemTime};

    use bytes::Bytes;

    use super::{Delivery, Formatter};
    use mqt_proto::packet::Publish;
    use mqt_proto::{Message, PacketId, Properties, Property, QoS, TopicName};

    /// 2026-11-20T10:37:41.581159 UTC.
    pub fn instant() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::new(1_795_171_061, 581_159_042)
    }

    /// A QoS 0 message without properties.
    pub fn delivery(topic: &str, payload: &[u8]) -> Delivery {
        let message = Message {
            topic: TopicName::new(topic).expect("a topic name"),
            payload: Bytes::copy_from_slice(payload),
            ..Message::default()
        };
        Delivery { publish: Publish { message, ..Publish::default() }, received: instant() }
    }

    /// A retained QoS 1 message, packet identifier 7, with these properties.
    pub fn with_properties(topic: &str, payload: &[u8], properties: Vec<Property>) -> Delivery {
        let mut delivery = delivery(topic, payload);
        delivery.publish.packet_id = PacketId::new(7);
        delivery.publish.message.qos = QoS::AtLeastOnce;
        delivery.publish.message.retain = true;
        delivery.publish.message.properties = Properties::from(properties);
        delivery
    }

    /// The record of one delivery.
    pub fn record(formatter: &mut impl Formatter, delivery: &Delivery) -> Vec<u8> {
        let mut out = Vec::new();
        formatter.format(delivery, &mut out);
        out
    }
}
