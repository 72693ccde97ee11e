//! What `mqt sub` prints, and when it ends.

use super::{CONNACK, grant, publish, subscribe, summary};
use crate::support::broker::TestBroker;
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::Scripted;
use crate::support::wire::Wire;

/// A run against a broker that sends this after SUBACK, until the program closes the connection.
#[track_caller]
fn received(options: &[&str], messages: &str) -> Outcome {
    with_peer(options, |peer| {
        peer.send(messages);
        while let Some(packet) = peer.next_packet() {
            if packet == [0xC0, 0] {
                peer.send("D0 00");
            }
        }
    })
}

#[track_caller]
fn with_peer(options: &[&str], then: impl FnOnce(&mut Wire)) -> Outcome {
    let listener = Scripted::listen();
    let running = subscribe(listener.port()).args(["-t", "#", "-q", "2"]).args(options).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "02");
    then(&mut peer);
    drop(peer);
    running.wait()
}

const THREE: &str = "30 (`a` 00 'x') 31 (`b/c` 00 'y') 30 (`a` 00 'z')";

#[test]
fn formats() {
    received(&["-C", "3"], THREE).assert_code(0).assert_stdout("x\ny\nz\n");
    received(&["-C", "3", "-v"], THREE).assert_stdout("a x\nb/c y\na z\n");
    received(&["-C", "3", "-N"], THREE).assert_stdout("xyz");
    received(&["-C", "3", "-F", "%t|%p|%q|%r|%l"], THREE)
        .assert_stdout("a|x|0|0|1\nb/c|y|0|1|1\na|z|0|0|1\n");
    received(&["-C", "3", "-F", "%%\\t%t"], THREE).assert_stdout("%\ta\n%\tb/c\n%\ta\n");
    let binary = "30 (`a` 00 00 1B 'x' 0A FF)";
    received(&["-C", "1"], binary).assert_stdout(b"\0\x1Bx\n\xFF\n");
    let json = received(&["-C", "1", "--json"], "32 (`a` 0001 (03 `t` 26 `k` `v`) 'x')");
    let value: serde_json::Value = serde_json::from_str(json.stdout()).unwrap();
    assert_eq!(["topic", "payload"].map(|key| value[key].as_str().unwrap()), ["a", "x"]);
    assert_eq!(value["qos"], 1);
    let json = received(&["-C", "1", "--json"], binary);
    let value: serde_json::Value = serde_json::from_str(json.stdout()).unwrap();
    assert_eq!(value["payload_base64"], "ABt4Cv8=");
}

#[test]
fn count() {
    // What is sent beyond it is neither printed nor acknowledged.
    let outcome = with_peer(&["-C", "2", "-D", "connect", "receive-maximum", "3"], |peer| {
        peer.send("32 (`a` 0001 00 'x') 32 (`a` 0002 00 'y') 32 (`a` 0003 00 'z')");
        peer.expect("40 02 0001 40 02 0002");
        peer.goodbye();
    });
    outcome.assert_code(0).assert_stdout("x\ny\n");
}

#[test]
fn time_limits() {
    let outcome = received(&["-W", "300ms", "--summary=json"], THREE);
    outcome.assert_code(27).assert_stdout("x\ny\nz\n").assert_stderr_has("error[timeout]: ");
    assert_eq!(summary(&outcome)["printed"], 3);
    received(&["-W", "300ms", "-C", "4"], THREE).assert_code(27).assert_stderr_has("3 of 4 messages");
    received(&["-W", "1h", "-C", "3"], THREE).assert_code(0);
    received(&["--idle", "200ms"], THREE).assert_code(0).assert_stdout("x\ny\nz\n");
    received(&["--idle", "200ms", "-C", "4"], THREE).assert_code(27).assert_stderr_has("--idle");
    // Before a broker is reached, too.
    let listener = Scripted::listen();
    let running = subscribe(listener.port()).args(["-t", "a", "-W", "200ms"]).start();
    let _silent = listener.accept();
    running.wait().assert_code(27).assert_stderr_has("error[timeout]: ");
}

/// `--idle` counts from the subscription on.
#[test]
fn idle_does_not_run_before_the_subscription_is_made() {
    let listener = Scripted::listen();
    let mut running = subscribe(listener.port()).args(["-t", "a", "--idle", "50ms"]).start();
    let (mut peer, _) = listener.accept_connect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(running.is_running());
    peer.send(CONNACK);
    grant(&mut peer, "00");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn exit_after_subscribe() {
    with_peer(&["-E"], |peer| peer.goodbye()).assert_code(0).assert_stdout("");
}

#[test]
fn retained_messages() {
    // MQTT 5 brokers are asked not to send them; one that does not listen is not believed.
    received(&["-R", "-C", "2"], THREE).assert_code(0).assert_stdout("x\nz\n");
    let retained = "31 (`a` 00 'x') 31 (`b` 00 'y') 30 (`a` 00 'live')";
    received(&["--retained-only"], retained).assert_code(0).assert_stdout("x\ny\n");
    received(&["--retained-only", "-C", "1"], retained).assert_code(0).assert_stdout("x\n");
}

#[test]
fn remove_retained() {
    let outcome = with_peer(&["--remove-retained", "-C", "2"], |peer| {
        peer.send("31 (`a` 00 'x') 31 (`b` 00) 30 (`c` 00 'y')");
        // Of what is cleared already nothing is cleared, and nothing printed.
        let publish = peer.packet();
        assert_eq!(publish[0], 0x33);
        assert_eq!(publish[2..5], [0, 1, b'a']);
        assert_eq!(publish.len(), 2 + 3 + 2 + 1, "the payload is empty");
        peer.send_bytes(&[0x40, 2, publish[5], publish[6]]);
        peer.goodbye();
    });
    outcome.assert_code(0).assert_stdout("x\n");
}

#[test]
fn retained_messages_are_cleared_at_a_broker() {
    let broker = TestBroker::start();
    for topic in ["home/a", "home/b", "other"] {
        publish(broker.port()).args(["-t", topic, "-m", topic, "-r", "-q", "1"]).run().assert_code(0);
    }
    let clear = ["-t", "home/#", "--retained-only", "--remove-retained", "--idle", "300ms"];
    let outcome = subscribe(broker.port()).args(clear).run();
    outcome.assert_code(0);
    let rest = subscribe(broker.port()).args(["-t", "#", "-v", "--retained-only", "--idle", "300ms"]).run();
    rest.assert_code(0).assert_stdout("other other\n");
}

#[test]
fn filtered_messages_are_acknowledged_and_neither_printed_nor_counted() {
    let outcome = with_peer(&["-T", "a/#", "-C", "1", "-D", "connect", "receive-maximum", "3"], |peer| {
        peer.send("32 (`a/1` 0001 00 'x') 34 (`a/2` 0002 00 'y')");
        peer.expect("40 02 0001 50 02 0002");
        peer.send("32 (`b` 0003 00 'z')");
        peer.expect("40 02 0003");
        peer.goodbye();
    });
    outcome.assert_code(0).assert_stdout("z\n");
}

#[test]
fn unsubscribing_from_what_a_session_has_kept() {
    let broker = TestBroker::start();
    let session = |options: &[&str]| -> Mqt {
        subscribe(broker.port()).args(["-c", "-i", "kept", "-q", "1"]).args(options)
    };
    session(&["-t", "a", "-t", "b", "-E"]).run().assert_code(0);
    session(&["-U", "a", "-t", "b", "-E"]).run().assert_code(0);
    for topic in ["a", "b"] {
        publish(broker.port()).args(["-t", topic, "-m", topic, "-q", "1"]).run().assert_code(0);
    }
    session(&["-t", "b", "-C", "1", "-W", "20"]).run().assert_code(0).assert_stdout("b\n");
    let none = session(&["-U", "never", "-t", "b", "-E"]).run();
    none.assert_code(0).assert_stderr_has("note[unsubscribed]: \"never\"");
}

/// A session that catches up: what came while nobody was there.
#[test]
fn a_persistent_session_catches_up() {
    for version in ["311", "5"] {
        let broker = TestBroker::start();
        let session =
            || subscribe(broker.port()).args(["-t", "a", "-c", "-i", "kept", "-q", "2", "-V", version]);
        session().arg("-E").run().assert_code(0);
        let lines: String = (0..500).map(|number| format!("{number}\n")).collect();
        publish(broker.port()).args(["-t", "a", "-l", "-q", "2"]).stdin(lines.clone()).run().assert_code(0);
        // In two portions: what the first did not print, the second does.
        let first = session().args(["-C", "200"]).run();
        first.assert_code(0);
        let second = session().args(["-C", "300", "-W", "30"]).run();
        second.assert_code(0);
        assert_eq!(format!("{}{}", first.stdout(), second.stdout()), lines);
    }
}

/// More than one answer of the broker may come in one segment, or in many.
#[test]
fn bytes_may_come_one_by_one() {
    use crate::support::proxy::{FaultProxy, Pace};

    let broker = TestBroker::start();
    let proxy = FaultProxy::start(broker.port());
    proxy.set_pace(Pace { slice: 1, ..Pace::default() });
    let mut running = subscribe(proxy.port()).args(["-t", "a", "-q", "2", "-C", "50", "-d"]).start();
    running.wait_for_stderr("< SUBACK");
    let lines: String = (0..50).map(|number| format!("{number}\n")).collect();
    publish(proxy.port()).args(["-t", "a", "-l", "-q", "2"]).stdin(lines.clone()).run().assert_code(0);
    running.wait().assert_code(0).assert_stdout(lines);
}
