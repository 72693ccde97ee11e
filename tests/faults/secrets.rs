//! Passwords: where they may come from, that they reach the broker, and that they show nowhere.

use super::CONNACK;
#[cfg(unix)]
use super::{CONNACK_311, publish, subscribe};
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::Scripted;
use crate::support::wire::{bytes, hex};

const CANARY: &str = "CANARY-5f0c31f2-91d4";

/// Runs, answers, and holds that the canary is in CONNECT and in nothing that was printed.
#[track_caller]
fn assert_logs_in(mqt: Mqt, listener: &Scripted, answers: &[&str]) -> Outcome {
    let running =
        mqt.args(["-p", &listener.port().to_string(), "-d", "--summary", "-i", "me"]).start_with_stdin();
    for answer in answers {
        let (mut peer, connect) = listener.accept_connect();
        let expected = format!("10 (`MQTT` 05 C2 003C 00 `me` `joe` `{CANARY}`)");
        assert_eq!(hex(&connect), hex(&bytes(&expected)));
        peer.send(answer);
        if *answer == CONNACK {
            peer.packet();
            peer.goodbye();
        }
    }
    let outcome = running.join().unwrap();
    assert_silent(&outcome);
    outcome
}

#[track_caller]
fn assert_silent(outcome: &Outcome) {
    for stream in [&outcome.stdout, &outcome.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains(CANARY) && !text.contains(&hex(CANARY.as_bytes())), "{outcome}");
    }
}

fn one_message() -> Mqt {
    Mqt::new(["pub", "-h", "127.0.0.1", "-t", "a", "-m", "x"])
}

#[test]
fn a_password_may_come_from_many_places() {
    let login = || one_message().args(["-u", "joe"]);
    let listener = Scripted::listen();
    let accepted = |mqt: Mqt| {
        let outcome = assert_logs_in(mqt, &listener, &[CONNACK]);
        outcome.assert_code(0).assert_stderr_has("***");
    };
    accepted(login().args(["-P", CANARY]));
    accepted(login().args(["--pw", CANARY]));
    accepted(login().env("MQT_PASSWORD", CANARY));
    accepted(login().arg("--password-stdin").stdin(format!("{CANARY}\n")));
    accepted(login().arg("--password-stdin").stdin(CANARY));
    for end in ["", "\n", "\r\n"] {
        let mqt = login().arg("--password-file");
        let path = mqt.home_file("secret", format!("{CANARY}{end}"));
        accepted(mqt.arg(path));
    }
    #[cfg(unix)]
    accepted(login().args(["--password-command", &format!("echo {CANARY}")]));
    let profile = one_message().args(["--profile", "p"]);
    profile.home_file(
        ".config/mqt/config.toml",
        format!("[profile.p]\nusername = \"joe\"\npassword = \"{CANARY}\"\n"),
    );
    accepted(profile);
}

#[test]
fn a_password_in_the_url_is_redacted() {
    for command in ["pub", "sub"] {
        let listener = Scripted::listen();
        let url = format!("mqtt://joe:{CANARY}@127.0.0.1:{}", listener.port());
        let mut mqt = Mqt::new([command, "-L", &url, "-t", "a", "-d", "-i", "me", "--no-reconnect"]);
        if command == "pub" {
            mqt = mqt.args(["-m", "x", "-q", "1"]);
        }
        let running = mqt.start();
        let (mut peer, connect) = listener.accept_connect();
        let expected = format!("10 (`MQTT` 05 C2 003C 00 `me` `joe` `{CANARY}`)");
        // A subscriber adds its receive maximum.
        if command == "pub" {
            assert_eq!(hex(&connect), hex(&bytes(&expected)));
        } else {
            assert!(connect.ends_with(CANARY.as_bytes()));
        }
        peer.send(CONNACK);
        peer.packet();
        drop(peer);
        let outcome = running.wait();
        outcome.assert_code(7).assert_stderr_has("error[lost]: ");
        assert_silent(&outcome);
    }
}

#[test]
fn every_way_to_fail_keeps_the_secret() {
    for answer in ["20 (00 86 00)", "20 (00 87 00)", "20 (00 01)", "", "30 00", "F0 00"] {
        let listener = Scripted::listen();
        let outcome =
            assert_logs_in(one_message().args(["-u", "joe", "-P", CANARY, "-V", "5"]), &listener, &[answer]);
        assert_ne!(outcome.code(), Some(0));
    }
    for options in [
        &["-h", "nobody.invalid"][..],
        &["-L", &format!("mqtt://joe:{CANARY}@127.0.0.1:1"), "--password-file", "/nonexistent"],
        &["-L", &format!("mqtt://joe:{CANARY}@:x")],
        &["-L", &format!("nope://joe:{CANARY}@host")],
        &["-u", "joe", "-P", CANARY, "--password-file", "/nonexistent"],
    ] {
        let outcome =
            Mqt::new(["pub", "-t", "a", "-n", "-d"]).args(options).env("MQT_PASSWORD", CANARY).run();
        assert_ne!(outcome.code(), Some(0));
        assert_silent(&outcome);
    }
    let proxy = format!("http://joe:{CANARY}@127.0.0.1:1");
    let outcome = one_message().args(["--proxy", &proxy, "-d"]).run();
    outcome.assert_code(14);
    assert_silent(&outcome);
    let header = format!("Authorization: Bearer {CANARY}");
    let outcome =
        Mqt::new(["pub", "-L", "ws://127.0.0.1:1/mqtt", "-t", "a", "-n", "-d", "--ws-header", &header]).run();
    outcome.assert_code(14);
    assert_silent(&outcome);
}

/// A token that expires: the command is run again for each connection.
#[cfg(unix)]
#[test]
fn a_password_command_is_asked_again_at_each_connect() {
    let listener = Scripted::listen();
    let mqt = subscribe(listener.port()).args(["-t", "a", "-u", "joe", "-V", "311", "-d"]);
    let count = mqt.home_file("count", "");
    let command = format!("echo x >> '{0}'; echo {CANARY}-$(wc -l < '{0}' | tr -d ' ')", count.display());
    let running = mqt.args(["--password-command", &command]).start();
    for number in 1..=3 {
        let (mut peer, connect) = listener.accept_connect();
        assert!(connect.ends_with(format!("{CANARY}-{number}").as_bytes()), "{}", hex(&connect));
        peer.send(if number < 3 { CONNACK_311 } else { "20 (00 05)" });
        if number < 3 {
            peer.packet();
        }
    }
    let outcome = running.wait();
    outcome.assert_code(5);
    assert_silent(&outcome);
}

/// It is not the address that is to blame.
#[cfg(unix)]
#[test]
fn a_password_command_that_hangs_is_told() {
    let listener = Scripted::listen();
    publish(listener.port())
        .args(["-t", "a", "-n", "-u", "joe", "--connect-timeout", "50ms"])
        .args(["--password-command", "exec sleep 600"])
        .run()
        .assert_code(1)
        .assert_stderr_has("error[config]: the password command did not end in the time for a connect");
    assert_eq!(listener.connections(), 0);
}

#[cfg(unix)]
#[test]
fn a_password_command_that_fails_is_told() {
    let listener = Scripted::listen();
    for (command, why) in
        [("exit 3", "exit status: 3"), ("true", "printed nothing"), ("/nonexistent", "failed")]
    {
        let outcome = publish(listener.port())
            .args(["-t", "a", "-n", "-u", "joe", "--password-command", command])
            .run();
        outcome
            .assert_code(1)
            .assert_stderr_has("error[config]: the password command")
            .assert_stderr_has(why);
    }
    assert_eq!(listener.connections(), 0);
}
