//! The one escaper for text that comes from outside and goes to a terminal or to stderr.
//!
//! A broker or a publisher chooses topics, payloads, reason strings, certificate names. Printed as they
//! are they could move the cursor, set the window title, or make one topic look like another. What a
//! terminal would obey or hide is written out instead, in one fixed notation: `\n`, `\r`, `\t`, `\x1b`
//! for other ASCII control characters, `\xff` for a byte that is not UTF-8, `\u{202e}` for the rest.
//! The notation is for reading, not for reading back: a backslash stays one backslash. Escaping twice
//! is the same as escaping once.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Which control characters stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None: for topics, and for text inside a line.
    Nothing,
    /// Line feed and tab: for payloads, which may have several lines.
    Lines,
}

impl Keep {
    const fn keeps(self, byte: u8) -> bool {
        matches!(self, Self::Lines) && matches!(byte, b'\n' | b'\t')
    }
}

/// Whether a terminal would obey this character, reorder text by it, or show nothing for it.
#[must_use]
pub const fn is_unsafe(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' // C0, DEL, C1
        | '\u{ad}' // soft hyphen
        | '\u{34f}' // combining grapheme joiner
        | '\u{61c}' // Arabic letter mark
        | '\u{115f}'..='\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
        | '\u{17b4}'..='\u{17b5}' // Khmer inherent vowels
        | '\u{180b}'..='\u{180f}' // Mongolian selectors and separator
        | '\u{200b}'..='\u{200f}' // zero width, direction marks
        | '\u{2028}'..='\u{202e}' // line and paragraph separator, embeddings and overrides
        | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, isolates
        | '\u{feff}' // byte order mark
        | '\u{fff0}'..='\u{fffb}' // interlinear annotation
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // format controls
        | '\u{e0000}'..='\u{e0fff}' // tags, further selectors
    )
}

/// Escapes a text for a single line. Borrowed when nothing is to be escaped.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_keeping(text, Keep::Nothing)
}

/// Escapes a text. Borrowed when nothing is to be escaped.
#[must_use]
pub fn escape_keeping(text: &str, keep: Keep) -> Cow<'_, str> {
    if !text.chars().any(|character| needs_escape(character, keep)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    push_text(text, keep, &mut out);
    Cow::Owned(out)
}

/// Escapes bytes that may or may not be UTF-8, for a single line. Borrowed when nothing is to be escaped.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => escape(text),
        Err(_) => {
            let mut out = String::with_capacity(bytes.len() + 16);
            push_bytes(bytes, Keep::Nothing, &mut out);
            Cow::Owned(out)
        }
    }
}

/// Escapes bytes into a buffer, without allocation of its own.
pub fn escape_into(bytes: &[u8], keep: Keep, out: &mut Vec<u8>) {
    push_bytes(bytes, keep, out);
}

const fn needs_escape(character: char, keep: Keep) -> bool {
    is_unsafe(character) && !(character.is_ascii() && keep.keeps(character as u8))
}

/// Takes text: the two kinds of buffer that are escaped into.
trait EscapeSink {
    fn push(&mut self, text: &str);
}

impl EscapeSink for String {
    fn push(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl EscapeSink for Vec<u8> {
    fn push(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

fn push_bytes(bytes: &[u8], keep: Keep, out: &mut impl EscapeSink) {
    for chunk in bytes.utf8_chunks() {
        push_text(chunk.valid(), keep, out);
        for byte in chunk.invalid() {
            push_byte(*byte, out);
        }
    }
}

fn push_text(text: &str, keep: Keep, out: &mut impl EscapeSink) {
    let mut rest = text;
    while let Some((at, character)) = rest.char_indices().find(|(_, c)| needs_escape(*c, keep)) {
        let (clean, tail) = rest.split_at(at);
        out.push(clean);
        push_character(character, out);
        rest = tail.split_at(character.len_utf8()).1;
    }
    out.push(rest);
}

fn push_character(character: char, out: &mut impl EscapeSink) {
    match character {
        '\n' => out.push("\\n"),
        '\r' => out.push("\\r"),
        '\t' => out.push("\\t"),
        '\0'..='\x7f' => push_byte(character as u8, out),
        _ => {
            let mut text = Hex::default();
            let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
            out.push(text.as_str());
        }
    }
}

fn push_byte(byte: u8, out: &mut impl EscapeSink) {
    let mut text = Hex::default();
    let _ = write!(text, "\\x{byte:02x}");
    out.push(text.as_str());
}

/// Room for one escape sequence: at most `\u{10ffff}`.
#[derive(Default)]
struct Hex {
    bytes: [u8; 12],
    len: usize,
}

impl Hex {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl std::fmt::Write for Hex {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_borrowed() {
        for text in ["", "a/b", "Grüße, 世界 🎉", "back\\slash \"quoted\""] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(escape_bytes(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn each_class_has_its_notation() {
        for (text, shown) in [
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\0\x07\x1b[31mred\x7f", "\\x00\\x07\\x1b[31mred\\x7f"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("admin\u{202e}nimda", "admin\\u{202e}nimda"),
            ("\u{2066}\u{2069}\u{200b}\u{200f}\u{feff}", "\\u{2066}\\u{2069}\\u{200b}\\u{200f}\\u{feff}"),
            ("\u{2028}\u{2029}\u{ad}\u{61c}\u{e0041}", "\\u{2028}\\u{2029}\\u{ad}\\u{61c}\\u{e0041}"),
        ] {
            assert_eq!(escape(text), shown);
        }
        assert_eq!(escape_bytes(b"ok\xff\xc3(\xed\xa0\x80"), "ok\\xff\\xc3(\\xed\\xa0\\x80");
    }

    #[test]
    fn a_payload_keeps_its_lines() {
        assert_eq!(escape_keeping("{\n\t\"a\": 1\r\n}\x1b", Keep::Lines), "{\n\t\"a\": 1\\r\n}\\x1b");
        let mut out = b"x".to_vec();
        escape_into(b"1\n2\xfe\x1b", Keep::Lines, &mut out);
        assert_eq!(out, b"x1\n2\\xfe\\x1b");
    }

    #[test]
    fn random_bytes_come_out_as_printable_text_and_escaping_again_changes_nothing() {
        // The pieces that terminals act on, glued together at random, with random bytes between.
        const PIECES: [&[u8]; 14] = [
            b"\x1b]0;title\x07",
            b"\x1b[2J",
            b"\x9b31m",
            "\u{9b}2J".as_bytes(),
            "\u{202e}".as_bytes(),
            b"\x90q\x9c",
            b"\x1bP",
            "\u{200d}".as_bytes(),
            b"\xc2",
            b"\xf0\x9f",
            "\u{e0001}".as_bytes(),
            b"\r",
            b"\n\t",
            b"\x08",
        ];
        let mut random = mqt_process::random::Random::new(7);
        let mut next = || random.bits();
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.clear();
            for _ in 0..next() % 6 {
                if next() % 2 == 0 {
                    bytes.extend_from_slice(PIECES[(next() % 14) as usize]);
                } else {
                    let word = next().to_le_bytes();
                    bytes.extend_from_slice(&word[..(next() % 9) as usize]);
                }
            }
            let shown = escape_bytes(&bytes);
            assert!(!shown.chars().any(is_unsafe), "{shown:?}");
            assert_eq!(escape(&shown), shown);
            let mut out = Vec::new();
            escape_into(&bytes, Keep::Lines, &mut out);
            let text = std::str::from_utf8(&out).expect("UTF-8");
            assert!(!text.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'), "{text:?}");
        }
    }
}
