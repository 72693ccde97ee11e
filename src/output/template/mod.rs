//! mosquitto's format language (`-F`).
//!
//! Text is copied. `%[-][0][width][.precision][separator]letter` prints a part of the message, `@letter` a
//! part of the local time at which it was received (C's `strftime`), `\letter` a control character.
//! The whole list of letters is in [`TemplateField`]; on a terminal what comes from outside is escaped, the text of
//! the format itself is not.

mod field;

pub use field::TemplateField;

use super::clock::LocalClock;
use super::json::{Layout, Look};
use super::{Delivery, Formatter, Presentation, Target};
use field::Renderer;

/// Why a text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It ends inside `%…`, or after `@`.
    #[error("the format ends in the middle of a '%' or '@' sequence; '%%' and '@@' print the characters")]
    IncompleteSpecifier,
    /// No such letter.
    #[error("'%{0}' prints nothing; some that do: %t topic, %p payload, %q QoS, %r retain, %I time, %j JSON")]
    InvalidSpecifier(char),
    /// It ends after a backslash.
    #[error("the format ends after a backslash; '\\\\' prints one")]
    IncompleteEscape,
    /// No such escape.
    #[error("'\\{0}' is not an escape; there are \\\\ \\0 \\a \\e \\n \\r \\t \\v")]
    InvalidEscape(char),
    /// A width or a precision beyond [`FieldSpec::MAX_WIDTH`].
    #[error("a width or a precision is at most 65535")]
    TooWide,
}

/// What is between `%` and the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSpec {
    /// `-`: fill up on the right. Wins over `zeros`.
    pub left: bool,
    /// `0`: fill up with zeros.
    pub zeros: bool,
    /// At least this many bytes.
    pub width: usize,
    /// `.N`
    pub precision: Option<usize>,
    /// Between groups of hexadecimal digits.
    pub separator: Option<u8>,
}

impl FieldSpec {
    /// The largest width and the largest precision.
    pub const MAX_WIDTH: usize = 65_535;
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Literal(Vec<u8>),
    Field(TemplateField, FieldSpec),
    Time(u8),
}

/// A checked format.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<TemplatePiece>,
    newline: bool,
    clock: LocalClock,
    renderer: Renderer,
}

impl Template {
    /// Checks a format. It prints into a pipe, with a line feed after each record; see
    /// [`present`](Self::present).
    ///
    /// # Errors
    /// The first sequence that means nothing.
    pub fn parse(format: &str) -> Result<Self, TemplateError> {
        let presentation = Presentation::default();
        Ok(Self {
            pieces: Parser { rest: format.chars(), pieces: Vec::new(), literal: Vec::new() }.parse()?,
            newline: presentation.newline,
            clock: LocalClock::default(),
            renderer: Renderer::new(Target::Pipe, Look::new(Layout::Compact, &presentation)),
        })
    }

    /// For this reader; `pretty` indents the JSON of `%j` and `%J` as mosquitto does.
    #[must_use]
    pub fn present(mut self, presentation: &Presentation, pretty: bool) -> Self {
        let layout = if pretty { Layout::Tabbed } else { Layout::Compact };
        self.newline = presentation.newline;
        self.renderer = Renderer::new(presentation.target, Look::new(layout, presentation))
            .in_words(presentation.mosquitto_words);
        self
    }

    /// With the local time of this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: LocalClock) -> Self {
        self.clock = clock;
        self
    }
}

impl Formatter for Template {
    fn format(&mut self, delivery: &Delivery, out: &mut Vec<u8>) {
        let moment = self.clock.at(delivery.received);
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Literal(text) => out.extend_from_slice(text),
                TemplatePiece::Field(field, spec) => self.renderer.push(*field, spec, delivery, &moment, out),
                TemplatePiece::Time(letter) => moment.push_strftime(*letter, out),
            }
        }
        if self.newline {
            out.push(b'\n');
        }
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.renderer.take_warnings()
    }
}

struct Parser<'a> {
    rest: std::str::Chars<'a>,
    pieces: Vec<TemplatePiece>,
    literal: Vec<u8>,
}

impl Parser<'_> {
    fn parse(mut self) -> Result<Vec<TemplatePiece>, TemplateError> {
        while let Some(character) = self.rest.next() {
            match character {
                '%' => self.field()?,
                '@' => self.time()?,
                '\\' => self.escape()?,
                _ => self.text(character),
            }
        }
        self.end_literal();
        Ok(self.pieces)
    }

    fn text(&mut self, character: char) {
        self.literal.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.pieces.push(TemplatePiece::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.rest.next();
        }
        there
    }

    fn number(&mut self) -> Result<usize, TemplateError> {
        let mut value = 0_usize;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
            self.rest.next();
            value = value * 10 + digit as usize;
            if value > FieldSpec::MAX_WIDTH {
                return Err(TemplateError::TooWide);
            }
        }
        Ok(value)
    }

    fn field(&mut self) -> Result<(), TemplateError> {
        if self.take('%') {
            self.text('%');
            return Ok(());
        }
        let mut spec = FieldSpec { left: self.take('-'), zeros: self.take('0'), ..FieldSpec::default() };
        spec.width = self.number()?;
        if self.take('.') {
            spec.precision = Some(self.number()?);
        }
        let mut letter = self.rest.next().ok_or(TemplateError::IncompleteSpecifier)?;
        if letter != '%' && (letter == ' ' || letter.is_ascii_punctuation()) {
            spec.separator = u8::try_from(letter).ok();
            letter = self.rest.next().ok_or(TemplateError::IncompleteSpecifier)?;
        }
        let field = TemplateField::from_letter(letter).ok_or(TemplateError::InvalidSpecifier(letter))?;
        self.end_literal();
        self.pieces.push(TemplatePiece::Field(field, spec));
        Ok(())
    }

    fn time(&mut self) -> Result<(), TemplateError> {
        let letter = self.rest.next().ok_or(TemplateError::IncompleteSpecifier)?;
        match u8::try_from(letter) {
            Ok(b'@') => self.text('@'),
            Ok(byte) if byte.is_ascii() => {
                self.end_literal();
                self.pieces.push(TemplatePiece::Time(byte));
            }
            _ => {
                self.text('%');
                self.text(letter);
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), TemplateError> {
        let letter = self.rest.next().ok_or(TemplateError::IncompleteEscape)?;
        self.literal.push(match letter {
            '\\' => b'\\',
            '0' => 0,
            'a' => 0x07,
            'e' => 0x1b,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 0x0b,
            _ => return Err(TemplateError::InvalidEscape(letter)),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
