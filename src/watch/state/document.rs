//! A payload laid out in lines: JSON, MessagePack and CBOR as a tree, text, and bytes in hexadecimal.
//!
//! Which of them is decided by the content type of the message or by the user, never by guessing at bytes.
//! Without either, what is UTF-8 is text, as it is for `mqt sub`; a text that is a whole JSON object or array is
//! laid out as that, which loses nothing of it.

use std::fmt::Write as _;

use crate::config::Decode;
use crate::output::json::{SyntaxError, Token, scan};
use crate::output::sanitize::escape_bytes;
use crate::output::units::Many;
use crate::watch::cells::{TextRole, TextSpan, wrap};

/// How deep values may be nested; what is deeper is left out.
const MAX_DEPTH: usize = 64;
/// A document has at most this many lines; what follows is left out.
const MAX_LINES: usize = 20_000;

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentLine {
    /// How deep it stands.
    pub depth: usize,
    /// What it says.
    pub spans: Vec<TextSpan>,
    /// Where its value is in a tree, as a JSON pointer (RFC 6901).
    pub path: Option<String>,
}

impl DocumentLine {
    /// Its text, without the indentation.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// A payload laid out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// What it is laid out as.
    pub name: &'static str,
    /// Why it is not laid out as it should be; its first lines say so too.
    pub fault: Option<String>,
    /// Its lines.
    pub lines: Vec<DocumentLine>,
}

/// Lays a payload out in lines of this many columns.
#[must_use]
pub fn read(payload: &[u8], content_type: Option<&str>, choice: Decode, columns: usize) -> Document {
    let wanted = match choice {
        Decode::Auto => by_content_type(content_type),
        chosen => Some(chosen),
    };
    let wanted = match wanted {
        Some(wanted) => wanted,
        None if looks_whole(payload) => Decode::Json,
        None if std::str::from_utf8(payload).is_ok() => Decode::Text,
        None => Decode::Hex,
    };
    let tree = match wanted {
        Decode::Json => Some(("JSON", json(payload))),
        Decode::Msgpack => Some(("MessagePack", message_pack(payload))),
        Decode::Cbor => Some(("CBOR", cbor(payload))),
        Decode::Hex => return hex(payload, columns),
        Decode::Auto | Decode::Text => None,
    };
    match tree {
        None => text(payload, columns),
        Some((name, Ok(lines))) => Document { name, fault: None, lines },
        Some((name, Err(why))) => {
            let fault = format!("not {name}: {why}");
            let told = wrap(&fault, columns).into_iter();
            let told = told.map(|line| DocumentLine {
                spans: vec![TextSpan::new(line, TextRole::Warning)],
                ..DocumentLine::default()
            });
            let is_text = std::str::from_utf8(payload).is_ok();
            let mut document = if is_text { text(payload, columns) } else { hex(payload, columns) };
            document.lines.splice(0..0, told);
            Document { fault: Some(fault), ..document }
        }
    }
}

/// What a content type (RFC 6838) says; parameters do not matter.
fn by_content_type(content_type: Option<&str>) -> Option<Decode> {
    let name = content_type?.split(';').next()?.trim().to_ascii_lowercase();
    Some(match name.as_str() {
        "application/json" | "text/json" => Decode::Json,
        "application/msgpack" | "application/vnd.msgpack" | "application/x-msgpack" => Decode::Msgpack,
        "application/cbor" => Decode::Cbor,
        "application/octet-stream" => Decode::Hex,
        other if other.ends_with("+json") => Decode::Json,
        other if other.ends_with("+cbor") => Decode::Cbor,
        other if other.starts_with("text/") => Decode::Text,
        _ => return None,
    })
}

/// Whether a payload is a JSON object or array and nothing else.
fn looks_whole(payload: &[u8]) -> bool {
    matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['))
        && std::str::from_utf8(payload).is_ok_and(|text| scan(text, &mut |_| {}).is_ok())
}

fn text(payload: &[u8], columns: usize) -> Document {
    let (name, text) = match std::str::from_utf8(payload) {
        Ok(text) => ("text", text.into()),
        Err(_) => ("text, not all UTF-8", escape_bytes(payload)),
    };
    let line = |text| DocumentLine { spans: vec![TextSpan::plain(text)], ..DocumentLine::default() };
    let mut lines: Vec<DocumentLine> = wrap(&text, columns).into_iter().take(MAX_LINES).map(line).collect();
    if payload.is_empty() {
        lines = vec![DocumentLine {
            spans: vec![TextSpan::new("(empty)", TextRole::Faint)],
            ..DocumentLine::default()
        }];
    }
    Document { name, fault: None, lines }
}

fn hex(payload: &[u8], columns: usize) -> Document {
    let wide = if columns >= 76 { 16 } else { 8 };
    let line = |(row, bytes): (usize, &[u8])| {
        let mut digits = String::new();
        let mut characters = String::new();
        for place in 0..wide {
            match bytes.get(place) {
                Some(byte) => {
                    let _ = write!(digits, "{byte:02x} ");
                    characters.push(if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' });
                }
                None => digits.push_str("   "),
            }
        }
        let spans = vec![
            TextSpan::new(format!("{:06x}  ", row * wide), TextRole::Faint),
            TextSpan::plain(digits),
            TextSpan::new(format!(" {characters}"), TextRole::Text),
        ];
        DocumentLine { spans, ..DocumentLine::default() }
    };
    let lines = payload.chunks(wide).take(MAX_LINES).enumerate().map(line).collect();
    Document { name: "bytes", fault: None, lines }
}

/// Collects the lines of a tree.
#[derive(Default)]
struct ValueTree {
    lines: Vec<DocumentLine>,
    /// What is open, with the length of the path that leads to it: `Some` counts the elements of an array.
    open: Vec<(usize, Option<usize>)>,
    path: String,
    key: Option<TextSpan>,
    cut: bool,
}

impl ValueTree {
    fn key(&mut self, shown: TextSpan, name: &str) {
        let length = self.open.last().map_or(0, |(length, _)| *length);
        self.path.truncate(length);
        self.path.push('/');
        self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        self.key = Some(shown);
    }

    fn element(&mut self) {
        if let Some((length, Some(count))) = self.open.last_mut() {
            self.path.truncate(*length);
            let _ = write!(self.path, "/{count}");
            *count += 1;
        }
    }

    fn value(&mut self, text: impl Into<String>, role: TextRole) {
        if self.lines.len() >= MAX_LINES {
            self.cut = true;
            return;
        }
        let mut spans = Vec::with_capacity(2);
        if let Some(mut key) = self.key.take() {
            key.text.push_str(": ");
            spans.push(key);
        }
        spans.push(TextSpan::new(text, role));
        self.lines.push(DocumentLine { depth: self.open.len(), spans, path: Some(self.path.clone()) });
    }

    fn begin(&mut self, is_array: bool) {
        self.value(if is_array { "[" } else { "{" }, TextRole::Plain);
        self.open.push((self.path.len(), is_array.then_some(0)));
    }

    fn end(&mut self) {
        let Some((length, elements)) = self.open.pop() else { return };
        self.path.truncate(length);
        let (bracket, both) = if elements.is_some() { ("]", "[]") } else { ("}", "{}") };
        let opened =
            |line: &DocumentLine| line.depth == self.open.len() && line.path.as_deref() == Some(&self.path);
        // Nothing came in between.
        if let Some(last) = self.lines.last_mut().filter(|line| opened(line))
            && let Some(span) = last.spans.last_mut().filter(|span| matches!(span.text.as_str(), "[" | "{"))
        {
            both.clone_into(&mut span.text);
            return;
        }
        if self.lines.len() < MAX_LINES {
            let spans = vec![TextSpan::plain(bracket)];
            self.lines.push(DocumentLine { depth: self.open.len(), spans, path: None });
        }
    }

    fn finish(mut self) -> Vec<DocumentLine> {
        if self.cut {
            let spans = vec![TextSpan::new(format!("… after {MAX_LINES} lines"), TextRole::Warning)];
            self.lines.push(DocumentLine { depth: 0, spans, path: None });
        }
        self.lines
    }
}

fn json(payload: &[u8]) -> Result<Vec<DocumentLine>, String> {
    let text = std::str::from_utf8(payload).map_err(|error| error.to_string())?;
    let mut tree = ValueTree::default();
    scan(text, &mut |token| match token {
        Token::BeginObject => tree.begin(false),
        Token::BeginArray => tree.begin(true),
        Token::EndObject | Token::EndArray => tree.end(),
        Token::Element => tree.element(),
        Token::Key(key) => tree.key(TextSpan::new(format!("\"{key}\""), TextRole::Key), &key),
        Token::String(text) => tree.value(format!("\"{text}\""), TextRole::Text),
        Token::Number(number) => tree.value(number, TextRole::Number),
        Token::Literal(literal) => tree.value(literal, TextRole::Literal),
    })
    .map_err(|SyntaxError { at, expected }| format!("{expected} expected at byte {at}"))?;
    Ok(tree.finish())
}

/// Bytes inside a tree: `h'00ff'`, as in the diagnostic notation of CBOR (RFC 8949).
fn bytes_text(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let mut text = String::from("h'");
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > SHOWN {
        let _ = write!(text, "…' ({})", Many(bytes.len() as u64, "byte"));
    } else {
        text.push('\'');
    }
    text
}

fn message_pack(payload: &[u8]) -> Result<Vec<DocumentLine>, String> {
    let mut rest = payload;
    let value =
        rmpv::decode::read_value_with_max_depth(&mut rest, MAX_DEPTH).map_err(|error| error.to_string())?;
    let mut tree = ValueTree::default();
    push_message_pack(&value, &mut tree);
    Ok(with_rest(tree.finish(), rest.len()))
}

fn with_rest(mut lines: Vec<DocumentLine>, rest: usize) -> Vec<DocumentLine> {
    if rest > 0 {
        let spans = vec![TextSpan::new(format!("{rest} bytes follow the value"), TextRole::Warning)];
        lines.push(DocumentLine { depth: 0, spans, path: None });
    }
    lines
}

fn push_message_pack(value: &rmpv::Value, tree: &mut ValueTree) {
    use rmpv::Value;
    match value {
        Value::Nil => tree.value("null", TextRole::Literal),
        Value::Boolean(flag) => tree.value(flag.to_string(), TextRole::Literal),
        Value::Integer(number) => tree.value(number.to_string(), TextRole::Number),
        Value::F32(number) => tree.value(number.to_string(), TextRole::Number),
        Value::F64(number) => tree.value(number.to_string(), TextRole::Number),
        Value::String(text) => match text.as_str() {
            Some(text) => tree.value(format!("\"{text}\""), TextRole::Text),
            None => tree.value(bytes_text(text.as_bytes()), TextRole::Text),
        },
        Value::Binary(bytes) => tree.value(bytes_text(bytes), TextRole::Text),
        Value::Ext(kind, bytes) => tree.value(format!("ext({kind}) {}", bytes_text(bytes)), TextRole::Text),
        Value::Array(elements) => {
            tree.begin(true);
            for element in elements {
                tree.element();
                push_message_pack(element, tree);
            }
            tree.end();
        }
        Value::Map(members) => {
            tree.begin(false);
            for (key, value) in members {
                let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                tree.key(TextSpan::new(key.to_string(), TextRole::Key), &name);
                push_message_pack(value, tree);
            }
            tree.end();
        }
    }
}

fn cbor(payload: &[u8]) -> Result<Vec<DocumentLine>, String> {
    let mut rest = payload;
    let value: ciborium::Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|error| match error {
            ciborium::de::Error::Syntax(at) => format!("a wrong byte at {}", at + 1),
            ciborium::de::Error::Io(_) => "it ends too early".to_owned(),
            ciborium::de::Error::RecursionLimitExceeded => format!("nested deeper than {MAX_DEPTH}"),
            ciborium::de::Error::Semantic(_, why) => why,
        })?;
    let mut tree = ValueTree::default();
    push_cbor(&value, &mut tree);
    Ok(with_rest(tree.finish(), rest.len()))
}

fn push_cbor(value: &ciborium::Value, tree: &mut ValueTree) {
    use ciborium::Value;
    match value {
        Value::Array(elements) => {
            tree.begin(true);
            for element in elements {
                tree.element();
                push_cbor(element, tree);
            }
            tree.end();
        }
        Value::Map(members) => {
            tree.begin(false);
            for (key, value) in members {
                let (shown, _) = cbor_scalar(key);
                let name = key.as_text().map_or_else(|| shown.clone(), str::to_owned);
                tree.key(TextSpan::new(shown, TextRole::Key), &name);
                push_cbor(value, tree);
            }
            tree.end();
        }
        Value::Tag(_, inner) if matches!(**inner, Value::Array(_) | Value::Map(_)) => push_cbor(inner, tree),
        scalar => {
            let (text, role) = cbor_scalar(scalar);
            tree.value(text, role);
        }
    }
}

fn cbor_scalar(value: &ciborium::Value) -> (String, TextRole) {
    use ciborium::Value;
    match value {
        Value::Null => ("null".to_owned(), TextRole::Literal),
        Value::Bool(flag) => (flag.to_string(), TextRole::Literal),
        Value::Integer(number) => (i128::from(*number).to_string(), TextRole::Number),
        Value::Float(number) => (number.to_string(), TextRole::Number),
        Value::Text(text) => (format!("\"{text}\""), TextRole::Text),
        Value::Bytes(bytes) => (bytes_text(bytes), TextRole::Text),
        Value::Tag(tag, inner) => {
            let (text, role) = cbor_scalar(inner);
            (format!("{tag}({text})"), role)
        }
        Value::Array(elements) => (format!("[{}]", Many(elements.len() as u64, "element")), TextRole::Plain),
        Value::Map(members) => (format!("{{{}}}", Many(members.len() as u64, "member")), TextRole::Plain),
        _ => ("?".to_owned(), TextRole::Faint),
    }
}

/// The number that a payload is, or that is at this place in it.
#[must_use]
pub fn number_at(
    payload: &[u8],
    content_type: Option<&str>,
    choice: Decode,
    path: Option<&str>,
) -> Option<f64> {
    let Some(path) = path else {
        let text = std::str::from_utf8(payload).ok()?.trim();
        return text.parse().ok().filter(|number: &f64| number.is_finite());
    };
    let document = read(payload, content_type, choice, 80);
    let line = document.lines.iter().find(|line| line.path.as_deref() == Some(path))?;
    let value = line.spans.last()?;
    match (value.role, value.text.as_str()) {
        (TextRole::Number, text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        (TextRole::Literal, "true") => Some(1.0),
        (TextRole::Literal, "false") => Some(0.0),
        // Many devices send numbers in quotation marks.
        (TextRole::Text, text) => {
            text.trim_matches('"').parse().ok().filter(|number: &f64| number.is_finite())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(document: &Document) -> Vec<String> {
        document.lines.iter().map(|line| format!("{}{}", " ".repeat(line.depth), line.text())).collect()
    }

    #[test]
    fn json_is_a_tree_with_its_numbers_as_they_are_written() {
        let payload =
            br#"{"t": 21.50, "on":true, "tags":["a", {}, []], "n":null, "big":123456789012345678901}"#;
        let document = read(payload, None, Decode::Auto, 80);
        assert_eq!((document.name, document.fault.clone()), ("JSON", None));
        assert_eq!(
            lines(&document),
            [
                "{",
                " \"t\": 21.50",
                " \"on\": true",
                " \"tags\": [",
                "  \"a\"",
                "  {}",
                "  []",
                " ]",
                " \"n\": null",
                " \"big\": 123456789012345678901",
                "}",
            ]
        );
        let paths: Vec<_> = document.lines.iter().filter_map(|line| line.path.as_deref()).collect();
        assert_eq!(paths, ["", "/t", "/on", "/tags", "/tags/0", "/tags/1", "/tags/2", "/n", "/big"]);
    }

    #[test]
    fn the_content_type_decides_and_the_user_decides_over_it() {
        for (payload, content_type, choice, name) in [
            (&b"21.5"[..], None, Decode::Auto, "text"),
            (b"21.5", Some("application/json; charset=utf-8"), Decode::Auto, "JSON"),
            (b"{}", Some("text/plain"), Decode::Auto, "text"),
            (b"{} x", None, Decode::Auto, "text"),
            (b"\x82\x01\x02", None, Decode::Auto, "bytes"),
            (b"\x82\x01\x02", Some("application/cbor"), Decode::Auto, "CBOR"),
            (b"\x92\x01\x02", Some("application/msgpack"), Decode::Auto, "MessagePack"),
            (b"abc", Some("application/octet-stream"), Decode::Auto, "bytes"),
            (b"{}", None, Decode::Hex, "bytes"),
            (b"{}", Some("application/senml+json"), Decode::Auto, "JSON"),
            (b"\xff", None, Decode::Text, "text, not all UTF-8"),
        ] {
            let document = read(payload, content_type, choice, 80);
            assert_eq!((document.name, document.fault), (name, None), "{payload:?} {content_type:?}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_all_the_same_with_the_reason() {
        let document = read(b"{\"a\" 1}", None, Decode::Json, 80);
        assert_eq!(document.fault.as_deref(), Some("not JSON: ':' expected at byte 6"));
        assert_eq!(lines(&document), ["not JSON: ':' expected at byte 6", "{\"a\" 1}"]);
        let document = read(b"\xa1\xff", None, Decode::Cbor, 80);
        assert!(document.fault.unwrap().starts_with("not CBOR: "));
        assert_eq!(document.name, "bytes");
        assert!(read(b"\xdd\xff\xff\xff\xff", None, Decode::Msgpack, 80).fault.is_some());
        let deep = [0x91; 10_000];
        assert!(read(&deep, None, Decode::Msgpack, 80).fault.is_some());
        assert!(read(&[0x81; 10_000], None, Decode::Cbor, 80).fault.is_some());
    }

    #[test]
    fn message_pack_and_cbor_are_trees_too() {
        // {"t": 21.5, "x": h'00ff', "a": [1, -1]}, by hand from the two specifications.
        let message_pack = b"\x83\xa1t\xcb\x40\x35\x80\0\0\0\0\0\xa1x\xc4\x02\x00\xff\xa1a\x92\x01\xff";
        let cbor = b"\xa3\x61t\xfb\x40\x35\x80\0\0\0\0\0\x61x\x42\x00\xff\x61a\x82\x01\x20";
        for (payload, choice) in [(&message_pack[..], Decode::Msgpack), (cbor, Decode::Cbor)] {
            let document = read(payload, None, choice, 80);
            assert_eq!(document.fault, None);
            assert_eq!(
                lines(&document),
                ["{", " \"t\": 21.5", " \"x\": h'00ff'", " \"a\": [", "  1", "  -1", " ]", "}"]
            );
            assert_eq!(number_at(payload, None, choice, Some("/t")), Some(21.5));
            assert_eq!(number_at(payload, None, choice, Some("/a/1")), Some(-1.0));
        }
        let document = read(b"\x01\x02", None, Decode::Cbor, 80);
        assert_eq!(lines(&document), ["1", "1 bytes follow the value"]);
    }

    #[test]
    fn bytes_are_rows_of_hexadecimal() {
        let document = read(b"\x00AB\xff", None, Decode::Hex, 40);
        assert_eq!(lines(&document), ["000000  00 41 42 ff              .AB."]);
        assert_eq!(read(&[0; 33], None, Decode::Hex, 80).lines.len(), 3);
    }

    #[test]
    fn numbers_are_found() {
        let at = |payload: &[u8], path| number_at(payload, None, Decode::Auto, path);
        assert_eq!(at(b" 21.5\n", None), Some(21.5));
        assert_eq!(at(b"on", None), None);
        assert_eq!(at(b"NaN", None), None);
        assert_eq!(at(b"{\"a\":{\"b/c\":\"7\"}}", Some("/a/b~1c")), Some(7.0));
        assert_eq!(at(b"{\"a\":true}", Some("/a")), Some(1.0));
        assert_eq!(at(b"{\"a\":[]}", Some("/a")), None);
    }
}
