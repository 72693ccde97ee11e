//! Whose habits a command follows: those of mqt, or those of the mosquitto client that it was called as.

use std::ffi::OsStr;
use std::path::Path;

/// One of the three programs that this one stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// `mosquitto_pub`
    Publish,
    /// `mosquitto_sub`
    Subscribe,
    /// `mosquitto_rr`
    Request,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Publish, Self::Subscribe, Self::Request];

    /// The name of the program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "mosquitto_pub",
            Self::Subscribe => "mosquitto_sub",
            Self::Request => "mosquitto_rr",
        }
    }

    /// The tool that a program was called as: the last part of `argv[0]`, without `.exe`. On Windows, where the names of
    /// files have no case, in any case.
    #[must_use]
    pub fn of(program: &OsStr) -> Option<Self> {
        let name = Path::new(program).file_name()?.to_str()?;
        let name = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
            Some((stem, end)) if end.eq_ignore_ascii_case(".exe") => stem,
            _ => name,
        };
        let is_called = |tool: &Self| match cfg!(windows) {
            true => tool.name().eq_ignore_ascii_case(name),
            false => tool.name() == name,
        };
        Self::ALL.into_iter().find(is_called)
    }
}

/// Whose habits are followed where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Those of mqt.
    #[default]
    Mqt,
    /// Those of a mosquitto client.
    Mosquitto(Tool),
}

impl Dialect {
    /// The mosquitto client, where it is one.
    #[must_use]
    pub const fn tool(self) -> Option<Tool> {
        match self {
            Self::Mqt => None,
            Self::Mosquitto(tool) => Some(tool),
        }
    }

    /// Whether it is that of a mosquitto client.
    #[must_use]
    pub const fn is_mosquitto(self) -> bool {
        matches!(self, Self::Mosquitto(_))
    }
}
