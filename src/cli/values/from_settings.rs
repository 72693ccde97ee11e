//! Values as variables and profiles give them: numbers and switches as well as texts.

use std::any::Any;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::{ValueError, in_words};
/// The text of a value from environment or profile: texts, whole numbers, fractions, true and false.
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl Visitor<'_> for Words {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Word, E> {
                Ok(Word(flag.to_string()))
            }
        }

        deserializer.deserialize_any(Words)
    }
}

impl Word {
    fn parse<T, E>(&self) -> Result<T, E>
    where
        T: FromStr<Err: fmt::Display + 'static>,
        E: de::Error,
    {
        // A number is no secret; the other texts show their value where it is none.
        self.0.parse().map_err(|error: T::Err| match (&error as &dyn Any).downcast_ref::<ParseIntError>() {
            Some(error) => E::custom(format!("'{}': {}", self.0, in_words(error))),
            None => E::custom(error),
        })
    }
}

/// Reads an optional value by its [`FromStr`].
///
/// # Errors
/// What the value's parser says.
pub fn read_value<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display + 'static>,
{
    Word::deserialize(deserializer)?.parse().map(Some)
}

/// Reads a list of values by their [`FromStr`]; a single value is a list of one.
///
/// # Errors
/// What the value's parser says.
pub fn read_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display + 'static>,
{
    struct List(Vec<Word>);

    impl<'de> Deserialize<'de> for List {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct WordList;

            impl<'de> Visitor<'de> for WordList {
                type Value = List;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a text or a list of texts")
                }

                fn visit_str<E: de::Error>(self, text: &str) -> Result<List, E> {
                    Ok(List(vec![Word(text.to_owned())]))
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List, A::Error> {
                    let mut words = Vec::new();
                    while let Some(word) = list.next_element()? {
                        words.push(word);
                    }
                    Ok(List(words))
                }
            }

            deserializer.deserialize_any(WordList)
        }
    }

    List::deserialize(deserializer)?.0.iter().map(Word::parse).collect()
}

/// Reads a flag: `true`, `yes`, `on`, `1`, and their opposites.
///
/// # Errors
/// Anything else.
pub fn read_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let word = Word::deserialize(deserializer)?;
    match word.0.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(Some(true)),
        "false" | "no" | "off" | "0" | "" => Ok(Some(false)),
        _ => Err(de::Error::custom(ValueError::Flag)),
    }
}
