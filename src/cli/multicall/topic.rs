//! Topics as the mosquitto clients check them: stricter than the standard in three points.

use mqt_proto::{TopicFilter, TopicName};

use super::CallFault;

/// The most `/` that a topic may contain.
const MOST_SEPARATORS: usize = 200;

/// A text of MQTT has at most this many bytes.
const LONGEST: usize = 65_535;

/// Strict UTF-8: no control characters and no non-characters ([MQTT-1.5.4-1] and what it advises against). What is too
/// long for MQTT is reported in the same words.
pub(super) fn text<'a>(bytes: &'a [u8], argument: &str) -> Result<&'a str, CallFault> {
    let text = std::str::from_utf8(bytes).ok();
    let text = text.filter(|text| text.len() <= LONGEST && !text.chars().any(is_refused));
    text.ok_or_else(|| CallFault::Spaced(format!("Error: Malformed UTF-8 in {argument} argument.")))
}

fn is_refused(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

fn is_deep(topic: &str) -> bool {
    topic.bytes().filter(|byte| *byte == b'/').count() > MOST_SEPARATORS
}

/// A topic to publish to. `kind` is the word for it: `publish`, `response` or `will`.
pub(super) fn name(bytes: &[u8], argument: &str, kind: &str) -> Result<TopicName, CallFault> {
    let topic = text(bytes, argument)?;
    TopicName::new(topic).ok().filter(|topic| !is_deep(topic)).ok_or_else(|| {
        CallFault::Plain(format!("Error: Invalid {kind} topic '{topic}', does it contain '+' or '#'?"))
    })
}

/// A topic filter. `kind` is the word for it: `subscription`, `filter` or `unsubscribe`.
pub(super) fn filter(bytes: &[u8], argument: &str, kind: &str) -> Result<TopicFilter, CallFault> {
    let topic = text(bytes, argument)?;
    TopicFilter::new(topic).ok().filter(|topic| !is_deep(topic)).ok_or_else(|| {
        CallFault::Plain(format!(
            "Error: Invalid {kind} topic '{topic}', are all '+' and '#' wildcards correct?"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_advises_against_is_refused() {
        let malformed = CallFault::Spaced("Error: Malformed UTF-8 in -t argument.".to_owned());
        for bytes in [
            &b"\xff"[..],
            b"a\x01b",
            b"a\x7fb",
            "a\u{85}b".as_bytes(),
            "\u{fffe}".as_bytes(),
            "\u{fdd0}".as_bytes(),
            &[b'a'; 65_536],
        ] {
            assert_eq!(name(bytes, "-t", "publish"), Err(malformed.clone()), "{} bytes", bytes.len());
        }
        assert!(name(&[b'a'; 65_535], "-t", "publish").is_ok());
        assert!(name("ä/-/ $x".as_bytes(), "-t", "publish").is_ok());
    }

    #[test]
    fn a_topic_is_not_too_deep() {
        assert!(name("/".repeat(200).as_bytes(), "-t", "publish").is_ok());
        let Err(CallFault::Plain(text)) = name("/".repeat(201).as_bytes(), "-t", "publish") else {
            panic!("taken");
        };
        assert!(text.starts_with("Error: Invalid publish topic '///"), "{text}");
        assert!(filter("/".repeat(201).as_bytes(), "-t", "subscription").is_err());
        assert!(filter(b"a/+/#", "-t", "subscription").is_ok());
        assert!(filter(b"a+", "-T", "filter").is_err());
    }
}
