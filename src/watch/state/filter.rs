//! What the user wants to see: words that a topic or a payload has to have in it.

use regex_lite::{Regex, RegexBuilder};

use mqt_proto::TopicFilter;

/// Compiled, a regular expression may take this many bytes.
const REGEX_SIZE: usize = 1 << 20;

/// One word of a filter.
#[derive(Debug, Clone)]
enum Pattern {
    /// Is in the text; written in small letters, it does not care about capitals.
    Word {
        word: String,
        exact: bool,
    },
    Regex(Regex),
    Topic(TopicFilter),
}

impl Pattern {
    fn word(word: &str) -> Self {
        Self::Word { word: word.to_owned(), exact: word.chars().any(char::is_uppercase) }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Some(regex) = text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) else {
            return Ok(Self::word(text));
        };
        let exact = regex.chars().any(char::is_uppercase);
        RegexBuilder::new(regex)
            .case_insensitive(!exact)
            .size_limit(REGEX_SIZE)
            .build()
            .map(Self::Regex)
            .map_err(|error| error.to_string().lines().last().unwrap_or_default().to_owned())
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Word { word, exact: true } => text.contains(word.as_str()),
            Self::Word { word, exact: false } => contains_ignoring_case(text, word),
            Self::Regex(regex) => regex.is_match(text),
            Self::Topic(filter) => filter.matches(text),
        }
    }
}

/// Without allocation where both are ASCII, as nearly always.
fn contains_ignoring_case(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return true;
    }
    if text.is_ascii() && word.is_ascii() {
        return text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    }
    text.to_lowercase().contains(&word.to_lowercase())
}

/// A filter as typed: words that all have to match. `word` is looked for in the topic, `/regex/` too, a word
/// with `+` or `#` as a level is a topic filter; with `p:` in front it is about the payload.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    text: String,
    topic: Vec<Pattern>,
    payload: Vec<Pattern>,
}

impl Filter {
    /// Understands a filter.
    ///
    /// # Errors
    /// What is wrong with a regular expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self { text: text.trim().to_owned(), ..Self::default() };
        for word in text.split_whitespace() {
            match word.strip_prefix("p:") {
                Some(word) => filter.payload.push(Pattern::parse(word)?),
                None => filter.topic.push(match TopicFilter::new(word.to_owned()) {
                    Ok(topic) if topic.has_wildcard() => Pattern::Topic(topic),
                    _ => Pattern::parse(word)?,
                }),
            }
        }
        Ok(filter)
    }

    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every message passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topic.is_empty() && self.payload.is_empty()
    }

    /// Whether a new payload can change the answer.
    #[must_use]
    pub fn looks_at_payloads(&self) -> bool {
        !self.payload.is_empty()
    }

    /// Whether a topic with this last payload passes. Payloads that are not UTF-8 have no words.
    #[must_use]
    pub fn matches(&self, topic: &str, payload: Option<&[u8]>) -> bool {
        self.topic.iter().all(|pattern| pattern.matches(topic))
            && (self.payload.is_empty()
                || payload
                    .and_then(|payload| std::str::from_utf8(payload).ok())
                    .is_some_and(|text| self.payload.iter().all(|pattern| pattern.matches(text))))
    }
}

/// What `/` looks for: a word or a `/regex/` in topics.
#[derive(Debug, Clone)]
pub struct TopicSearch {
    pattern: Pattern,
}

impl TopicSearch {
    /// Understands what was typed; a regular expression begins with a slash.
    ///
    /// # Errors
    /// What is wrong with a regular expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { pattern: Pattern::parse(text)? })
    }

    /// Whether a topic is one of those that are looked for.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.pattern.matches(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_match() {
        for (filter, topic, payload, matches) in [
            ("", "a", &b""[..], true),
            ("kit temp", "home/Kitchen/temp", b"", true),
            ("Kit", "home/kitchen", b"", false),
            ("kit p:21", "home/kitchen", b"21.5", true),
            ("kit p:21", "home/kitchen", b"22", false),
            ("p:on", "a", b"\xffon", false),
            ("/^home/.*temp$/", "home/x/temp", b"", true),
            ("/^temp/", "home/x/temp", b"", false),
            ("p:/^[0-9.]+$/", "a", b"21.5", true),
            ("home/+/temp", "home/x/temp", b"", true),
            ("home/+/temp", "home/x/y/temp", b"", false),
            ("#", "home/x", b"", true),
            ("ÄR", "wärme", b"", false),
            ("är", "WÄRME", b"", true),
        ] {
            assert_eq!(
                Filter::parse(filter).unwrap().matches(topic, Some(payload)),
                matches,
                "{filter} {topic}"
            );
        }
    }

    #[test]
    fn a_bad_regular_expression_is_told() {
        assert!(Filter::parse("/(/").is_err());
        assert!(Filter::parse("/(((a{1000}){1000}){1000})/").is_err());
        assert!(TopicSearch::parse("/[/").is_err());
        assert!(TopicSearch::parse("x").unwrap().matches("aXb"));
    }
}
