//! Colours by meaning: the only place that names `colored`.
//!
//! A [`Style`] is decided once per stream. The palette keeps to colours that can be read on a light and
//! on a dark background: no yellow, no white, no plain blue, nothing bright.

use std::borrow::Cow;
use std::ffi::OsString;
use std::sync::Arc;

use colored::{ColoredString, Colorize};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The topic of a message.
    Topic,
    /// A key of a JSON object, a name in a list.
    Key,
    /// The word `error` and its keyword.
    Error,
    /// The word `warning` and its keyword.
    Warning,
    /// The word `note` and its keyword.
    Note,
    /// The words before what to try.
    Hint,
    /// Of less importance: packets as they go by.
    Faint,
}

const ROLES: usize = 7;

impl Role {
    const ALL: [Self; ROLES] =
        [Self::Topic, Self::Key, Self::Error, Self::Warning, Self::Note, Self::Hint, Self::Faint];

    fn paint(self, text: &str) -> ColoredString {
        match self {
            Self::Topic => text.green(),
            Self::Key => text.cyan(),
            Self::Error => text.red().bold(),
            Self::Warning => text.magenta().bold(),
            Self::Note => text.bold(),
            Self::Hint => text.cyan().bold(),
            Self::Faint => text.dimmed(),
        }
    }
}

/// What is written before and after a text.
#[derive(Debug, Default)]
struct Brush {
    before: String,
    after: String,
}

/// Whether and how one stream is coloured. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Style {
    palette: Option<Arc<[Brush; ROLES]>>,
}

impl Style {
    /// No colours.
    #[must_use]
    pub const fn plain() -> Self {
        Self { palette: None }
    }

    /// Colours.
    #[must_use]
    pub fn colored() -> Self {
        // `colored` has one switch for the whole process. It is only asked here, for a stream that is
        // coloured; plain streams never come to it.
        colored::control::set_override(true);
        // The console of Windows has to be asked for it; one that cannot shows no colours by itself.
        #[cfg(windows)]
        let _ = colored::control::set_virtual_terminal(true);
        let palette = Role::ALL.map(|role| {
            let painted = role.paint("|").to_string();
            painted.split_once('|').map_or_else(Brush::default, |(before, after)| Brush {
                before: before.to_owned(),
                after: after.to_owned(),
            })
        });
        Self { palette: Some(Arc::new(palette)) }
    }

    /// Decides for a stream. An explicit choice wins; then `NO_COLOR` (set and not empty: never), then
    /// `CLICOLOR_FORCE` (set, not empty and not `0`: always); then a terminal is coloured unless `TERM`
    /// is `dumb`.
    #[must_use]
    pub fn decide(
        choice: Option<bool>,
        is_terminal: bool,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let given = |name| environment(name).filter(|value| !value.is_empty());
        let wanted = choice.unwrap_or_else(|| {
            if given("NO_COLOR").is_some() {
                false
            } else if given("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
                true
            } else {
                is_terminal && given("TERM").is_none_or(|term| term != "dumb")
            }
        });
        if wanted { Self::colored() } else { Self::plain() }
    }

    /// Whether there are colours.
    #[must_use]
    pub const fn is_colored(&self) -> bool {
        self.palette.is_some()
    }

    /// What is to be written before and after text of this role: empty without colours.
    #[must_use]
    pub fn around(&self, role: Role) -> (&str, &str) {
        self.palette
            .as_ref()
            .and_then(|palette| palette.get(role as usize))
            .map_or(("", ""), |brush| (&brush.before, &brush.after))
    }

    /// The text in the colours of its role.
    #[must_use]
    pub fn paint<'a>(&self, role: Role, text: &'a str) -> Cow<'a, str> {
        match self.around(role) {
            ("", "") => Cow::Borrowed(text),
            (before, after) => Cow::Owned(format!("{before}{text}{after}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_choice_wins_then_the_environment_then_the_terminal() {
        let decide = |choice, terminal, variables: &[(&str, &str)]| {
            Style::decide(choice, terminal, |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            })
            .is_colored()
        };
        assert!(decide(None, true, &[]));
        assert!(!decide(None, false, &[]));
        assert!(!decide(None, true, &[("NO_COLOR", "1")]));
        assert!(decide(None, true, &[("NO_COLOR", "")]));
        assert!(decide(None, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!decide(None, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!decide(None, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!decide(None, true, &[("TERM", "dumb")]));
        assert!(decide(Some(true), false, &[("NO_COLOR", "1")]));
        assert!(!decide(Some(false), true, &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn every_role_is_a_pair_of_sgr_sequences_and_nothing_without_colours() {
        let style = Style::colored();
        for role in Role::ALL {
            let (before, after) = style.around(role);
            assert!(before.starts_with("\x1b[") && before.ends_with('m') && before.len() < 12, "{before:?}");
            assert_eq!(after, "\x1b[0m");
            assert_eq!(Style::plain().paint(role, "x"), "x");
        }
        assert_eq!(style.paint(Role::Error, "x"), "\x1b[1;31mx\x1b[0m");
        assert_eq!(style.paint(Role::Topic, "x"), "\x1b[32mx\x1b[0m");
        assert_eq!(style.paint(Role::Faint, "x"), "\x1b[2mx\x1b[0m");
    }
}
