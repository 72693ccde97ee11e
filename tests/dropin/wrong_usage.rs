//! Wrong command lines: the exit code is that of the real programs, and the message names what is wrong.

use super::program::{Program, Programs};
use super::table::{run_all, words};
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::{Reserved, Scripted};

use Program::{Pub, Rr, Sub};

/// The program, the command line after `-h 127.0.0.1 -p PORT`, and the words that the message must have.
const LINES: &[(Program, &str, &[&str])] = &[
    // Options that are not there, also in spellings that other programs take.
    (Pub, "-t a -m x --nonsense", &["--nonsense"]),
    (Sub, "-t a --nonsense", &["--nonsense"]),
    (Rr, "-t a -e b -m x --nonsense", &["--nonsense"]),
    (Pub, "--topic=a -m x", &["--topic=a"]),
    (Pub, "-ta -m x", &["-ta"]),
    (Pub, "-dr -t a -m x", &["-dr"]),
    (Pub, "-t a -m x -- y", &["--"]),
    (Pub, "-t a -m x stray", &["stray"]),
    (Sub, "-t a ''", &["Unknown option"]),
    (Pub, "--top a -m x", &["--top"]),
    // Options of the others.
    (Pub, "-t a -m x -C 1", &["-C"]),
    (Pub, "-t a -m x -W 1", &["-W"]),
    (Pub, "-t a -m x -v", &["-v"]),
    (Sub, "-t a -m x", &["-m"]),
    (Sub, "-t a -l", &["-l"]),
    (Sub, "-t a -r", &["-r"]),
    (Sub, "-t a --repeat 2", &["--repeat"]),
    (Rr, "-t a -e b -l", &["-l"]),
    (Rr, "-t a -e b -m x -r", &["-r"]),
    (Rr, "-t a -e b -m x -C 1", &["-C"]),
    // Missing values.
    (Pub, "-t a -m", &["-m", "no message specified"]),
    (Pub, "-m x --topic", &["-t", "no topic specified"]),
    (Pub, "-t a -m x -q", &["-q", "no QoS specified"]),
    (Sub, "-t a -F", &["-F", "no format specified"]),
    (Sub, "-t a -C", &["-C", "no count specified"]),
    (Sub, "-t a -W", &["-W", "no timeout specified"]),
    (Sub, "-t a -U", &["-U", "no unsubscribe topic specified"]),
    (Sub, "-t a --filter-out", &["-T", "no topic filter specified"]),
    (Rr, "-t a -m x -e", &["-e", "no response topic specified"]),
    (Pub, "-t a -m x --will-topic", &["--will-topic", "no will topic specified"]),
    (Pub, "-t a -m x --cafile", &["--cafile", "no file specified"]),
    (Pub, "-t a -m x --proxy", &["--proxy", "no proxy url specified"]),
    (Pub, "-t a -m x -V", &["--protocol-version", "no version specified"]),
    (Pub, "-t a -m x --repeat", &["--repeat", "no count specified"]),
    (Pub, "-t a -m x -M", &["-M", "max_inflight not specified"]),
    (Pub, "-t a -m x -D publish content-type", &["--property", "not enough arguments specified"]),
    (Pub, "-t a -m x -D publish user-property k", &["--property", "not enough arguments specified"]),
    // Values that cannot be.
    (Pub, "-t a -m x -q 3", &["QoS", "3"]),
    (Pub, "-t a -m x -q -1", &["QoS", "-1"]),
    (Pub, "-t a -m x --will-topic w --will-qos 3", &["will QoS", "3"]),
    (Pub, "-t a -m x -p 65536", &["port", "65536"]),
    (Pub, "-t a -m x -p -1", &["port", "-1"]),
    (Pub, "-t a -m x -k 4", &["keepalive", "between 5 and 65535"]),
    (Sub, "-t a -k 65536", &["keepalive", "between 5 and 65535"]),
    (Pub, "-t a -m x -M 0", &["inflight", "greater than 0"]),
    (Pub, "-t a -m x -V 4", &["protocol version"]),
    (Pub, "-t a -m x -V 3.1.1", &["protocol version"]),
    (Pub, "-t a -m x -i ''", &["id"]),
    (Sub, "-t a -C 0", &["message count", "0"]),
    (Sub, "-t a -W 0", &["timeout", "0"]),
    (Rr, "-t a -e b -m x -W -1", &["timeout", "-1"]),
    (Sub, "-t a -F %", &["Incomplete format specifier"]),
    (Sub, "-t a -F @", &["Incomplete format specifier"]),
    (Sub, "-t a -F '\\'", &["Incomplete escape specifier"]),
    (Sub, "-t a -F %Z", &["Invalid format specifier", "Z"]),
    (Sub, "-t a -F '\\Z'", &["Invalid escape specifier", "Z"]),
    (Sub, "-t a --random-filter 0", &["--random-filter", "0.1-100.0"]),
    (Sub, "-t a --random-filter 101", &["--random-filter", "0.1-100.0"]),
    (Pub, "-t a -m x --repeat 0", &["--repeat", ">0"]),
    (Pub, "-t a -m x --repeat 2 --repeat-delay -1", &["--repeat-delay", ">=0.0"]),
    (Pub, "-t a -m x -x abc", &["session-expiry-interval", "not a number"]),
    (Pub, "-t a -m x -x 4294967296", &["session-expiry-interval", "out of range"]),
    // Topics and filters.
    (Pub, "-t a/# -m x", &["a/#"]),
    (Pub, "-t +/a -m x", &["+/a"]),
    (Sub, "-t a#", &["a#"]),
    (Sub, "-t #/a", &["#/a"]),
    (Sub, "-t a+/b", &["a+/b"]),
    (Sub, "-t a -T b#", &["b#"]),
    (Sub, "-t a -U b+", &["b+"]),
    (Rr, "-t a -m x -e +/b", &["+/b"]),
    (Pub, "-t a -m x --will-topic w/#", &["w/#"]),
    (Pub, "-t 'a\u{1}' -m x", &["UTF-8", "-t"]),
    (Pub, "-t 'a\u{fdd0}' -m x", &["UTF-8", "-t"]),
    (Sub, "-t 'a\u{85}'", &["UTF-8", "-t"]),
    // Properties.
    (Pub, "-t a -m x -D nonsense content-type x", &["nonsense"]),
    (Pub, "-t a -m x -D publish nonsense x", &["nonsense"]),
    (Pub, "-t a -m x -D connect content-type x", &["content-type", "connect"]),
    (Pub, "-t a -m x -D publish receive-maximum 1", &["receive-maximum", "publish"]),
    (Pub, "-t a -m x -D publish payload-format-indicator 256", &["payload-format-indicator", "256"]),
    (Pub, "-t a -m x -D publish topic-alias 65536", &["topic-alias", "65536"]),
    (Pub, "-t a -m x -D publish subscription-identifier 1", &["subscription-identifier", "publish"]),
    (Pub, "-t a -m x -D puback user-property k v", &["puback"]),
    (Pub, "-t a -m x -D publish payload-format-indicator 2", &["PUBLISH properties"]),
    (Pub, "-t a -m x -D publish content-type a -D publish content-type b", &["PUBLISH properties"]),
    (Pub, "-t a -m x -D publish response-topic a/#", &["PUBLISH properties"]),
    (Pub, "-t a -m x -D connect receive-maximum 0", &["CONNECT properties"]),
    (Rr, "-t a -m x -e b -D publish response-topic c", &["response topic"]),
    // What does not go together, and what is missing.
    (Pub, "-m x", &["topic", "message"]),
    (Pub, "-t a", &["topic", "message"]),
    (Sub, "", &["topic"]),
    (Rr, "-t a -m x", &["response topic"]),
    (Pub, "-t a -m x -n", &["Only one type of message"]),
    (Pub, "-t a -m x -m y", &["Only one type of message"]),
    (Pub, "-t a -l -s", &["Only one type of message"]),
    (Pub, "-t a -m x -i me -I pre", &["-i", "-I"]),
    (Sub, "-t a -I pre -i me", &["-i", "-I"]),
    (Sub, "-t a -R --retained-only", &["-R", "--retained-only"]),
    (Sub, "-t a -c", &["-c", "client id"]),
    (Pub, "-V 5 -t a -m x -c", &["client id"]),
    (Pub, "-t a -m x --will-payload x", &["will", "topic"]),
    (Pub, "-t a -m x --will-retain", &["will", "topic"]),
    (Pub, "-t a -m x --cafile /dev/null --cert c.pem", &["cert", "key"]),
    (Pub, "-t a -m x --psk 00 --cafile x", &["--psk", "--cafile"]),
    (Pub, "-t a -m x --psk 00", &["--psk-identity", "--psk"]),
    (Pub, "-t a -m x --keyform pem", &["key"]),
    // URLs.
    (Pub, "-L mqtt://localhost -m x", &["-L", "topic"]),
    (Pub, "-L http://localhost/a -m x", &["scheme"]),
    (Pub, "-t a -m x --proxy http://localhost", &["proxy"]),
    // Files that are not there.
    (Pub, "-t a -f /nonexistent/file", &["/nonexistent/file"]),
    (Pub, "-t a -f /", &["/"]),
    (Pub, "-t a -m x -?", &["-?"]),
    (Sub, "-t a -F % -q 3", &["Incomplete format specifier"]),
    (Rr, "-F % -q 3", &["Incomplete format specifier"]),
    (Pub, "-t a -m x --cafile /nonexistent/ca", &["TLS"]),
    (Pub, "-t a -s", &["input"]),
    (Pub, "-t a -m x -P secret", &["username and/or password"]),
];

/// What 2.1 refuses and the real programs of 2.0 do not know or take: they end with 1 there for another reason,
/// be it that nobody listens.
const LINES_OF_2_1: &[(Program, &str, &[&str])] = &[
    (Pub, "-f /nonexistent/file", &["/nonexistent/file"]),
    (Pub, "-t a -m x -o /nonexistent/file -q 3", &["QoS given: 3", "/nonexistent/file"]),
    (Pub, "-t a -m x -o /nonexistent/file", &["/nonexistent/file"]),
    (Sub, "-t a --retain-handling sometimes", &["--retain-handling", "sometimes"]),
    (Sub, "-t a --retain-handling", &["--retain-handling", "no option specified"]),
    (Pub, "-t a -m x -o", &["-o", "no options file specified"]),
    (Pub, "-t a -m x -o /dev/null -o /dev/null", &["-o"]),
    (Pub, "-t a -m x --tls-keylog", &["--tls-keylog", "no file specified"]),
    (Pub, "-t '' -m x", &["topic"]),
    (Pub, "-t a -m x -x -1", &["client id"]),
    (Pub, "-t a -m x --tls-version tlsv1.1 --cafile /dev/null", &["TLS options"]),
];

fn run(programs: &Programs, program: Program, line: &str, port: u16) -> Outcome {
    Mqt::program(programs.path(program), ["-h", "127.0.0.1", "-p", &port.to_string()]).args(words(line)).run()
}

#[test]
fn the_offending_word_is_named() {
    let programs = Programs::ours();
    let lines = [LINES, LINES_OF_2_1].concat();
    run_all(
        &lines,
        |(program, line, _)| format!("{program} {line}"),
        |(program, line, named)| {
            let peer = Scripted::listen();
            let outcome = run(&programs, *program, line, peer.port());
            outcome.assert_code(1);
            assert_eq!(peer.connections(), 0, "it connects\n{outcome}");
            for word in *named {
                outcome.assert_stderr_has(word);
            }
            assert!(!outcome.stderr().contains("panicked"), "{outcome}");
        },
    );
}

/// Lines whose messages are other ones than those of the installed programs, and why.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("-t a --random-filter 101", IN_TIME),
    ("-t a -m x -D nonsense content-type x", NAMES_IT),
    ("-t a -m x -D publish nonsense x", NAMES_IT),
    ("-t a -m x -D publish payload-format-indicator 2", IN_TIME),
    ("-t a -m x -D publish content-type a -D publish content-type b", NAMES_IT),
    ("-t a -m x -D publish response-topic a/#", IN_TIME),
    ("-t a -m x -D connect receive-maximum 0", NAMES_IT),
    ("", "2.1 takes -U alone"),
    ("-L http://localhost/a -m x", "2.1 begins with a capital"),
    ("-t a -f /nonexistent/file", "2.1 says why"),
    ("-t a -f /", "2.1 says why"),
    ("-t a -m x --cafile /nonexistent/ca", NAMES_IT),
    ("-t a", "the usage on standard output is our own text"),
    ("-m x", "the usage on standard output is our own text"),
];

const IN_TIME: &str = "2.0 does not see the fault, or not before it connects";
const NAMES_IT: &str = "it names what is wrong";

#[test]
fn the_messages_are_those_of_the_installed_programs() {
    let Some(theirs) = Programs::theirs() else { return };
    let ours = Programs::ours();
    for (line, _) in OTHER_WORDS {
        assert!(LINES.iter().any(|(_, other, _)| other == line), "no command line {line:?}");
    }
    run_all(
        LINES,
        |(program, line, _)| format!("{program} {line}"),
        |(program, line, _)| {
            let port = Reserved::new().port();
            let [theirs, ours] = [&theirs, &ours].map(|programs| run(programs, *program, line, port));
            let output = |outcome: &Outcome| [outcome.stdout.clone(), outcome.stderr.clone()].map(text);
            match OTHER_WORDS.iter().find(|(other, _)| other == line) {
                Some((_, reason)) => {
                    assert_ne!(output(&theirs), output(&ours), "no longer a difference: {reason}");
                }
                None => assert_eq!(output(&theirs), output(&ours)),
            }
            assert_eq!(theirs.code(), ours.code(), "{theirs}\n{ours}");
        },
    );
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_installed_programs_end_with_1_for_what_is_wrong_in_2_1() {
    let Some(programs) = Programs::theirs() else { return };
    run_all(
        LINES_OF_2_1,
        |(program, line, _)| format!("{program} {line}"),
        |(program, line, _)| {
            run(&programs, *program, line, Reserved::new().port()).assert_code(1);
        },
    );
}

#[test]
fn there_are_enough_wrong_lines() {
    assert!(LINES.len() >= 60, "{}", LINES.len());
}
