//! The surroundings that settings are read from, as values: so that a test can give its own.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use etcetera::BaseStrategy;

/// Variables, terminals, standard input and the place of the configuration file.
pub struct Environment<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where configuration files are: `~/.config`, or what `XDG_CONFIG_HOME` says. `None` without a home.
    pub config_dir: Option<PathBuf>,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether standard input and output are a terminal: somebody looks and types.
    pub is_interactive: bool,
    /// All of standard input.
    pub read_stdin: &'a dyn Fn() -> io::Result<Vec<u8>>,
    /// Asks for a secret on the terminal.
    pub ask: &'a dyn Fn(&str) -> io::Result<String>,
    /// The number of this process.
    pub process_id: u32,
}

/// A number that differs from run to run; no secret.
pub(super) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Environment<'static> {
    /// The real one without the variables and files that mqt reads its options from: those of mosquitto are others.
    #[must_use]
    pub fn of_process_without_options() -> Self {
        Self { variable: &|_| None, config_dir: None, ..Self::of_process() }
    }

    /// The real one.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            variable: &|name| std::env::var_os(name),
            config_dir: etcetera::choose_base_strategy().ok().map(|base| base.config_dir()),
            stderr_is_terminal: io::stderr().is_terminal(),
            is_interactive: io::stdin().is_terminal() && io::stdout().is_terminal(),
            read_stdin: &|| {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            },
            ask: &|prompt| rpassword::prompt_password(prompt),
            process_id: std::process::id(),
        }
    }
}

impl Environment<'_> {
    /// The value of a variable that must be text; empty counts as not set.
    pub(super) fn text(&self, name: &str) -> Option<Result<String, crate::error::Failure>> {
        let value = (self.variable)(name).filter(|value| !value.is_empty())?;
        Some(value.into_string().map_err(|_| crate::error::Failure::usage(format!("{name} is not UTF-8"))))
    }
}
