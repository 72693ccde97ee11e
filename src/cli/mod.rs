//! What was typed: clap definitions and value parsers, without IO.
//!
//! Help texts: the first line says in the imperative what the option does, has no full stop and names the
//! default in brackets; the second paragraph is whole sentences. Every command ends its help with examples.

pub mod bench;
pub mod broker;
pub mod connection;
pub mod dialect;
mod foreign;
pub mod generate;
mod help;
pub mod install_links;
pub mod multicall;
pub mod options_file;
pub mod profile;
pub mod property;
pub mod publish;
pub mod request;
pub mod subscribe;
mod usage;
pub mod values;
pub mod watch;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};

pub use bench::BenchArgs;
pub use broker::BrokerArgs;
pub use connection::ConnectionArgs;
pub use generate::{GenerateArgs, GenerateTarget};
use help::{pages, with_help, with_short_help};
pub use install_links::InstallLinksArgs;
pub use profile::{ProfileAction, ProfileArgs};
use property::{PlacedProperty, WordShape};
pub use publish::PublishArgs;
pub use request::RequestArgs;
pub use subscribe::SubscribeArgs;
use usage::Before;
pub use usage::WrongUsage;
pub use values::{ColorChoice, Decode, OnError, Overflow, SummaryFormat};
pub use watch::WatchArgs;

/// What is asked for.
#[derive(Debug)]
pub enum Request {
    /// `mqt pub`
    Publish(Box<PublishArgs>),
    /// `mqt sub`
    Subscribe(Box<SubscribeArgs>),
    /// `mqt bench`
    Bench(Box<BenchArgs>),
    /// `mqt rr`
    Request(Box<RequestArgs>),
    /// `mqt watch`
    Watch(Box<WatchArgs>),
    /// `mqt broker`
    Broker(Box<BrokerArgs>),
    /// `mqt profile`
    Profile(ProfileArgs),
    /// `mqt install-links`
    InstallLinks(InstallLinksArgs),
    /// `mqt generate`
    Generate(GenerateArgs),
    /// `mqt help exit-codes`
    ExitCodes,
    /// A help text or the version, to be printed on stdout.
    Text(StyledStr),
}

impl Request {
    /// The options file that the command line names (`-o`).
    #[must_use]
    pub fn options_file(&self) -> Option<&Path> {
        let connection = match self {
            Self::Publish(args) => &args.connection,
            Self::Subscribe(args) => &args.connection,
            Self::Request(args) => &args.connection,
            Self::Watch(args) => &args.connection,
            Self::Bench(args) => &args.load.connection,
            _ => return None,
        };
        connection.server.options_file.as_deref()
    }

    /// Adds what is to be reported about the words before anything is done.
    pub fn note(&mut self, notes: impl IntoIterator<Item = String>) {
        let connection = match self {
            Self::Publish(args) => &mut args.connection,
            Self::Subscribe(args) => &mut args.connection,
            Self::Request(args) => &mut args.connection,
            Self::Watch(args) => &mut args.connection,
            Self::Bench(args) => &mut args.load.connection,
            _ => return,
        };
        connection.notes.extend(notes);
    }
}

const EXAMPLES: &str = "\
Examples:
  Run a subscriber with its own broker, and a publisher in another terminal:
    mqt sub --with-broker -t 'mqtt/test/#' -v
    mqt pub -t mqtt/test/hello -m 'Hello World'

`mqt help COMMAND` explains a command, `mqt help exit-codes` the exit statuses.
";

/// A command of mqt.
struct CommandRow {
    name: &'static str,
    /// Its definition for clap.
    define: fn() -> Command,
    /// What is asked for by its words, and by the properties (`-D`) among them.
    request: fn(&mut ArgMatches, Vec<PlacedProperty>) -> Result<Request, clap::Error>,
}

/// The commands, in the order of the help.
const COMMANDS: &[CommandRow] = &[
    CommandRow {
        name: "pub",
        define: publish::command,
        request: |matches, properties| {
            let mut args = PublishArgs::from_arg_matches_mut(matches)?;
            args.connection.session.property = properties;
            args.topic.extend(args.topic_word.take());
            args.message = args.message.take().or(args.message_word.take());
            Ok(Request::Publish(Box::new(args)))
        },
    },
    CommandRow {
        name: "sub",
        define: subscribe::command,
        request: |matches, properties| {
            let mut args = SubscribeArgs::from_arg_matches_mut(matches)?;
            args.connection.session.property = properties;
            args.topic.append(&mut args.filter_words);
            Ok(Request::Subscribe(Box::new(args)))
        },
    },
    CommandRow {
        name: "bench",
        define: bench::command,
        request: |matches, properties| {
            let mut args = BenchArgs::from_arg_matches_mut(matches)?;
            args.load.connection.session.property = properties;
            Ok(Request::Bench(Box::new(args)))
        },
    },
    CommandRow {
        name: "rr",
        define: request::command,
        request: |matches, properties| {
            let mut args = RequestArgs::from_arg_matches_mut(matches)?;
            args.connection.session.property = properties;
            Ok(Request::Request(Box::new(args)))
        },
    },
    CommandRow {
        name: "watch",
        define: watch::command,
        request: |matches, properties| {
            let mut args = WatchArgs::from_arg_matches_mut(matches)?;
            args.connection.session.property = properties;
            Ok(Request::Watch(Box::new(args)))
        },
    },
    CommandRow {
        name: "broker",
        define: broker::command,
        request: |matches, _| Ok(Request::Broker(Box::new(BrokerArgs::from_arg_matches_mut(matches)?))),
    },
    CommandRow {
        name: "profile",
        define: profile::command,
        request: |matches, _| ProfileArgs::from_arg_matches_mut(matches).map(Request::Profile),
    },
    CommandRow {
        name: "install-links",
        define: install_links::command,
        request: |matches, _| InstallLinksArgs::from_arg_matches_mut(matches).map(Request::InstallLinks),
    },
    CommandRow {
        name: "generate",
        define: generate::command,
        request: |matches, _| GenerateArgs::from_arg_matches_mut(matches).map(Request::Generate),
    },
    CommandRow {
        name: "help",
        define: help_command,
        request: |matches, _| Ok(explain(matches.get_one::<String>("topic").map(String::as_str))),
    },
];

/// The whole command line, for help, completions and manual pages.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("mqt")
        .about("Publish, subscribe, watch, load-test and run a small broker: MQTT from the command line")
        .long_about(
            "Publish to, subscribe to and watch any MQTT broker, over TCP, TLS, WebSocket and Unix sockets, with MQTT \
             5, 3.1.1 and 3.1. Load-test brokers, and run a small one for development.",
        )
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version")
                .long_help("Print the version.\n\nOn standard output."),
        )
        .subcommand_required(true)
        .subcommand_value_name("COMMAND")
        .subcommand_help_heading("Commands")
        .after_help(EXAMPLES);
    for row in COMMANDS {
        command = command.subcommand(with_short_help(with_variables(with_help((row.define)()))));
    }
    with_help(command)
}

/// Whether an option can be set by a variable: all about the connection, but for those that only make sense
/// on the command line.
fn has_variable(arg: &Arg) -> bool {
    const HEADINGS: &[&str] = &["Connection", "Login", "TLS", "Session", "Will", "Diagnostics"];
    arg.get_help_heading().is_some_and(|heading| HEADINGS.contains(&heading))
        && !arg.is_hide_set()
        && !matches!(arg.get_long(), None | Some("password-stdin" | "password-prompt" | "options-file"))
}

/// `--ws-path` → `MQT_WS_PATH`
fn variable_of(arg: &Arg) -> String {
    let name = match arg.get_long() {
        Some("pw") => "password",
        name => name.unwrap_or_default(),
    };
    format!("MQT_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The environment variables of a command, and what they say.
#[must_use]
pub fn environment_variables(command: &Command) -> Vec<(String, String)> {
    let named = |arg: &Arg| (variable_of(arg), format!("as --{}", arg.get_long().unwrap_or_default()));
    let has_connection = command.get_arguments().any(|arg| arg.get_id() == "url");
    command.get_arguments().filter(|arg| has_connection && has_variable(arg)).map(named).collect()
}

/// Has the full help of each connection option name its variable.
fn with_variables(command: Command) -> Command {
    if !command.get_arguments().any(|arg| arg.get_id() == "url") {
        return command;
    }
    command.mut_args(|arg| match arg.get_long_help() {
        Some(help) if has_variable(&arg) => {
            let help = format!("{help}\n\n[env: {}]", variable_of(&arg));
            arg.long_help(help)
        }
        _ => arg,
    })
}

fn help_command() -> Command {
    Command::new("help")
        .about("Show help for a command or a topic")
        .long_about("Print the help of a command, or the table of exit statuses.")
        .after_help("Examples:\n  mqt help sub\n  mqt help exit-codes")
        .arg(
            Arg::new("topic")
                .value_name("COMMAND|PAGE")
                .value_parser(PossibleValuesParser::new(topics()))
                .hide_possible_values(true)
                .help("Explain this")
                .long_help(format!("Explain this.\n\nOne of: {}.", topics().collect::<Vec<_>>().join(", "))),
        )
}

/// What `mqt help` explains.
fn topics() -> impl Iterator<Item = &'static str> {
    let commands = COMMANDS.iter().map(|row| row.name).filter(|name| *name != "help");
    commands.chain(pages()).chain(["exit-codes"])
}

/// Understands the arguments, the name of the program first.
///
/// # Errors
/// What is wrong with them.
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Request, WrongUsage> {
    let mut args: Vec<OsString> = argv.into_iter().skip(1).collect();
    let name = args.first().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if name == "help"
        && let Some(line) = help_below(&args)
    {
        return parse(line);
    }
    // Only the definitions of the command that is asked for are built: that is half of the time which a
    // short publish spends outside of the kernel.
    if let Some(row) = COMMANDS.iter().find(|row| row.name == name) {
        args.remove(0);
        return parse_command(row, args, &format!("mqt {name}"));
    }
    if args.is_empty() {
        return Ok(Request::Text(command().render_help()));
    }
    if matches!(name.as_str(), "-V" | "version") && args.len() == 1 {
        return Ok(Request::Text(command().render_version().into()));
    }
    let short_help = is_lone_host(&args);
    let whole = command();
    match whole.clone().try_get_matches_from(once_name("mqt", help_or(args, short_help))) {
        Ok(_) => Err(WrongUsage::new("a command is missing", "mqt")),
        Err(error) => stop(&error, &whole, "mqt"),
    }
}

/// `mqt help bench compare`, and `mqt help bench-compare` as its manual page is called: the line that asks the command
/// itself.
fn help_below(args: &[OsString]) -> Option<[OsString; 4]> {
    let is_command = |name: &OsStr| COMMANDS.iter().any(|row| name == row.name);
    let (command, below) = match args {
        [_, command, below] => (command.as_os_str(), below.as_os_str()),
        [_, page] if !is_command(page) => {
            let (command, below) = page.to_str()?.split_once('-')?;
            (OsStr::new(command), OsStr::new(below))
        }
        _ => return None,
    };
    let meant = is_command(command) && !below.as_encoded_bytes().starts_with(b"-");
    meant.then(|| ["mqt".into(), command.into(), below.into(), "--help".into()])
}

/// The colours that a command line asks for, whatever else is wrong with it.
#[must_use]
pub fn asked_color(words: impl Iterator<Item = OsString>, variable: Option<OsString>) -> ColorChoice {
    let mut asked = variable.and_then(|text| text.into_string().ok());
    let mut words = words.filter_map(|word| word.into_string().ok());
    while let Some(word) = words.next() {
        match word.strip_prefix("--color") {
            Some("") => asked = words.next(),
            Some(value) => asked = value.strip_prefix('=').map(str::to_owned).or(asked),
            None => {}
        }
    }
    asked.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// `-h` and nothing else asks for help.
fn is_lone_host(args: &[OsString]) -> bool {
    matches!(args, [only] if only == "-h")
}

fn help_or(args: Vec<OsString>, short_help: bool) -> Vec<OsString> {
    if short_help { vec!["-?".into()] } else { args }
}

fn once_name(name: &str, args: Vec<OsString>) -> impl Iterator<Item = OsString> {
    std::iter::once(OsString::from(name)).chain(args)
}

fn stop(error: &clap::Error, definition: &Command, shown: &str) -> Result<Request, WrongUsage> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Request::Text(error.render())),
        _ => Err(WrongUsage::of_clap(error, definition, shown)),
    }
}

fn parse_command(row: &CommandRow, args: Vec<OsString>, shown: &str) -> Result<Request, WrongUsage> {
    let name = row.name;
    let command = with_help((row.define)()).bin_name(shown).display_name(format!("mqt-{name}"));
    let short_help = is_lone_host(&args);
    let mut args = help_or(args, short_help);
    // The whole definition knows more for the help than what is needed to understand the options.
    if args.iter().any(|word| word == "--help" || word == "-?") {
        let line = [OsString::from(name)].into_iter().chain(args.iter().cloned()).collect();
        if let Err(error) = self::command().try_get_matches_from(once_name("mqt", line))
            && error.kind() == ErrorKind::DisplayHelp
        {
            return stop(&error, &command, shown);
        }
    }
    let takes_properties = command.get_arguments().any(|arg| arg.get_id() == "property");
    let properties = if takes_properties {
        property::take(&command, &mut args).map_err(|error| WrongUsage::of_property(&error, shown))?
    } else {
        Vec::new()
    };
    let mut command = command;
    let mut matches = match command.try_get_matches_from_mut(once_name(shown, args.clone())) {
        Ok(matches) => matches,
        Err(error) => {
            if let Some(usage) = stray_word(&error, &command, &args, shown) {
                return Err(usage);
            }
            let below = args.first().and_then(|word| command.find_subcommand(word));
            let shown =
                &below.map_or_else(|| shown.to_owned(), |below| format!("{shown} {}", below.get_name()));
            return stop(&error, below.unwrap_or(&command), shown);
        }
    };
    if let Some(usage) = wrong_words(&command, &args, shown) {
        return Err(usage);
    }
    if matches!(name, "pub" | "rr") {
        check_one_message(&matches, shown)?;
    }
    (row.request)(&mut matches, properties).map_err(|error| WrongUsage::of_clap(&error, &command, shown))
}

/// Where the words are that belong to no option.
fn plain_words(command: &Command, args: &[OsString]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut words = args.iter().enumerate();
    while let Some((place, word)) = words.next() {
        match property::shape(command, word) {
            WordShape::WithValue => drop(words.next()),
            WordShape::End => places.extend(words.by_ref().map(|(place, _)| place)),
            WordShape::Plain if !word.as_encoded_bytes().starts_with(b"-") => places.push(place),
            WordShape::Plain | WordShape::Property(_) => {}
        }
    }
    places
}

/// The word that has no place: one too many, or one beside the option that says the same.
fn stray_word(error: &clap::Error, command: &Command, args: &[OsString], shown: &str) -> Option<WrongUsage> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    let plain = plain_words(command, args);
    let named = text(ContextKind::InvalidArg);
    // With a command below it clap takes a word too many for one.
    let below = text(ContextKind::InvalidSubcommand);
    let command_below = || {
        let words = plain.iter().filter_map(|place| args.get(*place)?.to_str());
        words.filter(|word| command.find_subcommand(word).is_some()).map(str::to_owned).next()
    };
    if below.is_some()
        && let Some(word) = command_below()
    {
        let what = format!("{word} comes before its options and does not go with others");
        let mut usage = WrongUsage::new(what, shown);
        usage.hints.insert(0, format!("write `{shown} {word} …`"));
        return Some(usage);
    }
    let place_of =
        |word: &str| plain.iter().copied().find(|place| args.get(*place).is_some_and(|arg| arg == word));
    let place = match error.kind() {
        ErrorKind::UnknownArgument => named.filter(|word| !word.starts_with('-')).and_then(place_of),
        ErrorKind::ArgumentConflict if below.is_some() => below.and_then(place_of),
        ErrorKind::ArgumentConflict => {
            let positional = [named, text(ContextKind::PriorArg)]
                .into_iter()
                .flatten()
                .find(|name| name.starts_with('['))?;
            let nth = match positional {
                // What is there once already, and what follows the topic.
                "[SCENARIO]" | "[MESSAGE]" => 1,
                _ => 0,
            };
            plain.get(nth).copied()
        }
        _ => None,
    }?;
    Some(WrongUsage::of_word(&args.get(place)?.to_string_lossy(), before(command, args, place), shown))
}

/// What precedes a word.
fn before<'a>(command: &Command, args: &'a [OsString], place: usize) -> Before<'a> {
    let option = place.checked_sub(1).and_then(|before| args.get(before)).and_then(|word| word.to_str());
    let Some(option) = option.filter(|option| option.starts_with('-')) else { return Before::Other };
    let needs_equals = command
        .get_arguments()
        .any(|arg| arg.is_require_equals_set() && arg.get_long() == option.strip_prefix("--"));
    if needs_equals { Before::Equals(option) } else { Before::Flag(option) }
}

/// Words that could be topics, as `mqt pub` and `mqt sub` take them, and that are something else.
fn wrong_words(command: &Command, args: &[OsString], shown: &str) -> Option<WrongUsage> {
    if !matches!(shown, "mqt pub" | "mqt sub") {
        return None;
    }
    let plain = plain_words(command, args);
    plain.iter().enumerate().find_map(|(index, place)| {
        let word = args.get(*place)?.to_str()?;
        let before = before(command, args, *place);
        let is_topic = index == 0 || shown == "mqt sub";
        match before {
            Before::Equals(_) => Some(WrongUsage::of_word(word, before, shown)),
            _ if is_topic && usage::is_json(word) => Some(WrongUsage::of_json(word, shown)),
            _ => None,
        }
    })
}

/// Fails when an option that says what to publish is given twice: the last one does not win, for the others would be
/// lost without a word.
fn check_one_message(matches: &ArgMatches, shown: &str) -> Result<(), WrongUsage> {
    for (id, option) in [("message", "-m"), ("file", "-f"), ("replay", "--replay")] {
        let given = matches.try_contains_id(id).is_ok_and(|there| there)
            && matches.indices_of(id).is_some_and(|indices| indices.len() > 1);
        if given {
            let mut usage = WrongUsage::new(format!("{option} is given more than once"), shown);
            let hint = "one command publishes one payload; -l publishes each line of standard input";
            usage.hints.insert(0, hint.to_owned());
            return Err(usage);
        }
    }
    Ok(())
}

/// `mqt help` and a topic.
fn explain(topic: Option<&str>) -> Request {
    match topic {
        Some("exit-codes") => Request::ExitCodes,
        Some(name) => Request::Text(help_of(name)),
        None => Request::Text(command().render_help()),
    }
}

/// The page of this name, or the short help of this command.
fn help_of(name: &str) -> StyledStr {
    let mut command = command();
    command.build();
    if let Some(page) = command.find_subcommand(OsStr::new("sub")).and_then(|sub| help::page(name, sub)) {
        return page;
    }
    let found = command.find_subcommand_mut(OsStr::new(name));
    found.map_or_else(StyledStr::new, Command::render_help)
}

#[cfg(test)]
pub(crate) mod tests;
