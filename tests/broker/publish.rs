//! PUBLISH and its flows, in both directions (3.3 to 3.7, 4.3 to 4.6).

use mqt_broker::{BrokerLimits, BrokerOptions};

use super::core::{CONNACK_5, Core, PRESENT_5};

#[test]
fn every_qos_is_acknowledged_in_its_way() {
    // 311:3.3.4-1 311:4.3.2-2 311:4.3.3-2 5:3.3.4-1 5:4.3.2-4 5:4.3.3-8 5:4.3.3-11
    let mut core = Core::new();
    let old = core.open_311("a");
    core.exchange(old, "30 (`t` 'x')", "");
    core.exchange(old, "32 (`t` 0007 'x')", "40 (0007)");
    core.exchange(old, "34 (`t` 0008 'x')", "50 (0008)");
    core.exchange(old, "62 (0008)", "70 (0008)");
    let new = core.open_5("b");
    // Nobody has subscribed: 0x10.
    core.exchange(new, "32 (`t` 0007 () 'x')", "40 (0007 10)");
    core.exchange(new, "34 (`t` 0008 () 'x')", "50 (0008 10)");
    core.exchange(new, "62 (0008)", "70 (0008)");
    core.exchange(new, "62 (0008)", "70 (0008 92)");
    core.exchange(old, "82 (0001 `t` 00)", "90 (0001 00)");
    core.exchange(new, "32 (`t` 0007 () 'x')", "40 (0007)");
    core.exchange(new, "34 (`t` 0008 () 'x')", "50 (0008)");
    core.expect(old, "30 (`t` 'x') 30 (`t` 'x')");
}

#[test]
fn a_qos_2_message_is_delivered_once_until_its_release() {
    // 311:4.3.3-2 5:4.3.3-10 5:4.3.3-12 5:4.3.3-9
    let mut core = Core::new();
    let subscriber = core.open_311("s");
    core.exchange(subscriber, "82 (0001 `t` 00)", "90 (0001 00)");
    let old = core.open("10 (`MQTT` 04 00 0000 `a`)", "20 (00 00)");
    core.exchange(old, "34 (`t` 0001 'x')", "50 (0001)");
    core.exchange(old, "3c (`t` 0001 'x')", "50 (0001)");
    core.cut(old);
    let old = core.open("10 (`MQTT` 04 00 0000 `a`)", "20 (01 00)");
    core.exchange(old, "3c (`t` 0001 'x')", "50 (0001)");
    core.expect(subscriber, "30 (`t` 'x')");
    core.exchange(old, "62 (0001)", "70 (0001)");
    core.exchange(old, "34 (`t` 0001 'y')", "50 (0001)");
    core.expect(subscriber, "30 (`t` 'y')");
    // One that was refused is not remembered.
    let new = core.open_5("b");
    core.exchange(new, "34 (`$SYS/t` 0001 () 'x')", "50 (0001 87)");
    core.exchange(new, "34 (`t` 0001 () 'z')", "50 (0001)");
    core.expect(subscriber, "30 (`t` 'z')");
}

#[test]
fn what_is_sent_stays_in_flight_until_it_is_acknowledged() {
    // 311:4.3.2-1 311:4.3.3-1 5:4.3.2-2 5:4.3.2-3 5:4.3.2-5 5:4.3.3-2 5:4.3.3-3 5:4.3.3-4 5:4.3.3-5 5:4.3.3-6
    // 311:2.3.1-4 5:2.2.1-4
    let mut core = Core::new();
    let client = core.open_5("a");
    core.exchange(client, "82 (0001 () `t/#` 02)", "90 (0001 () 02)");
    core.exchange(client, "32 (`t/1` 0001 () 'x')", "32 (`t/1` 0001 () 'x') 40 (0001)");
    core.exchange(client, "34 (`t/2` 0002 () 'x')", "34 (`t/2` 0002 () 'x') 50 (0002)");
    core.exchange(client, "40 (0001)", "");
    core.exchange(client, "50 (0002)", "62 (0002)");
    core.exchange(client, "50 (0002)", "62 (0002)");
    core.exchange(client, "70 (0002)", "");
    core.exchange(client, "50 (0002)", "62 (0002 92)");
    // Acknowledgements of nothing are passed over.
    core.exchange(client, "40 (0009) 70 (0009)", "");
    core.exchange(client, "62 (0002)", "70 (0002)");
    // One of the wrong kind is a protocol error.
    core.exchange(client, "34 (`t/2` 0003 () 'x')", "34 (`t/2` 0003 () 'x') 50 (0003)");
    core.send(client, "40 (0003)");
    core.expect_end(client, "e0 (82)");
}

#[test]
fn no_more_is_in_flight_than_the_client_takes_and_nothing_else_waits() {
    // 5:3.3.4-9 5:3.3.4-10 5:4.9.0-1 5:4.9.0-2 5:4.9.0-3
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let client = core.open("10 (`MQTT` 05 02 0000 (21 0002) `a`)", CONNACK_5);
    core.exchange(client, "82 (0001 () `t` 02)", "90 (0001 () 02)");
    core.exchange(
        publisher,
        "32 (`t` 0001 '1') 34 (`t` 0002 '2') 32 (`t` 0003 '3') 32 (`t` 0004 '4')",
        "40 (0001) 50 (0002) 40 (0003) 40 (0004)",
    );
    core.expect(client, "32 (`t` 0001 () '1') 34 (`t` 0002 () '2')");
    core.exchange(client, "c0 ()", "d0 ()");
    core.exchange(client, "82 (0002 () `u` 00)", "90 (0002 () 00)");
    core.exchange(publisher, "30 (`u` '0')", "");
    core.expect(client, "30 (`u` () '0')");
    core.exchange(client, "50 (0002)", "62 (0002)");
    core.exchange(client, "70 (0002)", "32 (`t` 0003 () '3')");
    core.exchange(client, "40 (0001)", "32 (`t` 0004 () '4')");
}

#[test]
fn a_resumed_session_gets_again_what_it_did_not_acknowledge() {
    // 311:3.3.1-1 311:4.4.0-1 311:4.6.0-1 311:4.6.0-4 5:3.3.1-1 5:4.4.0-1 5:4.6.0-1 5:4.6.0-4 5:4.3.3-7
    let mut core = Core::new();
    let publisher = core.open_311("p");
    for (connect, first, again, in_flight, resent) in [
        (
            "10 (`MQTT` 04 00 0000 `a`)",
            "20 (00 00)",
            "20 (01 00)",
            "34 (`t` 0001 '1') 34 (`t` 0002 '2') 32 (`t` 0003 '3') 34 (`t` 0004 '4')",
            "3a (`t` 0003 '3') 3c (`t` 0004 '4') 32 (`t` 0005 '5')",
        ),
        (
            "10 (`MQTT` 05 00 0000 (11 ffffffff) `b`)",
            CONNACK_5,
            PRESENT_5,
            "34 (`t` 0001 () '1') 34 (`t` 0002 () '2') 32 (`t` 0003 () '3') 34 (`t` 0004 () '4')",
            "3a (`t` 0003 () '3') 3c (`t` 0004 () '4') 32 (`t` 0005 () '5')",
        ),
    ] {
        let client = core.open(connect, first);
        let is_v5 = first == CONNACK_5;
        core.send(client, if is_v5 { "82 (0001 () `t` 02)" } else { "82 (0001 `t` 02)" });
        core.take(client);
        core.send(publisher, "34 (`t` 0001 '1') 34 (`t` 0002 '2') 32 (`t` 0003 '3') 34 (`t` 0004 '4')");
        core.expect(client, in_flight);
        // The PUBRECs come in another order than the messages went out.
        core.exchange(client, "50 (0002) 50 (0001)", "62 (0002) 62 (0001)");
        core.cut(client);
        core.send(publisher, "62 (0001) 62 (0002) 62 (0004) 32 (`t` 0005 '5') 30 (`t` '0')");
        core.take(publisher);
        let client = core.open(connect, &format!("{again} 62 (0002) 62 (0001) {resent}"));
        // A second interruption changes nothing but that the last one is a repetition too.
        core.cut(client);
        let repeated = resent.replace("32 (`t` 0005", "3a (`t` 0005");
        let client = core.open(connect, &format!("{again} 62 (0002) 62 (0001) {repeated}"));
        core.exchange(client, "70 (0002) 70 (0001) 40 (0003) 50 (0004) 70 (0004) 40 (0005)", "62 (0004)");
        core.cut(client);
        let client = core.open(connect, again);
        core.send(client, if is_v5 { "a2 (0001 () `t`)" } else { "a2 (0001 `t`)" });
    }
}

#[test]
fn a_refused_message_is_not_sent_again() {
    // 5:4.4.0-2 5:4.3.3-4
    let connect = "10 (`MQTT` 05 00 0000 (11 ffffffff 21 0001) `a`)";
    let mut core = Core::new();
    let client = core.open(connect, CONNACK_5);
    core.exchange(client, "82 (0001 () `t` 02)", "90 (0001 () 02)");
    core.send(client, "32 (`t` 0001 () '1') 34 (`t` 0002 () '2') 32 (`t` 0003 () '3')");
    core.expect(client, "32 (`t` 0001 () '1') 40 (0001) 50 (0002) 40 (0003)");
    core.exchange(client, "40 (0001 80)", "34 (`t` 0002 () '2')");
    core.exchange(client, "50 (0002 97)", "32 (`t` 0003 () '3')");
    core.exchange(client, "40 (0003 87)", "");
    core.cut(client);
    core.open(connect, PRESENT_5);
}

#[test]
fn the_retained_message_of_a_topic_is_replaced_and_cleared() {
    // 311:3.3.1-5 311:3.3.1-6 311:3.3.1-7 311:3.3.1-8 311:3.3.1-9 311:3.3.1-10 311:3.3.1-11 311:3.3.1-12
    // 5:3.3.1-5 5:3.3.1-6 5:3.3.1-7 5:3.3.1-8 5:3.3.1-12
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let early = core.open_311("e");
    core.exchange(early, "82 (0001 `t/#` 01)", "90 (0001 01)");
    core.send(publisher, "31 (`t/a` 'old') 33 (`t/a` 0001 'new') 30 (`t/a` 'other') 31 (`t/b` 'b')");
    core.expect(early, "30 (`t/a` 'old') 32 (`t/a` 0001 'new') 30 (`t/a` 'other') 30 (`t/b` 'b')");
    let late = core.open_311("l");
    core.exchange(late, "82 (0001 `t/#` 01)", "90 (0001 01) 33 (`t/a` 0001 'new') 31 (`t/b` 'b')");
    core.send(publisher, "31 (`t/a`)");
    core.expect(late, "30 (`t/a`)");
    let later = core.open_311("m");
    core.exchange(later, "82 (0001 `t/#` 01)", "90 (0001 01) 31 (`t/b` 'b')");
    // 311:3.8.4-3: subscribing again sends it again.
    core.exchange(later, "82 (0002 `t/#` 01)", "90 (0002 01) 31 (`t/b` 'b')");
}

#[test]
fn retained_messages_outlive_the_session_that_published_them() {
    // 311:3.1.2-7
    let mut core = Core::new();
    let publisher = core.open_311("p");
    core.send(publisher, "31 (`t` 'x') e0 ()");
    core.expect_end(publisher, "");
    let client = core.open_311("a");
    core.exchange(client, "82 (0001 `t` 00)", "90 (0001 00) 31 (`t` 'x')");
}

#[test]
fn properties_reach_the_subscriber_unchanged_and_in_order() {
    // 5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20
    let mut core = Core::new();
    let publisher = core.open_5("p");
    let new = core.open_5("n");
    let old = core.open_311("o");
    core.exchange(new, "82 (0001 () `t` 01)", "90 (0001 () 01)");
    core.exchange(old, "82 (0001 `t` 01)", "90 (0001 01)");
    let properties = "(26 `z` `1` 01 01 26 `a` `2` 03 `text/plain` 08 `answers/to` 26 `z` `1` 09 `\u{1}x`)";
    core.send(publisher, &format!("30 (`t` {properties} 'x')"));
    core.expect(new, &format!("30 (`t` {properties} 'x')"));
    core.expect(old, "30 (`t` 'x')");
    // Kept copies too.
    core.send(publisher, &format!("33 (`t` 0001 {properties} 'x')"));
    core.expect(new, &format!("32 (`t` 0001 {properties} 'x')"));
    core.expect(old, "32 (`t` 0001 'x')");
    let late = core.open_5("l");
    core.exchange(late, "82 (0001 () `t` 00)", &format!("90 (0001 () 00) 31 (`t` {properties} 'x')"));
}

#[test]
fn topic_aliases_stand_for_their_topics_on_one_connection() {
    // 5:3.3.2-7 5:3.3.2-12 5:3.1.2-27
    let mut core = Core::new();
    let subscriber = core.open_5("s");
    core.exchange(subscriber, "82 (0001 () `#` 00)", "90 (0001 () 00)");
    let publisher = core.open_5("p");
    core.send(publisher, "30 (`t/1` (23 0001) 'a') 30 (`` (23 0001) 'b') 30 (`t/2` (23 0040) 'c')");
    core.send(publisher, "30 (`t/3` (23 0001) 'd') 30 (`` (23 0001) 'e') 30 (`` (23 0040) 'f')");
    core.expect(
        subscriber,
        "30 (`t/1` () 'a') 30 (`t/1` () 'b') 30 (`t/2` () 'c') 30 (`t/3` () 'd') 30 (`t/3` () 'e') 30 (`t/2` () 'f')",
    );
    core.send(publisher, "30 (`t/1` (23 0041) 'a')");
    core.expect_end(publisher, "e0 (94)");
    let publisher = core.open_5("p");
    core.send(publisher, "30 (`` (23 0001) 'b')");
    core.expect_end(publisher, "e0 (82)");
    let publisher = core.open_5("p");
    // 5:3.3.2-8
    core.send(publisher, "30 (`t/1` (23 0000) 'b')");
    core.expect_end(publisher, "e0 (94)");
    core.expect(subscriber, "");
}

#[test]
fn a_message_expires_and_its_interval_counts_down() {
    // 5:3.3.2-5 5:3.3.2-6
    let connect = "10 (`MQTT` 05 00 0000 (11 ffffffff) `a`)";
    let mut core = Core::new();
    let publisher = core.open_5("p");
    let away = core.open(connect, CONNACK_5);
    core.exchange(away, "82 (0001 () `t` 01)", "90 (0001 () 01)");
    core.cut(away);
    core.send(publisher, "33 (`t` 0001 (02 00000005) 'short') 33 (`t` 0002 (02 0000000a) 'long')");
    core.wait_secs(6);
    let late = core.open_5("l");
    core.exchange(late, "82 (0001 () `t` 00)", "90 (0001 () 00) 31 (`t` (02 00000004) 'long')");
    let back = core.open(connect, &format!("{PRESENT_5} 32 (`t` 0001 (02 00000004) 'long')"));
    core.exchange(back, "40 (0001)", "");
    core.wait_secs(5);
    core.exchange(late, "82 (0002 () `t` 00)", "90 (0002 () 00)");
}

#[test]
fn a_packet_that_is_too_large_for_the_client_counts_as_sent() {
    // 5:3.1.2-24 5:3.1.2-25
    let mut core = Core::new();
    let client = core.open("10 (`MQTT` 05 02 0000 (27 00000014) `a`)", CONNACK_5);
    core.exchange(client, "82 (0001 () `t` 01)", "90 (0001 () 01)");
    let publisher = core.open_311("p");
    core.send(
        publisher,
        "32 (`t` 0001 '123456789012') 32 (`t` 0002 '1234567890123') 30 (`t` '123456789012345')",
    );
    core.expect(client, "32 (`t` 0001 () '123456789012')");
    core.send(publisher, "32 (`t` 0003 'x')");
    core.expect(client, "32 (`t` 0002 () 'x')");
}

#[test]
fn overlapping_subscriptions_deliver_one_copy() {
    // 311:3.3.5-1 5:3.3.4-2 5:3.3.4-3 5:3.3.4-4
    let mut core = Core::new();
    let old = core.open_311("o");
    core.exchange(old, "82 (0001 `t/#` 00 `t/+` 02 `t/a` 01)", "90 (0001 00 02 01)");
    let new = core.open_5("n");
    core.exchange(new, "82 (0001 (0b 07) `t/#` 00)", "90 (0001 () 00)");
    core.exchange(new, "82 (0002 (0b 8001) `t/+` 01)", "90 (0002 () 01)");
    core.exchange(new, "82 (0003 () `t/a` 01)", "90 (0003 () 01)");
    let publisher = core.open_311("p");
    core.send(publisher, "34 (`t/a` 0001 'x')");
    core.expect(old, "34 (`t/a` 0001 'x')");
    let (received, _) = core.take(new);
    let either = ["32 (`t/a` 0001 (0b 07 0b 8001) 'x')", "32 (`t/a` 0001 (0b 8001 0b 07) 'x')"];
    assert!(either.iter().any(|packet| crate::support::wire::bytes(packet) == received), "{received:x?}");
}

#[test]
fn clients_do_not_publish_to_sys_and_wildcards_do_not_match_it() {
    // 311:4.7.2-1 5:4.7.2-1 311:3.3.5-2
    let mut core = Core::new();
    core.wait_secs(0);
    let client = core.open_5("a");
    core.exchange(client, "82 (0001 () `#` 00 `+/broker/version` 00)", "90 (0001 () 00 00)");
    core.exchange(client, "32 (`$SYS/broker/version` 0001 () 'x')", "40 (0001 87)");
    core.exchange(client, "30 (`$SYS/x` () 'x')", "");
    let old = core.open_311("b");
    core.exchange(old, "33 (`$SYS/x` 0001 'x')", "40 (0001)");
    core.exchange(old, "82 (0001 `$SYS/x` 00)", "90 (0001 00)");
    core.expect(client, "");
    let version = format!("mqt version {}", env!("CARGO_PKG_VERSION"));
    core.exchange(
        client,
        "82 (0002 () `$SYS/+/version` 00)",
        &format!("90 (0002 () 00) 31 (`$SYS/broker/version` () '{version}')"),
    );
    // Other topics that begin with $ are nothing special but for wildcards.
    core.exchange(old, "82 (0002 `$x/#` 00)", "90 (0002 00)");
    core.exchange(old, "30 (`$x/y` 'z')", "30 (`$x/y` 'z')");
    core.expect(client, "");
}

#[test]
fn messages_of_one_publisher_keep_their_order() {
    // 311:4.6.0-5 311:4.6.0-6 5:4.6.0-5 5:4.6.0-6
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let client = core.open("10 (`MQTT` 05 02 0000 (21 0003) `a`)", CONNACK_5);
    core.exchange(client, "82 (0001 () `t/#` 01)", "90 (0001 () 01)");
    let mut received = Vec::new();
    for number in 1..=50 {
        core.send(publisher, &format!("32 (`t/{}` {number:04x} '{number:02}')", number % 3));
    }
    while received.len() < 50 {
        let (bytes, _) = core.take(client);
        assert!(!bytes.is_empty(), "stuck after {received:?}");
        for packet in bytes.chunks(12) {
            assert_eq!(packet[..2], [0x32, 10]);
            received.push(String::from_utf8(packet[10..].to_vec()).unwrap());
            core.send(client, &format!("40 ({:02x}{:02x})", packet[7], packet[8]));
        }
    }
    assert!(received.is_sorted(), "{received:?}");
}

#[test]
fn a_client_keeps_to_the_receive_maximum_of_the_broker() {
    // 5:3.3.4-7
    let limits = BrokerLimits { receive_maximum: 2, ..BrokerLimits::default() };
    let mut core = Core::with(BrokerOptions { limits, ..BrokerOptions::default() });
    let client = core.open("10 (`MQTT` 05 02 0000 () `a`)", "20 (00 00 (21 0002 22 0040))");
    core.exchange(client, "34 (`t` 0001 () 'x') 34 (`t` 0002 () 'x')", "50 (0001 10) 50 (0002 10)");
    core.exchange(client, "3c (`t` 0002 () 'x') 62 (0001)", "50 (0002) 70 (0001)");
    core.exchange(client, "34 (`t` 0003 () 'x')", "50 (0003 10)");
    core.send(client, "34 (`t` 0004 () 'x')");
    core.expect_end(client, "e0 (93)");
}

#[test]
fn a_client_sends_no_subscription_identifier() {
    // 5:3.3.4-6
    let mut core = Core::new();
    let client = core.open_5("a");
    core.send(client, "30 (`t` (0b 01) 'x')");
    core.expect_end(client, "e0 (82)");
}
