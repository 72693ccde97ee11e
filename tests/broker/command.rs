//! `mqt broker` as a program: what it prints, how it ends, why it does not start.

use std::net::TcpListener;

use crate::support::mqt::{Mqt, Running};
use crate::support::wire::Wire;

/// Starts `mqt broker` with further arguments and says on which port it listens.
fn start(args: &[&str]) -> (Running, u16) {
    let mut running = Mqt::new(["broker", "--port", "0"]).args(args).start();
    let line = running.wait_for_stdout("");
    let port = line.strip_prefix("mqtt://127.0.0.1:").expect(&line).parse().expect(&line);
    (running, port)
}

#[test]
fn the_first_line_says_where_it_listens_and_stderr_how_to_use_it() {
    let (mut running, port) = start(&[]);
    running.wait_for_stderr(&format!("mqt sub --url mqtt://127.0.0.1:{port} -t 'mqtt/test/#' -v"));
    running.wait_for_stderr(&format!("mqt pub --url mqtt://127.0.0.1:{port} -t mqtt/test/hello -m"));
    let mut wire = Wire::connect(port);
    wire.send("10 (`MQTT` 05 02 0000 () `a`)");
    wire.expect(super::core::CONNACK_5);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_in_order() {
    use nix::sys::signal::Signal;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (mut running, port) = start(&["--quiet"]);
        let mut wire = Wire::connect(port);
        wire.send("10 (`MQTT` 05 02 0000 () `a`)");
        wire.expect(super::core::CONNACK_5);
        running.signal(signal);
        wire.expect("e0 (8b)");
        wire.expect_close();
        drop(wire);
        let outcome = running.wait();
        outcome.assert_code(0);
        assert_eq!(outcome.stderr(), "");
    }
}

#[test]
fn what_goes_on_is_shown_on_demand_and_without_secrets() {
    for (option, shows_packets) in [("--debug", true), ("--verbose", false)] {
        let (mut running, port) = start(&[option]);
        let mut wire = Wire::connect(port);
        wire.send("10 (`MQTT` 05 c2 0000 () `a\u{1b}[2J` `ann` `hunter2`) 82 (0001 () `t/#` 00) 30 (`t/x` () 'x') e0 ()");
        wire.expect(super::core::CONNACK_5);
        if shows_packets {
            running.wait_for_stderr("< CONNECT MQTT 5");
        }
        running.wait_for_stderr("connected from 127.0.0.1:");
        running.wait_for_stderr("< SUBSCRIBE");
        if shows_packets {
            running.wait_for_stderr("> SUBACK");
            running.wait_for_stderr("< PUBLISH");
            running.wait_for_stderr("> PUBLISH");
        }
        running.wait_for_stderr("disconnected: success (0x00)");
        let text = String::from_utf8(running.stderr_so_far()).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("\u{1b}[2J"), "{text}");
        assert_eq!(text.contains("PUBLISH"), shows_packets, "{text}");
        assert_eq!(text.contains("CONNECT MQTT"), shows_packets, "{text}");
    }
}

#[test]
fn it_says_why_it_does_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = Mqt::new(["broker", "--port", &port]).run();
    outcome.assert_code(14);
    outcome.assert_stderr_has(&format!("mqt: error[listen]: cannot listen on 127.0.0.1:{port}: "));
    outcome.assert_stderr_has("hint: is another broker running there?");

    // Of the documentation (RFC 5737), so of no machine.
    let outcome = Mqt::new(["broker", "--port", "0", "--bind", "192.0.2.1", "--allow-anonymous"]).run();
    outcome.assert_code(14);
    outcome.assert_stderr_has("hint: it is not an address of this machine");
    outcome.assert_stderr_lacks("another broker");

    let outcome = Mqt::new(["broker", "--listen", "1884"]).run();
    outcome.assert_code(1);
    outcome.assert_stderr_has("--listen 1884: that is a port and no URL");
    outcome.assert_stderr_has("hint: --port 1884, or --listen mqtt://127.0.0.1:1884");

    let outcome = Mqt::new(["broker", "--port", "0", "--bind", "0.0.0.0"]).run();
    outcome.assert_code(1);
    outcome.assert_stderr_has("--password-file FILE");

    let outcome = Mqt::new(["broker", "--port", "0", "--password-file", "/no/such/file"]).run();
    outcome.assert_code(1);
    outcome.assert_stderr_has("/no/such/file");

    let wrong = Mqt::new(["broker", "--port", "0", "--password-file"]);
    let file = wrong.home_file("users", "ann:secret\nnobody\n");
    let outcome = wrong.arg(file).run();
    outcome.assert_code(1);
    outcome.assert_stderr_has("line 2 of the password file");
}

#[test]
fn the_largest_packet_is_told_and_kept_to() {
    let (_running, port) = start(&["--max-message", "1k"]);
    let mut wire = Wire::connect(port);
    wire.send("10 (`MQTT` 05 02 0000 () `a`)");
    wire.expect("20 (00 00 (27 00000400 22 0040))");
    let fits = format!("32 (`t` 0001 () '{}')", "x".repeat(1_024 - 3 - 6));
    wire.send(&fits);
    wire.expect("40 (0001 10)");
    wire.send(&format!("32 (`t` 0001 () '{}')", "x".repeat(1_024 - 3 - 5)));
    wire.expect("e0 (95)");
    wire.expect_close();
}
