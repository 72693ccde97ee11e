//! Messages as JSON: the lossless line of `mqt sub --json`, mosquitto's `%j` and `%J`, and the reader for
//! `mqt pub --json`.
//!
//! The line is described by `schema/message.schema.json`. What one line says, the reader reads back to the
//! same message: bytes that are not UTF-8 stand as base64 under a key that ends in `_base64`.

mod emitter;
mod message;
mod number;
mod reader;
mod scanner;
mod splitter;

pub use reader::{JsonMessage, JsonMessageError, parse_message, parse_recorded};
pub use scanner::{SyntaxError, Token};
pub use splitter::{Found, InputFault, InputPlace, Splitter};

pub use message::user_properties;

pub(super) use emitter::{Layout, Look};
pub(super) use message::{JsonForm, push_message, push_message_with_json_payload};

use scanner::Scanner;

use super::clock::LocalClock;
use super::{Delivery, Formatter, Presentation};

/// Reads one JSON text, token by token, and nothing after it but white space.
///
/// # Errors
/// It is not JSON (RFC 8259), or nested deeper than 1,000 levels. What was visited until then stands.
pub fn scan<'a>(text: &'a str, visit: &mut impl FnMut(Token<'a>)) -> Result<(), SyntaxError> {
    Scanner::new(text).document(visit)
}

/// Prints each message as one JSON object, losslessly: on one line, or over several indented ones.
#[derive(Debug)]
pub struct Json {
    look: Look,
    newline: bool,
    clock: LocalClock,
}

impl Json {
    /// With the local time of this machine.
    #[must_use]
    pub fn new(presentation: &Presentation, pretty: bool) -> Self {
        Self::with_clock(presentation, pretty, LocalClock::default())
    }

    /// With the local time of this clock.
    #[must_use]
    pub fn with_clock(presentation: &Presentation, pretty: bool, clock: LocalClock) -> Self {
        let layout = if pretty { Layout::Indented } else { Layout::Compact };
        Self { look: Look::new(layout, presentation), newline: presentation.newline, clock }
    }
}

impl Formatter for Json {
    fn format(&mut self, delivery: &Delivery, out: &mut Vec<u8>) {
        push_message(delivery, &self.clock.at(delivery.received), JsonForm::Lossless, &self.look, out);
        if self.newline {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests;
