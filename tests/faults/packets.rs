//! What options put on the wire, byte for byte.

use super::{CONNACK, CONNACK_311, assert_packets, grant, publish, sent, subscribe};
use crate::support::mqt::Mqt;
use crate::support::scripted::Scripted;
use crate::support::wire::{bytes, hex};

/// The CONNECT of these options.
#[track_caller]
fn assert_connect(options: &[&str], connack: &str, expected: &str) {
    let listener = Scripted::listen();
    let running = publish(listener.port()).args(["-t", "a", "-n", "-i", "me"]).args(options).start();
    let (mut peer, connect) = listener.accept_connect();
    assert_eq!(hex(&connect), hex(&bytes(expected)), "{options:?}");
    peer.send(connack);
    peer.packet();
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn connect_of_each_version() {
    assert_connect(&["-V", "5"], CONNACK, "10 (`MQTT` 05 02 003C 00 `me`)");
    assert_connect(&["-V", "3.1.1"], CONNACK_311, "10 (`MQTT` 04 02 003C `me`)");
    assert_connect(&["-V", "3.1"], CONNACK_311, "10 (`MQIsdp` 03 02 003C `me`)");
    assert_connect(&["-k", "7", "-c"], CONNACK, "10 (`MQTT` 05 00 0007 (11 FFFFFFFF) `me`)");
    assert_connect(&["-x", "1h"], CONNACK, "10 (`MQTT` 05 02 003C (11 00000E10) `me`)");
    assert_connect(&["-c", "-V", "311", "-k", "0"], CONNACK_311, "10 (`MQTT` 04 00 0000 `me`)");
    assert_connect(&["-u", "u", "-P", "p", "-V", "311"], CONNACK_311, "10 (`MQTT` 04 C2 003C `me` `u` `p`)");
    assert_connect(&["-P", "p"], CONNACK, "10 (`MQTT` 05 42 003C 00 `me` `p`)");
    assert_connect(&["-u", "", "-V", "311"], CONNACK_311, "10 (`MQTT` 04 82 003C `me` ``)");
}

#[test]
fn the_will() {
    let will = ["--will-topic", "w", "--will-payload", "x"];
    assert_connect(&[&will[..], &["-V", "311"]].concat(), CONNACK_311, "10 (`MQTT` 04 06 003C `me` `w` `x`)");
    assert_connect(
        &[&will[..], &["--will-qos", "2", "--will-retain", "-V", "311"]].concat(),
        CONNACK_311,
        "10 (`MQTT` 04 36 003C `me` `w` `x`)",
    );
    assert_connect(&["--will-topic", "w"], CONNACK, "10 (`MQTT` 05 06 003C 00 `me` 00 `w` ``)");
    let properties = [
        "--will-topic",
        "w",
        "-D",
        "will",
        "will-delay-interval",
        "5",
        "-D",
        "will",
        "user-property",
        "k",
        "v",
        "-D",
        "will",
        "payload-format-indicator",
        "1",
    ];
    assert_connect(
        &properties,
        CONNACK,
        "10 (`MQTT` 05 06 003C 00 `me` (18 00000005 26 `k` `v` 01 01) `w` ``)",
    );
}

/// In the order given, after the session expiry that `-c` and `-x` add.
#[test]
fn properties_of_connect_and_publish() {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args(["-t", "a", "-m", "x", "-i", "me"])
        .args(["-D", "connect", "user-property", "b", "2", "-D", "connect", "user-property", "a", "1"])
        .args(["-D", "connect", "receive-maximum", "9", "-D", "connect", "request-problem-information", "0"])
        .args(["-D", "publish", "message-expiry-interval", "60", "-D", "publish", "content-type", "t"])
        .args(["-D", "publish", "response-topic", "r", "-D", "publish", "correlation-data", "c"])
        .args(["-D", "publish", "payload-format-indicator", "1", "-D", "publish", "user-property", "k", "v"])
        .args(["-D", "disconnect", "user-property", "bye", "now"])
        .start();
    let (mut peer, connect) = listener.accept_connect();
    let expected = "10 (`MQTT` 05 02 003C (26 `b` `2` 26 `a` `1` 21 0009 17 00) `me`)";
    assert_eq!(hex(&connect), hex(&bytes(expected)));
    peer.send(CONNACK);
    peer.expect("30 (`a` (02 0000003C 03 `t` 08 `r` 09 `c` 01 01 26 `k` `v`) 'x')");
    peer.expect("C0 00");
    peer.send("D0 00");
    peer.expect("E0 (00 (26 `bye` `now`))");
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn a_topic_alias_is_defined_once() {
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args([
        "-t",
        "long/topic",
        "-m",
        "x",
        "--repeat",
        "2",
        "-D",
        "publish",
        "topic-alias",
        "3",
    ]);
    assert_packets(
        &sent(mqt, &listener, "20 (00 00 (22 0005))"),
        &["30 (`long/topic` (23 0003) 'x')", "30 (`` (23 0003) 'x')"],
    );
    let listener = Scripted::listen();
    let running =
        publish(listener.port()).args(["-t", "a", "-m", "x", "-D", "publish", "topic-alias", "3"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(24).assert_stderr_has("topic alias 3");
}

/// SUBSCRIBE and UNSUBSCRIBE, the packet identifiers left out.
#[track_caller]
fn assert_requests(mqt: Mqt, connack: &str, expected: &[&str]) {
    let listener = Scripted::listen();
    let running = mqt.args(["-p", &listener.port().to_string(), "-E"]).start();
    let mut peer = listener.accept_and_say(connack);
    for expected in expected {
        let mut packet = peer.packet();
        let id = [packet[2], packet[3]];
        (packet[2], packet[3]) = (0, 0);
        assert_eq!(hex(&packet), hex(&bytes(expected)));
        let v5 = connack == CONNACK;
        let (kind, count) = if packet[0] == 0x82 { (0x90, 2) } else { (0xB0, 1) };
        let mut answer = vec![kind, 0, id[0], id[1]];
        answer.extend(v5.then_some(0));
        if kind == 0x90 || v5 {
            answer.extend(vec![0; count]);
        }
        answer[1] = u8::try_from(answer.len() - 2).unwrap();
        peer.send_bytes(&answer);
    }
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn subscribe_and_its_options() {
    let two = || Mqt::new(["sub", "-h", "127.0.0.1", "-t", "a", "-t", "b/#"]);
    assert_requests(two().args(["-V", "311"]), CONNACK_311, &["82 (0000 `a` 00 `b/#` 00)"]);
    assert_requests(two().args(["-q", "2"]), CONNACK, &["82 (0000 00 `a` 02 `b/#` 02)"]);
    assert_requests(
        two().args(["-q", "1", "--no-local", "--retain-as-published", "--retain-handling", "new"]),
        CONNACK,
        &["82 (0000 00 `a` 1D `b/#` 1D)"],
    );
    assert_requests(two().args(["-R"]), CONNACK, &["82 (0000 00 `a` 20 `b/#` 20)"]);
    assert_requests(
        two().args(["--subscription-id", "300", "-D", "subscribe", "user-property", "k", "v"]),
        CONNACK,
        &["82 (0000 (26 `k` `v` 0B AC02) `a` 00 `b/#` 00)"],
    );
    assert_requests(
        two().args(["-U", "old", "-D", "unsubscribe", "user-property", "k", "v"]),
        CONNACK,
        &["82 (0000 00 `a` 00 `b/#` 00)", "A2 (0000 (26 `k` `v`) `old`)"],
    );
    assert_requests(
        two().args(["-U", "old", "-V", "311"]),
        CONNACK_311,
        &["82 (0000 `a` 00 `b/#` 00)", "A2 (0000 `old`)"],
    );
}

/// A will is discarded by DISCONNECT 0x00, which every end in order sends.
#[test]
fn an_end_in_order_discards_the_will() {
    let listener = Scripted::listen();
    let running = subscribe(listener.port()).args(["-t", "a", "--will-topic", "w", "-C", "1"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    peer.send("30 (`a` 00 'x')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("x\n");
}

#[test]
fn properties_that_have_no_place_are_found_before_connecting() {
    let listener = Scripted::listen();
    for property in [
        &["publish", "session-expiry-interval", "1"][..],
        &["connect", "content-type", "t"],
        &["publish", "topic-alias", "0"],
        &["publish", "payload-format-indicator", "2"],
        &["publish", "message-expiry-interval", "x"],
        &["publish", "no-such-property", "x"],
        &["publish", "response-topic", "a/#"],
        &["nothing", "content-type", "x"],
    ] {
        let outcome = publish(listener.port()).args(["-t", "a", "-n", "-D"]).args(property).run();
        outcome.assert_code(1);
    }
    let outcome = publish(listener.port())
        .args(["-t", "a", "-n", "-V", "311", "-D", "publish", "content-type", "t"])
        .run();
    outcome.assert_code(1).assert_stderr_has("needs MQTT 5");
    assert_eq!(listener.connections(), 0);
}
