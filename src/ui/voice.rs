//! The two voices on stderr: that of mqt, with keywords that scripts rely on, and that of a mosquitto client.

use super::shortened;
use crate::config::Dialect;
use crate::error::{Failure, Kind};
use crate::output::sanitize::{Keep, escape, escape_keeping};
use crate::output::{Role, Style};

/// How things are said; chosen once, from the name that the program was called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// `mqt: error[keyword]: what`, causes and hints below it; notes and warnings alike.
    Mqt {
        /// The name that starts every line.
        program: &'static str,
    },
    /// The texts of a mosquitto client, which has neither notes nor hints nor a closing line.
    Mosquitto,
}

impl Voice {
    pub fn of(dialect: Dialect, program: &'static str) -> Self {
        if dialect.is_mosquitto() { Self::Mosquitto } else { Self::Mqt { program } }
    }

    /// Whether a failure is reported under `--quiet`: what is wrong with the options, and the files that they name.
    pub fn reports_when_quiet(self, failure: &Failure) -> bool {
        let of_options =
            failure.kind == Kind::Usage && matches!(failure.keyword, "usage" | "file" | "config");
        of_options && self != Self::Mosquitto
    }

    /// The lines about a failure; empty where nothing is said.
    pub fn failure(self, failure: &Failure, style: &Style) -> String {
        let Self::Mqt { program } = self else {
            return as_lines(&failure.mosquitto_end().text);
        };
        let mut text = line(program, style, Role::Error, "error", failure.keyword, &failure.what);
        let causes = failure.causes.iter().map(|cause| (Role::Note, "caused by:", cause));
        let hints = failure.hints.iter().map(|hint| (Role::Hint, "hint:", hint));
        for (role, word, what) in causes.chain(hints) {
            text.push_str(&format!("  {} {}\n", style.paint(role, word), shortened(&escape(what))));
        }
        text
    }

    /// The line of a warning.
    pub fn warning(self, keyword: &str, text: &str, style: &Style) -> String {
        match self {
            Self::Mqt { program } => line(program, style, Role::Warning, "warning", keyword, text),
            Self::Mosquitto => as_lines(&format!("Warning: {text}")),
        }
    }

    /// The line about what a formatter could not print.
    pub fn unprintable(self, text: &str, style: &Style) -> String {
        match self {
            Self::Mqt { .. } => self.warning("format", text, style),
            Self::Mosquitto => as_lines(text),
        }
    }

    /// The line of a note; empty where nothing is said.
    pub fn note(self, keyword: &str, text: &str, style: &Style) -> String {
        match self {
            Self::Mqt { program } => line(program, style, Role::Note, "note", keyword, text),
            Self::Mosquitto => String::new(),
        }
    }

    /// Whether what takes long is shown while it continues, and summed up at the end.
    pub fn shows_progress(self) -> bool {
        self != Self::Mosquitto
    }
}

fn line(program: &str, style: &Style, role: Role, word: &str, keyword: &str, text: &str) -> String {
    let head = format!("{word}[{keyword}]:");
    format!("{program}: {} {}\n", style.paint(role, &head), shortened(&escape(text)))
}

/// A text of one or more lines as it is, but for control characters; empty stays empty.
pub(super) fn as_lines(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{}\n", escape_keeping(text, Keep::Lines)) }
}
