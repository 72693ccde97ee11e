//! Writes JSON text, token by token, in one of three layouts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::sanitize::is_unsafe;
use super::super::{Presentation, Role, Target};

/// Where the white space goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::output) enum Layout {
    /// Nowhere.
    Compact,
    /// A line a member and an element, two spaces deeper each level.
    Indented,
    /// As mosquitto's `--pretty`: a line a member, a tab deeper each level and a tab after the colon;
    /// arrays on one line.
    Tabbed,
}

/// How JSON looks.
#[derive(Debug, Clone)]
pub(in crate::output) struct Look {
    pub(in crate::output) layout: Layout,
    /// Escape as `\uXXXX` what a terminal would obey or hide.
    terminal: bool,
    before_key: String,
    after_key: String,
}

impl Look {
    pub(in crate::output) fn new(layout: Layout, presentation: &Presentation) -> Self {
        let (before, after) = presentation.style.around(Role::Key);
        Self {
            layout,
            terminal: presentation.target == Target::Terminal,
            before_key: before.to_owned(),
            after_key: after.to_owned(),
        }
    }
}

/// Appends JSON tokens to a buffer. The caller sees to their order: a [`key`](Self::key) before each
/// value in an object, an [`element`](Self::element) before each value in an array.
pub(super) struct Emitter<'a> {
    out: &'a mut Vec<u8>,
    look: &'a Look,
    layout: Layout,
    depth: usize,
    /// Nothing is in the open object or array yet.
    empty: bool,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(look: &'a Look, out: &'a mut Vec<u8>) -> Self {
        Self { out, look, layout: look.layout, depth: 0, empty: true }
    }

    /// Changes the layout from here on, and returns what it was.
    pub(super) fn set_layout(&mut self, layout: Layout) -> Layout {
        std::mem::replace(&mut self.layout, layout)
    }

    #[inline]
    pub(super) fn begin_object(&mut self) {
        self.begin(b'{');
    }

    pub(super) fn end_object(&mut self) {
        self.depth -= 1;
        // An empty object is two lines in mosquitto's layout.
        if self.layout == Layout::Tabbed || (self.layout == Layout::Indented && !self.empty) {
            self.new_line();
        }
        self.out.push(b'}');
        self.empty = false;
    }

    pub(super) fn begin_array(&mut self) {
        self.begin(b'[');
    }

    pub(super) fn end_array(&mut self) {
        self.depth -= 1;
        if self.layout == Layout::Indented && !self.empty {
            self.new_line();
        }
        self.out.push(b']');
        self.empty = false;
    }

    #[inline]
    fn begin(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.empty = true;
    }

    /// Starts an element of an array.
    pub(super) fn element(&mut self) {
        let first = std::mem::replace(&mut self.empty, false);
        if !first {
            self.out.push(b',');
        }
        match self.layout {
            Layout::Compact => {}
            Layout::Indented => self.new_line(),
            Layout::Tabbed if first => {}
            Layout::Tabbed => self.out.push(b' '),
        }
    }

    /// Starts a member of an object whose key needs no escapes.
    #[inline]
    pub(super) fn key(&mut self, key: &str) {
        self.start_member();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'"');
        self.end_key();
    }

    /// Starts a member of an object.
    pub(super) fn any_key(&mut self, key: &str) {
        self.start_member();
        self.string(key);
        self.end_key();
    }

    #[inline]
    fn start_member(&mut self) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        if self.layout != Layout::Compact {
            self.new_line();
        }
        self.out.extend_from_slice(self.look.before_key.as_bytes());
    }

    #[inline]
    fn end_key(&mut self) {
        self.out.extend_from_slice(self.look.after_key.as_bytes());
        self.out.push(b':');
        match self.layout {
            Layout::Compact => {}
            Layout::Indented => self.out.push(b' '),
            Layout::Tabbed => self.out.push(b'\t'),
        }
    }

    fn new_line(&mut self) {
        self.out.push(b'\n');
        let (byte, width) = if self.layout == Layout::Tabbed { (b'\t', 1) } else { (b' ', 2) };
        self.out.resize(self.out.len() + self.depth * width, byte);
    }

    /// A value that is JSON already: a number, `true`, `false`, `null`.
    #[inline]
    pub(super) fn raw(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    #[inline]
    pub(super) fn integer(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    #[inline]
    pub(super) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        if self.look.terminal {
            push_escaped_for_terminal(text, self.out);
        } else {
            push_escaped(text, self.out);
        }
        self.out.push(b'"');
    }

    pub(super) fn base64(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        let start = self.out.len();
        // Four characters for three bytes, the last group padded.
        self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        // It cannot fail: the room is exactly what the encoding takes.
        let _ = STANDARD.encode_slice(bytes, &mut self.out[start..]);
        self.out.push(b'"');
    }

    /// The end of the buffer, for values that are written as bytes.
    #[inline]
    pub(super) fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }
}

/// What is after the backslash for each byte; 0: the byte needs none.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[b'\t' as usize] = b't';
    table[b'\n' as usize] = b'n';
    table[0x0c] = b'f';
    table[b'\r' as usize] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Where the first byte stands that needs an escape. Eight bytes at a time while there is none: most text
/// has none at all.
#[inline]
fn find_escape(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // Some byte of the word is below `limit`, which is at most 128.
    let has_below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & TOPS != 0;
    let has = |word: u64, byte: u8| has_below(word ^ (ONES * u64::from(byte)), 1);
    let (words, _) = bytes.as_chunks::<8>();
    let clean = words
        .iter()
        .map(|word| u64::from_ne_bytes(*word))
        .take_while(|word| !(has_below(*word, 0x20) || has(*word, b'"') || has(*word, b'\\')))
        .count()
        * 8;
    let rest = bytes.get(clean..).unwrap_or_default();
    rest.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0).map(|at| clean + at)
}

#[inline]
fn push_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = find_escape(rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        if let Some((byte, tail)) = tail.split_first() {
            push_byte_escape(*byte, out);
            rest = tail;
        }
    }
    out.extend_from_slice(rest);
}

fn push_byte_escape(byte: u8, out: &mut Vec<u8>) {
    match ESCAPES[usize::from(byte)] {
        0 | b'u' => push_unit_escape(u16::from(byte), out),
        letter => out.extend_from_slice(&[b'\\', letter]),
    }
}

fn push_unit_escape(unit: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> shift & 0xf)]);
    }
}

fn push_escaped_for_terminal(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((at, character)) =
        rest.char_indices().find(|(_, character)| matches!(character, '"' | '\\') || is_unsafe(*character))
    {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean.as_bytes());
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => push_byte_escape(byte, out),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    push_unit_escape(*unit, out);
                }
            }
        }
        rest = tail.split_at(character.len_utf8()).1;
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_escape_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 0..20 {
                for at in 0..length {
                    let mut bytes = vec![b'x'; length];
                    bytes[at] = byte;
                    let expected = matches!(byte, 0..=0x1f | b'"' | b'\\').then_some(at);
                    assert_eq!(find_escape(&bytes), expected, "{byte} at {at} of {length}");
                }
            }
        }
        assert_eq!(find_escape("ünïcode 世界 everywhere ÿ".as_bytes()), None);
        assert_eq!(find_escape(b"\xff\xff\xff\xff\xff\xff\xff\xff\x80\x7f !#[]\n"), Some(15));
    }
}
