//! Help at three lengths: a screen for each command, a page for each group of options that all commands share, and all of it.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

/// The pages about options that commands share: name, headings of these options, and what the page is about.
const PAGES: &[(&str, &[&str], &str)] = &[
    (
        "connection",
        &["Connection"],
        "Where the broker is, and how to reach it. The same for pub, sub, rr, watch and bench.",
    ),
    ("login", &["Login"], "User name and password. The same for pub, sub, rr, watch and bench."),
    ("tls", &["TLS"], "Encryption and certificates. The same for pub, sub, rr, watch and bench."),
    (
        "session",
        &["Session"],
        "MQTT version, client identifier, session and limits. The same for pub, sub, rr, watch and bench.",
    ),
    (
        "will",
        &["Will"],
        "The message that the broker publishes when the connection is lost. The same for pub, sub, rr and bench.",
    ),
    (
        "output",
        &["Output", "Diagnostics"],
        "How `mqt sub` prints messages, and what all commands print about themselves.",
    ),
];

/// Options that the short help of a command leaves to `--help`.
pub(super) const RARE: &[(&str, &[&str])] = &[
    ("pub", &["stdin-null", "crlf", "repeat-delay", "downgrade-qos", "require-subscriber"]),
    (
        "sub",
        &[
            "retain-as-published",
            "retain-handling",
            "subscription-id",
            "unsubscribe",
            "message-rate",
            "pretty",
            "random-filter",
            "raw",
            "buffer",
            "overflow",
            "max-memory",
            "no-local",
        ],
    ),
    (
        "rr",
        &[
            "exec-timeout",
            "on-failure",
            "parallel",
            "no-retained",
            "retained-answers",
            "retain-as-published",
            "retain-handling",
            "raw",
            "max-memory",
            "pretty",
            "no-newline",
        ],
    ),
    ("watch", &["history", "max-payload", "max-topics", "max-memory", "no-mouse"]),
    ("broker", &["wss-port", "unix", "max-memory", "max-message"]),
    (
        "bench",
        &[
            "scale",
            "groups",
            "credentials",
            "broker",
            "share-name",
            "filter",
            "no-stamp",
            "arrival",
            "connect-rate",
            "ramp",
            "drain",
            "churn-every",
            "threads",
            "shard",
            "start-at",
            "run-id",
            "openmetrics",
            "file",
            "subscribe-qos",
            "retain",
            "stage",
            "inflight",
            "connections",
            "message",
            "preset",
            "csv",
            "html",
            "churn",
            "slo",
            "size",
            "count",
            "warmup",
            "repeat",
        ],
    ),
];

fn is_shared(arg: &Arg) -> bool {
    let pages = PAGES.iter().flat_map(|(_, headings, _)| *headings).filter(|heading| **heading != "Output");
    arg.get_help_heading().is_some_and(|heading| pages.clone().any(|page| *page == heading))
}

/// What `mqt help` explains besides commands.
pub(super) fn pages() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(name, ..)| *name)
}

/// One of these pages.
pub(super) fn page(name: &str, sub: &Command) -> Option<StyledStr> {
    let (_, headings, about) = PAGES.iter().find(|(page, ..)| *page == name)?;
    let shown = |arg: &Arg| arg.get_help_heading().is_some_and(|heading| headings.contains(&heading));
    let more = match name {
        "output" => "More about formats: docs/src/formats.md.",
        _ => "Each has a variable MQT_…, as above, and a key in a profile: `mqt help profile`.",
    };
    // The others stay: these name them.
    let page = sub.clone().mut_args(|arg| if shown(&arg) { arg } else { arg.hide(true) });
    let page = page.about(*about).long_about(None).after_help(more).after_long_help(None);
    Some(page.help_template("{about-with-newline}\n{all-args}{after-help}").render_long_help())
}

/// The widest help, in columns.
const WIDEST: usize = 100;

/// `-h` is the host, as in mosquitto: the help is `--help`, or `-h` alone.
pub(super) fn with_help(command: Command) -> Command {
    let subcommands: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut command = command
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
        .max_term_width(WIDEST)
        .next_help_heading("Help")
        .arg(
            Arg::new("help")
                .long("help")
                .action(ArgAction::HelpLong)
                .help("Print the full help")
                .long_help("Print the full help.\n\nOn standard output. -h alone prints a short one."),
        )
        // For those who are used to it; to zsh and fish it is a pattern.
        .arg(Arg::new("short-help").short('?').action(ArgAction::HelpShort).hide(true));
    for name in subcommands {
        command = command.mut_subcommand(name, |command| {
            if command.get_arguments().any(|arg| arg.get_id() == "help") {
                command
            } else {
                with_help(command)
            }
        });
    }
    command
}

/// Leaves to the short help of a command what is its own and often needed.
pub(super) fn with_short_help(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let rare = RARE.iter().find(|(command, _)| *command == name).map_or(&[][..], |(_, rare)| *rare);
    let has_shared = command.get_arguments().any(is_shared);
    let command = command.mut_args(|arg| {
        let hides = has_shared && (is_shared(&arg) || arg.get_id() == "help")
            || arg.get_long().is_some_and(|long| rare.contains(&long));
        if hides { arg.hide_short_help(true) } else { arg }
    });
    match command.get_after_help().map(ToString::to_string) {
        Some(examples) if has_shared => command.after_help(format!(
            "{examples}\n\nBroker: -h HOST, -p PORT or -L URL. All options: mqt {name} --help\n\
             By subject: mqt help connection|login|tls|session|will|output"
        )),
        _ => command,
    }
}
