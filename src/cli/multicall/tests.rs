//! What the words of the mosquitto clients mean.

use super::*;
use crate::cli::{PublishArgs, RequestArgs, SubscribeArgs};
use mqt_client::VersionChoice;
use mqt_proto::{QoS, Version};
use std::ffi::OsStr;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(|word| OsString::from(if word == "''" { "" } else { word })).collect()
}

/// Knows one wrong format, and a file and a folder that cannot be read.
struct Known;

impl Outside for Known {
    fn format_fault(&self, format: &str) -> Option<String> {
        (format == "%").then(|| "Error: Incomplete format specifier.".to_owned())
    }

    fn unreadable(&self, path: &Path) -> Option<io::Error> {
        match path.to_str() {
            Some("missing") => Some(io::Error::new(io::ErrorKind::NotFound, "No such file (os error 2)")),
            Some("closed") => Some(io::Error::new(io::ErrorKind::PermissionDenied, "Permission denied")),
            _ => None,
        }
    }
}

fn parse_line(tool: Tool, line: &str) -> Result<Called, WrongCall> {
    parse(tool, Vec::new(), words(line), &Known)
}

fn publish(line: &str) -> PublishArgs {
    match parse_line(Tool::Publish, line) {
        Ok(Called::Run(Request::Publish(args))) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn subscribe(line: &str) -> SubscribeArgs {
    match parse_line(Tool::Subscribe, line) {
        Ok(Called::Run(Request::Subscribe(args))) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn request(line: &str) -> RequestArgs {
    match parse_line(Tool::Request, line) {
        Ok(Called::Run(Request::Request(args))) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn wrong(tool: Tool, line: &str) -> String {
    parse_line(tool, line).expect_err(line).text
}

fn version(args: &crate::cli::ConnectionArgs) -> Version {
    match args.session.protocol_version.map(|name| name.0) {
        Some(VersionChoice::Only(version)) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_name_of_the_program_says_whose_words_they_are() {
    for (program, tool) in [
        ("mosquitto_pub", Some(Tool::Publish)),
        ("/usr/bin/mosquitto_sub", Some(Tool::Subscribe)),
        ("./mosquitto_rr.exe", Some(Tool::Request)),
        ("mosquitto_rr.EXE", Some(Tool::Request)),
        ("mqt", None),
        ("mosquitto_pub2", None),
        ("mosquitto_pub/mqt", None),
        ("exe", None),
        ("", None),
    ] {
        assert_eq!(Tool::of(OsStr::new(program)), tool, "{program}");
    }
}

#[test]
fn a_value_is_the_next_word_whatever_it_is() {
    let args = publish("-t -m -m -t");
    assert_eq!(&*args.topic[0], "-m");
    assert_eq!(args.message.as_deref(), Some(OsStr::new("-t")));
    assert_eq!(publish("-t a -m --help").message.as_deref(), Some(OsStr::new("--help")));
}

#[test]
fn later_values_win_and_filters_add_up() {
    let args = publish("-t a -t b -m x -q 1 -q 2x -h h -h ''");
    assert_eq!(args.topic.len(), 1);
    assert_eq!(&*args.topic[0], "b");
    assert_eq!(args.qos, Some(QoS::ExactlyOnce));
    assert_eq!(args.connection.server.host.as_deref(), Some(""));
    let args = subscribe("-t a -L mqtt://h/b -T c -T d -U e");
    assert_eq!(args.topic.iter().map(|topic| topic.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((args.filter_out.len(), args.unsubscribe.len()), (2, 1));
}

#[test]
fn the_version_follows_from_what_is_asked_for() {
    for (line, expected) in [
        ("-t a -n", Version::V311),
        ("-t a -n -V 31", Version::V31),
        ("-t a -n -V mqttv5", Version::V5),
        ("-t a -n -D publish content-type x", Version::V5),
        ("-t a -n -x 0", Version::V5),
        ("-t a -n -D publish content-type x -V 311", Version::V5),
    ] {
        assert_eq!(version(&publish(line).connection), expected, "{line}");
    }
    assert_eq!(version(&request("-t a -e b -n").connection), Version::V5);
    assert_eq!(version(&request("-t a -e b -n -V 311").connection), Version::V311);
}

#[test]
fn port_and_tls_follow_from_each_other() {
    for (line, port, tls) in [
        ("", Some(1883), false),
        ("-p 99", Some(99), false),
        ("-p 21700x", Some(21700), false),
        ("-p 8883", Some(8883), true),
        ("-p 8883 --no-tls", Some(8883), false),
        ("--cafile f", Some(8883), true),
        ("--capath d", Some(8883), true),
        ("--cafile f --no-tls", Some(1883), false),
        ("--tls-use-os-certs", Some(1883), true),
        ("--insecure --tls-version TLSv1.3 --ciphers x --tls-alpn y --cert c --key k", Some(1883), false),
        ("-L mqtts://h/x", Some(8883), true),
        ("-L mqtts://h/x -p 1884", Some(1884), true),
        ("-p 1884 -L mqtt://h/x", Some(1883), false),
        ("-L wss://h/x", Some(8883), true),
    ] {
        let args = publish(&format!("-t a -n {line}")).connection;
        assert_eq!((args.server.port, args.tls.tls), (port, Some(tls)), "{line}");
    }
    for line in ["--unix /s", "-p 0 -h /s", "-h /s -p abc", "--unix x -h /s"] {
        let args = publish(&format!("-t a -n {line}")).connection;
        assert_eq!(args.server.unix.as_deref(), Some(Path::new("/s")), "{line}");
        assert_eq!((args.server.host, args.server.port), (None, None), "{line}");
    }
}

#[test]
fn a_fault_ends_with_a_pointer_to_the_help() {
    const POINTER: &str = "Use 'mosquitto_pub --help' to see usage.";
    for (line, text, blank) in [
        ("-p", "Error: -p argument given but no port specified.", "\n\n\n"),
        ("--topic", "Error: -t argument given but no topic specified.", "\n\n\n"),
        ("-V", "Error: --protocol-version argument given but no version specified.", "\n\n\n"),
        ("-M", "Error: -M argument given but max_inflight not specified.", "\n\n\n"),
        ("-D publish", "Error: --property argument given but not enough arguments specified.", "\n\n\n"),
        ("-p 65536", "Error: Invalid port given: 65536", "\n\n"),
        ("-p -1", "Error: Invalid port given: -1", "\n\n"),
        ("-q 3", "Error: Invalid QoS given: 3", "\n\n"),
        ("--will-qos 3", "Error: Invalid will QoS 3.", "\n\n\n"),
        ("-k 4", "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.", "\n\n\n"),
        ("-M 0", "Error: Maximum inflight messages must be greater than 0.", "\n\n\n"),
        ("-V 4", "Error: Invalid protocol version argument given.", "\n\n\n"),
        ("--repeat 0", "Error: --repeat argument must be >0.", "\n\n\n"),
        ("--repeat-delay -1", "Error: --repeat-delay argument must be >=0.0.", "\n\n\n"),
        ("-x 1x", "Error: session-expiry-interval not a number.", "\n\n\n"),
        ("-x -2", "Error: session-expiry-interval out of range.", "\n\n\n"),
        ("-x 4294967296", "Error: session-expiry-interval out of range.", "\n\n\n"),
        ("-i a -I b", "Error: -i and -I argument cannot be used together.", "\n\n\n"),
        ("-m a -n", "Error: Only one type of message can be sent at once.", "\n\n\n"),
        ("-t a/#", "Error: Invalid publish topic 'a/#', does it contain '+' or '#'?", "\n\n"),
        ("-t ''", "Error: Invalid publish topic '', does it contain '+' or '#'?", "\n\n"),
        ("--topic=a", "Error: Unknown option '--topic=a'.", "\n\n"),
        ("-C 1", "Error: Unknown option '-C'.", "\n\n"),
        ("stray", "Error: Unknown option 'stray'.", "\n\n"),
        ("-t a -n --will-payload x", "Error: Will payload given, but no will topic given.", "\n\n"),
        ("-t a -n --will-retain", "Error: Will retain given, but no will topic given.", "\n\n"),
        (
            "-t a -n --cert x",
            "Error: Both certfile and keyfile must be provided if one of them is set.",
            "\n\n",
        ),
        ("-t a -n --keyform pem", "Error: If keyform is set, keyfile must be also specified.", "\n\n"),
        ("-t a -n --psk aa", "Error: --psk-identity required if --psk used.", "\n\n"),
        (
            "-t a -n --psk aa --cafile x",
            "Error: Only one of --psk or --cafile/--capath may be used at once.",
            "\n\n",
        ),
        ("-t a -n -c", "Error: You must provide a client id if you are using the -c option.", "\n\n"),
        (
            "-t a -n -c -V 5",
            "Error: You must provide a client id if you are using an infinite session expiry interval.",
            "\n\n",
        ),
        (
            "-t a -n -x -1",
            "Error: You must provide a client id if you are using an infinite session expiry interval.",
            "\n\n",
        ),
    ] {
        assert_eq!(wrong(Tool::Publish, line), format!("{text}{blank}{POINTER}"), "{line}");
    }
}

#[test]
fn some_faults_stand_alone() {
    for (tool, line, text) in [
        (Tool::Publish, "-t a -n -i ''", "Error: Invalid id."),
        (Tool::Subscribe, "-t a -i ''", "Error: Invalid id and/or clean_session."),
        (Tool::Publish, "-t a -n -P x", "Error: Problem setting username and/or password."),
        (Tool::Publish, "-t a", "Error: Both topic and message must be supplied."),
        (
            Tool::Subscribe,
            "-t a -R --retained-only",
            "\nError: Combining '-R' and '--retained-only' makes no sense.",
        ),
        (
            Tool::Publish,
            "-t a -n --tls-version x",
            "Error: Problem setting TLS options, check the options are valid.",
        ),
        (
            Tool::Publish,
            "-t a -f missing",
            "Error: Unable to read file \"missing\": No such file.\nError loading input file \"missing\".",
        ),
    ] {
        assert_eq!(wrong(tool, line), text, "{line}");
    }
    let usage = parse_line(Tool::Publish, "-m x").unwrap_err().usage.unwrap();
    assert!(usage.starts_with("mosquitto_pub "), "{usage}");
    // A password alone is MQTT 5's.
    assert!(publish("-t a -n -P x -V 5").connection.login.password.is_some());
}

#[test]
fn the_others_have_faults_of_their_own() {
    for (tool, line, text) in [
        (
            Tool::Subscribe,
            "",
            "Error: You must specify a topic to subscribe to (-t) or unsubscribe from (-U).",
        ),
        (Tool::Subscribe, "-C 0", "Error: Invalid message count \"0\"."),
        (Tool::Subscribe, "-W x", "Error: Invalid timeout \"0\"."),
        (
            Tool::Subscribe,
            "-t a#",
            "Error: Invalid subscription topic 'a#', are all '+' and '#' wildcards correct?",
        ),
        (
            Tool::Subscribe,
            "-T a#",
            "Error: Invalid filter topic 'a#', are all '+' and '#' wildcards correct?",
        ),
        (
            Tool::Subscribe,
            "-U a#",
            "Error: Invalid unsubscribe topic 'a#', are all '+' and '#' wildcards correct?",
        ),
        (Tool::Subscribe, "--random-filter 0", "Error: --random-filter chance must be between 0.1-100.0"),
        (Tool::Subscribe, "--retain-handling x", "Error: Unknown value 'x' for --retain-handling."),
        (Tool::Request, "-t a -n", "Error: All of topic, message, and response topic must be supplied."),
        (Tool::Request, "-e a/+", "Error: Invalid response topic 'a/+', does it contain '+' or '#'?"),
        (Tool::Request, "-l", "Error: Unknown option '-l'."),
    ] {
        let told = wrong(tool, line);
        assert_eq!(told.split("\n\n").next(), Some(text), "{line}");
        assert!(told.ends_with(&pointer_to_help(tool)), "{line}");
    }
    // -U is enough on its own.
    assert_eq!(subscribe("-U a").unsubscribe.len(), 1);
}

#[test]
fn help_and_version_act_when_they_are_reached() {
    let text = |line: &str| match parse_line(Tool::Subscribe, line) {
        Ok(Called::Text(text)) => text,
        other => panic!("{line}: {other:?}"),
    };
    assert!(text("-t a --version -p").starts_with("mosquitto_sub version 2.1.2 running on "));
    let help = text("--help --bogus");
    assert_eq!(help.lines().nth(1).unwrap().split(" running").next(), Some("mosquitto_sub version 2.1.2"));
    assert!(wrong(Tool::Subscribe, "--bogus --help").starts_with("Error: Unknown option '--bogus'."));
    for tool in Tool::ALL {
        let help = help::usage(tool);
        let help = help.split_once("Options:").unwrap().1;
        for definition in Definition::of_tool(tool) {
            let name = if definition.long.is_empty() { definition.short } else { definition.long };
            let at = help.find(&format!(" {name} ")).unwrap_or_else(|| panic!("{tool:?} {name}"));
            let line = help.get(at..).unwrap().lines().take(2).collect::<String>();
            // Every option has a text.
            assert!(line.split_whitespace().count() > 3, "{tool:?} {name}: {line}");
        }
    }
}

#[test]
fn an_options_file_comes_first_and_has_the_same_rules() {
    let parse = |args: &str| {
        let line = |(index, text): (usize, &str)| OptionLine { number: index + 1, words: words(text) };
        let lines = ["-t f", "-q 1", "-m x"].into_iter().enumerate().map(line).collect();
        parse(Tool::Publish, lines, words(args), &Known)
    };
    match parse("-q 2") {
        Ok(Called::Run(Request::Publish(args))) => {
            assert_eq!((&*args.topic[0], args.qos), ("f", Some(QoS::ExactlyOnce)));
        }
        other => panic!("{other:?}"),
    }
    let told = parse("-n").unwrap_err();
    assert!(told.text.starts_with("Error: Only one type of message"), "{}", told.text);
    assert_eq!(told.line, None);
}

#[test]
fn a_line_of_an_options_file_without_a_value_has_none() {
    let lines = ["-t f", "-u", "-P p"].into_iter().enumerate();
    let lines = lines.map(|(index, text)| OptionLine { number: index + 4, words: words(text) }).collect();
    let told = parse(Tool::Subscribe, lines, Vec::new(), &Known).unwrap_err();
    assert!(told.text.starts_with("Error: -u argument given but no username specified."), "{}", told.text);
    assert_eq!(told.line, Some(5));
}

#[test]
fn of_two_faults_the_one_is_told_that_the_clients_tell() {
    for (tool, line, text) in [
        (Tool::Subscribe, "-F % -q 3", "Error: Incomplete format specifier."),
        (Tool::Subscribe, "-q 3 -F %", "Error: Invalid QoS given: 3"),
        (Tool::Publish, "--tls-version x -q 3", "Error: Invalid QoS given: 3"),
        (Tool::Publish, "--tls-version x -t a", "Error: Both topic and message must be supplied."),
        (
            Tool::Publish,
            "-t a -n --tls-version x",
            "Error: Problem setting TLS options, check the options are valid.",
        ),
        (
            Tool::Publish,
            "-t a -n --tls-version x --cafile missing",
            "Error: Problem setting TLS options: File not found.",
        ),
        (Tool::Publish, "-t a -n --tls-version x -P p", "Error: Problem setting username and/or password."),
        (Tool::Publish, "-f missing", "Error: Unable to read file \"missing\": No such file."),
        (Tool::Publish, "-t a -f closed -i ''", "Error: Unable to read file \"closed\": Permission denied."),
        (
            Tool::Publish,
            "-f missing -c",
            "Error: You must provide a client id if you are using the -c option.",
        ),
        (Tool::Request, "-f missing", "Error: Unable to read file \"missing\": No such file."),
        (Tool::Publish, "-D publish topic-alias 0 -t a", "Error: Both topic and message must be supplied."),
        (Tool::Publish, "-m x -m", "Error: Only one type of message can be sent at once."),
        (Tool::Publish, "-m x -m y", "Error: Only one type of message can be sent at once."),
        (Tool::Publish, "-I x -i", "Error: -i and -I argument cannot be used together."),
        (Tool::Publish, "-i x -I", "Error: -i and -I argument cannot be used together."),
        (Tool::Publish, "-?", "Error: Unknown option '-?'."),
    ] {
        assert_eq!(wrong(tool, line).lines().next(), Some(text), "{line}");
    }
    // The last one counts.
    let tls = publish("-t a -n --tls-version x --tls-version tlsv1.3").connection.tls;
    assert_eq!(tls.tls_version, Some(crate::cli::values::TlsMinimum::Tls13));
}

#[test]
fn the_last_source_of_the_password_counts() {
    for (line, source) in [
        ("-P p --password-file f", "file"),
        ("--password-file f --password-command c", "command"),
        ("--password-command c -P p", "word"),
        ("--password-file f -L mqtt://u:p@h/t", "word"),
    ] {
        let login = publish(&format!("-t a -n -u u {line}")).connection.login;
        let given = [
            (login.password.is_some(), "word"),
            (login.password_file.is_some(), "file"),
            (login.password_command.is_some(), "command"),
        ];
        let given: Vec<&str> = given.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
        assert_eq!(given, [source], "{line}");
        assert_eq!(login.username.as_deref(), Some("u"), "{line}");
    }
    for option in ["--password-file f", "--password-command c"] {
        assert_eq!(
            wrong(Tool::Subscribe, &format!("-t a {option}")),
            "Error: Problem setting username and/or password.",
            "{option}"
        );
    }
}

#[test]
fn the_options_file_is_found_among_options_only() {
    let file = |line: &str| options_file(Tool::Publish, &words(line));
    assert_eq!(file("-t a -o f -m x"), Ok(Some("f".into())));
    assert_eq!(file("-t a -m -o"), Ok(None));
    assert_eq!(file("-D publish user-property -o f -o g"), Ok(Some("g".into())));
    assert!(file("-o a -o b").unwrap_err().text.starts_with("Error: Duplicate -o argument given."));
    assert!(
        file("-o").unwrap_err().text.starts_with("Error: -o argument given but no options file specified.")
    );
}

#[test]
fn repetition_says_nothing_for_lines() {
    let args = publish("-t a -l --repeat 3 --repeat-delay 1.5x");
    assert!(args.stdin_line && args.repeat.is_none() && args.repeat_delay.is_none());
    let args = publish("-t a -n --repeat 3 --repeat-delay 1.5x");
    assert_eq!(args.repeat_delay.map(|span| span.0.as_secs_f64()), Some(1.5));
}
