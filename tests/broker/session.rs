//! CONNECT, CONNACK, DISCONNECT and the life of sessions (3.1, 3.2, 3.14, 4.1).

use std::time::Duration;

use mqt_broker::{BrokerLimits, BrokerOptions, PasswordFile};

use super::core::{CONNACK_5, Core, PRESENT_5};

fn limited(limits: BrokerLimits) -> Core {
    Core::with(BrokerOptions { limits, ..BrokerOptions::default() })
}

#[test]
fn a_session_is_kept_or_discarded_as_the_client_says_3_1_1() {
    // 311:3.1.2-4 311:3.1.2-5 311:3.1.2-6 311:3.2.2-1 311:3.2.2-2 311:3.2.2-3 311:3.1.4-3 311:4.5.0-1
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let keep = "10 (`MQTT` 04 00 0000 `a`)";
    let client = core.open(keep, "20 (00 00)");
    core.exchange(client, "82 (0001 `t` 01)", "90 (0001 01)");
    core.send(client, "e0 ()");
    core.expect_end(client, "");
    core.send(publisher, "30 (`t` '0') 32 (`t` 0001 '1')");
    let client = core.open(keep, "20 (01 00) 32 (`t` 0001 '1')");
    core.cut(client);
    let client = core.open("10 (`MQTT` 04 02 0000 `a`)", "20 (00 00)");
    core.send(publisher, "32 (`t` 0002 '2')");
    core.expect(client, "");
    core.exchange(client, "82 (0001 `t` 01)", "90 (0001 01)");
    core.cut(client);
    core.open(keep, "20 (00 00)");
}

#[test]
fn a_session_lives_as_long_as_its_expiry_interval() {
    // 5:3.1.2-4 5:3.1.2-5 5:3.1.2-6 5:3.1.2-23 5:3.2.2-2 5:3.2.2-3 5:4.1.0-1 5:4.1.0-2 5:3.1.4-4
    let mut core = Core::new();
    let resume = "10 (`MQTT` 05 00 0000 (11 0000000a) `a`)";
    let client = core.open(resume, CONNACK_5);
    core.wait_secs(100);
    core.cut(client);
    core.wait_secs(9);
    let client = core.open(resume, PRESENT_5);
    core.cut(client);
    core.wait_secs(11);
    let client = core.open(resume, CONNACK_5);
    core.cut(client);
    core.open("10 (`MQTT` 05 02 0000 (11 0000000a) `a`)", CONNACK_5);
    // Without an expiry interval it ends with the connection.
    let client = core.open("10 (`MQTT` 05 00 0000 () `b`)", CONNACK_5);
    core.cut(client);
    let client = core.open("10 (`MQTT` 05 00 0000 (11 ffffffff) `b`)", CONNACK_5);
    core.cut(client);
    core.wait(Duration::from_secs(100_000));
    core.open("10 (`MQTT` 05 00 0000 () `b`)", PRESENT_5);
}

#[test]
fn disconnect_may_change_the_expiry_interval() {
    // 5:3.14.2-2
    let mut core = Core::new();
    let client = core.open("10 (`MQTT` 05 00 0000 (11 0000000a) `a`)", CONNACK_5);
    core.send(client, "e0 (00 (11 00000000))");
    core.expect_end(client, "");
    let client = core.open("10 (`MQTT` 05 00 0000 (11 0000000a) `a`)", CONNACK_5);
    core.send(client, "e0 (00 (11 00000064))");
    core.expect_end(client, "");
    core.wait_secs(50);
    // 3.14.2.2.2: what was 0 in CONNECT stays 0.
    let client = core.open("10 (`MQTT` 05 00 0000 () `a`)", PRESENT_5);
    core.send(client, "e0 (00 (11 0000000a))");
    core.expect_end(client, "e0 (82)");
    core.open("10 (`MQTT` 05 00 0000 () `a`)", CONNACK_5);
}

#[test]
fn the_broker_may_shorten_the_expiry_interval() {
    // 3.2.2.3.2
    let mut core = limited(BrokerLimits { session_expiry: 60, ..BrokerLimits::default() });
    let client = core.open("10 (`MQTT` 05 00 0000 (11 ffffffff) `a`)", "20 (00 00 (11 0000003c 22 0040))");
    core.cut(client);
    core.wait_secs(61);
    core.open("10 (`MQTT` 05 00 0000 (11 0000000a) `a`)", CONNACK_5);
}

#[test]
fn the_limits_of_the_broker_are_announced() {
    // 3.2.2.3.3 3.2.2.3.6 3.2.2.3.8
    let limits = BrokerLimits {
        max_packet_size: 1000,
        receive_maximum: 5,
        topic_alias_maximum: 0,
        ..BrokerLimits::default()
    };
    let mut core = limited(limits);
    core.open("10 (`MQTT` 05 02 0000 () `a`)", "20 (00 00 (21 0005 27 000003e8))");
}

#[test]
fn a_second_client_with_the_same_identifier_takes_the_session_over() {
    // 311:3.1.4-2 5:3.1.4-3 311:3.1.3-2 5:3.1.3-2
    let mut core = Core::new();
    let connect = "10 (`MQTT` 05 00 0000 (11 ffffffff) `a`)";
    let first = core.open(connect, CONNACK_5);
    core.exchange(first, "82 (0001 () `t` 01)", "90 (0001 () 01)");
    let second = core.open(connect, PRESENT_5);
    // What the old one still says is not heard.
    core.send(first, "32 (`t` 0001 () 'x')");
    core.expect_end(first, "e0 (8e)");
    core.exchange(second, "30 (`t` () 'y')", "30 (`t` () 'y')");
    let third = core.open("10 (`MQTT` 04 02 0000 `a`)", "20 (00 00)");
    core.expect_end(second, "e0 (8e)");
    let _fourth = core.open("10 (`MQTT` 04 02 0000 `a`)", "20 (00 00)");
    core.expect_end(third, "");
}

#[test]
fn a_client_without_an_identifier_gets_one() {
    // 311:3.1.3-6 311:3.1.3-7 311:3.1.3-8 311:3.1.3-9 5:3.1.3-6 5:3.1.3-7 5:3.2.2-16
    let mut core = Core::new();
    let mut assigned = Vec::new();
    for _ in 0..3 {
        let client = core.connect("10 (`MQTT` 05 02 0000 () ``)");
        let (answer, is_open) = core.take(client);
        assert!(is_open);
        assert_eq!(answer[..8], [0x20, 30, 0, 0, 27, 0x12, 0, 21]);
        assert_eq!(answer[29..], [0x22, 0, 64]);
        assigned.push(String::from_utf8(answer[8..29].to_vec()).unwrap());
    }
    assigned.sort();
    assigned.dedup();
    assert_eq!(assigned.len(), 3, "{assigned:?}");
    // It is the client identifier from then on.
    let one = core.open(&format!("10 (`MQTT` 05 02 0000 () `{}`)", assigned[0]), CONNACK_5);
    core.exchange(one, "c0 ()", "d0 ()");
    core.open("10 (`MQTT` 04 02 0000 ``)", "20 (00 00)");
    let refused = core.connect("10 (`MQTT` 04 00 0000 ``)");
    core.expect_end(refused, "20 (00 02)");
}

#[test]
fn identifiers_of_23_letters_and_digits_and_longer_ones_are_taken() {
    // 311:3.1.3-5 5:3.1.3-5
    let mut core = Core::new();
    core.open_311("0123456789abcdefghijklm");
    core.open_5("nopqrstuvwxyzABCDEFGHIJ");
    core.open_5(&"KLMNOPQRSTUVWXYZ".repeat(20));
    core.open("10 (`MQIsdp` 03 02 0000 `x`)", "20 (00 00)");
}

#[test]
fn a_password_file_decides_who_comes_in() {
    // 311:3.2.2-4 311:3.2.2-5 5:3.1.4-2 5:3.2.2-6 5:3.2.2-7 5:3.1.4-6 311:3.1.4-5
    let users = PasswordFile::parse("ann:secret\n").unwrap();
    let guarded = BrokerOptions { password_file: Some(users), ..BrokerOptions::default() };
    let mut core = Core::with(guarded.clone());
    core.open("10 (`MQTT` 05 c2 0000 () `a` `ann` `secret`)", CONNACK_5);
    core.open("10 (`MQTT` 04 c2 0000 `b` `ann` `secret`)", "20 (00 00)");
    for (connect, answer) in [
        ("10 (`MQTT` 05 c2 0000 () `c` `ann` `wrong!`)", "20 (00 86 ())"),
        ("10 (`MQTT` 05 82 0000 () `c` `ann`)", "20 (00 86 ())"),
        ("10 (`MQTT` 05 c2 0000 () `c` `eve` `secret`)", "20 (00 86 ())"),
        ("10 (`MQTT` 05 02 0000 () `c`)", "20 (00 87 ())"),
        ("10 (`MQTT` 05 42 0000 () `c` `secret`)", "20 (00 87 ())"),
        ("10 (`MQTT` 04 c2 0000 `c` `ann` `wrong!`)", "20 (00 04)"),
        ("10 (`MQTT` 04 02 0000 `c`)", "20 (00 05)"),
        ("10 (`MQIsdp` 03 02 0000 `c`)", "20 (00 05)"),
    ] {
        let refused = core.connect(connect);
        core.send(refused, "c0 ()");
        core.expect_end(refused, answer);
    }
    let mut open = Core::with(BrokerOptions { allow_anonymous: true, ..guarded });
    open.open("10 (`MQTT` 05 02 0000 () `c`)", CONNACK_5);
    let refused = open.connect("10 (`MQTT` 05 c2 0000 () `c` `ann` `wrong!`)");
    open.expect_end(refused, "20 (00 86 ())");
}

#[test]
fn extended_authentication_is_refused() {
    // 5:4.12.0-1
    let mut core = Core::new();
    let refused = core.connect("10 (`MQTT` 05 02 0000 (15 `SCRAM-SHA-1`) `c`)");
    core.expect_end(refused, "20 (00 8c ())");
    let client = core.open_5("a");
    core.send(client, "f0 (18 (15 `SCRAM-SHA-1`))");
    core.expect_end(client, "e0 (82)");
}

#[test]
fn a_silent_client_is_disconnected_after_one_and_a_half_keep_alives() {
    // 311:3.1.2-24 5:3.1.2-22
    let mut core = Core::new();
    let new = core.open("10 (`MQTT` 05 02 000a () `a`)", CONNACK_5);
    let old = core.open("10 (`MQTT` 04 02 000a `b`)", "20 (00 00)");
    let off = core.open("10 (`MQTT` 04 02 0000 `c`)", "20 (00 00)");
    core.wait_secs(14);
    core.heard(new, 2);
    core.wait(Duration::from_millis(1100));
    core.expect_end(old, "");
    core.expect(new, "");
    core.wait_secs(14);
    core.expect_end(new, "e0 (8d)");
    core.wait_secs(100_000);
    core.expect(off, "");
}

#[test]
fn a_broken_protocol_ends_the_connection_with_its_reason() {
    // 311:3.1.0-2 311:4.8.0-1 5:3.1.0-2 5:4.13.1-1 5:3.14.0-1
    for (packets, reason) in [
        ("10 (`MQTT` 05 02 0000 () `a`)", "82"),
        ("30 (`a/#` () 'x')", "90"),
        ("30 (`` () 'x')", "82"),
        ("36 (`a` 0001 () 'x')", "81"),
        ("32 (`a` 0000 () 'x')", "82"),
        ("82 (0001 ())", "82"),
        ("80 (0001 () `a` 00)", "81"),
        ("82 (0001 () `a#` 00)", "8f"),
        ("20 (00 00 ())", "82"),
        ("d0 ()", "82"),
        ("00 ()", "81"),
    ] {
        let mut core = Core::new();
        let client = core.open_5("a");
        core.send(client, packets);
        core.expect_end(client, &format!("e0 ({reason})"));
    }
    for packets in ["10 (`MQTT` 04 02 0000 `a`)", "36 (`a` 0001 'x')", "f0 ()", "82 (0001)", "c1 ()"] {
        let mut core = Core::new();
        let client = core.open_311("a");
        core.send(client, packets);
        core.expect_end(client, "");
    }
}

#[test]
fn when_the_broker_stops_it_says_so() {
    // 5:4.13.1-1
    let mut core = Core::new();
    let new = core.open("10 (`MQTT` 05 06 0000 () `a` () `t` `gone`)", CONNACK_5);
    let old = core.open_311("b");
    core.exchange(old, "82 (0001 `t` 00)", "90 (0001 00)");
    core.broker.shut_down(core.now);
    core.expect_end(new, "e0 (8b)");
    // The will of the other is not for those who are sent away as well.
    core.expect_end(old, "");
}

#[test]
fn there_are_no_more_sessions_than_the_limit() {
    let mut core = limited(BrokerLimits { sessions: 1, ..BrokerLimits::default() });
    let one = core.open_5("a");
    let refused = core.connect("10 (`MQTT` 05 02 0000 () `b`)");
    core.expect_end(refused, "20 (00 97 ())");
    let refused = core.connect("10 (`MQTT` 04 02 0000 `b`)");
    core.expect_end(refused, "20 (00 03)");
    core.open_5("a");
    core.expect_end(one, "e0 (8e)");
}
