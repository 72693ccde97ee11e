//! The names of mosquitto: called as `mosquitto_pub`, `mosquitto_sub` or `mosquitto_rr`, this program reads
//! its words as those do, into the same structs that `mqt pub`, `mqt sub` and `mqt rr` fill.
//!
//! The rules are plain. Words are looked at one by one, from left to right; an option is the whole word; an option
//! that takes a value takes the next word, whatever that is; the first fault ends it all. What the two dialects
//! have in common is everything behind the words: defaults, texts and exit statuses differ by [`Dialect`](super::dialect::Dialect).

mod c_number;
pub mod differences;
mod help;
mod option;
mod property;
mod reading;
mod topic;
mod url;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::Request;
use super::dialect::Tool;
use mqt_client::error::system_reason;
use option::{Definition, Opt};
use reading::CallReading;

/// The version of the mosquitto clients that the old names behave like.
pub const MOSQUITTO_VERSION: &str = "2.1.2";

/// What a mosquitto client is asked for.
#[derive(Debug)]
pub enum Called {
    /// Something to do.
    Run(Request),
    /// A text for stdout, with exit status 1: the help, or the version.
    Text(String),
}

/// A fault in the words of a mosquitto client, told in its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCall {
    /// The text for stderr, without the last line feed.
    pub text: String,
    /// The text for stdout: the usage after some faults.
    pub usage: Option<String>,
    /// The number of the line of the options file that it is in.
    pub line: Option<usize>,
}

/// A line of an options file that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionLine {
    /// The first line of the file has the number 1.
    pub number: usize,
    /// The option, and its value as one word; of a property several words.
    pub words: Vec<OsString>,
}

/// What the words alone do not say: it is asked for when its turn has come, since the first fault ends it all.
pub trait Outside {
    /// What is wrong with a format for `-F`, in the words of the clients.
    fn format_fault(&self, format: &str) -> Option<String>;

    /// Why a file cannot be read. What is no regular file is read when it is needed and not before.
    fn unreadable(&self, path: &Path) -> Option<io::Error>;
}

/// A fault that is found while the words are read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CallFault {
    /// Followed by the pointer to the help.
    Plain(String),
    /// The same, with one more blank line before it.
    Spaced(String),
    /// Nothing follows.
    Bare(String),
    /// Only the pointer to the help.
    Silent,
    /// The whole usage is on stdout.
    Usage(&'static str),
    /// `--help`
    Help,
    /// `--version`
    Version,
}

fn missing(flag: &str, noun: &str) -> CallFault {
    CallFault::Spaced(format!("Error: {flag} argument given but no {noun} specified."))
}

/// The line that points to the help.
#[must_use]
pub fn pointer_to_help(tool: Tool) -> String {
    format!("Use '{} --help' to see usage.", tool.name())
}

fn end_of(tool: Tool, fault: CallFault) -> Result<Called, WrongCall> {
    let pointer = pointer_to_help(tool);
    let (text, usage) = match fault {
        CallFault::Plain(text) => (format!("{text}\n\n{pointer}"), None),
        CallFault::Spaced(text) => (format!("{text}\n\n\n{pointer}"), None),
        CallFault::Bare(text) => (text, None),
        CallFault::Silent => (format!("\n{pointer}"), None),
        CallFault::Usage(text) => (text.to_owned(), Some(help::usage(tool))),
        CallFault::Help => return Ok(Called::Text(help::usage(tool))),
        CallFault::Version => return Ok(Called::Text(help::version(tool))),
    };
    Err(WrongCall { text, usage, line: None })
}

/// What is said of a file that cannot be sent.
#[must_use]
pub fn not_loaded(path: &Path, error: &io::Error) -> String {
    let (path, reason) = (path.display(), system_reason(error));
    format!("Error: Unable to read file \"{path}\": {reason}.\nError loading input file \"{path}\".")
}

/// What is said of a certificate or key that is not there.
#[must_use]
pub fn tls_file_missing(path: &Path) -> String {
    format!("Error: Problem setting TLS options: File not found.\n{}", path.display())
}

/// The value of `-o`, the file that takes the place of the default options file.
///
/// # Errors
/// It is given twice, or without a value.
pub fn options_file(tool: Tool, args: &[OsString]) -> Result<Option<OsString>, WrongCall> {
    let mut found = None;
    let mut words = args.iter();
    let wrong = |fault| end_of(tool, fault).map(|_| None);
    while let Some(word) = words.next() {
        let Some(definition) = Definition::find(tool, word) else { continue };
        if definition.option == Opt::OptionsFile && found.is_some() {
            return wrong(CallFault::Spaced("Error: Duplicate -o argument given.".to_owned()));
        }
        let count = definition.words(words.as_slice());
        if definition.option == Opt::OptionsFile {
            match words.next() {
                Some(value) => found = Some(value.clone()),
                None => return wrong(missing("-o", "options file")),
            }
        } else if count > 0 {
            words.nth(count - 1);
        }
    }
    Ok(found)
}

/// The words of one line of an options file: the option, and all that follows one space as its value. A property
/// has several words.
#[must_use]
pub fn line_words(line: &str) -> Vec<OsString> {
    let line = line.trim_start_matches(' ');
    let (name, value) = match line.split_once(' ') {
        Some((name, value)) if !value.is_empty() => (name, value),
        _ => return vec![OsString::from(line.trim_end_matches(' '))],
    };
    if !matches!(name, "-D" | "--property") {
        return vec![name.into(), value.into()];
    }
    let property = value.split(' ').nth(1).unwrap_or_default();
    let parts = if property.eq_ignore_ascii_case("user-property") { 4 } else { 3 };
    std::iter::once(name).chain(value.splitn(parts, ' ')).map(OsString::from).collect()
}

/// What follows the name of the program in its usage.
#[must_use]
pub fn synopsis(tool: Tool) -> &'static str {
    help::synopsis(tool)
}

/// The options of a program as its help shows them: names with the value, and what each does.
#[must_use]
pub fn option_texts(tool: Tool) -> Vec<(String, String)> {
    help::option_texts(tool)
}

/// The options of a client as clap knows them, for shells that complete them.
#[must_use]
pub fn definition(tool: Tool) -> clap::Command {
    help::definition(tool)
}

/// Understands the words of an options file, line by line, and those of the command line.
///
/// # Errors
/// The first fault, in mosquitto's words.
pub fn parse(
    tool: Tool,
    lines: Vec<OptionLine>,
    args: Vec<OsString>,
    outside: &dyn Outside,
) -> Result<Called, WrongCall> {
    let mut reading = CallReading::new(tool, outside);
    for line in lines {
        if let Err(fault) = reading.take(line.words) {
            return end_of(tool, fault).map_err(|wrong| WrongCall { line: Some(line.number), ..wrong });
        }
    }
    if let Err(fault) = reading.take(args) {
        return end_of(tool, fault);
    }
    match reading.finish() {
        Ok(request) => Ok(Called::Run(request)),
        Err(fault) => end_of(tool, fault),
    }
}

#[cfg(test)]
mod tests;
