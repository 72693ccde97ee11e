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
        // Once a line, lest a long one be searched for each object in it.
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
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::super::parse_message;
    use super::*;

    /// What is found in blocks that end at these places, in one line each: the place and the payload or the fault.
    fn found(blocks: &[&[u8]], largest: usize) -> Vec<String> {
        let mut splitter = Splitter::new(largest);
        let mut all = Vec::new();
        let mut take = |splitter: &mut Splitter| {
            while let Some(Found { begins, object }) = splitter.next(&mut parse_message) {
                all.push(match object {
                    Ok(message) => format!(
                        "{begins}: = {}",
                        String::from_utf8_lossy(&message.payload.unwrap_or_default())
                    ),
                    Err(fault) => format!("{begins}: {fault}"),
                });
            }
        };
        for block in blocks {
            splitter.push(Bytes::copy_from_slice(block));
            take(&mut splitter);
            assert!(splitter.is_empty());
        }
        splitter.finish();
        take(&mut splitter);
        assert!(splitter.is_done());
        assert_eq!(splitter.consumed(), blocks.iter().map(|block| block.len() as u64).sum::<u64>());
        all
    }

    /// The same however the input is cut in two or three, or into bytes.
    #[track_caller]
    fn check_limited(input: &[u8], largest: usize, expected: &[&str]) {
        assert_eq!(found(&[input], largest), expected, "whole");
        for first in 0..=input.len() {
            let (a, rest) = input.split_at(first);
            assert_eq!(found(&[a, rest], largest), expected, "cut at {first}");
            for second in 0..=rest.len() {
                let (b, c) = rest.split_at(second);
                assert_eq!(found(&[a, b, c], largest), expected, "cut at {first} and {}", first + second);
            }
        }
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(found(&bytes, largest), expected, "byte by byte");
    }

    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        check_limited(input.as_bytes(), 1_000, expected);
    }

    #[test]
    fn objects_one_a_line_behind_one_another_and_over_lines() {
        check("", &[]);
        check(" \r\n\n", &[]);
        check("{\"payload\":1}\n{\"payload\":2}", &["line 1: = 1", "line 2: = 2"]);
        check("{\"payload\":1}\r\n\r\n {\"payload\":2}\r\n", &["line 1: = 1", "line 3, column 2: = 2"]);
        check(
            "{\"payload\":1}{\"payload\":2}{}",
            &["line 1: = 1", "line 1, column 14: = 2", "line 1, column 27: = "],
        );
        check("{\n  \"payload\": 1\n}\n{\n  \"payload\": {\n  }\n}\n", &["line 1: = 1", "line 4: = {\n  }"]);
        check("{\"payload\":{}\n}{\"payload\":\n2}\n", &["line 1: = {}", "line 2, column 2: = 2"]);
    }

    #[test]
    fn arrays_are_opened() {
        check("[]", &[]);
        check("[\n]\n[{}]{}", &["line 3, column 2: = ", "line 3, column 5: = "]);
        check(
            "[{\"payload\":[1]},{\"payload\":2}]\n",
            &["line 1, column 2: = [1]", "line 1, column 18: = 2"],
        );
        check("[\n  {},\n  {}\n]\n{}", &["line 2, column 3: = ", "line 3, column 3: = ", "line 5: = "]);
        let open = "line 1, column 4: not a JSON object: ',' or ']' expected at column 4";
        check("[{}", &["line 1, column 2: = ", open]);
        check(
            "[{},",
            &["line 1, column 2: = ", "line 1, column 5: not a JSON object: an object expected at column 5"],
        );
        check("[", &["line 1, column 2: not a JSON object: an object or ']' expected at column 2"]);
        check(
            "[1]\n{}",
            &["line 1, column 2: not a JSON object: an object or ']' expected at column 2", "line 2: = "],
        );
        check(
            "[{},]",
            &["line 1, column 2: = ", "line 1, column 5: not a JSON object: an object expected at column 5"],
        );
        check(
            "[{}\n{}]",
            &[
                "line 1, column 2: = ",
                "line 2: not a JSON object: ',' or ']' expected at column 1",
                "line 2: = ",
            ],
        );
        check("[[{}]]\n", &["line 1, column 2: not a JSON object: an object or ']' expected at column 2"]);
    }

    #[test]
    fn brackets_and_escapes_in_strings_are_text() {
        check(
            r#"{"payload":"}{][\"\\"}{"payload":"\u007d\\\""}"#,
            &["line 1: = }{][\"\\", "line 1, column 23: = }\\\""],
        );
        check("{\"payload\":\"é😀\"}{}", &["line 1: = é😀", "line 1, column 17: = "]);
        check("{\"payload\":[\"]\",{\"a}\":\"{\"}]\n}", &["line 1: = [\"]\",{\"a}\":\"{\"}]"]);
    }

    #[test]
    fn what_is_broken_does_not_swallow_what_follows() {
        // A string without its end, a brace that is missing, no JSON at all: each on its line.
        check(
            "{\"payload\":\"x}\n{\"payload\":2}",
            &[
                "line 1: not a JSON object: '\"' at the end of the string expected at column 15",
                "line 2: = 2",
            ],
        );
        check(
            "{\"payload\":1\n{\"payload\":2}\n",
            &["line 1: not a JSON object: ',' or '}' expected at line 2, column 1", "line 2: = 2"],
        );
        check(
            "{\"qos\":1\nno JSON\n  no more\n{}",
            &["line 1: not a JSON object: ',' or '}' expected at line 2, column 1", "line 4: = "],
        );
        check(
            "no\n42\n{}\n\"{}\"\n",
            &[
                "line 1: not a JSON object: an object expected at column 1",
                "line 2: not a JSON object: an object expected at column 1",
                "line 3: = ",
                "line 4: not a JSON object: an object expected at column 1",
            ],
        );
        check(
            "{} x\n{é\n{\"qos\":tru}{}",
            &[
                "line 1: = ",
                "line 1, column 4: not a JSON object: an object expected at column 4",
                "line 2: not a JSON object: a key in double quotes expected at column 2",
                "line 3: not a JSON object: a value expected at column 8",
                "line 3, column 12: = ",
            ],
        );
        check("{\"payload\":", &["line 1: not a JSON object: a value expected at column 12"]);
        check("{\"qos\":9}{}", &["line 1: \"qos\" must be 0, 1 or 2", "line 1, column 10: = "]);
    }

    #[test]
    fn the_objects_in_a_broken_one_are_none() {
        check(
            "{\n  \"qos\" 1,\n  \"payload\":\n  {\n  }\n}\n{}\n",
            &["line 1: not a JSON object: ':' expected at line 2, column 9", "line 7: = "],
        );
        check(
            "[\n  {\n    \"qos\": ,\n    {}\n  },\n  {},\n  {}\n]\n{}",
            &[
                "line 2, column 3: not a JSON object: a value expected at line 3, column 12",
                "line 6, column 3: = ",
                "line 7, column 3: = ",
                "line 9: = ",
            ],
        );
    }

    #[test]
    fn byte_order_marks() {
        check("\u{feff}{\"payload\":1}{}", &["line 1: = 1", "line 1, column 14: = "]);
        check("\u{feff}", &[]);
        let utf16 = ["line 1: UTF-16; convert it: iconv -f UTF-16 -t UTF-8"];
        check_limited(b"\xff\xfe{\0}\0\n\0", 100, &utf16);
        check_limited(b"\xfe\xff\0{\0}", 100, &utf16);
        let none = "line 1: not a JSON object: an object expected at column 1";
        check_limited(b"\xef{}\n{}", 100, &[none, "line 2: = "]);
        check_limited(b"\xef\xbb", 100, &[none]);
        check_limited(b"\xff", 100, &[none]);
    }

    #[test]
    fn no_object_is_longer_than_the_limit() {
        let long = "line 2: it is longer than any MQTT packet";
        check_limited(b"{}\n{\"payload\":\"}{}\"}\n{}", 10, &["line 1: = ", long, "line 3: = "]);
        // It breaks, too: told once.
        check_limited(b"{}\n{\"payload\":\"}{\n{}", 10, &["line 1: = ", long, "line 3: = "]);
        check_limited(b"{}\n{\"payload\":\"}{", 10, &["line 1: = ", long]);
    }

    #[test]
    fn as_deep_as_the_parser_goes() {
        let nested = |depth| format!("{{\"payload\":{}{}}}{{}}", "[".repeat(depth), "]".repeat(depth));
        assert!(found(&[nested(MAX_DEPTH + 1).as_bytes()], 10_000)[0].starts_with("line 1: = [["));
        let deeper = found(&[nested(MAX_DEPTH + 2).as_bytes()], 10_000);
        assert!(deeper[0].contains("nesting of at most 1000 levels expected"), "{deeper:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        /// What is nearly JSON is found alike however it is cut.
        #[test]
        fn nearly_json_is_the_same_in_every_cut(
            text in "\u{feff}?([\\[\\]{},:\"\\\\ \n0é]|\\{\\}|\"qos\":|\\{\"qos\":1\\}\n|\n  \\{|\\},?\n){0,12}",
            cuts in (0_usize..40, 0_usize..40),
            largest in 4_usize..40,
        ) {
            let bytes = text.as_bytes();
            let first = cuts.0.min(bytes.len());
            let second = (first + cuts.1).min(bytes.len());
            let whole = found(&[bytes], largest);
            prop_assert_eq!(&found(&[&bytes[..first], &bytes[first..second], &bytes[second..]], largest), &whole);
            prop_assert_eq!(&found(&bytes.chunks(1).collect::<Vec<_>>(), largest), &whole);
        }

        /// An independent parser finds the same in a sequence of objects.
        #[test]
        fn agrees_with_an_independent_parser(
            payloads in proptest::collection::vec(".{0,10}", 0..6),
            between in "[ \n\r\t]{0,3}",
            pretty: bool,
        ) {
            let objects: Vec<serde_json::Value> =
                payloads.iter().map(|payload| serde_json::json!({ "payload": payload })).collect();
            let text = |object: &serde_json::Value| {
                if pretty { serde_json::to_string_pretty(object) } else { serde_json::to_string(object) }.expect("JSON")
            };
            let texts: Vec<String> = objects.iter().map(text).collect();
            for input in [texts.join(&between), text(&serde_json::Value::Array(objects))] {
                let payload = |line: String| line.split_once(": = ").map(|(_, payload)| payload.to_owned());
                let all: Option<Vec<String>> = found(&[input.as_bytes()], 1_000).into_iter().map(payload).collect();
                prop_assert_eq!(all.as_ref(), Some(&payloads));
            }
        }
    }
}
