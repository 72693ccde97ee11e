//! Wrong usage in our own words: what clap found, as one line and hints.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

use super::property::PropertyError;
use super::values::TopicValueError;

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

    /// What clap found.
    pub(super) fn of_clap(error: &clap::Error, command: &str) -> Self {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            // Of several suggestions clap puts the best one last.
            Some(ContextValue::Strings(texts)) => texts.last().map(String::as_str),
            _ => None,
        };
        // `--topic <TOPIC>` → `--topic`
        let option = |kind| text(kind).map(|name| name.split([' ', '=', '[']).next().unwrap_or(name));
        let named = option(ContextKind::InvalidArg).unwrap_or_default();
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
            ErrorKind::InvalidValue if named.is_empty() => format!("'{value}' is not known here"),
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
        let suggestions =
            [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
        if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
            && !values.is_empty()
        {
            usage.hints.insert(0, format!("it is one of {}", values.join(", ")));
        }
        if let Some(suggestion) = suggestions.into_iter().find_map(text) {
            let suggestion = suggestion.split(' ').next().unwrap_or(suggestion);
            usage.hints.insert(0, format!("did you mean '{suggestion}'?"));
        }
        if command == "mqt" && (named == "-V" || text(ContextKind::InvalidSubcommand) == Some("version")) {
            usage.hints.insert(0, "`mqt --version` prints the version".to_owned());
        }
        if error.kind() == ErrorKind::InvalidValue && value.is_empty() && named == "--topic" {
            usage.hints.insert(0, "quote '#' and '+': to the shell a bare # begins a comment".to_owned());
        }
        usage
    }

    /// A word that belongs to no option: what was meant by it. `before` is the option that takes a value only behind
    /// an equals sign.
    pub(super) fn of_word(mut self, word: &str, before: Option<&str>, command: &str) -> Self {
        let hint = match (before, command) {
            (Some(before), _) => format!("write {before}={word}"),
            (None, "mqt pub" | "mqt rr") => {
                "a topic is given with -t, and a text of several words in quotes".to_owned()
            }
            (None, "mqt sub" | "mqt watch") => format!("a topic is given with -t: -t '{word}'"),
            (None, _) => return self,
        };
        self.hints.insert(0, hint);
        self
    }
}

/// What a value parser says; what the standard library says of numbers is not for people.
pub(super) fn in_words(error: &(dyn Error + 'static)) -> String {
    use std::num::IntErrorKind;
    match error.downcast_ref::<std::num::ParseIntError>().map(std::num::ParseIntError::kind) {
        Some(IntErrorKind::Zero) => "not a number from 1 on".to_owned(),
        Some(IntErrorKind::PosOverflow) => "the number is too large".to_owned(),
        Some(_) => "not a whole number".to_owned(),
        None => error.to_string().replace("..=", " to "),
    }
}

/// clap's own text, for the rare kinds that have no words here.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
