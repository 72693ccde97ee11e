//! Payload lines, and topic and payload lines (`-v`).

use super::sanitize::{Keep, escape_into};
use super::{Delivery, Formatter, Presentation, Role, Target};

/// Prints the payload, or topic, one space and the payload, each with a line feed unless that is off.
///
/// An empty payload prints nothing at all, and with topics the topic and the space. A mosquitto client prints `TOPIC (null)`
/// for it, but nothing where there is no line feed.
#[derive(Debug)]
pub struct Text {
    topic: bool,
    /// An empty payload is `(null)`, as a mosquitto client prints it.
    null: bool,
    target: Target,
    newline: bool,
    before_topic: String,
    after_topic: String,
}

impl Text {
    /// Payloads only.
    #[must_use]
    pub fn payload(presentation: &Presentation) -> Self {
        Self::new(presentation, false)
    }

    /// Topic, one space, payload.
    #[must_use]
    pub fn verbose(presentation: &Presentation) -> Self {
        Self::new(presentation, true)
    }

    /// [`Self::verbose`] of a mosquitto client.
    #[must_use]
    pub fn mosquitto_verbose(presentation: &Presentation) -> Self {
        Self { null: true, ..Self::new(presentation, true) }
    }

    fn new(presentation: &Presentation, topic: bool) -> Self {
        let (before, after) = presentation.style.around(Role::Topic);
        Self {
            topic,
            null: false,
            target: presentation.target,
            newline: presentation.newline,
            before_topic: before.to_owned(),
            after_topic: after.to_owned(),
        }
    }
}

impl Formatter for Text {
    #[inline]
    fn format(&mut self, delivery: &Delivery, out: &mut Vec<u8>) {
        let message = &delivery.publish.message;
        if message.payload.is_empty() && !(self.topic && (self.newline || !self.null)) {
            return;
        }
        if self.topic {
            out.extend_from_slice(self.before_topic.as_bytes());
            match self.target {
                Target::Pipe => out.extend_from_slice(message.topic.as_bytes()),
                Target::Terminal => escape_into(message.topic.as_bytes(), Keep::Nothing, out),
            }
            out.extend_from_slice(self.after_topic.as_bytes());
            out.push(b' ');
            if self.null && message.payload.is_empty() {
                out.extend_from_slice(b"(null)");
            }
        }
        match self.target {
            Target::Pipe => out.extend_from_slice(&message.payload),
            Target::Terminal => escape_into(&message.payload, Keep::Lines, out),
        }
        if self.newline {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Style;
    use super::super::fixture::{delivery, record};
    use super::*;

    #[test]
    fn payload_lines_are_bytes_and_an_empty_payload_is_nothing() {
        let mut text = Text::payload(&Presentation::default());
        assert_eq!(record(&mut text, &delivery("a/b", b"21.5")), b"21.5\n");
        assert_eq!(record(&mut text, &delivery("a/b", b"")), b"");
        assert_eq!(record(&mut text, &delivery("a/b", b"\0\xff\x1b[31m\r\n")), b"\0\xff\x1b[31m\r\n\n");
    }

    #[test]
    fn verbose_lines_have_nothing_for_an_empty_payload_and_null_only_of_a_mosquitto_client() {
        let mut text = Text::verbose(&Presentation::default());
        assert_eq!(record(&mut text, &delivery("a b/c", b"1")), b"a b/c 1\n");
        assert_eq!(record(&mut text, &delivery("a/b", b"")), b"a/b \n");
        let mut text = Text::mosquitto_verbose(&Presentation::default());
        assert_eq!(record(&mut text, &delivery("a/b", b"")), b"a/b (null)\n");
    }

    #[test]
    fn without_newline_an_empty_payload_is_nothing() {
        let presentation = Presentation { newline: false, ..Presentation::default() };
        assert_eq!(record(&mut Text::payload(&presentation), &delivery("a", b"x\n")), b"x\n");
        assert_eq!(record(&mut Text::verbose(&presentation), &delivery("a", b"x")), b"a x");
        assert_eq!(record(&mut Text::verbose(&presentation), &delivery("a", b"")), b"a ");
        assert_eq!(record(&mut Text::mosquitto_verbose(&presentation), &delivery("a", b"")), b"");
    }

    #[test]
    fn a_terminal_sees_no_control_characters_but_the_lines_of_a_payload() {
        let presentation = Presentation { target: Target::Terminal, ..Presentation::default() };
        let odd = delivery("a\n\u{202e}b", b"{\n\t1\x1b]0;x\x07\xff}");
        assert_eq!(
            String::from_utf8(record(&mut Text::verbose(&presentation), &odd)).expect("UTF-8"),
            "a\\n\\u{202e}b {\n\t1\\x1b]0;x\\x07\\xff}\n"
        );
    }

    #[test]
    fn the_topic_has_a_colour_where_there_are_colours() {
        let presentation =
            Presentation { target: Target::Terminal, style: Style::colored(), ..Presentation::default() };
        assert_eq!(record(&mut Text::verbose(&presentation), &delivery("a", b"1")), b"\x1b[32ma\x1b[0m 1\n");
    }
}
