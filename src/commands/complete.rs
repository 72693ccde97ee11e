//! Completions: the shell asks the program itself what may come next, through the variable `MQT_COMPLETE`.
//!
//! What a shell loads is a few lines that call `mqt` with the words of the line; the answer comes from the same
//! definitions as the help, with the names of profiles from the configuration file.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::dialect::Tool;
use crate::cli::{command, multicall};
use crate::config::Environment;
use crate::config::profile::ProfileFile;
use crate::error::{Failure, Kind};
use crate::ui::Ui;
use mqt_proto::{Place, PropertyKind};

/// The variable that holds the name of the shell that asks.
pub const VARIABLE: &str = "MQT_COMPLETE";

/// Answers a shell that asks. `argv`: the name of the program, `--`, and the words of the line.
///
/// # Errors
/// The variable names no shell that is known, or standard output cannot be written.
pub fn answer(shell: &OsStr, argv: Vec<OsString>, ui: &Ui) -> Result<(), Failure> {
    let shell = shell.to_str().and_then(|name| completers().into_iter().find(|shell| shell.is(name)));
    let shell = shell.ok_or_else(|| {
        Failure::usage(format!("{VARIABLE} is not the name of a shell that mqt knows"))
            .hint("it is bash, elvish, fish, powershell or zsh, and set by the completions alone")
    })?;
    let words: Vec<OsString> = argv.into_iter().skip_while(|word| word != "--").skip(1).collect();
    let mut definition = match words.first().and_then(|name| Tool::of(name)) {
        Some(tool) => multicall::definition(tool),
        None => completed(command()),
    };
    definition.build();
    let here = std::env::current_dir().ok();
    let mut answer = Vec::new();
    if !words.is_empty() {
        shell
            .write_complete(&mut definition, words, here.as_deref(), &mut answer)
            .map_err(|error| Failure::new(Kind::Output, "completions").source(&error))?;
    }
    ui.out(&answer)
}

fn completers() -> [&'static dyn EnvCompleter; 5] {
    [&Bash, &Elvish, &Fish, &Powershell, &Zsh]
}

/// The file name and the content of what a shell loads: for `mqt`, or for the names of mosquitto.
#[must_use]
pub fn script(shell: Shell, mosquitto: bool) -> (String, Vec<u8>) {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Zsh => &Zsh,
        _ => &Bash,
    };
    let (file, names) = match (shell, mosquitto) {
        (Shell::Elvish, false) => ("mqt.elv", &["mqt"][..]),
        (Shell::Fish, false) => ("mqt.fish", &["mqt"][..]),
        (Shell::PowerShell, false) => ("_mqt.ps1", &["mqt"][..]),
        (Shell::Zsh, false) => ("_mqt", &["mqt"][..]),
        (_, false) => ("mqt.bash", &["mqt"][..]),
        (Shell::Elvish, true) => ("mosquitto.elv", MOSQUITTO),
        (Shell::Fish, true) => ("mosquitto.fish", MOSQUITTO),
        (Shell::PowerShell, true) => ("_mosquitto.ps1", MOSQUITTO),
        (Shell::Zsh, true) => ("_mosquitto", MOSQUITTO),
        (_, true) => ("mosquitto.bash", MOSQUITTO),
    };
    let mut script = Vec::new();
    for name in names {
        // Writing into memory cannot fail.
        let _ = completer.write_registration(VARIABLE, name, name, "mqt", &mut script);
    }
    if shell == Shell::Zsh {
        script = autoloaded(file, names, &String::from_utf8_lossy(&script)).into_bytes();
    }
    (file.to_owned(), script)
}

/// A file for zsh that may be sourced, or lie in a folder of `fpath`: then it is the body of a function of its own name, which
/// is called for the first completion too.
fn autoloaded(file: &str, names: &[&str], script: &str) -> String {
    let mut text = format!("#compdef {}\n", names.join(" "));
    for line in script.lines() {
        if !line.starts_with("#compdef ") && !line.starts_with("compdef ") {
            text.push_str(&format!("{line}\n"));
        }
    }
    text.push_str(&format!("if [[ $funcstack[1] == {file} ]]; then\n    case $words[1] in\n"));
    for name in names {
        let function = format!("_clap_dynamic_completer_{name}");
        text.push_str(&format!("        {name}|*/{name}) {function} \"$@\" ;;\n"));
    }
    text.push_str("    esac\nelse\n");
    for name in names {
        text.push_str(&format!("    compdef _clap_dynamic_completer_{name} {name}\n"));
    }
    text.push_str("fi\n");
    text
}

const MOSQUITTO: &[&str] = &["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"];

/// All of these files.
#[must_use]
pub fn scripts() -> Vec<(String, Vec<u8>)> {
    let shells = [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh];
    shells.into_iter().flat_map(|shell| [script(shell, false), script(shell, true)]).collect()
}

/// The command with the values that a shell offers.
fn completed(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "qos" | "subscribe_qos" | "will_qos" => arg.value_parser(["0", "1", "2"]),
        "protocol_version" => arg.value_parser(["auto", "5", "3.1.1", "3.1"]),
        "profile" | "name" => arg.add(ArgValueCandidates::new(profiles)),
        "property" => arg.add(ArgValueCandidates::new(properties)),
        _ => without_files(arg),
    });
    command.mut_subcommands(completed)
}

/// Names of files are offered where a file is meant and nowhere else.
fn without_files(arg: Arg) -> Arg {
    let takes_values =
        arg.get_action().takes_values() && arg.get_num_args().is_none_or(|count| count.takes_values());
    let is_open = takes_values && arg.get_value_hint() == ValueHint::Unknown;
    if is_open { arg.value_hint(ValueHint::Other) } else { arg }
}

fn profiles() -> Vec<CompletionCandidate> {
    let environment = Environment::of_process();
    // Completions say nothing about a file that cannot be read.
    let profiles = ProfileFile::read(&environment).ok().flatten();
    profiles
        .iter()
        .flat_map(ProfileFile::names)
        .map(|name| CompletionCandidate::new(name.to_owned()))
        .collect()
}

fn properties() -> Vec<CompletionCandidate> {
    let packets = [
        Place::Connect,
        Place::Publish,
        Place::Subscribe,
        Place::Unsubscribe,
        Place::Disconnect,
        Place::Will,
    ];
    let packets = packets.into_iter().map(Place::name);
    packets.chain(PropertyKind::ALL.iter().map(|kind| kind.name())).map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shells_ask_about_is_sound() {
        completed(command()).debug_assert();
        for tool in Tool::ALL {
            multicall::definition(tool).debug_assert();
        }
    }
}
