//! Finds the objects in an input that comes in blocks: one a line, over many lines, one behind another, or as the
//! elements of arrays.
//!
//! The common case, a whole object on a line of its own, is not looked at here at all: the line is given to the parser as it
//! is. Only when that takes it for something else is the text walked, byte by byte and once, by the grammar, so that
//! an object that is broken ends where it breaks and does not swallow what follows.

use std::fmt;

use bytes::Bytes;

use super::reader::JsonMessageError;
use super::scanner::MAX_DEPTH;

/// A place in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputPlace {
    /// The line; the first is 1.
    pub line: u64,
    /// The column, in characters; the first is 1.
    pub column: u64,
}

impl fmt::Display for InputPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { line, column: 1 } => write!(f, "line {line}"),
            Self { line, column } => write!(f, "line {line}, column {column}"),
        }
    }
}

/// Something in the input that should be an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// Where it begins.
    pub begins: InputPlace,
    /// What the parser made of it.
    pub object: Result<T, InputFault>,
}

/// Why something in the input is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputFault {
    /// It is not JSON, or not an object.
    #[error("not a JSON object: {expected} expected at {}", At { begins: *begins, at: *at })]
    Syntax {
        /// Where it begins.
        begins: InputPlace,
        /// Where it breaks.
        at: InputPlace,
        /// What would have been right there.
        expected: &'static str,
    },
    /// It is an object, but no message.
    #[error(transparent)]
    Message(JsonMessageError),
    /// It is longer than an object may be.
    #[error("it is longer than any MQTT packet")]
    TooLong,
    /// The input has the byte order mark of UTF-16; nothing of it can be read.
    #[error("UTF-16; convert it: iconv -f UTF-16 -t UTF-8")]
    Utf16,
}

/// A place, seen from the beginning of an object.
struct At {
    begins: InputPlace,
    at: InputPlace,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InputPlace { line, column } = self.at;
        if line != self.begins.line {
            write!(f, "line {line}, ")?;
        }
        write!(f, "column {column}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SplitterState {
    /// Before the first byte that is not of a byte order mark.
    Start,
    Between,
    InObject,
    /// After a fault, up to a line on which an object can begin. Within an object of several lines: one that is
    /// not further to the right than that object, which leaves out the objects inside it.
    Lost {
        indent: Option<u64>,
    },
    /// Nothing more is read.
    Done,
}

/// Where an object may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    /// After `[`.
    ArrayStart,
    /// After an element.
    Element,
    /// After a comma.
    Comma,
    /// Somewhere in an array after a fault: what is between the objects is no longer known.
    Loose,
}

/// What may come next in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Key,
    KeyOrEnd,
    Colon,
    Value,
    ValueOrEnd,
    CommaOrEnd,
    Text {
        key: bool,
        escaped: bool,
    },
    /// A number or a literal.
    Scalar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SplitterStep {
    On,
    End,
    Fault,
}

/// Finds the objects. It is given blocks, and hands each object to a parser.
#[derive(Debug)]
pub struct Splitter {
    /// No object is longer, in bytes.
    largest: usize,
    block: Bytes,
    at: usize,
    /// Bytes of the blocks before.
    passed: u64,
    /// No block follows.
    over: bool,
    /// Where [`Self::at`] is.
    place: InputPlace,
    /// Whether the line holds nothing but white space so far.
    blank: bool,
    state: SplitterState,
    level: Level,
    /// The line that was given to the parser and was not one object.
    guessed: u64,
    /// The bytes of a byte order mark.
    mark: Vec<u8>,
    /// Where the object begins.
    begins: InputPlace,
    /// Its beginning in blocks before.
    begun: Vec<u8>,
    /// Where it begins in the block.
    from: usize,
    /// It has been told that the object is too long.
    too_long: bool,
    /// What is open: objects (true) and arrays (false).
    open: Vec<bool>,
    expect: Expect,
}

impl Splitter {
    /// Finds objects of at most this many bytes.
    #[must_use]
    pub fn new(largest: usize) -> Self {
        let start = InputPlace { line: 1, column: 1 };
        Self {
            largest,
            block: Bytes::new(),
            at: 0,
            passed: 0,
            over: false,
            place: start,
            blank: true,
            state: SplitterState::Start,
            level: Level::Top,
            guessed: 0,
            mark: Vec::new(),
            begins: start,
            begun: Vec::new(),
            from: 0,
            too_long: false,
            open: Vec::new(),
            expect: Expect::KeyOrEnd,
        }
    }

    /// Gives the next block, after [`Self::next`] had nothing more in the one before.
    pub fn push(&mut self, block: Bytes) {
        self.passed += self.block.len() as u64;
        (self.block, self.at, self.from) = (block, 0, 0);
    }

    /// No block follows: what has begun is not going to end.
    pub fn finish(&mut self) {
        self.over = true;
        let open = match self.state {
            SplitterState::Start => !self.mark.is_empty(),
            SplitterState::Between => !matches!(self.level, Level::Top | Level::Loose),
            SplitterState::InObject => !self.too_long,
            SplitterState::Lost { .. } | SplitterState::Done => false,
        };
        if self.is_empty() && !open {
            self.state = SplitterState::Done;
        }
    }

    /// Whether all that was given was looked at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at >= self.block.len()
    }

    /// Whether nothing more will be found.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.over && self.is_empty() && self.state == SplitterState::Done
    }

    /// How many bytes were looked at.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.passed + self.at as u64
    }

    /// The next object, or what is in its place; `None` when the block has no more.
    #[inline]
    pub fn next<T>(
        &mut self,
        parse: &mut impl FnMut(&[u8]) -> Result<T, JsonMessageError>,
    ) -> Option<Found<T>> {
        self.whole_line(parse).or_else(|| self.walk(parse))
    }

    /// An object that is all of a line.
    #[inline]
    fn whole_line<T>(
        &mut self,
        parse: &mut impl FnMut(&[u8]) -> Result<T, JsonMessageError>,
    ) -> Option<Found<T>> {
        if self.state != SplitterState::Between || self.level != Level::Top || self.guessed == self.place.line
        {
            return None;
        }
        let rest = self.block.get(self.at..)?;
        if rest.first() != Some(&b'{') {
            return None;
        }
        // Once per line, so that a long one is not searched for each object in it.
        self.guessed = self.place.line;
        let length = memchr::memchr(b'\n', rest)?;
        let line = rest.get(..length)?;
        if line.trim_ascii_end().last() != Some(&b'}') || length > self.largest {
            return None;
        }
        let object = match parse(line) {
            Err(JsonMessageError::Syntax { .. }) => return None,
            object => object.map_err(InputFault::Message),
        };
        let begins = self.place;
        self.at += length + 1;
        self.place = InputPlace { line: begins.line + 1, column: 1 };
        self.blank = true;
        Some(Found { begins, object })
    }

    fn walk<T>(&mut self, parse: &mut impl FnMut(&[u8]) -> Result<T, JsonMessageError>) -> Option<Found<T>> {
        while let Some(&byte) = self.block.get(self.at) {
            let found = match self.state {
                SplitterState::Start => self.start(byte),
                SplitterState::Between => {
                    if let Some(found) = self.whole_line(parse) {
                        return Some(found);
                    }
                    self.between(byte)
                }
                SplitterState::InObject => self.in_object(byte, parse),
                SplitterState::Lost { indent } => {
                    self.lost(byte, indent);
                    None
                }
                SplitterState::Done => {
                    self.at = self.block.len();
                    None
                }
            };
            if found.is_some() {
                return found;
            }
        }
        self.carry().or_else(|| self.last(parse))
    }

    fn start<T>(&mut self, byte: u8) -> Option<Found<T>> {
        match (self.mark.as_slice(), byte) {
            ([], 0xef | 0xfe | 0xff) | ([0xef], 0xbb) => self.mark.push(byte),
            ([0xef, 0xbb], 0xbf) => {
                self.mark.clear();
                self.state = SplitterState::Between;
            }
            ([0xff], 0xfe) | ([0xfe], 0xff) => {
                self.state = SplitterState::Done;
                return Some(Found { begins: self.place, object: Err(InputFault::Utf16) });
            }
            ([], _) => {
                self.state = SplitterState::Between;
                return None;
            }
            _ => return self.no_mark(),
        }
        self.at += 1;
        None
    }

    /// What looked like a byte order mark is none.
    fn no_mark<T>(&mut self) -> Option<Found<T>> {
        self.mark.clear();
        let found = self.stray("an object");
        self.place.column += 1;
        found
    }

    fn between<T>(&mut self, byte: u8) -> Option<Found<T>> {
        match (byte, self.level) {
            (b' ' | b'\t' | b'\n' | b'\r', _) => {}
            (b'{', Level::Element) => {
                let blank = self.blank;
                let found = self.stray("',' or ']'");
                if blank {
                    // Only the comma is missing.
                    (self.state, self.blank) = (SplitterState::Between, true);
                }
                return found;
            }
            (b'{', _) => {
                self.state = SplitterState::InObject;
                (self.begins, self.from) = (self.place, self.at);
                self.open.push(true);
                self.expect = Expect::KeyOrEnd;
            }
            (b'[', Level::Top | Level::Loose) => self.level = Level::ArrayStart,
            (b']', Level::ArrayStart | Level::Element | Level::Loose) => self.level = Level::Top,
            (b',', Level::Element) => self.level = Level::Comma,
            (b',', Level::Loose) => {}
            (_, Level::Element) => return self.stray("',' or ']'"),
            (_, Level::ArrayStart) => return self.stray("an object or ']'"),
            (_, Level::Top | Level::Comma | Level::Loose) => return self.stray("an object"),
        }
        self.pass(byte);
        None
    }

    /// Something between the objects that does not belong there. It goes to the end of the line.
    fn stray<T>(&mut self, expected: &'static str) -> Option<Found<T>> {
        self.loosen();
        self.blank = false;
        self.state = SplitterState::Lost { indent: None };
        let begins = self.place;
        Some(Found { begins, object: Err(InputFault::Syntax { begins, at: begins, expected }) })
    }

    fn loosen(&mut self) {
        if self.level != Level::Top {
            self.level = Level::Loose;
        }
    }

    fn in_object<T>(
        &mut self,
        byte: u8,
        parse: &mut impl FnMut(&[u8]) -> Result<T, JsonMessageError>,
    ) -> Option<Found<T>> {
        match self.step(byte) {
            SplitterStep::On => {
                self.pass(byte);
                if matches!(self.expect, Expect::Text { escaped: false, .. }) {
                    self.pass_text();
                }
                None
            }
            SplitterStep::End => {
                self.pass(byte);
                let found = self.close(None, parse);
                self.state = SplitterState::Between;
                if self.level != Level::Top && self.level != Level::Loose {
                    self.level = Level::Element;
                }
                // Behind the last object nothing is to wait that is none.
                while let Some(&byte) = self.block.get(self.at) {
                    match byte {
                        b' ' | b'\t' | b'\n' | b'\r' => {}
                        b']' if self.level != Level::Top => self.level = Level::Top,
                        _ => break,
                    }
                    self.pass(byte);
                }
                found
            }
            SplitterStep::Fault => {
                // The place of the fault is that of this byte, whatever it is; the end of a line is no part of the object.
                let last = match byte {
                    b'\n' | b'\r' => None,
                    0x80.. => Some(b'?'),
                    _ => Some(byte),
                };
                let found = self.close(last, parse);
                self.loosen();
                if self.place.line == self.begins.line {
                    self.state = SplitterState::Lost { indent: None };
                } else {
                    let indent = self.begins.column;
                    self.state = SplitterState::Lost { indent: Some(indent) };
                }
                found
            }
        }
    }

    /// The object up to here, with one more byte, as the parser sees it.
    fn close<T>(
        &mut self,
        last: Option<u8>,
        parse: &mut impl FnMut(&[u8]) -> Result<T, JsonMessageError>,
    ) -> Option<Found<T>> {
        self.open.clear();
        let mut begun = std::mem::take(&mut self.begun);
        let here = self.block.get(self.from..self.at).unwrap_or_default();
        self.from = 0;
        let begins = self.begins;
        if std::mem::take(&mut self.too_long) {
            return None;
        }
        if begun.len() + here.len() > self.largest {
            return Some(Found { begins, object: Err(InputFault::TooLong) });
        }
        let text = if begun.is_empty() && last.is_none() {
            here
        } else {
            begun.extend_from_slice(here);
            begun.extend(last);
            begun.as_slice()
        };
        let object = parse(text).map_err(|error| match error {
            JsonMessageError::Syntax { at, expected } => {
                let before = text.get(..at.saturating_sub(1)).unwrap_or(text);
                let at = before.iter().fold(begins, |place, byte| after(place, *byte));
                InputFault::Syntax { begins, at, expected }
            }
            error => InputFault::Message(error),
        });
        Some(Found { begins, object })
    }

    fn lost(&mut self, byte: u8, indent: Option<u64>) {
        let can_begin = match (indent, byte) {
            (_, b' ' | b'\t' | b'\r' | b'\n') => false,
            (None, _) => true,
            (Some(column), b'{' | b'[') => self.place.column <= column,
            (Some(column), b']') => self.place.column <= column && self.level == Level::Loose,
            (Some(_), _) => false,
        };
        if self.blank && can_begin {
            self.state = SplitterState::Between;
        } else {
            self.pass(byte);
        }
    }

    /// At the end of a block: keeps the beginning of an object.
    fn carry<T>(&mut self) -> Option<Found<T>> {
        if self.state != SplitterState::InObject || self.too_long {
            return None;
        }
        let here = self.block.get(self.from..).unwrap_or_default();
        if self.begun.len() + here.len() > self.largest {
            (self.begun, self.from, self.too_long) = (Vec::new(), self.block.len(), true);
            return Some(Found { begins: self.begins, object: Err(InputFault::TooLong) });
        }
        self.begun.extend_from_slice(here);
        self.from = self.block.len();
        None
    }

    /// At the end of the input: what has not ended.
    fn last<T>(&mut self, parse: &mut impl FnMut(&[u8]) -> Result<T, JsonMessageError>) -> Option<Found<T>> {
        if !self.over {
            return None;
        }
        let found = match (self.state, self.level) {
            (SplitterState::Start, _) if !self.mark.is_empty() => self.no_mark(),
            (SplitterState::InObject, _) => self.close(None, parse),
            (SplitterState::Between, Level::Element) => self.stray("',' or ']'"),
            (SplitterState::Between, Level::ArrayStart) => self.stray("an object or ']'"),
            (SplitterState::Between, Level::Comma) => self.stray("an object"),
            _ => None,
        };
        self.state = SplitterState::Done;
        found
    }

    /// Goes past a byte.
    fn pass(&mut self, byte: u8) {
        self.at += 1;
        self.place = after(self.place, byte);
        self.blank = byte == b'\n' || (self.blank && matches!(byte, b' ' | b'\t' | b'\r'));
    }

    /// Goes past what means nothing but itself in a string: most of a long object.
    fn pass_text(&mut self) {
        let rest = self.block.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, ..0x20 | b'"' | b'\\')).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        self.place.column += text.iter().filter(|byte| !matches!(byte, 0x80..=0xbf)).count() as u64;
        self.at += length;
    }

    /// Whether the byte belongs to the object.
    fn step(&mut self, byte: u8) -> SplitterStep {
        if self.expect == Expect::Scalar {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
                return SplitterStep::On;
            }
            self.expect = Expect::CommaOrEnd;
        }
        let in_object = self.open.last() == Some(&true);
        self.expect = match (self.expect, byte) {
            (Expect::Text { .. }, ..0x20) => return SplitterStep::Fault,
            (Expect::Text { key, escaped: true }, _) => Expect::Text { key, escaped: false },
            (Expect::Text { key: true, .. }, b'"') => Expect::Colon,
            (Expect::Text { key: false, .. }, b'"') => Expect::CommaOrEnd,
            (Expect::Text { key, .. }, b'\\') => Expect::Text { key, escaped: true },
            (expect @ Expect::Text { .. }, _) | (expect, b' ' | b'\t' | b'\n' | b'\r') => expect,
            (Expect::Key | Expect::KeyOrEnd, b'"') => Expect::Text { key: true, escaped: false },
            (Expect::Colon, b':') => Expect::Value,
            (Expect::Value | Expect::ValueOrEnd, b'"') => Expect::Text { key: false, escaped: false },
            (Expect::Value | Expect::ValueOrEnd, b'{' | b'[') => {
                // The outermost object, as many levels as the parser takes in it, and one that is empty.
                if self.open.len() >= MAX_DEPTH + 2 {
                    return SplitterStep::Fault;
                }
                self.open.push(byte == b'{');
                if byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd }
            }
            (Expect::Value | Expect::ValueOrEnd, b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                Expect::Scalar
            }
            (Expect::CommaOrEnd, b',') => {
                if in_object {
                    Expect::Key
                } else {
                    Expect::Value
                }
            }
            (Expect::KeyOrEnd, b'}') | (Expect::ValueOrEnd, b']') => return self.end(),
            (Expect::CommaOrEnd, b'}') if in_object => return self.end(),
            (Expect::CommaOrEnd, b']') if !in_object => return self.end(),
            _ => return SplitterStep::Fault,
        };
        SplitterStep::On
    }

    fn end(&mut self) -> SplitterStep {
        self.open.pop();
        self.expect = Expect::CommaOrEnd;
        if self.open.is_empty() { SplitterStep::End } else { SplitterStep::On }
    }
}

/// The place after a byte.
fn after(place: InputPlace, byte: u8) -> InputPlace {
    match byte {
        b'\n' => InputPlace { line: place.line + 1, column: 1 },
        // A character counts with its first byte.
        0x80..=0xbf => place,
        _ => InputPlace { column: place.column + 1, ..place },
    }
}

#[cfg(test)]
mod tests;
