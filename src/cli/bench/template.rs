//! Topics, payloads and client identifiers with placeholders: `sensor/{i}/value`.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use thiserror::Error;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadPiece {
    /// Text as it stands.
    Text(String),
    /// `{i}`: the number of the client, from 0.
    Index,
    /// `{seq}`: the number of the message of this client, from 0.
    Sequence,
    /// `{client}`: the client identifier.
    Client,
    /// `{rand:N}`: this many random hexadecimal digits, others in each message.
    Random(NonZeroU8),
    /// `{now}`: milliseconds since 1970.
    Now,
    /// `{run}`: the run id, 16 hexadecimal digits.
    Run,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadTemplateError {
    /// A word in braces that is no placeholder.
    #[error(
        "character {at}: unknown placeholder {{{name}}}; there are {{i}}, {{seq}}, {{client}}, {{rand:N}}, {{now}} and {{run}}"
    )]
    Unknown {
        /// Its place, counted in characters from 1.
        at: usize,
        /// What is between the braces.
        name: String,
    },
    /// Something else than 1 to 255 digits asked of `{rand:N}`.
    #[error("character {at}: {{rand:N}} takes a number of digits from 1 to 255")]
    Random {
        /// Its place, counted in characters from 1.
        at: usize,
    },
}

/// A text with placeholders. Braces around anything but a lower-case word, as in JSON, are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadTemplate {
    source: String,
    pieces: Vec<PayloadPiece>,
}

impl PayloadTemplate {
    /// Its parts in order; no two texts follow each other.
    #[must_use]
    pub fn pieces(&self) -> &[PayloadPiece] {
        &self.pieces
    }

    /// The text as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it comes out the same for each message of one client.
    #[must_use]
    pub fn is_fixed_per_client(&self) -> bool {
        !self.pieces.iter().any(|piece| {
            matches!(piece, PayloadPiece::Sequence | PayloadPiece::Random(_) | PayloadPiece::Now)
        })
    }

    /// Whether two clients of one run always get different texts.
    #[must_use]
    pub fn is_unique_per_client(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, PayloadPiece::Index | PayloadPiece::Client))
    }

    /// The same text with another piece instead of each placeholder that `replace` knows, as text.
    #[must_use]
    pub fn fill(&self, mut replace: impl FnMut(&PayloadPiece) -> Option<String>) -> String {
        let mut out = String::with_capacity(self.source.len());
        for piece in &self.pieces {
            match piece {
                PayloadPiece::Text(text) => out.push_str(text),
                placeholder => out.push_str(&replace(placeholder).unwrap_or_default()),
            }
        }
        out
    }
}

impl fmt::Display for PayloadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// What is in braces at the beginning of `rest`, if it is a word as placeholders are.
fn word_in_braces(rest: &str) -> Option<&str> {
    let (word, _) = rest.strip_prefix('{')?.split_once('}')?;
    let (name, argument) = word.split_once(':').unwrap_or((word, "0"));
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_name && argument.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(word)
}

impl FromStr for PayloadTemplate {
    type Err = PayloadTemplateError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(character) = rest.chars().next() {
            let Some(word) = word_in_braces(rest) else {
                text.push(character);
                rest = rest.split_at(character.len_utf8()).1;
                continue;
            };
            let at = source.split_at(source.len() - rest.len()).0.chars().count() + 1;
            let piece = match word.split_once(':').unwrap_or((word, "")) {
                ("i", "") => PayloadPiece::Index,
                ("seq", "") => PayloadPiece::Sequence,
                ("client", "") => PayloadPiece::Client,
                ("now", "") => PayloadPiece::Now,
                ("run", "") => PayloadPiece::Run,
                ("rand", digits) => {
                    PayloadPiece::Random(digits.parse().map_err(|_| PayloadTemplateError::Random { at })?)
                }
                _ => return Err(PayloadTemplateError::Unknown { at, name: word.to_owned() }),
            };
            if !text.is_empty() {
                pieces.push(PayloadPiece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
            rest = rest.split_at(word.len() + 2).1;
        }
        if !text.is_empty() {
            pieces.push(PayloadPiece::Text(text));
        }
        Ok(Self { source: source.to_owned(), pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> PayloadTemplate {
        text.parse().unwrap()
    }

    #[test]
    fn placeholders_are_found_and_other_braces_are_text() {
        assert_eq!(
            template("a/{i}/{rand:8}").pieces(),
            [
                PayloadPiece::Text("a/".to_owned()),
                PayloadPiece::Index,
                PayloadPiece::Text("/".to_owned()),
                PayloadPiece::Random(NonZeroU8::new(8).unwrap())
            ]
        );
        assert_eq!(
            template("{\"n\": {seq}, \"t\":{now}, \"x\":{}}").pieces(),
            [
                PayloadPiece::Text("{\"n\": ".to_owned()),
                PayloadPiece::Sequence,
                PayloadPiece::Text(", \"t\":".to_owned()),
                PayloadPiece::Now,
                PayloadPiece::Text(", \"x\":{}}".to_owned()),
            ]
        );
        assert_eq!(template("{{client}{run}").pieces()[1..], [PayloadPiece::Client, PayloadPiece::Run]);
        assert_eq!(template("").pieces(), []);
        assert_eq!(template("ä{").pieces(), [PayloadPiece::Text("ä{".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(
            "ä/{index}".parse::<PayloadTemplate>(),
            Err(PayloadTemplateError::Unknown { at: 3, name: "index".to_owned() })
        );
        for bad in ["{rand:0}", "{rand:256}", "{rand}", "{rand:x}"] {
            assert_eq!(bad.parse::<PayloadTemplate>(), Err(PayloadTemplateError::Random { at: 1 }), "{bad}");
        }
        assert!("{i:3}".parse::<PayloadTemplate>().is_err());
    }

    #[test]
    fn a_template_is_filled_piece_by_piece() {
        let filled = template("a/{i}/{client}").fill(|piece| match piece {
            PayloadPiece::Index => Some("7".to_owned()),
            _ => Some("c".to_owned()),
        });
        assert_eq!(filled, "a/7/c");
        assert!(template("a/{i}").is_fixed_per_client() && template("a/{i}").is_unique_per_client());
        assert!(!template("a/{seq}").is_fixed_per_client() && !template("a").is_unique_per_client());
    }
}
