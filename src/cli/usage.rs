//! Wrong usage in our own words: what clap found, as one line and hints.

use std::error::Error;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

use super::foreign;
use super::property::PropertyError;
use super::values::{TopicValueError, in_words};

/// The command line cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct WrongUsage {
    /// The stable word for `error[…]`: `usage` or `topic`.
    pub keyword: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to type instead.
    pub hints: Vec<String>,
}

/// Options whose value may hold a password: it is not repeated.
const SECRET: &[&str] = &["--url", "--broker", "--proxy", "--pw", "--ws-header"];

impl WrongUsage {
    /// Wrong usage of `command`, as in `mqt pub`.
    pub(super) fn new(what: impl Into<String>, command: &str) -> Self {
        Self {
            keyword: "usage",
            what: what.into(),
            hints: vec![format!("`{command} --help` lists the options")],
        }
    }

    /// A `-D` that is no property.
    pub(super) fn of_property(error: &PropertyError, command: &str) -> Self {
        Self::new(format!("-D: {error}"), command)
    }

    /// What clap found in the words for `definition`, which the user knows as `command`.
    pub(super) fn of_clap(error: &clap::Error, definition: &Command, command: &str) -> Self {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            // Of several suggestions clap puts the best one last.
            Some(ContextValue::Strings(texts)) => texts.last().map(String::as_str),
            _ => None,
        };
        // `--topic <TOPIC>` → `--topic`, `[SCENARIO]` → `SCENARIO`
        let option = |kind| {
            let name = text(kind).map(|name| name.strip_prefix('[').unwrap_or(name));
            name.map(|name| name.split([' ', '=', '[', ']']).next().unwrap_or(name))
        };
        let below = || text(ContextKind::InvalidSubcommand);
        let named = option(ContextKind::InvalidArg).or_else(below).unwrap_or_default();
        let value = text(ContextKind::InvalidValue).unwrap_or_default();
        let mut topic = false;
        let what = match error.kind() {
            ErrorKind::UnknownArgument if named.starts_with('-') => format!("unknown option '{named}'"),
            ErrorKind::UnknownArgument => format!("'{named}' belongs to no option"),
            ErrorKind::InvalidSubcommand => {
                format!("unknown command '{}'", text(ContextKind::InvalidSubcommand).unwrap_or_default())
            }
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                "a command is missing".to_owned()
            }
            ErrorKind::InvalidValue if value.is_empty() => format!("{named} needs a value"),
            ErrorKind::InvalidValue if !named.starts_with(['-', '<']) => {
                format!("'{value}' is not known here")
            }
            ErrorKind::InvalidValue => format!("{named} does not know the value '{value}'"),
            ErrorKind::ValueValidation => {
                let why = error.source().map_or_else(String::new, |why| format!(": {}", in_words(why)));
                topic = error.source().is_some_and(|why| why.is::<TopicValueError>());
                if SECRET.contains(&named) {
                    format!("the value of {named} is wrong{why}")
                } else {
                    format!("{named} '{value}'{why}")
                }
            }
            ErrorKind::ArgumentConflict => match option(ContextKind::PriorArg) {
                Some(other) if other != named => format!("{named} does not go with {other}"),
                _ => format!("{named} is given twice"),
            },
            ErrorKind::MissingRequiredArgument => format!("{named} is missing"),
            ErrorKind::NoEquals => format!("the value of {named} needs an equals sign: {named}=VALUE"),
            ErrorKind::TooManyValues => format!("{named} takes no value '{value}'"),
            ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
            _ => first_line(error),
        };
        let mut usage = Self::new(what, command);
        if topic {
            usage.keyword = "topic";
            usage.hints.clear();
        }
        if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
            && !values.is_empty()
        {
            usage.hints.insert(0, format!("it is one of {}", values.join(", ")));
        }
        // clap's own guesses cross meanings: `--payload` is not `--will-payload`.
        let guess = match error.kind() {
            ErrorKind::UnknownArgument => foreign::hint(named, definition),
            ErrorKind::InvalidSubcommand => {
                let word = text(ContextKind::InvalidSubcommand).unwrap_or_default();
                foreign::command_hint(word, definition)
            }
            _ => text(ContextKind::SuggestedValue).map(|value| format!("did you mean '{value}'?")),
        };
        usage.hints.splice(0..0, guess);
        if command == "mqt" && (named == "-V" || text(ContextKind::InvalidSubcommand) == Some("version")) {
            usage.hints.insert(0, "`mqt --version` prints the version".to_owned());
        }
        if error.kind() == ErrorKind::InvalidValue && value.is_empty() && named == "--topic" {
            usage.hints.insert(0, "in a shell, an unquoted # starts a comment: quote '#' and '+'".to_owned());
        }
        usage
    }

    /// A word that belongs to no option: what was meant by it. `before` is the option in front of it, as far as it takes
    /// a value only behind an equals sign or none at all.
    pub(super) fn of_word(word: &str, before: Before<'_>, command: &str) -> Self {
        let hint = match (before, command) {
            (Before::Equals(option), _) => Some(format!("write {option}={word}")),
            (Before::Flag("-c"), "mqt bench") => {
                Some("-n N is the number of connections; -c keeps the session".to_owned())
            }
            (_, "mqt pub" | "mqt rr") if is_json(word) => {
                Some(format!("a message is given with -m: -m '{word}'"))
            }
            (_, "mqt pub" | "mqt rr") => {
                Some("a topic is given with -t, and a text of several words in quotes".to_owned())
            }
            (_, "mqt sub" | "mqt watch") if is_json(word) => Some(TO_PUBLISH.to_owned()),
            (_, "mqt sub" | "mqt watch") => Some(format!("a topic is given with -t: -t '{word}'")),
            (_, "mqt bench") => {
                Some("one scenario is run, and every other value belongs to an option".to_owned())
            }
            _ => None,
        };
        let mut usage = Self::new(format!("'{word}' belongs to no option"), command);
        usage.hints.splice(0..0, hint);
        usage
    }

    /// A word in the place of a topic that is a message.
    pub(super) fn of_json(word: &str, command: &str) -> Self {
        let mut usage = Self::new(format!("'{word}' is JSON, not a topic"), command);
        usage.hints.insert(
            0,
            if command == "mqt pub" {
                format!("a message is given with -m: -t TOPIC -m '{word}'")
            } else {
                TO_PUBLISH.to_owned()
            },
        );
        usage
    }
}

const TO_PUBLISH: &str = "a message is published: `mqt pub -t TOPIC -m TEXT`";

/// What precedes a word that belongs to no option.
#[derive(Debug, Clone, Copy)]
pub(super) enum Before<'a> {
    /// An option that takes a value only behind an equals sign.
    Equals(&'a str),
    /// An option that takes no value.
    Flag(&'a str),
    /// Something else.
    Other,
}

/// An object, an array or a text of JSON: nobody calls a topic so.
pub(super) fn is_json(word: &str) -> bool {
    word.starts_with(['{', '[', '"']) && serde_json::from_str::<serde::de::IgnoredAny>(word).is_ok()
}

/// clap's own text, for the rare kinds that have no words here.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
