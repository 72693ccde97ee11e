//! `--help` and `--version` of a mosquitto client: made from the table of its options and the texts of ours.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::super::dialect::Tool;
use super::MOSQUITTO_VERSION;
use super::option::{Definition, Opt, OptionValue};
use crate::cli::{publish, request, subscribe};

/// The line for `--version`. Scripts read the number behind `version`.
pub(super) fn version(tool: Tool) -> String {
    format!("{} version {MOSQUITTO_VERSION} running on mqt {}.\n", tool.name(), env!("CARGO_PKG_VERSION"))
}

/// Width of the column with the names.
const NAMES: usize = 38;

/// What follows the name of the program.
pub(super) const fn synopsis(tool: Tool) -> &'static str {
    match tool {
        Tool::Publish => "-t TOPIC {-m TEXT | -f FILE | -s | -l | -n} [OPTION]...",
        Tool::Subscribe => "-t FILTER [OPTION]...",
        Tool::Request => "-t TOPIC -e TOPIC {-m TEXT | -f FILE | -s | -n} [OPTION]...",
    }
}

/// Names with the value, and what each option does.
pub(super) fn option_texts(tool: Tool) -> Vec<(String, String)> {
    let command = match tool {
        Tool::Publish => publish::command(),
        Tool::Subscribe => subscribe::command(),
        Tool::Request => request::command(),
    };
    let texts = Definition::of_tool(tool).map(|definition| {
        let mut names = match (definition.short, definition.long) {
            (short, "") => format!(" {short}"),
            ("", long) => format!("     {long}"),
            (short, long) => format!(" {short}, {long}"),
        };
        match definition.value {
            OptionValue::None => {}
            OptionValue::Word(noun) => names.push_str(&format!(" <{noun}>")),
            OptionValue::Property => names.push_str(" <command> <name> <value>"),
        }
        (names, about(tool, definition, &command))
    });
    texts.collect()
}

/// The options as clap knows them, for shells that complete them.
pub(super) fn definition(tool: Tool) -> Command {
    let own = match tool {
        Tool::Publish => publish::command(),
        Tool::Subscribe => subscribe::command(),
        Tool::Request => request::command(),
    };
    let mut command = Command::new(tool.name()).disable_help_flag(true).disable_version_flag(true);
    for (number, definition) in Definition::of_tool(tool).enumerate() {
        let mut arg = Arg::new(format!("option-{number}")).help(about(tool, definition, &own));
        if let Some(short) = definition.short.strip_prefix('-').and_then(|short| short.chars().next()) {
            arg = arg.short(short);
        }
        if let Some(long) = definition.long.strip_prefix("--") {
            arg = arg.long(long.to_owned());
        }
        arg = match definition.value {
            OptionValue::None => arg.action(ArgAction::SetTrue),
            OptionValue::Word(_) => arg.action(ArgAction::Append).value_hint(match definition.option {
                Opt::CaFile
                | Opt::Cert
                | Opt::Crl
                | Opt::File
                | Opt::Key
                | Opt::OptionsFile
                | Opt::PasswordFile
                | Opt::TlsKeyLog
                | Opt::Unix => ValueHint::FilePath,
                Opt::CaPath => ValueHint::DirPath,
                _ => ValueHint::Other,
            }),
            OptionValue::Property => arg.action(ArgAction::Append).num_args(3),
        };
        command = command.arg(match definition.option {
            Opt::QoS | Opt::WillQoS => arg.value_parser(["0", "1", "2"]),
            Opt::ProtocolVersion => arg.value_parser(["mqttv5", "mqttv311", "mqttv31"]),
            Opt::RetainHandling => arg.value_parser(["always", "new", "never"]),
            Opt::TlsVersion => arg.value_parser(["tlsv1.2", "tlsv1.3"]),
            _ => arg,
        });
    }
    command
}

/// The whole help. Its first line is that of the clients, since scripts look at it.
pub(super) fn usage(tool: Tool) -> String {
    let what = match tool {
        Tool::Publish => "a simple mqtt client that will publish a message on a single topic and exit",
        Tool::Subscribe => {
            "a simple mqtt client that will subscribe to a set of topics and print all messages it receives"
        }
        Tool::Request => {
            "an mqtt client that can be used to publish a request message and wait for a response"
        }
    };
    let (name, synopsis) = (tool.name(), synopsis(tool));
    let mut text = format!("{name} is {what}.\n{}\n", version(tool));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Usage: {name} {synopsis}\n       {name} {{--help | --version}}\n\nOptions:");
    for (names, about) in option_texts(tool) {
        if names.len() < NAMES {
            let _ = writeln!(text, "{names:<NAMES$}{about}");
        } else {
            let _ = writeln!(text, "{names}\n{:<NAMES$}{about}", "");
        }
    }
    let _ = writeln!(
        text,
        "\nOptions are whole words and values the words behind them. The options file, one option a line, is\n\
         $XDG_CONFIG_HOME/{name} or $HOME/.config/{name}.\n\
         The exit status is 0 when all went well; `man {name}` lists the others.\n\n\
         This is mqt in the manner of {name} {MOSQUITTO_VERSION}: see `mqt --help` for more."
    );
    text
}

/// One line on what an option does.
fn about(tool: Tool, definition: &Definition, command: &Command) -> String {
    let own = match definition.option {
        Opt::Help => "Print this help",
        Opt::Version => "Print the version",
        Opt::OptionsFile => "Read options from this file instead of the default one",
        Opt::Id => "Use this client identifier [default: the broker chooses one]",
        Opt::ProtocolVersion => match tool {
            Tool::Request => "Speak this version: 5, 311 or 31 [default: 5]",
            Tool::Publish | Tool::Subscribe => "Speak this version: 5, 311 or 31 [default: 311]",
        },
        Opt::Topic => match tool {
            Tool::Publish | Tool::Request => "Publish to this topic",
            Tool::Subscribe => "Subscribe to this topic filter; repeatable",
        },
        Opt::Insecure => "Do not check that the certificate is for this host",
        Opt::Debug => "Show packets as they go by",
        Opt::Port => "Connect to this port [default: 1883, with --cafile or --capath 8883]",
        Opt::Url => "Connect to mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC",
        Opt::Timeout if tool == Tool::Request => "Wait this long for the answer",
        Opt::MaxInflight => "Have at most this many QoS 1 and 2 messages on the way [default: 20]",
        _ => "",
    };
    if !own.is_empty() {
        return own.to_owned();
    }
    let same = |arg: &&Arg| {
        let short = definition.short.strip_prefix('-').and_then(|short| short.chars().next());
        let long = definition.long.strip_prefix("--");
        (short.is_some() && arg.get_short() == short) || (long.is_some() && arg.get_long() == long)
    };
    command.get_arguments().find(same).and_then(Arg::get_help).map(ToString::to_string).unwrap_or_default()
}
