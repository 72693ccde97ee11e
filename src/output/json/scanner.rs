//! Reads JSON text (RFC 8259), strictly and without recursion.

use std::borrow::Cow;

/// How deep objects and arrays may be nested.
pub(super) const MAX_DEPTH: usize = 1_000;

/// This many bytes of a string are looked at one by one: a search takes longer than that to get going.
const LONG: usize = 24;

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {expected} expected at byte {at}")]
pub struct SyntaxError {
    /// Where, in bytes; the first is 1.
    pub at: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

/// A piece of a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    /// `{`
    BeginObject,
    /// `}`
    EndObject,
    /// `[`
    BeginArray,
    /// `]`
    EndArray,
    /// The next value is an element of the open array.
    Element,
    /// The next value belongs to this key.
    Key(Cow<'a, str>),
    /// A string, its escapes resolved.
    String(Cow<'a, str>),
    /// A number as it is written.
    Number(&'a str),
    /// `true`, `false` or `null`.
    Literal(&'a str),
}

/// A value; those inside an object or array are still text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum JsonValue<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    Object(&'a str),
    Array(&'a str),
}

impl<'a> JsonValue<'a> {
    /// The value as it was written; `None` for a string and for null.
    pub(super) fn source(&self) -> Option<&'a str> {
        match self {
            Self::Null | Self::String(_) => None,
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Number(text) | Self::Object(text) | Self::Array(text) => Some(text),
        }
    }
}

/// A place in a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

type Scan<T> = Result<T, SyntaxError>;

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Reads one value and nothing after it but white space.
    pub(super) fn document(mut self, visit: &mut impl FnMut(Token<'a>)) -> Scan<()> {
        self.value(visit)?;
        self.end()
    }

    /// The members of the object that the text is, and nothing after it but white space.
    pub(super) fn members(mut self) -> Scan<Vec<(Cow<'a, str>, JsonValue<'a>)>> {
        let mut members = Vec::new();
        self.space();
        self.expect(b'{', "an object")?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let key = self.key()?;
                members.push((key, self.shallow()?));
                if !self.more(b'}', "',' or '}'")? {
                    break;
                }
            }
        }
        self.end()?;
        Ok(members)
    }

    /// The elements of the array that the text is, and nothing after it but white space.
    pub(super) fn elements(mut self) -> Scan<Vec<JsonValue<'a>>> {
        let mut elements = Vec::new();
        self.space();
        self.expect(b'[', "an array")?;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                elements.push(self.shallow()?);
                if !self.more(b']', "',' or ']'")? {
                    break;
                }
            }
        }
        self.end()?;
        Ok(elements)
    }

    fn shallow(&mut self) -> Scan<JsonValue<'a>> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'"') => return Ok(JsonValue::String(self.string()?)),
            Some(b'{' | b'[') => self.value(&mut |_| {})?,
            _ => self.scalar(&mut |_| {})?,
        }
        let source = self.text.get(start..self.at).unwrap_or_default();
        Ok(match source.as_bytes().first() {
            Some(b'{') => JsonValue::Object(source),
            Some(b'[') => JsonValue::Array(source),
            Some(b'n') => JsonValue::Null,
            Some(b't') => JsonValue::Bool(true),
            Some(b'f') => JsonValue::Bool(false),
            _ => JsonValue::Number(source),
        })
    }

    fn value(&mut self, visit: &mut impl FnMut(Token<'a>)) -> Scan<()> {
        // One entry for each open object (true) or array (false).
        let mut open: Vec<bool> = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    visit(Token::BeginObject);
                    self.space();
                    if self.peek() != Some(b'}') {
                        self.deepen(&mut open, true)?;
                        visit(Token::Key(self.key()?));
                        continue;
                    }
                    self.at += 1;
                    visit(Token::EndObject);
                }
                Some(b'[') => {
                    self.at += 1;
                    visit(Token::BeginArray);
                    self.space();
                    if self.peek() != Some(b']') {
                        self.deepen(&mut open, false)?;
                        visit(Token::Element);
                        continue;
                    }
                    self.at += 1;
                    visit(Token::EndArray);
                }
                Some(b'"') => visit(Token::String(self.string()?)),
                _ => self.scalar(visit)?,
            }
            loop {
                match open.last() {
                    None => return Ok(()),
                    Some(true) => {
                        if self.more(b'}', "',' or '}'")? {
                            visit(Token::Key(self.key()?));
                            break;
                        }
                        visit(Token::EndObject);
                    }
                    Some(false) => {
                        if self.more(b']', "',' or ']'")? {
                            visit(Token::Element);
                            break;
                        }
                        visit(Token::EndArray);
                    }
                }
                open.pop();
            }
        }
    }

    fn deepen(&self, open: &mut Vec<bool>, object: bool) -> Scan<()> {
        if open.len() >= MAX_DEPTH {
            return Err(self.error("nesting of at most 1000 levels"));
        }
        open.push(object);
        Ok(())
    }

    /// Whether a comma follows; false when it is the closing bracket.
    fn more(&mut self, close: u8, expected: &'static str) -> Scan<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.error(expected)),
        }
    }

    fn key(&mut self) -> Scan<Cow<'a, str>> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.error("a key in double quotes"));
        }
        let key = self.string()?;
        self.space();
        self.expect(b':', "':'")?;
        Ok(key)
    }

    fn scalar(&mut self, visit: &mut impl FnMut(Token<'a>)) -> Scan<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for word in ["true", "false", "null"] {
            if rest.starts_with(word) {
                self.at += word.len();
                visit(Token::Literal(word));
                return Ok(());
            }
        }
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {
                visit(Token::Number(self.number()?));
                Ok(())
            }
            _ => Err(self.error("a value")),
        }
    }

    fn number(&mut self) -> Scan<&'a str> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Scan<()> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// A string, the opening quote next. Borrowed when it has no escapes.
    fn string(&mut self) -> Scan<Cow<'a, str>> {
        self.expect(b'"', "'\"'")?;
        let mut start = self.at;
        let mut decoded: Option<String> = None;
        loop {
            match self.peek() {
                None => return Err(self.error("'\"' at the end of the string")),
                Some(b'"') => {
                    let last = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(last),
                        Some(text) => Cow::Owned(text + last),
                    });
                }
                Some(b'\\') => {
                    let before = self.text.get(start..self.at).unwrap_or_default();
                    let text = decoded.get_or_insert_default();
                    text.push_str(before);
                    self.at += 1;
                    let character = self.escape()?;
                    decoded.get_or_insert_default().push(character);
                    start = self.at;
                }
                Some(0..=0x1f) => return Err(self.error("an escape such as \\n for a control character")),
                Some(_) => {
                    self.at += 1;
                    if self.at - start == LONG {
                        self.at += plain_length(self.text.as_bytes().get(self.at..).unwrap_or_default());
                    }
                }
            }
        }
    }

    /// The rest of an escape sequence, after the backslash.
    fn escape(&mut self) -> Scan<char> {
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error("one of \" \\ / b f n r t u after the backslash")),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Scan<char> {
        const PAIR: &str = "the second half of a surrogate pair";
        let first = self.unit()?;
        if (0xdc00..0xe000).contains(&first) {
            return Err(self.error("the first half of the surrogate pair before the second"));
        }
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.error("a character"));
        }
        self.expect(b'\\', PAIR)?;
        self.expect(b'u', PAIR)?;
        let second = self.unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(self.error(PAIR));
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
            .ok_or_else(|| self.error(PAIR))
    }

    fn unit(&mut self) -> Scan<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error("four hexadecimal digits"));
        }
        self.at += 4;
        Ok(digits.iter().fold(0, |unit, digit| unit << 4 | char::from(*digit).to_digit(16).unwrap_or(0)))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Scan<()> {
        if self.peek() != Some(byte) {
            return Err(self.error(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Scan<()> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.error("the end of the text")) }
    }

    const fn error(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { at: self.at + 1, expected }
    }
}

/// How many bytes of a string come before its next quote, escape or control character.
fn plain_length(text: &[u8]) -> usize {
    let length = memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len());
    let plain = text.get(..length).unwrap_or_default();
    // A minimum takes a few vector instructions, a search for the first control character one step a byte.
    match plain.iter().copied().min() {
        Some(0..=0x1f) => plain.iter().position(|byte| *byte <= 0x1f).unwrap_or(length),
        _ => length,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn is_json(text: &str) -> bool {
        Scanner::new(text).document(&mut |_| {}).is_ok()
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, at, expected) in [
            ("", 1, "a value"),
            ("{", 2, "a key in double quotes"),
            ("{\"a\" 1}", 6, "':'"),
            ("{\"a\":1,}", 8, "a key in double quotes"),
            ("[1,]", 4, "a value"),
            ("[1 2]", 4, "',' or ']'"),
            ("01", 2, "the end of the text"),
            ("1.", 3, "a digit"),
            ("-", 2, "a digit"),
            ("nul", 1, "a value"),
            ("\"a", 3, "'\"' at the end of the string"),
            ("\"\\x\"", 3, "one of \" \\ / b f n r t u after the backslash"),
            ("\"\\ud800\"", 8, "the second half of a surrogate pair"),
            ("\"\\udc00\"", 8, "the first half of the surrogate pair before the second"),
            ("\"\\u12é\"", 4, "four hexadecimal digits"),
            ("\"\n\"", 2, "an escape such as \\n for a control character"),
        ] {
            assert_eq!(Scanner::new(text).document(&mut |_| {}), Err(SyntaxError { at, expected }), "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends_at_the_limit_without_recursion() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(&nested(MAX_DEPTH)));
        assert!(!is_json(&nested(MAX_DEPTH + 2)));
        assert!(!is_json(&"[".repeat(1_000_000)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        /// An independent parser decides the same about texts that are nearly JSON.
        #[test]
        fn agrees_with_an_independent_parser(
            text in r#"[ \n]?[\[{"]{0,3}(\\u[dD][89c]00|\\[nux"]|[-0-9.eE+]{1,4}|true|null|"a":|é|\t|[\]}",: ])*"#,
        ) {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<serde_json::Value>(&text).is_ok()
                // It also refuses numbers that no double holds.
                || serde_json::from_str::<serde_json::Value>(&text).is_err_and(|e| e.to_string().contains("out of range")));
        }

        #[test]
        fn strings_read_back(text in ".{0,40}") {
            let json = serde_json::to_string(&text).expect("JSON");
            let mut read = None;
            Scanner::new(&json).document(&mut |token| read = Some(token)).expect("JSON");
            prop_assert_eq!(read, Some(Token::String(Cow::Owned(text))));
        }
    }
}
