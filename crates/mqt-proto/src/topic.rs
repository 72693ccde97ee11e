//! Topic names and topic filters (section 4.7), and shared subscriptions (4.8.2).

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use bytestring::ByteString;

use super::MAX_STRING_LENGTH;

/// Why a text is no topic name or topic filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// [MQTT-4.7.3-1]
    #[error("it is empty; a topic has at least one character")]
    Empty,
    /// [MQTT-4.7.3-3]
    #[error("it has {0} bytes; a topic has at most 65535")]
    TooLong(usize),
    /// [MQTT-4.7.3-2]
    #[error("it contains the character U+0000, which no topic may contain")]
    Nul,
    /// [MQTT-4.7.0-1], [MQTT-3.3.2-2]
    #[error("it contains '+' or '#', which only topic filters may contain")]
    Wildcard,
    /// [MQTT-4.7.1-1]
    #[error("'#' must be the last character and fill its level, as in 'a/#'")]
    MultiLevel,
    /// [MQTT-4.7.1-2]
    #[error("'+' must fill its level, as in 'a/+/b'")]
    SingleLevel,
    /// [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    #[error("a shared subscription is '$share/NAME/FILTER', its name without '+', '#' and '/'")]
    Share,
}

fn check_characters(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > MAX_STRING_LENGTH {
        return Err(TopicError::TooLong(text.len()));
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(TopicError::Nul);
    }
    Ok(())
}

/// A topic name: 1 to 65,535 bytes of UTF-8 without U+0000, `+` and `#`.
///
/// Cheap to clone: it shares its bytes. The default value is the empty name that only a PUBLISH with a
/// topic alias carries.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TopicName(ByteString);

impl TopicName {
    /// Checks a text.
    ///
    /// # Errors
    /// The rule of section 4.7 that it breaks.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, TopicError> {
        let text = text.into();
        check_characters(&text)?;
        if memchr::memchr2(b'+', b'#', text.as_bytes()).is_some() {
            return Err(TopicError::Wildcard);
        }
        Ok(Self(text))
    }

    /// The text, sharing its bytes.
    #[must_use]
    pub fn as_byte_string(&self) -> &ByteString {
        &self.0
    }
}

impl Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl FromStr for TopicName {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(text)
    }
}

/// A topic filter: a topic with `+` and `#` as wildcards, or `$share/NAME/FILTER`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(ByteString);

/// The share name of a shared subscription.
pub type ShareName<'a> = &'a str;

impl TopicFilter {
    /// Checks a text.
    ///
    /// # Errors
    /// The rule of sections 4.7 and 4.8.2 that it breaks.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, TopicError> {
        let text = text.into();
        check_characters(&text)?;
        let filter = match text.strip_prefix("$share/") {
            Some(shared) => {
                let (name, filter) = shared.split_once('/').ok_or(TopicError::Share)?;
                if name.is_empty() || filter.is_empty() || name.contains(['+', '#']) {
                    return Err(TopicError::Share);
                }
                filter
            }
            None if &*text == "$share" => return Err(TopicError::Share),
            None => &*text,
        };
        let mut levels = filter.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(TopicError::MultiLevel);
            }
            if level.contains('+') && level != "+" {
                return Err(TopicError::SingleLevel);
            }
        }
        Ok(Self(text))
    }

    /// The share name and the filter behind it, when this is a shared subscription.
    #[must_use]
    pub fn share(&self) -> Option<(ShareName<'_>, &str)> {
        self.0.strip_prefix("$share/").and_then(|shared| shared.split_once('/'))
    }

    /// The filter that topic names are held against: without `$share/NAME/`.
    #[must_use]
    pub fn matching_part(&self) -> &str {
        self.share().map_or(&*self.0, |(_, filter)| filter)
    }

    /// Whether it contains a wildcard.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.matching_part().contains(['+', '#'])
    }

    /// Whether a topic name matches (4.7). A leading wildcard does not match a topic that starts with `$`
    /// ([MQTT-4.7.2-1]).
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        let filter = self.matching_part();
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        let mut wanted = filter.split('/');
        loop {
            match (wanted.next(), levels.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(want), Some(level)) if want == level => {}
                _ => return false,
            }
        }
    }

    /// The text, sharing its bytes.
    #[must_use]
    pub fn as_byte_string(&self) -> &ByteString {
        &self.0
    }
}

impl Deref for TopicFilter {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl FromStr for TopicFilter {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_filters_are_made_from_text_and_shown_as_it() {
        let (name, filter) = ("a/b".parse::<TopicName>().unwrap(), "a/+".parse::<TopicFilter>().unwrap());
        assert_eq!(
            (&*name, name.to_string(), format!("{name:?}")),
            ("a/b", "a/b".to_owned(), "\"a/b\"".to_owned())
        );
        assert_eq!(
            (&*filter, filter.to_string(), format!("{filter:?}")),
            ("a/+", "a/+".to_owned(), "\"a/+\"".to_owned())
        );
        assert_eq!(filter.as_byte_string(), "a/+");
        assert_eq!("a/+".parse::<TopicName>(), Err(TopicError::Wildcard));
        assert_eq!("a/#/b".parse::<TopicFilter>().unwrap_err(), TopicFilter::new("a/#/b").unwrap_err());
    }

    #[test]
    fn topic_names_follow_section_4_7() {
        // 311:4.7.3-1 5:4.7.3-1 311:4.7.3-2 5:4.7.3-2 311:4.7.3-3 5:4.7.3-3 311:3.3.2-2 5:3.3.2-2 5:4.7.0-1
        assert_eq!(TopicName::new(""), Err(TopicError::Empty));
        assert_eq!(TopicName::new("a\0b"), Err(TopicError::Nul));
        assert_eq!(TopicName::new("a".repeat(65_536)), Err(TopicError::TooLong(65_536)));
        assert_eq!(TopicName::new("a/#"), Err(TopicError::Wildcard));
        assert_eq!(TopicName::new("+"), Err(TopicError::Wildcard));
        for good in ["/", "a", "a/", "/a", "a//b", "$SYS/x", "a b", "\u{feff}x", "ä\u{fffd}"] {
            assert_eq!(&*TopicName::new(good).unwrap(), good);
        }
        assert_eq!(TopicName::new("a".repeat(65_535)).unwrap().len(), 65_535);
    }

    #[test]
    fn topic_filters_follow_section_4_7_1_and_4_8_2() {
        // 311:4.7.1-2 311:4.7.1-3 5:4.7.1-1 5:4.7.1-2 5:4.8.2-1 5:4.8.2-2
        for good in
            ["#", "+", "a/#", "+/+", "a/+/b", "/#", "$share/g/a/#", "$share/g/+", "$shared/x", "$share/g//"]
        {
            assert!(TopicFilter::new(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", TopicError::Empty),
            ("a#", TopicError::MultiLevel),
            ("#/a", TopicError::MultiLevel),
            ("a/#b", TopicError::MultiLevel),
            ("a+", TopicError::SingleLevel),
            ("a/+b/c", TopicError::SingleLevel),
            ("a\0", TopicError::Nul),
            ("$share", TopicError::Share),
            ("$share/", TopicError::Share),
            ("$share/g", TopicError::Share),
            ("$share/g/", TopicError::Share),
            ("$share//a", TopicError::Share),
            ("$share/g+/a", TopicError::Share),
            ("$share/#/a", TopicError::Share),
        ] {
            assert_eq!(TopicFilter::new(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn filters_match_as_the_examples_of_the_standard_say() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/a", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/a", true),
            ("$share/g/a/+", "a/b", true),
            ("a", "A", false),
            ("ä/+", "ä/x", true),
        ] {
            assert_eq!(TopicFilter::new(filter).unwrap().matches(topic), expected, "{filter} {topic}");
        }
    }
}
