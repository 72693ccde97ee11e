//! What the definitions must hold, and what typed lines mean.

use super::*;

fn parse_line(line: &str) -> Result<Request, WrongUsage> {
    parse(line.split(' ').map(|word| OsString::from(word.replace('_', " "))))
}

fn publish(line: &str) -> PublishArgs {
    match parse_line(line) {
        Ok(Request::Publish(args)) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn subscribe(line: &str) -> SubscribeArgs {
    match parse_line(line) {
        Ok(Request::Subscribe(args)) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn text(line: &str) -> String {
    match parse_line(line) {
        Ok(Request::Text(text)) => text.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

fn wrong(line: &str) -> WrongUsage {
    parse_line(line).expect_err(line)
}

/// The long names of the connection options, for the tests of whoever reads them from elsewhere.
pub(crate) fn connection_option_names() -> Vec<String> {
    let command = <ConnectionArgs as clap::Args>::augment_args(Command::new("x"));
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

#[test]
fn what_no_help_has_is_named() {
    let command = <ConnectionArgs as clap::Args>::augment_args(Command::new("x"));
    let hidden: Vec<_> = command.get_arguments().filter(|arg| arg.is_hide_set()).collect();
    assert_eq!(hidden.iter().filter_map(|arg| arg.get_long()).collect::<Vec<_>>(), connection::HIDDEN);
}

#[test]
fn clap_finds_the_definitions_sound() {
    command().debug_assert();
}

/// Every command with those below it.
fn all() -> Vec<Command> {
    fn collect(command: &Command, into: &mut Vec<Command>) {
        into.push(command.clone());
        for below in command.get_subcommands() {
            collect(below, into);
        }
    }
    let mut commands = Vec::new();
    collect(&command(), &mut commands);
    commands
}

#[test]
fn every_option_has_a_short_and_a_full_help() {
    for command in all() {
        for arg in command.get_arguments().filter(|arg| arg.get_id() != "short-help") {
            let place = format!("{} {}", command.get_name(), arg.get_id());
            let short = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let long = arg.get_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(!short.is_empty() && !short.ends_with('.') && !short.contains('\n'), "{place}: {short}");
            let told = long.split("\n\n[env: ").next().unwrap_or_default();
            assert!(told.len() > short.len() && told.ends_with('.'), "{place}: {long}");
        }
    }
}

#[test]
fn every_command_ends_its_help_with_examples() {
    for command in all() {
        for help in [command.clone().render_help(), command.clone().render_long_help()] {
            let help = help.to_string();
            assert!(help.contains("\nExamples:\n"), "{}: {help}", command.get_name());
        }
    }
}

#[test]
fn help_fits_100_columns() {
    for mut command in all() {
        for line in command.render_long_help().to_string().lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
        }
    }
}

#[test]
fn h_is_the_host_and_alone_it_is_help() {
    assert_eq!(publish("mqt pub -h broker -t a -n").connection.server.host.as_deref(), Some("broker"));
    let short = text("mqt pub -h");
    assert_eq!(short, text("mqt pub -?"));
    assert!(short.len() < text("mqt pub --help").len());
    assert_eq!(text("mqt -h"), text("mqt -?"));
    assert_eq!(text("mqt help pub"), short);
    assert_eq!(text("mqt help"), text("mqt"));
    assert_eq!(text("mqt"), text("mqt -h"));
    assert!(wrong("mqt pub -t a -h").what.contains("--host needs a value"));
    for line in ["mqt --version", "mqt -V", "mqt version"] {
        assert_eq!(text(line), concat!("mqt ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn values_may_begin_with_a_hyphen() {
    let args = publish("mqt pub -t -m -m -t -P -x -u --tls");
    assert_eq!((&*args.topic[0], args.message.as_deref()), ("-m", Some(OsStr::new("-t"))));
    assert_eq!(args.connection.login.password, Some("-x".into()));
    assert_eq!(args.connection.login.username.as_deref(), Some("--tls"));
    let args = publish("mqt pub -ta -mb -dr -q1 --topic=c");
    assert_eq!((args.topic.len(), args.retain, args.qos.map(mqt_proto::QoS::level)), (2, true, Some(1)));
    assert_eq!(args.connection.talk.debug, Some(true));
}

#[test]
fn an_empty_message_is_a_message() {
    let argv = ["mqt", "pub", "-t", "a", "-m", ""].map(OsString::from);
    assert!(matches!(parse(argv), Ok(Request::Publish(args)) if args.message == Some(OsString::new())));
}

#[cfg(unix)]
#[test]
fn a_message_may_have_any_bytes_and_a_topic_may_not() {
    use std::os::unix::ffi::OsStringExt;

    let bytes = || OsString::from_vec(vec![b'a', 0xFF]);
    let argv: Vec<OsString> =
        ["mqt", "pub", "-t", "a", "-m"].map(Into::into).into_iter().chain([bytes()]).collect();
    assert!(matches!(parse(argv), Ok(Request::Publish(args)) if args.message == Some(bytes())));
    let argv: Vec<OsString> =
        ["mqt", "pub", "-n", "-t"].map(Into::into).into_iter().chain([bytes()]).collect();
    let usage = parse(argv).unwrap_err();
    assert_eq!(usage.keyword, "topic");
    assert!(usage.what.ends_with("it is not UTF-8"), "{}", usage.what);
}

#[test]
fn later_values_replace_earlier_ones_and_topics_add_up() {
    let args = subscribe("mqt sub -h a -h b -t x -t y/# -T z -q 1 -q 2 -d -d");
    assert_eq!(args.connection.server.host.as_deref(), Some("b"));
    assert_eq!((args.topic.len(), args.filter_out.len()), (2, 1));
    assert_eq!(args.qos, Some(mqt_proto::QoS::ExactlyOnce));
}

#[test]
fn properties_are_typed_in_three_or_four_words() {
    let args = publish("mqt pub -D publish user-property k v -t a -D publish topic-alias 3 -n");
    assert_eq!(args.connection.session.property.len(), 2);
    assert!(wrong("mqt pub -t a -D publish").what.starts_with("-D: it takes PACKET NAME VALUE"));
    assert!(wrong("mqt pub -t a -D connect content-type x").what.contains("does not go with connect"));
    assert!(publish("mqt pub -t a -m -D").connection.session.property.is_empty());
}

#[test]
fn options_with_an_optional_value_take_it_behind_an_equals_sign() {
    use mqt_client::Attempts;

    let tries = |line| publish(line).connection.server.retry.map(|tries| tries.0);
    assert_eq!(tries("mqt pub -t a -n --retry"), Some(Attempts::Unlimited));
    assert_eq!(tries("mqt pub -t a -n --retry=3"), Some(Attempts::AtMost(3)));
    let split = |line| publish(line).split_topic.map(|separator| separator.0);
    assert_eq!(split("mqt pub -l --split-topic"), Some(" ".to_owned()));
    assert_eq!(split("mqt pub -l --split-topic=\\t"), Some("\t".to_owned()));
    let summary = |line| publish(line).connection.talk.summary;
    assert_eq!(summary("mqt pub -t a -n --summary"), Some(SummaryFormat::Text));
    assert_eq!(summary("mqt pub -t a -n --summary=json"), Some(SummaryFormat::Json));
}

#[test]
fn wrong_lines_are_told_in_one_line_with_a_hint() {
    for (line, what, hint) in [
        ("mqt pubb", "unknown command 'pubb'", "did you mean 'pub'?"),
        ("mqt sub --topc x", "unknown option '--topc'", "did you mean '--topic'?"),
        ("mqt sub -Z", "unknown option '-Z'", "`mqt sub --help` lists the options"),
        ("mqt watch word", "'word' belongs to no option", "a topic is given with -t: -t 'word'"),
        ("mqt sub -t a word", "'word' belongs to no option", "a topic is given with -t: -t 'word'"),
        ("mqt pub -t a word", "'word' belongs to no option", "a topic is given with -t"),
        ("mqt pub a -m hello world", "'world' belongs to no option", "a text of several words in quotes"),
        ("mqt pub a hello world", "'world' belongs to no option", "a text of several words in quotes"),
        ("mqt pub -t a {\"b\":1}", "'{\"b\":1}' belongs to no option", "-m '{\"b\":1}'"),
        ("mqt pub {\"b\":1}", "'{\"b\":1}' is JSON, not a topic", "-t TOPIC -m '{\"b\":1}'"),
        ("mqt sub [1]", "'[1]' is JSON, not a topic", "`mqt pub -t TOPIC -m TEXT`"),
        ("mqt sub a --retry 5", "'5' belongs to no option", "write --retry=5"),
        ("mqt pub -t a -m hello world", "'world' belongs to no option", "a text of several words in quotes"),
        ("mqt sub -t", "--topic needs a value", "quote '#'"),
        ("mqt sub -t a --retry 5", "'5' belongs to no option", "write --retry=5"),
        ("mqt sub -t a --summary json", "'json' belongs to no option", "write --summary=json"),
        ("mqt pub -l --split-topic :", "':' belongs to no option", "write --split-topic=:"),
        ("mqt sub -C -1", "--count '-1': not a whole number", "`mqt sub --help`"),
        ("mqt sub -W -1", "--timeout '-1': not a duration", "`mqt sub --help`"),
        ("mqt sub -q 3", "--qos '3': the quality of service is 0, 1 or 2", "`mqt sub --help`"),
        ("mqt sub -p 99999", "--port '99999': 99999 is not in 0 to 65535", "`mqt sub --help`"),
        ("mqt sub -p x", "--port 'x': not a whole number", "`mqt sub --help`"),
        ("mqt sub -C 0", "--count '0': not a number from 1 on", "`mqt sub --help`"),
        ("mqt sub -C 99999999999999999999", "the number is too large", "`mqt sub --help`"),
        ("mqt sub -p -1", "--port '-1': ", "`mqt sub --help`"),
        (
            "mqt sub --color blue",
            "--color does not know the value 'blue'",
            "it is one of auto, always, never",
        ),
        ("mqt sub -V 6", "--protocol-version '6': not a protocol version", "`mqt sub --help`"),
        ("mqt pub -m a -n", "--message does not go with --null-message", "`mqt pub --help`"),
        ("mqt sub --json -F x", "--json does not go with --format", "`mqt sub --help`"),
        ("mqt pub --retain=1", "--retain takes no value", "`mqt pub --help`"),
        ("mqt profile", "a command is missing", "`mqt profile --help`"),
        ("mqt profile show", "<NAME> is missing", "`mqt profile show --help`"),
        ("mqt bench compare --x", "unknown option '--x'", "`mqt bench compare --help`"),
        ("mqt generate completions tcsh", "does not know the value 'tcsh'", "it is one of bash, "),
        ("mqt help watc", "'watc' is not known here", "it is one of pub, sub"),
        ("mqt wach", "unknown command 'wach'", "did you mean 'watch'?"),
        ("mqt sbu", "unknown command 'sbu'", "did you mean 'sub'?"),
        ("mqt publish", "unknown command 'publish'", "did you mean 'pub'?"),
        ("mqt subscribe", "unknown command 'subscribe'", "did you mean 'sub'?"),
        ("mqt profile lst", "unknown command 'lst'", "did you mean 'list'?"),
        ("mqt bench connect -n 10 foo", "'foo' belongs to no option", "one scenario is run"),
        ("mqt bench connect foo", "'foo' belongs to no option", "one scenario is run"),
        ("mqt bench -n 10 compare a b", "compare comes before its options", "write `mqt bench compare …`"),
        ("mqt bench connect -c 100", "'100' belongs to no option", "-n N is the number of connections"),
        ("mqt bench --preset p2p-1k e2e", "--preset does not go with SCENARIO", ""),
        ("mqt sub --payload x", "unknown option '--payload'", "`mqt pub -t TOPIC -m TEXT`"),
        ("mqt pub --payload x", "unknown option '--payload'", "here that is -m TEXT"),
        ("mqt sub --clientId x", "unknown option '--clientId'", "here that is -i NAME"),
        ("mqt sub --client-id x", "unknown option '--client-id'", "here that is -i NAME"),
        ("mqt sub --ca x", "unknown option '--ca'", "here that is --cafile FILE"),
        ("mqt sub --broker x", "unknown option '--broker'", "-L URL takes a URL"),
        ("mqt sub --hostname x", "unknown option '--hostname'", "here that is -h HOST"),
        ("mqt sub --hex", "unknown option '--hex'", "-F %x prints"),
        ("mqt sub --timestamp", "unknown option '--timestamp'", "-F '%I %t %p'"),
        ("mqt sub --no-clean", "unknown option '--no-clean'", "here that is -c, with -i NAME"),
        ("mqt sub --clean", "unknown option '--clean'", "leave it out"),
        ("mqt bench --clients 5", "unknown option '--clients'", "here that is -n N"),
        ("mqt sub --user=x", "unknown option '--user'", "here that is -u NAME"),
        ("mqt pub --will-message x", "unknown option '--will-message'", "here that is --will-payload TEXT"),
    ] {
        let usage = wrong(line);
        assert_eq!(usage.keyword, "usage", "{line}");
        assert!(usage.what.contains(what) && !usage.what.contains('\n'), "{line}: {}", usage.what);
        assert!(usage.hints.iter().any(|given| given.contains(hint)), "{line}: {:?}", usage.hints);
    }
}

#[test]
fn words_are_topics_and_a_message() {
    let args = publish("mqt pub a/b hello -q 1");
    assert_eq!(args.topic.iter().map(|topic| topic.to_string()).collect::<Vec<_>>(), ["a/b"]);
    assert_eq!(args.message.as_deref(), Some(OsStr::new("hello")));
    // Of a message anything can be said.
    for (line, message) in [("mqt pub a {}", "{}"), ("mqt pub a -- -1", "-1"), ("mqt pub -r a -d 1", "1")] {
        assert_eq!(publish(line).message.as_deref(), Some(OsStr::new(message)), "{line}");
    }
    let args = publish("mqt pub a -m hello");
    assert_eq!((args.topic.len(), args.message.as_deref()), (1, Some(OsStr::new("hello"))));
    assert_eq!(subscribe("mqt sub -v a/# +/b -C 1").topic.len(), 2);
    assert_eq!(wrong("mqt pub a/# x").keyword, "topic");
    assert!(wrong("mqt sub a#").what.starts_with("FILTER 'a#': "), "{}", wrong("mqt sub a#").what);
}

#[test]
fn help_knows_the_commands_below_a_command() {
    let help = text("mqt bench compare --help");
    assert!(help.contains("Usage: mqt bench compare"), "{help}");
    assert_eq!(text("mqt help bench compare"), help);
    assert_eq!(text("mqt help bench-compare"), help);
    assert!(text("mqt help install-links").contains("Usage: mqt install-links"));
    assert!(matches!(parse_line("mqt help exit-codes"), Ok(Request::ExitCodes)));
    assert!(wrong("mqt help bench-x").what.contains("'x'"));
}

#[test]
fn colours_are_asked_for_on_a_wrong_line_too() {
    let asked = |line: &str, variable: Option<&str>| {
        asked_color(line.split(' ').map(OsString::from), variable.map(OsString::from))
    };
    assert_eq!(asked("mqt sub", None), ColorChoice::Auto);
    assert_eq!(asked("mqt sub --nonsense --color always", None), ColorChoice::Always);
    assert_eq!(asked("mqt sub --color=never x", Some("always")), ColorChoice::Never);
    assert_eq!(asked("mqt sub x", Some("always")), ColorChoice::Always);
    assert_eq!(asked("mqt sub --color blue", None), ColorChoice::Auto);
}

#[test]
fn a_wrong_topic_has_a_keyword_of_its_own() {
    for (line, why) in [
        ("mqt pub -n -t a/#", "only topic filters may contain"),
        ("mqt sub -t a#", "'#' must be the last character"),
        ("mqt sub -t x -T a+", "'+' must fill its level"),
        ("mqt sub -U $share/x", "a shared subscription is"),
    ] {
        let usage = wrong(line);
        assert_eq!(usage.keyword, "topic", "{line}");
        assert!(usage.what.contains(why), "{line}: {}", usage.what);
    }
}

#[test]
fn what_may_hold_a_secret_is_not_repeated() {
    for line in [
        "mqt pub -L mqtt://me:hunter2@host:x",
        "mqt pub -L http://me:hunter2@host",
        "mqt pub --proxy ftp://me:hunter2@host",
        "mqt pub --ws-header hunter2",
    ] {
        let usage = wrong(line);
        assert!(!format!("{usage:?}").contains("hunter2"), "{line}: {usage:?}");
    }
    let args = publish("mqt pub -t a -n -P hunter2 -L mqtt://me:hunter2@host");
    assert!(!format!("{args:?}").contains("hunter2"));
}

#[test]
fn the_short_help_of_a_command_is_one_screen() {
    for definition in command().get_subcommands() {
        let text = definition.clone().term_width(80).render_help().to_string();
        let lines = text.lines().count();
        assert!(lines <= 40, "{}: {lines} lines", definition.get_name());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn every_shared_option_is_on_a_page_and_every_rare_one_exists() {
    let whole = command();
    let sub = whole.find_subcommand("sub").unwrap();
    let pages: String = pages().map(|page| help::page(page, sub).unwrap().to_string()).collect();
    for name in connection_option_names().iter().filter(|name| !connection::HIDDEN.contains(&name.as_str())) {
        assert!(pages.contains(&format!("--{name}")), "--{name} is on no page");
    }
    for (name, rare) in help::RARE {
        let definition = whole.find_subcommand(name).unwrap();
        for long in *rare {
            let there = definition.get_arguments().any(|arg| arg.get_long() == Some(*long));
            assert!(there, "mqt {name} has no --{long}");
        }
    }
}
