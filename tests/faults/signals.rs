//! Signals: F-68, F-69.

use nix::sys::signal::Signal;

use super::{CONNACK, CONNACK_311, grant, publish, subscribe, summary};
use crate::support::mqt::{Mqt, Outcome, Running};
use crate::support::scripted::Scripted;
use crate::support::wait_until;
use crate::support::wire::Wire;

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// A subscriber that has printed a message.
fn subscriber(options: &[&str]) -> (Running, Wire) {
    let listener = Scripted::listen();
    let mut running = subscribe(listener.port()).args(["-t", "a"]).args(options).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    peer.send("30 (`a` 00 'x')");
    running.wait_for_stdout("x");
    (running, peer)
}

fn assert_ended(outcome: &Outcome, signal: Option<Signal>) {
    match signal {
        Some(signal) => outcome.assert_signal(signal),
        None => outcome.assert_code(0),
    };
}

#[test]
fn an_endless_subscriber_ends_in_order() {
    for signal in SIGNALS {
        let (mut running, mut peer) = subscriber(&[]);
        running.signal(signal);
        peer.goodbye();
        drop(peer);
        let outcome = running.wait();
        outcome.assert_stdout("x\n");
        // The terminal is gone: that is no wish to end.
        let cut_off = signal == Signal::SIGHUP;
        let said = if cut_off { "mqt: 1 received, 1 printed, exit 129 (interrupted)\n" } else { "" };
        outcome.assert_stderr(said);
        assert_ended(&outcome, cut_off.then_some(signal));
    }
}

#[test]
fn a_subscriber_that_waits_for_more_dies_by_the_signal() {
    let limits = [["-C", "2"], ["-W", "1h"], ["--idle", "1h"]];
    for (signal, [option, limit]) in
        SIGNALS.into_iter().flat_map(|signal| limits.map(|limit| (signal, limit)))
    {
        let (mut running, mut peer) = subscriber(&[option, limit, "--summary=json"]);
        running.signal(signal);
        peer.goodbye();
        drop(peer);
        let outcome = running.wait();
        assert_ended(&outcome, Some(signal));
        assert_eq!(summary(&outcome)["printed"], 1);
    }
}

#[test]
fn a_subscriber_without_a_connection_ends_at_once() {
    let listener = Scripted::listen();
    for options in [&["--retry"][..], &["--retry", "-C", "1"]] {
        let mut running = subscribe(listener.port()).args(["-t", "a"]).args(options).start();
        let (peer, _) = listener.accept_connect();
        running.signal(Signal::SIGINT);
        let outcome = running.wait();
        // It has not even begun to do what it was asked for.
        assert_ended(&outcome, Some(Signal::SIGINT));
        drop(peer);
    }
}

#[test]
fn a_service_without_a_connection_dies_by_the_signal() {
    let listener = Scripted::listen();
    let mut running =
        Mqt::new(["rr", "--serve", "--exec", "cat", "-t", "a", "-p", &listener.port().to_string()])
            .args(["-h", "127.0.0.1", "--retry"])
            .start();
    let (peer, _) = listener.accept_connect();
    running.signal(Signal::SIGINT);
    assert_ended(&running.wait(), Some(Signal::SIGINT));
    drop(peer);
}

#[test]
fn a_publisher_with_something_unconfirmed_says_so_and_dies_by_the_signal() {
    for signal in SIGNALS {
        let listener = Scripted::listen();
        let mut running =
            publish(listener.port()).args(["-t", "a", "-l", "-q", "1", "-V", "311", "-k", "0"]).start();
        running.write_stdin("x\ny\n");
        let mut peer = listener.accept_and_say(CONNACK_311);
        peer.expect("32 (`a` 0001 'x') 32 (`a` 0002 'y')");
        peer.send("40 02 0001");
        running.signal(signal);
        peer.goodbye();
        drop(peer);
        let outcome = running.wait();
        assert_ended(&outcome, Some(signal));
        outcome.assert_stderr_has("1 of 2 not confirmed");
    }
}

/// What is on its way has its time: an acknowledgement that comes after the signal counts.
#[test]
fn a_publisher_waits_a_while_for_what_is_on_its_way() {
    let listener = Scripted::listen();
    let mut running =
        publish(listener.port()).args(["-t", "a", "-l", "-q", "1", "-V", "311", "--summary=json"]).start();
    running.write_stdin("x\n");
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("32 (`a` 0001 'x')");
    running.signal(Signal::SIGTERM);
    peer.send("40 02 0001");
    peer.goodbye();
    drop(peer);
    let outcome = running.wait();
    assert_ended(&outcome, Some(Signal::SIGTERM));
    assert_eq!(summary(&outcome)["unconfirmed"], 0);
}

#[test]
fn a_second_signal_ends_a_publisher_at_once() {
    let listener = Scripted::listen();
    let mut running =
        publish(listener.port()).args(["-t", "a", "-m", "x", "-q", "1", "-V", "311", "-d"]).start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("32 (`a` 0001 'x')");
    running.wait_for_stderr("> PUBLISH");
    // Two signals are one while the first is not taken yet.
    wait_until("the end", || {
        running.signal(Signal::SIGINT);
        !running.is_running()
    });
    assert_ended(&running.wait(), Some(Signal::SIGINT));
    // There was no time for a goodbye, which follows a wait for the acknowledgement.
    assert_eq!(peer.next_packet(), None);
}

/// Standard input that does not end keeps no signal waiting.
#[test]
fn a_publisher_that_still_reads_ends_at_once() {
    for source in ["-l", "-0", "-s", "--json"] {
        let listener = Scripted::listen();
        let mut running = publish(listener.port()).args(["-t", "a", source, "-d"]).start();
        if source == "-s" {
            // Nothing is connected before it is read; its handlers stand when it takes input away.
            let pipe = vec![b'x'; 100_000];
            running.write_stdin(pipe);
            running.signal(Signal::SIGINT);
        } else {
            let mut peer = listener.accept_and_say(CONNACK);
            running.wait_for_stderr("< CONNACK");
            running.signal(Signal::SIGINT);
            peer.goodbye();
        }
        assert_ended(&running.wait_with_open_stdin(), Some(Signal::SIGINT));
    }
}

#[test]
fn a_publisher_without_a_connection_ends_at_once() {
    let listener = Scripted::listen();
    let mut running = publish(listener.port()).args(["-t", "a", "-m", "x", "--retry"]).start();
    let (peer, _) = listener.accept_connect();
    running.signal(Signal::SIGTERM);
    assert_ended(&running.wait(), Some(Signal::SIGTERM));
    drop(peer);
}

/// F-71
#[test]
fn a_suspended_subscriber_goes_on() {
    let (mut running, mut peer) = subscriber(&["-C", "3"]);
    running.signal(Signal::SIGSTOP);
    peer.send("30 (`a` 00 'y')");
    running.signal(Signal::SIGCONT);
    peer.send("30 (`a` 00 'z')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("x\ny\nz\n");
}

/// Neither does a password command that does not end.
#[test]
fn a_client_that_waits_for_its_password_ends_at_once() {
    let listener = Scripted::listen();
    let port = listener.port();
    for mqt in [publish(port).arg("-n"), subscribe(port)] {
        let mut running = mqt
            .args(["-t", "a", "-u", "joe", "--connect-timeout", "1h"])
            .args(["--password-command", "echo asking >&2; exec sleep 1000"])
            .start();
        running.wait_for_stderr("asking");
        running.signal(Signal::SIGINT);
        assert_ended(&running.wait(), Some(Signal::SIGINT));
        assert_eq!(listener.connections(), 0);
    }
}
