//! The exit-status table: each row that can be caused is, by `mqt pub` and by `mqt sub` where both can.

use std::collections::BTreeMap;

use mqt::error::{EXIT_STATUS, Kind};

use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::{Reserved, Scripted};
use crate::support::wire::Wire;

/// How a row comes about.
enum Cause {
    /// By the options alone, `%` being the port of nobody.
    Options(&'static [&'static str]),
    /// By a broker: the options, its answer to CONNECT, and what it says to the first packet after that. `II` is
    /// the identifier of that packet.
    Broker(&'static [&'static str], &'static str, &'static str),
}

use Cause::{Broker, Options};

const OK: &str = "20 (00 00 00)";
const PUBLISH: &[&str] = &["-t", "a", "-m", "x", "-q", "1"];
const SUBSCRIBE: &[&str] = &["-t", "a"];

/// The kind (`None`: success), the command, and the cause.
const CASES: &[(Option<Kind>, &str, Cause)] = &[
    (None, "pub", Broker(PUBLISH, OK, "40 02 II")),
    (None, "sub", Broker(&["-t", "a", "-E"], OK, "90 (II 00 00)")),
    (Some(Kind::Usage), "pub", Options(&["-t", "a/#", "-m", "x"])),
    (Some(Kind::Usage), "sub", Options(&["-t", "a#"])),
    (Some(Kind::Protocol), "pub", Broker(PUBLISH, "20 (00 00 00)", "F1 00")),
    (Some(Kind::Protocol), "sub", Broker(SUBSCRIBE, "20 (02 00 00)", "")),
    (Some(Kind::Unavailable), "pub", Broker(PUBLISH, "20 (00 88 00)", "")),
    (Some(Kind::Unavailable), "sub", Broker(SUBSCRIBE, "20 (00 88 00)", "")),
    (Some(Kind::Login), "pub", Broker(PUBLISH, "20 (00 86 00)", "")),
    (Some(Kind::Login), "sub", Broker(SUBSCRIBE, "20 (00 86 00)", "")),
    (Some(Kind::Auth), "pub", Broker(PUBLISH, "20 (00 87 00)", "")),
    (Some(Kind::Auth), "sub", Broker(SUBSCRIBE, "20 (00 87 00)", "")),
    (Some(Kind::Lost), "pub", Broker(PUBLISH, OK, "E0 01 98")),
    (Some(Kind::Lost), "sub", Broker(SUBSCRIBE, OK, "E0 01 8E")),
    (Some(Kind::Tls), "pub", Broker(&["-t", "a", "-m", "x", "--tls"], OK, "")),
    (Some(Kind::Tls), "sub", Broker(&["-t", "a", "--tls"], OK, "")),
    (Some(Kind::Denied), "pub", Broker(PUBLISH, OK, "40 (II 87)")),
    (Some(Kind::Denied), "sub", Broker(SUBSCRIBE, OK, "90 (II 00 87)")),
    (Some(Kind::Connect), "pub", Options(&["-t", "a", "-m", "x", "-p", "%"])),
    (Some(Kind::Connect), "sub", Options(&["-t", "a", "-p", "%"])),
    (Some(Kind::Stalled), "pub", Broker(&["-t", "a", "-m", "x", "-q", "1", "-k", "1"], OK, "")),
    (Some(Kind::Stalled), "sub", Broker(&["-t", "a", "-k", "1"], OK, "")),
    (Some(Kind::Lookup), "pub", Options(&["-t", "a", "-m", "x", "-h", "nobody.invalid"])),
    (Some(Kind::Lookup), "sub", Options(&["-t", "a", "-h", "nobody.invalid"])),
    (Some(Kind::Unsupported), "pub", Broker(PUBLISH, "20 (00 00 (24 00))", "")),
    (Some(Kind::Unsupported), "sub", Broker(&["-t", "a/#"], "20 (00 00 (28 00))", "")),
    (Some(Kind::TooLarge), "pub", Broker(PUBLISH, "20 (00 00 (27 00000006))", "")),
    (
        Some(Kind::TooLarge),
        "sub",
        Broker(&["-t", "a", "--max-message", "20"], OK, "30 (`a` 00 'abcdefghijklmnopqrst')"),
    ),
    (Some(Kind::Timeout), "pub", Broker(&["-t", "a", "-m", "x", "--connect-timeout", "200ms"], "", "")),
    (Some(Kind::Timeout), "sub", Broker(&["-t", "a", "-W", "200ms"], OK, "")),
    // A message of QoS 0, and an end that is not in order.
    (Some(Kind::Partial), "pub", Broker(&["-t", "a", "-m", "x"], OK, "RST")),
    #[cfg(target_os = "linux")]
    (Some(Kind::Output), "sub", Broker(SUBSCRIBE, OK, "90 (II 00 00) 30 (`a` 00 'x')")),
];

/// Rows and commands without a case, and why.
const WITHOUT: &[(Kind, &[&str], &str)] = &[
    (Kind::Bug, &["pub", "sub"], "there is no way to cause a defect on purpose"),
    (Kind::Verdict, &["pub", "sub"], "only mqt bench judges, and its tests cause it"),
    (Kind::Output, &["pub"], "it writes nothing to standard output"),
    (Kind::Partial, &["sub"], "it publishes nothing whose fate could be unknown"),
    #[cfg(not(target_os = "linux"))]
    (Kind::Output, &["sub"], "there is no device that is always full"),
];

fn run(command: &str, cause: &Cause) -> Outcome {
    let nobody = Reserved::new();
    let base = |options: &[&str]| {
        let port = nobody.port().to_string();
        let options =
            options.iter().map(|option| if *option == "%" { port.clone() } else { (*option).to_owned() });
        Mqt::new([command]).args(options)
    };
    match cause {
        Options(options) => {
            let mqt = base(options);
            if options.contains(&"-h") { mqt.run() } else { mqt.args(["-h", "127.0.0.1"]).run() }
        }
        Broker(options, connack, answer) => {
            let listener = Scripted::listen();
            let mut mqt = base(options).args([
                "-h",
                "127.0.0.1",
                "-p",
                &listener.port().to_string(),
                "-V",
                "5",
                "--no-reconnect",
            ]);
            if command == "sub" && answer.contains("90 (II 00 00) 30") {
                let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
                mqt = mqt.stdout_to(full);
            }
            let running = mqt.start();
            let mut peer = listener.accept();
            // A TLS client says hello, which is no packet.
            if options.contains(&"--tls") {
                peer.receive(5);
            } else {
                assert_eq!(peer.packet()[0], 0x10);
            }
            peer.send(connack);
            play(peer, answer);
            running.wait()
        }
    }
}

/// Answers the first packet, then waits for the end.
fn play(mut peer: Wire, answer: &str) {
    if answer == "RST" {
        peer.packet();
        return peer.reset();
    }
    if !answer.is_empty() {
        let packet = peer.packet();
        let at = if packet[0] & 0xF0 == 0x30 { 2 + 2 + usize::from(packet[3]) } else { 2 };
        let id = format!("{:02x}{:02x}", packet[at], packet[at + 1]);
        peer.send(&answer.replace("II", &id));
    }
    peer.drain();
}

#[test]
fn each_row_that_can_be_caused_has_its_status_and_keyword() {
    for (kind, command, cause) in CASES {
        let outcome = run(command, cause);
        let row = EXIT_STATUS.iter().find(|row| row.kind == *kind).unwrap();
        assert_eq!(outcome.code(), Some(row.code.into()), "{kind:?} of mqt {command}\n{outcome}");
        let errors = outcome.stderr().matches("error[").count();
        assert_eq!(errors, usize::from(kind.is_some()), "{kind:?} of mqt {command}\n{outcome}");
    }
}

#[test]
fn each_row_has_a_case_or_a_reason() {
    let mut covered: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for (kind, command, _) in CASES {
        let row = EXIT_STATUS.iter().find(|row| row.kind == *kind).unwrap();
        *covered.entry((row.code, command)).or_default() += 1;
    }
    for (kind, commands, why) in WITHOUT {
        assert!(!why.is_empty());
        for command in *commands {
            let before = covered.insert((kind.code(), command), 1);
            assert_eq!(before, None, "{kind:?} of mqt {command} has a case");
        }
    }
    for row in EXIT_STATUS {
        for command in ["pub", "sub"] {
            assert!(
                covered.contains_key(&(row.code, command)),
                "{} of mqt {command} is not tested",
                row.keyword
            );
        }
    }
}
