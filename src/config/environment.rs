//! The surroundings that settings are read from, as values: so that a test can give its own.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use etcetera::BaseStrategy;

/// Variables, terminals, standard input and the place of the configuration file.
pub struct Environment<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The names of all environment variables that begin with `MQT_`.
    pub names: &'a dyn Fn() -> Vec<String>,
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

impl Environment<'static> {
    /// The real one without the variables and files that mqt reads its options from: those of mosquitto are others.
    #[must_use]
    pub fn of_process_without_options() -> Self {
        Self { variable: &|_| None, names: &Vec::new, config_dir: None, ..Self::of_process() }
    }

    /// One with nothing in it, for tests.
    #[cfg(test)]
    #[must_use]
    pub fn empty() -> Self {
        Self {
            variable: &|_| None,
            names: &Vec::new,
            config_dir: None,
            stderr_is_terminal: false,
            is_interactive: false,
            read_stdin: &|| Ok(Vec::new()),
            ask: &|_| Ok(String::new()),
            process_id: 1,
        }
    }

    /// The real one.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            variable: &|name| std::env::var_os(name),
            names: &|| {
                let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
                names.filter(|name| name.starts_with("MQT_")).collect()
            },
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

/// What `rr --serve` tells its commands: names that a command which calls mqt has inherited.
const OF_REQUEST: &[&str] =
    &["MQT_TOPIC", "MQT_QOS", "MQT_RETAIN", "MQT_RESPONSE_TOPIC", "MQT_CONTENT_TYPE", "MQT_CORRELATION_DATA"];

/// Variables that are not known and look like one that is: each with the one that was meant.
pub(super) fn misspelt(names: &[String], known: &[String]) -> Vec<(String, String)> {
    let is_foreign = |name: &str| OF_REQUEST.contains(&name) || name.starts_with("MQT_USER_");
    let unknown = names.iter().filter(|name| !known.contains(name) && !is_foreign(name));
    unknown.filter_map(|name| Some((name.clone(), meant(name, known)?.clone()))).collect()
}

/// The known name that is nearest: one or two slips away, or the whole of which this is the beginning.
fn meant<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    const SHORTEST: usize = "MQT_USER".len();
    let near = known.iter().map(|known| (distance(name, known), known)).min_by_key(|(slips, _)| *slips);
    // A short name is another word after two slips.
    let allowed = if name.len() < SHORTEST { 1 } else { 2 };
    near.filter(|(slips, _)| *slips <= allowed).map(|(_, known)| known).or_else(|| {
        let longer = |known: &&String| name.len() >= SHORTEST && known.starts_with(name);
        known.iter().filter(longer).min_by_key(|known| known.len())
    })
}

/// How many letters to change, add, leave out, or exchange with the next one.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut least = at(&above, column) + usize::from(letter != wanted);
            least = least.min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            if let (Some(row), Some(column)) = (row.checked_sub(1), column.checked_sub(1))
                && one.get(row) == Some(wanted)
                && other.get(column) == Some(letter)
            {
                least = least.min(at(&before, column) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_told_from_one_of_somebody_else() {
        let known = ["MQT_PORT", "MQT_PASSWORD", "MQT_URL", "MQT_USERNAME", "MQT_CAFILE"].map(str::to_owned);
        for (name, expected) in [
            ("MQT_PASWORD", Some("MQT_PASSWORD")),
            ("MQT_PASSWROD", Some("MQT_PASSWORD")),
            ("MQT_PASS", Some("MQT_PASSWORD")),
            ("MQT_USER", Some("MQT_USERNAME")),
            ("MQT_PROT", Some("MQT_PORT")),
            ("MQT_CA_FILE", Some("MQT_CAFILE")),
            ("MQT_ULR", Some("MQT_URL")),
            ("MQT_PORT", None),
            ("MQT_BIN", None),
            ("MQT_HOME_OF_MINE", None),
            // Of `rr --serve`.
            ("MQT_TOPIC", None),
            ("MQT_USER_NAME", None),
        ] {
            let found = misspelt(&[name.to_owned()], &known);
            assert_eq!(found.first().map(|(_, meant)| meant.as_str()), expected, "{name}");
        }
    }
}
