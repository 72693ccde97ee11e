//! Brokers that close instead of answering, that never answer, and that prove what they have read.

use super::{CONNACK, CONNACK_311, grant, publish, subscribe, summary};
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::Scripted;
use crate::support::wire::{Wire, hex};

/// A broker of 3.1.1 that closes at topics that begin with `no` and answers everything else, for so many connections.
fn closing_broker(listener: &Scripted, connections: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..connections {
        let mut peer = listener.accept_and_say(CONNACK_311);
        while let Some(packet) = peer.next_packet() {
            if !answered(&mut peer, &packet, &mut seen) {
                break;
            }
        }
    }
    seen
}

/// Whether the packet was answered; otherwise the connection is to be closed.
fn answered(peer: &mut Wire, packet: &[u8], seen: &mut Vec<String>) -> bool {
    let text = String::from_utf8_lossy(packet).into_owned();
    match packet[0] & 0xF0 {
        0x30 => {
            let length = usize::from(packet[3]);
            let topic = &packet[4..4 + length];
            seen.push(String::from_utf8_lossy(topic).into_owned());
            if topic.starts_with(b"no") {
                return false;
            }
            if packet[0] & 0b0110 == 0b0010 {
                peer.send(&format!("40 02 {}", hex(&packet[4 + length..6 + length])));
            }
        }
        0x80 => {
            seen.push("SUBSCRIBE".to_owned());
            if text.contains("no/") {
                return false;
            }
            peer.send(&format!("90 03 {} 00", hex(&packet[2..4])));
        }
        0xC0 => peer.send("D0 00"),
        _ => {}
    }
    true
}

fn lines(port: u16, options: &[&str]) -> Mqt {
    publish(port)
        .args(["-V", "311", "-l", "-q", "1", "--split-topic", "--summary=json"])
        .args(options)
        .stdin("ok/a 1\nok/b 2\nno/c 3\nok/d 4\n")
}

fn counts(outcome: &Outcome) -> [u64; 3] {
    let summary = summary(outcome);
    ["confirmed", "denied", "unconfirmed"].map(|name| summary[name].as_u64().unwrap())
}

#[test]
fn the_line_that_a_broker_refuses_by_closing_is_named_and_the_others_are_confirmed() {
    for (options, code) in [(&[][..], 12), (&["--on-error=skip"], 30)] {
        let listener = Scripted::listen();
        let running = lines(listener.port(), options).start_with_stdin();
        let peer = std::thread::spawn(move || closing_broker(&listener, 4));
        let outcome = running.join().unwrap();
        outcome.assert_code(code).assert_stderr_has(
            "error[denied]: the broker closes the connection each time after PUBLISH \"no/c\" at QoS 1 (line 3)",
        );
        assert_eq!(counts(&outcome), [3, 1, 0], "{outcome}");
        let seen = peer.join().unwrap();
        assert_eq!(seen.iter().filter(|topic| *topic == "no/c").count(), 3, "{seen:?}");
    }
}

#[test]
fn a_single_message_that_is_refused_by_closing_ends_with_12() {
    for qos in ["1", "2"] {
        let listener = Scripted::listen();
        let running =
            publish(listener.port()).args(["-V", "311", "-t", "no/x", "-m", "x", "-q", qos]).start();
        closing_broker(&listener, 3);
        let outcome = running.wait();
        outcome.assert_code(12).assert_stderr_has(&format!(
            "error[denied]: the broker closes the connection each time after PUBLISH \"no/x\" at QoS {qos}"
        ));
        assert_eq!(listener.connections(), 3);
    }
}

#[test]
fn a_topic_filter_that_is_refused_by_closing_leaves_the_others() {
    let listener = Scripted::listen();
    let port = listener.port();
    let mut running = subscribe(port).args(["-V", "311", "-t", "ok/#", "-t", "no/#", "-C", "1"]).start();
    // All at once, then one at a time.
    for _ in 0..4 {
        let mut peer = listener.accept_and_say(CONNACK_311);
        while let Some(packet) = peer.next_packet() {
            if !answered(&mut peer, &packet, &mut Vec::new()) {
                break;
            }
        }
    }
    let mut peer = listener.accept_and_say(CONNACK_311);
    let subscribe = peer.packet();
    assert!(String::from_utf8_lossy(&subscribe).contains("ok/#"), "{}", hex(&subscribe));
    peer.send(&format!("90 03 {} 00", hex(&subscribe[2..4])));
    running.wait_for_stderr(
        "warning[denied]: the broker closes the connection each time after SUBSCRIBE \"no/#\"",
    );
    peer.send("30 (`ok/x` 'here')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("here\n");

    let listener = Scripted::listen();
    let running = super::subscribe(listener.port()).args(["-V", "311", "-t", "no/#"]).start();
    closing_broker(&listener, 3);
    running.wait().assert_code(12);
}

#[test]
fn qos_0_is_confirmed_by_the_pingresp_behind_it_and_by_nothing_else() {
    type End = fn(Wire);
    let ends: [(End, i32); 3] = [
        (
            |mut peer| {
                peer.send("D0 00");
                peer.goodbye();
            },
            0,
        ),
        // A proxy that has taken the bytes, or a broker that refuses by closing.
        (drop, 30),
        (Wire::reset, 30),
    ];
    for (end, code) in ends {
        for connack in [CONNACK, CONNACK_311] {
            let version = if connack == CONNACK { "5" } else { "311" };
            let listener = Scripted::listen();
            let running = publish(listener.port())
                .args(["-V", version, "-t", "a", "-m", "x", "--summary=json"])
                .start();
            let mut peer = listener.accept_and_say(connack);
            // In one write: what is asked is there when it is read.
            peer.expect(if connack == CONNACK { "30 (`a` 00 'x') C0 00" } else { "30 (`a` 'x') C0 00" });
            end(peer);
            let outcome = running.wait();
            outcome.assert_code(code);
            let known = u64::from(code == 0);
            assert_eq!(counts(&outcome), [known, 0, 1 - known], "{outcome}");
            assert_eq!(listener.connections(), 1);
        }
    }
}

#[test]
fn a_broker_that_says_why_it_ends_the_connection_is_quoted() {
    let listener = Scripted::listen();
    let running = publish(listener.port()).args(["-V", "5", "-t", "a", "-m", "x"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    peer.expect("30 (`a` 00 'x') C0 00");
    peer.send("E0 (87 (1F `no rights`))");
    drop(peer);
    running.wait().assert_code(5).assert_stderr_has("not authorized (0x87) \"no rights\"");
}

#[test]
fn a_broker_that_answers_nothing_but_pings_is_stalled() {
    for command in ["pub -t a -m x -q 1", "pub -t a -m x -q 2", "sub -t a -E", "rr -t a -e b -m x -W 60"] {
        let listener = Scripted::listen();
        let port = listener.port().to_string();
        let running = Mqt::new(command.split(' '))
            .args(["-h", "127.0.0.1", "-p", &port, "-V", "311", "-k", "2", "--ack-timeout", "1500ms"])
            .start();
        let mut peer = listener.accept_and_say(CONNACK_311);
        while let Some(packet) = peer.next_packet() {
            if packet == [0xC0, 0] {
                peer.send("D0 00");
            }
        }
        drop(peer);
        running
            .wait()
            .assert_code(19)
            .assert_stderr_has("error[stalled]: ")
            .assert_stderr_has("within 1.5 s");
    }
}

#[test]
fn a_time_limit_says_what_is_not_confirmed() {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args([
            "-V",
            "311",
            "-t",
            "a",
            "-m",
            "x",
            "-q",
            "1",
            "--repeat",
            "3",
            "-W",
            "300ms",
            "--summary=json",
        ])
        .start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    let first = peer.packet();
    peer.send(&format!("40 02 {}", hex(&first[5..7])));
    peer.drain();
    drop(peer);
    let outcome = running.wait();
    outcome.assert_code(27).assert_stderr_has("timed out after 300ms (-W): 2 of 3 messages not confirmed");
    assert_eq!(counts(&outcome), [1, 0, 2]);
    // Before anything was sent, too.
    let waiting = publish(listener.port()).args(["-t", "a", "-s", "-W", "100ms"]).start();
    waiting.wait_with_open_stdin().assert_code(27);
}

#[test]
fn a_puback_for_qos_2_is_delivery_at_qos_1() {
    for (options, code) in [(&[][..], 24), (&["--downgrade-qos"], 0)] {
        let listener = Scripted::listen();
        let running = publish(listener.port())
            .args(["-V", "311", "-t", "a", "-m", "x", "-q", "2"])
            .args(options)
            .start();
        let mut peer = listener.accept_and_say(CONNACK_311);
        peer.expect("34 (`a` 0001 'x')");
        peer.send("40 02 0001");
        peer.goodbye();
        drop(peer);
        running.wait().assert_code(code).assert_stderr_has("PUBACK");
        assert_eq!(listener.connections(), 1, "never a second time");
    }
}

#[test]
fn qos_2_goes_on_in_the_same_session_after_a_cut() {
    let listener = Scripted::listen();
    let running =
        publish(listener.port()).args(["-V", "5", "-t", "a", "-m", "x", "-q", "2", "-i", "me"]).start();
    let (mut peer, connect) = listener.accept_connect();
    assert_eq!(hex(&connect), hex(&crate::support::wire::bytes("10 (`MQTT` 05 02 003C (11 00000E10) `me`)")));
    peer.send(CONNACK);
    peer.expect("34 (`a` 0001 00 'x')");
    peer.reset();
    let (mut peer, connect) = listener.accept_connect();
    assert_eq!(hex(&connect), hex(&crate::support::wire::bytes("10 (`MQTT` 05 00 003C (11 00000E10) `me`)")));
    peer.send("20 (01 00 00)");
    peer.expect("3C (`a` 0001 00 'x')");
    peer.send("50 02 0001");
    peer.expect("62 02 0001");
    peer.send("70 02 0001");
    peer.expect("E0 (00 (11 00000000))");
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn qos_2_that_went_out_again_in_a_new_session_is_said() {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args(["-V", "311", "-t", "a", "-m", "x", "-q", "2", "--summary=json"])
        .start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("34 (`a` 0001 'x')");
    peer.reset();
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("34 (`a` 0002 'x')");
    peer.send("50 02 0002");
    peer.expect("62 02 0002");
    peer.send("70 02 0002");
    peer.goodbye();
    drop(peer);
    let outcome = running.wait();
    outcome.assert_code(0).assert_stderr_has("warning[repeated]: 1 message of QoS 2");
    assert_eq!(summary(&outcome)["repeated"], 1);
}

#[test]
fn a_session_that_the_broker_has_lost_is_said_and_strict_fails() {
    for (options, code) in [(&[][..], 0), (&["--strict"], 7)] {
        let listener = Scripted::listen();
        let mut running = subscribe(listener.port())
            .args(["-V", "5", "-t", "a", "-q", "1", "-c", "-i", "me", "-C", "1"])
            .args(options)
            .start();
        let mut peer = listener.accept_and_say(CONNACK);
        grant(&mut peer, "01");
        drop(peer);
        let mut peer = listener.accept_and_say(CONNACK);
        if code == 0 {
            running.wait_for_stderr("warning[session]: the broker has lost the session");
            grant(&mut peer, "01");
            peer.send("30 (`a` 00 'x')");
        }
        while peer.next_packet().is_some_and(|packet| packet[0] != 0xE0) {}
        drop(peer);
        running.wait().assert_code(code);
    }
}

#[test]
fn retained_only_ends_when_the_set_is_complete() {
    let listener = Scripted::listen();
    let running = subscribe(listener.port()).args(["-V", "5", "-t", "#", "--retained-only"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    peer.send("31 (`a` 00 'x')");
    peer.expect("C0 00");
    // A live message ends nothing, and a broker may answer before it has sent all.
    peer.send("D0 00 30 (`a` 00 'live') 31 (`b` 00 'y')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("x\ny\n");
}

#[test]
fn what_is_cleared_is_confirmed_before_the_end_and_its_echo_is_nothing() {
    for confirms in [true, false] {
        let listener = Scripted::listen();
        let mut running = subscribe(listener.port())
            .args(["-V", "311", "-t", "#", "--retained-only", "--remove-retained"])
            .start();
        let mut peer = listener.accept_and_say(CONNACK_311);
        let subscribe = peer.packet();
        peer.send(&format!("90 03 {} 00", hex(&subscribe[2..4])));
        peer.expect("C0 00");
        peer.send("31 (`a` 'x') 31 (`b` 'y')");
        for topic in ["a", "b"] {
            let clear = peer.packet();
            assert_eq!((clear[0], clear.len(), &clear[2..5]), (0x33, 7, &[0, 1, topic.as_bytes()[0]][..]));
            // The echo comes first, as from a broker that does not know No Local.
            peer.send(&format!("30 (`{topic}`)"));
            if confirms {
                peer.send(&format!("40 02 {}", hex(&clear[5..7])));
            }
        }
        peer.send("D0 00");
        if confirms {
            // A second look, for brokers that send a part only.
            let subscribe = peer.packet();
            peer.send(&format!("90 03 {} 00", hex(&subscribe[2..4])));
            peer.expect("C0 00");
            peer.send("31 (`c` 'z') D0 00");
            let clear = peer.packet();
            assert_eq!((clear[0], &clear[2..5]), (0x33, &[0, 1, b'c'][..]));
            peer.send(&format!("40 02 {}", hex(&clear[5..7])));
            let subscribe = peer.packet();
            peer.send(&format!("90 03 {} 00", hex(&subscribe[2..4])));
            peer.expect("C0 00");
            peer.send("D0 00");
            peer.goodbye();
            drop(peer);
            running.wait().assert_code(0).assert_stdout("x\ny\nz\n");
        } else {
            running.wait_for_stderr("2 clearing messages to be confirmed by the broker");
            drop(peer);
            // The clearing messages go out again, and this broker takes neither.
            for _ in 0..5 {
                let mut peer = listener.accept_and_say(CONNACK_311);
                while peer.next_packet().is_some_and(|packet| {
                    if packet[0] == 0x82 {
                        peer.send(&format!("90 03 {} 00", hex(&packet[2..4])));
                    }
                    packet[0] == 0x82
                }) {}
            }
            running
                .wait()
                .assert_code(12)
                .assert_stdout("x\ny\n")
                .assert_stderr_has("after PUBLISH \"a\" at QoS 1");
        }
    }
}

#[test]
fn a_broker_beyond_the_receive_maximum_loses_nothing() {
    let listener = Scripted::listen();
    let mut running = subscribe(listener.port())
        .args(["-V", "5", "-t", "#", "-q", "1", "-D", "connect", "receive-maximum", "2", "-C", "6"])
        .start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "01");
    for id in 1..=6 {
        peer.send(&format!("32 (`a` {id:04X} 00 '{id}')"));
    }
    running.wait_for_stderr("warning[broker]: the broker sends more unacknowledged messages");
    for id in 1..=6 {
        peer.expect(&format!("40 02 {id:04X}"));
    }
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("1\n2\n3\n4\n5\n6\n");
}
