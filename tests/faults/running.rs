//! While it runs: F-20 to F-32.

use std::time::Duration;

use super::{CONNACK, CONNACK_311, grant, publish, subscribe, summary};
use crate::support::broker::TestBroker;
use crate::support::mqt::{Mqt, Running};
use crate::support::proxy::{FaultProxy, Pace};
use crate::support::scripted::Scripted;
use crate::support::wait_until;
use crate::support::wire::{Wire, bytes};

/// A subscriber that has its SUBACK.
fn subscribed(mqt: Mqt, listener: &Scripted) -> (Running, Wire) {
    let running = mqt.args(["-t", "#", "-q", "1", "-i", "me"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "01");
    (running, peer)
}

#[test]
fn f20_a_broker_that_restarts() {
    for empty in [false, true] {
        let mut broker = TestBroker::start();
        let port = broker.port();
        let mut subscriber = subscribe(port).args(["-t", "#", "-q", "1", "-c", "-i", "s", "-d"]).start();
        subscriber.wait_for_stderr("< SUBACK");
        let mut publisher = publish(port).args(["-t", "a", "-l", "-q", "1", "--summary=json"]).start();
        publisher.write_stdin("before\n");
        subscriber.wait_for_stdout("before");
        if empty {
            broker.restart_empty();
        } else {
            broker.restart();
        }
        subscriber.wait_for_stderr("note[back]");
        // Subscribed again: a message that is published now and then gets through.
        wait_until("a message after the restart", || {
            publisher.write_stdin("after\n");
            String::from_utf8_lossy(&subscriber.stdout_so_far()).contains("after")
        });
        let outcome = publisher.wait();
        outcome.assert_code(0).assert_stderr_has("warning[lost]").assert_stderr_has("note[back]");
        let summary = summary(&outcome);
        assert_eq!(summary["asked"], summary["confirmed"], "{outcome}");
        assert_eq!(summary["unconfirmed"], 0, "{outcome}");
        assert!(subscriber.is_running());
    }
}

#[test]
fn f23_a_broker_that_falls_silent() {
    let listener = Scripted::listen();
    let (running, mut peer) =
        subscribed(subscribe(listener.port()).args(["-k", "1", "--no-reconnect"]), &listener);
    peer.expect("C0 00");
    running.wait().assert_code(19).assert_stderr_has("error[stalled]: ");
}

#[test]
fn f25_a_broker_that_reads_no_more() {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args(["-t", "a", "-l", "-k", "1", "--no-reconnect"])
        .stdin(b"line\n".repeat(8 << 20))
        .start_with_stdin();
    let peer = listener.accept_and_say(CONNACK);
    running.join().unwrap().assert_code(19).assert_stderr_has("error[stalled]: ");
    drop(peer);
}

/// F-25, at the last: one message that the broker does not take.
#[test]
fn f25_a_broker_that_reads_no_more_at_the_end() {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args(["-t", "a", "-s", "-k", "1", "--no-reconnect", "--summary=json"])
        .stdin(vec![b'x'; 32 << 20])
        .start_with_stdin();
    let peer = listener.accept_and_say(CONNACK);
    let outcome = running.join().unwrap();
    outcome.assert_code(19).assert_stderr_has("error[stalled]: ");
    assert_eq!(summary(&outcome)["unconfirmed"], 1, "{outcome}");
    drop(peer);
}

/// F-26: what takes longer than the goodbye may take arrives all the same.
#[test]
fn f26_a_large_message_on_a_slow_link() {
    const LENGTH: usize = 24 << 20;
    let broker = TestBroker::start();
    let proxy = FaultProxy::start(broker.port());
    // About 6 MB a second.
    proxy.set_pace(Pace { delay: Duration::from_millis(10), ..Pace::default() });
    let mut receiver = subscribe(broker.port()).args(["-t", "a", "-C", "1", "-F", "%l", "-d"]).start();
    receiver.wait_for_stderr("< SUBACK");
    let sender = publish(proxy.port()).args(["-t", "a", "-s"]).stdin(vec![b'x'; LENGTH]);
    sender.run().assert_code(0).assert_stderr("");
    receiver.wait().assert_code(0).assert_stdout(format!("{LENGTH}\n"));
}

#[test]
fn f27_a_disconnect_for_good() {
    for (reason, code, error) in [
        ("98", 7, "error[disconnected]: "),
        ("00", 7, "error[disconnected]: "),
        ("87", 5, "error[disconnected]: "),
        ("95", 25, "error[disconnected]: "),
        ("81", 7, "error[disconnected]: "),
    ] {
        let listener = Scripted::listen();
        let (running, mut peer) = subscribed(subscribe(listener.port()).arg("--no-reconnect"), &listener);
        peer.send(&format!("E0 ({reason} (1F `bye`))"));
        drop(peer);
        let outcome = running.wait();
        outcome
            .assert_code(code)
            .assert_stderr_has(error)
            .assert_stderr_has(&format!("(0x{reason}) \"bye\""));
    }
}

#[test]
fn f27_a_disconnect_that_passes() {
    for reason in ["8B", "89", "97", "A0"] {
        let listener = Scripted::listen();
        let (mut running, mut peer) = subscribed(subscribe(listener.port()), &listener);
        peer.send(&format!("E0 01 {reason}"));
        drop(peer);
        let mut peer = listener.accept_and_say(CONNACK);
        grant(&mut peer, "01");
        let told = running.wait_for_stderr("warning[lost]");
        assert!(told.contains(&format!("(0x{reason})")), "{told}");
        assert!(running.is_running());
    }
}

#[test]
fn f27_a_disconnect_while_publishing_is_no_success() {
    let listener = Scripted::listen();
    let running = publish(listener.port()).args(["-t", "a", "-m", "x", "-q", "1", "--summary=json"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    peer.packet();
    peer.send("E0 01 98");
    drop(peer);
    let outcome = running.wait();
    outcome.assert_code(7).assert_stderr_has("administrative action (0x98)");
    assert_eq!(summary(&outcome)["unconfirmed"], 1, "{outcome}");
}

/// F-28, F-29: messages and the end in one segment.
#[test]
fn f28_messages_before_the_end_are_printed() {
    let messages: String = (1..=5).map(|number| format!("32 (`a` {number:04x} 00 'm{number}')")).collect();
    for (end, code) in [("", 7), ("E0 01 98", 7), ("32", 7), ("F1 00", 2)] {
        let listener = Scripted::listen();
        let (running, mut peer) = subscribed(subscribe(listener.port()).arg("--no-reconnect"), &listener);
        peer.send(&format!("{messages} {end}"));
        drop(peer);
        running.wait().assert_code(code).assert_stdout("m1\nm2\nm3\nm4\nm5\n");
    }
}

#[test]
fn f30_a_redirect_is_told_and_not_followed() {
    for reason in ["9C", "9D"] {
        let listener = Scripted::listen();
        let running = publish(listener.port()).args(["-t", "a", "-m", "x", "--retry"]).start();
        drop(listener.accept_and_say(&format!("20 (00 {reason} (1C `other.example:1883`))")));
        running.wait().assert_code(3).assert_stderr_has("other.example:1883");
        assert_eq!(listener.connections(), 1);

        let listener = Scripted::listen();
        let (running, mut peer) = subscribed(subscribe(listener.port()).arg("--retry"), &listener);
        peer.send(&format!("E0 ({reason} (1C `other.example:1883`))"));
        drop(peer);
        running.wait().assert_code(3).assert_stderr_has("other.example:1883");
        assert_eq!(listener.connections(), 1);
    }
}

/// A QoS 2 publisher on a session that the broker keeps: what it says on the second connection.
fn cut_after(steps: &[(&str, &str)], then: &[(&str, &str)]) {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args(["-t", "a", "-m", "x", "-q", "2", "-c", "-i", "me", "-V", "311", "--summary=json"])
        .start();
    let play = |peer: &mut Wire, steps: &[(&str, &str)]| {
        for (expected, answer) in steps {
            peer.expect(expected);
            peer.send(answer);
        }
    };
    let mut peer = listener.accept_and_say(CONNACK_311);
    play(&mut peer, steps);
    peer.reset();
    let mut peer = listener.accept_and_say("20 (01 00)");
    play(&mut peer, then);
    peer.goodbye();
    drop(peer);
    let outcome = running.wait();
    outcome.assert_code(0);
    let summary = summary(&outcome);
    assert_eq!(
        ["asked", "sent", "confirmed", "reconnects"].map(|name| summary[name].as_u64().unwrap()),
        [1; 4]
    );
}

/// F-32: the same identifier, DUP, and never PUBLISH after PUBREL.
#[test]
fn f32_a_cut_within_a_qos_2_flow() {
    let publish = ("34 (`a` 0001 'x')", "50 02 0001");
    let again = ("3C (`a` 0001 'x')", "50 02 0001");
    let release = ("62 02 0001", "70 02 0001");
    let silent = |(expected, _)| (expected, "");
    cut_after(&[silent(publish)], &[again, release]);
    cut_after(&[publish, silent(release)], &[release]);
}

#[test]
fn f32_a_cut_within_a_qos_1_flow() {
    let listener = Scripted::listen();
    let running = publish(listener.port()).args(["-t", "a", "-l", "-q", "1", "-V", "311", "-c", "-i", "me"]);
    let running = running.stdin("x\ny\nz\n").start_with_stdin();
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("32 (`a` 0001 'x') 32 (`a` 0002 'y') 32 (`a` 0003 'z')");
    peer.send("40 02 0002");
    // In the middle of a packet.
    peer.send("40 02 00");
    drop(peer);
    let mut peer = listener.accept_and_say("20 (01 00)");
    peer.expect("3A (`a` 0001 'x') 3A (`a` 0003 'z')");
    peer.send("40 02 0001 40 02 0003");
    peer.goodbye();
    drop(peer);
    running.join().unwrap().assert_code(0);
}

/// The receiving side: no second print, and PUBCOMP for whatever is released.
#[test]
fn f32_a_cut_within_a_received_qos_2_flow() {
    let listener = Scripted::listen();
    let running = subscribe(listener.port())
        .args(["-t", "a", "-q", "2", "-c", "-i", "me", "-V", "311", "-C", "2"])
        .start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    let subscribe = peer.packet();
    peer.send_bytes(&[&bytes("90 03")[..], &subscribe[2..4], &[2]].concat());
    peer.send("34 (`a` 0007 'x')");
    peer.expect("50 02 0007");
    peer.reset();
    let mut peer = listener.accept_and_say("20 (01 00)");
    peer.send("3C (`a` 0007 'x')");
    peer.expect("50 02 0007");
    peer.send("62 02 0007");
    peer.expect("70 02 0007");
    peer.send("62 02 0009");
    peer.expect("70 02 0009");
    peer.send("34 (`a` 0007 'y')");
    peer.expect("50 02 0007");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("x\ny\n");
}

/// All is confirmed and the broker is gone: there is nothing to come back for.
#[test]
fn nothing_is_connected_again_when_nothing_is_left_to_do() {
    let listener = Scripted::listen();
    let mut running = publish(listener.port()).args(["-t", "a", "-l", "-q", "1", "-V", "311"]).start();
    running.write_stdin("x\n");
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("32 (`a` 0001 'x')");
    peer.send("40 02 0001");
    peer.reset();
    drop(listener);
    running.wait_for_stderr("warning[lost]");
    running.close_stdin();
    running.wait().assert_code(0);
}

/// A subscription that is refused when it is made again is told, as the first is.
#[test]
fn a_subscription_that_is_refused_after_a_reconnect_is_the_end() {
    let listener = Scripted::listen();
    let (running, peer) = subscribed(subscribe(listener.port()), &listener);
    drop(peer);
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "87");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(12).assert_stderr_has("error[denied]: subscribe \"#\"");
}
