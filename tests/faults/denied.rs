//! Denials and limits: F-40 to F-49.

use super::{CONNACK, CONNACK_311, assert_packets, grant, publish, sent, subscribe, summary};
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::Scripted;
use crate::support::wire::{Wire, bytes};

/// A subscriber whose filters are answered with these codes, in hexadecimal; what it does then.
#[track_caller]
fn answered(options: &[&str], granted: &str, then: impl FnOnce(&mut Wire)) -> Outcome {
    let listener = Scripted::listen();
    let running = subscribe(listener.port()).args(options).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, granted);
    then(&mut peer);
    drop(peer);
    running.wait()
}

fn ends(peer: &mut Wire) {
    peer.goodbye();
}

fn one_message(peer: &mut Wire) {
    peer.send("30 (`b` 00 'x')");
    peer.goodbye();
}

#[test]
fn f40_all_subscriptions_denied() {
    let outcome = answered(&["-t", "a/#"], "87", ends);
    outcome.assert_code(12).assert_stderr_has("error[denied]: subscribe \"a/#\": not authorized (0x87)");
    answered(&["-t", "a/#", "-t", "b"], "87 80", ends).assert_code(12);
    // 3.1.1 knows one code.
    let listener = Scripted::listen();
    let running = subscribe(listener.port()).args(["-t", "a", "-V", "311"]).start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    let subscribe = peer.packet();
    peer.send_bytes(&[0x90, 3, subscribe[2], subscribe[3], 0x80]);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(12).assert_stderr_has("error[denied]: subscribe \"a\"");
}

#[test]
fn f41_one_of_two_denied() {
    let options = ["-t", "a", "-t", "b", "-C", "1"];
    let outcome = answered(&options, "87 00", one_message);
    outcome.assert_code(0).assert_stdout("x\n").assert_stderr_has("warning[denied]: subscribe \"a\"");
    let strict = ["-t", "a", "-t", "b", "-C", "1", "--strict"];
    answered(&strict, "87 00", ends).assert_code(12).assert_stderr_has("error[denied]: subscribe \"a\"");
}

#[test]
fn f42_less_granted_than_asked() {
    let outcome = answered(&["-t", "b", "-q", "2", "-C", "1"], "00", one_message);
    outcome.assert_code(0).assert_stderr_has("note[qos]: \"b\": asked for QoS 2, granted 0");
    answered(&["-t", "b", "-q", "2", "--strict"], "01", ends)
        .assert_code(24)
        .assert_stderr_has("error[qos]: ");
}

#[test]
fn subscriptions_that_the_broker_has_not() {
    for (connack, filter) in [("2A 00", "$share/g/a"), ("28 00", "a/#")] {
        let listener = Scripted::listen();
        let running = subscribe(listener.port()).args(["-t", filter]).start();
        let mut peer = listener.accept_and_say(&format!("20 (00 00 ({connack}))"));
        ends(&mut peer);
        drop(peer);
        running.wait().assert_code(24).assert_stderr_has("error[unsupported]: subscribe ");
    }
}

/// A publisher that meets these answers, one for each packet that it sends.
#[track_caller]
fn published(mqt: Mqt, connack: &str, script: &[(&str, &str)]) -> Outcome {
    published_at(mqt.args(["--summary=json"]), Scripted::listen(), connack, script)
}

#[track_caller]
fn published_at(mqt: Mqt, listener: Scripted, connack: &str, script: &[(&str, &str)]) -> Outcome {
    let running = mqt.args(["-p", &listener.port().to_string()]).start_with_stdin();
    let mut peer = listener.accept_and_say(connack);
    for (expected, answer) in script {
        peer.expect(expected);
        peer.send(answer);
    }
    peer.goodbye();
    drop(peer);
    running.join().unwrap()
}

fn to(options: &[&str]) -> Mqt {
    Mqt::new(["pub", "-h", "127.0.0.1"]).args(options)
}

#[test]
fn f43_a_denied_publish() {
    let mqt = || to(&["-t", "a", "-m", "x", "-q", "1"]);
    let publish = "32 (`a` 0001 00 'x')";
    let outcome = published(mqt(), CONNACK, &[(publish, "40 (0001 87 (1F `no`))")]);
    outcome.assert_code(12).assert_stderr_has("error[denied]: publish \"a\": not authorized (0x87) \"no\"");
    assert_eq!(summary(&outcome)["denied"], 1);
    let mqt = || to(&["-t", "a", "-m", "x", "-q", "2"]);
    let publish = "34 (`a` 0001 00 'x')";
    published(mqt(), CONNACK, &[(publish, "50 (0001 87)")]).assert_code(12).assert_stderr_has("(0x87)");
    published(mqt(), CONNACK, &[(publish, "50 02 0001"), ("62 02 0001", "70 03 0001 92")]).assert_code(0);
    for (reason, code) in [("80", 12), ("83", 12), ("90", 12), ("91", 12), ("97", 12), ("99", 12)] {
        published(mqt(), CONNACK, &[(publish, &format!("50 (0001 {reason})"))]).assert_code(code);
    }
}

/// It is told by the line on which its object begins, empty lines and objects that were left out before it or not.
#[test]
fn f43_a_denied_object_is_told_by_its_line() {
    let mqt = to(&["--json", "-q", "1", "-M", "1", "--on-error=skip"])
        .stdin("\n{\n\"topic\":\"a\"}\nno JSON\n{\n\"topic\":\"b\"\n}{\"topic\":\"c\"}");
    let outcome = published(
        mqt,
        CONNACK,
        &[
            ("32 (`a` 0001 00)", "40 03 0001 87"),
            ("32 (`b` 0002 00)", "40 03 0002 87"),
            ("32 (`c` 0003 00)", "40 03 0003 87"),
        ],
    );
    outcome.assert_code(1).assert_stderr_has("error[json]: line 4: not a JSON object");
    for place in ["publish \"a\" (line 2)", "publish \"b\" (line 5)", "publish \"c\" (line 7)"] {
        outcome.assert_stderr_has(place);
    }
}

#[test]
fn f43_lines_go_on_after_a_denied_one() {
    // With a reason code it is 12 either way; only what was refused by closing alone becomes 30.
    for options in [&[][..], &["--on-error=skip"]] {
        let mqt = to(&["-t", "a", "-l", "-q", "1", "-M", "1"]).args(options).stdin("x\ny\nz\n");
        let outcome = published(
            mqt,
            CONNACK,
            &[
                ("32 (`a` 0001 00 'x')", "40 02 0001"),
                ("32 (`a` 0002 00 'y')", "40 03 0002 87"),
                ("32 (`a` 0003 00 'z')", "40 02 0003"),
            ],
        );
        outcome
            .assert_code(12)
            .assert_stderr_has("error[denied]: publish \"a\" (line 2): not authorized (0x87)");
        outcome.assert_stderr_has("error[denied]: 1 of 3 messages not published");
        let summary = summary(&outcome);
        assert_eq!(["asked", "confirmed", "denied"].map(|name| summary[name].as_u64().unwrap()), [3, 2, 1]);
    }
}

#[test]
fn f45_nobody_has_subscribed() {
    let script = [("32 (`a` 0001 00 'x')", "40 03 0001 10")];
    published(to(&["-t", "a", "-m", "x", "-q", "1"]), CONNACK, &script).assert_code(0);
    let outcome = published(to(&["-t", "a", "-m", "x", "-q", "1", "--require-subscriber"]), CONNACK, &script);
    outcome.assert_code(12).assert_stderr_has("error[no-subscriber]: ");
    let script = [("34 (`a` 0001 00 'x')", "50 03 0001 10"), ("62 02 0001", "70 02 0001")];
    published(to(&["-t", "a", "-m", "x", "-q", "2"]), CONNACK, &script).assert_code(0);
    published(to(&["-t", "a", "-m", "x", "-q", "2", "--require-subscriber"]), CONNACK, &script)
        .assert_code(12);
}

/// F-46: the broker's largest packet is 20 bytes.
#[test]
fn f46_larger_than_the_broker_allows() {
    let connack = "20 (00 00 (27 00000014))";
    let long = "x".repeat(30);
    for qos in ["0", "1", "2"] {
        let outcome = published(to(&["-t", "a", "-m", &long, "-q", qos]), connack, &[]);
        let size = if qos == "0" { 36 } else { 38 };
        outcome.assert_code(25).assert_stderr_has(&format!(
            "error[too-large]: publish \"a\": {size} bytes, the broker allows 20"
        ));
    }
    let mqt = to(&["-t", "a", "-l", "-q", "1"]).stdin(format!("x\n{long}\nz\n"));
    let outcome = published(
        mqt,
        connack,
        &[("32 (`a` 0001 00 'x')", "40 02 0001"), ("32 (`a` 0002 00 'z')", "40 02 0002")],
    );
    outcome.assert_code(25).assert_stderr_has("(line 2)");
    let summary = summary(&outcome);
    assert_eq!(["asked", "confirmed", "denied"].map(|name| summary[name].as_u64().unwrap()), [3, 2, 1]);
}

#[test]
fn f47_qos_and_retain_that_the_broker_has_not() {
    let none = "20 (00 00 (24 00))";
    let outcome = published(to(&["-t", "a", "-m", "x", "-q", "1"]), none, &[]);
    outcome.assert_code(24).assert_stderr_has("error[unsupported]: ").assert_stderr_has("--downgrade-qos");
    published(to(&["-t", "a", "-m", "x", "-q", "1", "--downgrade-qos"]), none, &[("30 (`a` 00 'x')", "")])
        .assert_code(0);
    let script = [("32 (`a` 0001 00 'x')", "40 02 0001")];
    let one = "20 (00 00 (24 01))";
    published(to(&["-t", "a", "-m", "x", "-q", "2"]), one, &[]).assert_code(24);
    published(to(&["-t", "a", "-m", "x", "-q", "2", "--downgrade-qos"]), one, &script).assert_code(0);
    let outcome = published(to(&["-t", "a", "-m", "x", "-r"]), "20 (00 00 (25 00))", &[]);
    outcome.assert_code(24).assert_stderr_has("error[unsupported]: ").assert_stderr_has("retain");
}

/// F-48: a file is measured before anything is read or sent.
#[test]
fn f48_a_file_that_fits_into_no_packet() {
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args(["-t", "a", "-f"]);
    let path = mqt.home_file("large", "");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(256 << 20).unwrap();
    let outcome = mqt.arg(&path).run();
    outcome.assert_code(25).assert_stderr_has("error[too-large]: ").assert_stderr_has("268435456 bytes");
    assert_eq!(listener.connections(), 0);
}

#[test]
fn f49_topics_that_are_none_are_found_before_connecting() {
    let listener = Scripted::listen();
    let long = "x".repeat(65_536);
    for topic in ["", "#", "a/#", "+", "a/+/b", "a#", &long] {
        let outcome = publish(listener.port()).args(["-t", topic, "-m", "x"]).run();
        outcome.assert_code(1).assert_stderr_has("mqt: error[topic]: ");
    }
    for filter in ["", "a#", "a/#/b", "a+", "$share//a", "$share/g", &long] {
        let outcome = subscribe(listener.port()).args(["-t", filter]).run();
        outcome.assert_code(1).assert_stderr_has("mqt: error[topic]: ");
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let topic = std::ffi::OsStr::from_bytes(b"a\xFF");
        publish(listener.port())
            .arg("-t")
            .arg(topic)
            .arg("-n")
            .run()
            .assert_code(1)
            .assert_stderr_has("UTF-8");
    }
    assert_eq!(listener.connections(), 0);
}

#[test]
fn f49_topics_that_are_unusual_are_sent() {
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args(["-t", "\u{FFFD}/\u{FEFF} ", "-n", "-V", "311"]);
    assert_packets(&sent(mqt, &listener, CONNACK_311), &["30 (`\u{FFFD}/\u{FEFF} `)"]);
    let running = publish(listener.port()).args(["-t", "a\u{7}", "-n", "-V", "311"]).start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    assert_eq!(peer.receive(6), bytes("30 (0002 'a' 07)"));
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stderr_has("warning[topic]");
}
