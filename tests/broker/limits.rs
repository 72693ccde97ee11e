//! What the bounds of the broker do, and what it counts.

use mqt_broker::{BrokerLimits, BrokerOptions};

use super::core::{CONNACK_5, Core, PRESENT_5};

fn limited(limits: BrokerLimits) -> Core {
    Core::with(BrokerOptions { limits, ..BrokerOptions::default() })
}

/// The value of a `$SYS` topic.
fn sys(core: &mut Core, topic: &str) -> String {
    core.wait_secs(10);
    let reader = core.open_311("sys reader");
    core.send(reader, &format!("82 (0001 `{topic}` 00)"));
    let (answer, _) = core.take(reader);
    core.cut(reader);
    let payload = &answer[5 + 2 + 2 + topic.len()..];
    String::from_utf8(payload.to_vec()).unwrap()
}

#[test]
fn a_slow_reader_loses_qos_0_and_keeps_qos_1() {
    let mut core = limited(BrokerLimits { output_bytes: 30, ..BrokerLimits::default() });
    let publisher = core.open_311("p");
    let slow = core.open_311("s");
    core.exchange(slow, "82 (0001 `t` 01)", "90 (0001 01)");
    core.send(publisher, "30 (`t` '1234567890') 30 (`t` '2234567890') 30 (`t` '3234567890')");
    core.send(publisher, "32 (`t` 0001 '4234567890') 30 (`t` '5234567890') 32 (`t` 0002 '6234567890')");
    core.expect(
        slow,
        "30 (`t` '1234567890') 30 (`t` '2234567890') 32 (`t` 0001 '4234567890') 32 (`t` 0002 '6234567890')",
    );
    core.send(publisher, "30 (`t` '7')");
    core.expect(slow, "30 (`t` '7')");
    assert_eq!(sys(&mut core, "$SYS/broker/publish/messages/dropped"), "2");
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let mut core = limited(BrokerLimits { output_bytes: 4, ..BrokerLimits::default() });
    let client = core.open_311("a");
    core.send(client, "c0 ()");
    let mut written = mqt_proto::WriteBuffer::new();
    written.put_u8(0);
    assert!(!core.flow(client, &mut written).is_congested);
    core.send(client, "c0 () c0 () c0 ()");
    assert!(core.flow(client, &mut written).is_congested);
    core.expect(client, "d0 () d0 () d0 () d0 ()");
    assert!(!core.flow(client, &mut written).is_congested);
}

/// A CONNECT that keeps its session.
const KEEP: &str = "10 (`MQTT` 05 00 0000 (11 ffffffff) `a`)";

/// A user property of 60,000 bytes.
fn long() -> String {
    format!("26 `n` `{}`", "x".repeat(60_000))
}

#[test]
fn a_full_queue_takes_no_more() {
    let long = long();
    for limits in [
        BrokerLimits { queue_messages: 2, ..BrokerLimits::default() },
        BrokerLimits { queue_bytes: 90_000, ..BrokerLimits::default() },
        // Two messages, and what sessions and `$SYS` take.
        BrokerLimits { memory: 150_000, ..BrokerLimits::default() },
    ] {
        let mut core = limited(limits);
        let publisher = core.open_5("p");
        let client = core.open(KEEP, CONNACK_5);
        core.exchange(client, "82 (0001 () `t` 01)", "90 (0001 () 01)");
        core.cut(client);
        for number in 1..=2 {
            core.exchange(
                publisher,
                &format!("32 (`t` 000{number} ({long}) '{number}')"),
                &format!("40 (000{number})"),
            );
        }
        // Nobody else has it: it is refused.
        core.exchange(publisher, &format!("32 (`t` 0003 ({long}) '3')"), "40 (0003 97)");
        core.exchange(publisher, &format!("34 (`t` 0004 ({long}) '4')"), "50 (0004 97)");
        let witness = core.open_5("w");
        core.exchange(witness, "82 (0001 () `t` 00)", "90 (0001 () 00)");
        core.exchange(publisher, &format!("32 (`t` 0005 ({long}) '5')"), "40 (0005)");
        core.expect(witness, &format!("30 (`t` ({long}) '5')"));
        core.open(KEEP, &format!("{PRESENT_5} 32 (`t` 0001 ({long}) '1') 32 (`t` 0002 ({long}) '2')"));
        assert_eq!(sys(&mut core, "$SYS/broker/publish/messages/dropped"), "3");
    }
}

#[test]
fn there_are_no_more_retained_messages_than_the_limit() {
    for limits in [
        BrokerLimits { retained_messages: 1, ..BrokerLimits::default() },
        BrokerLimits { retained_bytes: 90_000, ..BrokerLimits::default() },
        BrokerLimits { memory: 90_000, ..BrokerLimits::default() },
    ] {
        let long = long();
        let mut core = limited(limits);
        let client = core.open_5("a");
        core.exchange(client, &format!("33 (`t` 0001 ({long}) 'x')"), "40 (0001 10)");
        core.exchange(client, &format!("33 (`u` 0002 ({long}) 'y')"), "40 (0002 97)");
        core.exchange(client, &format!("33 (`t` 0003 ({long}) 'y')"), "40 (0003 10)");
        core.exchange(client, "82 (0001 () `#` 00)", &format!("90 (0001 () 00) 31 (`t` ({long}) 'y')"));
        core.exchange(
            client,
            "31 (`t` () '') 33 (`u` 0004 () 'z')",
            "30 (`t` () '') 30 (`u` () 'z') 40 (0004)",
        );
    }
}

#[test]
fn beyond_the_memory_nobody_new_is_let_in_and_what_leaves_makes_room() {
    let mut core = limited(BrokerLimits { memory: 150_000, ..BrokerLimits::default() });
    let long = long();
    let connect =
        |name: char| format!("10 (`MQTT` 05 06 0000 (11 00000064) `{name}` (18 0000000a {long}) `w` `bye`)");
    let first = core.open(&connect('a'), CONNACK_5);
    core.open(&connect('b'), CONNACK_5);
    let refused = core.connect(&connect('c'));
    core.expect_end(refused, "20 (00 97 ())");
    // A delayed will still counts.
    core.cut(first);
    let refused = core.connect(&connect('c'));
    core.expect_end(refused, "20 (00 97 ())");
    core.wait_secs(11);
    core.open(&connect('c'), CONNACK_5);
}

#[test]
fn subscriptions_and_aliases_are_bounded_by_the_memory() {
    let mut core = limited(BrokerLimits { memory: 30_000, ..BrokerLimits::default() });
    let client = core.open_5("a");
    let (one, two) = ("x".repeat(10_000), "y".repeat(10_000));
    core.exchange(client, &format!("82 (0001 () `{one}` 00 `{two}` 00)"), "90 (0001 () 00 97)");
    core.exchange(client, &format!("a2 (0002 () `{one}`)"), "b0 (0002 () 00)");
    core.exchange(client, &format!("82 (0003 () `{two}` 00)"), "90 (0003 () 00)");
    core.exchange(client, &format!("a2 (0004 () `{two}`)"), "b0 (0004 () 00)");
    core.exchange(client, &format!("32 (`{one}` 0005 (23 0001) 'x')"), "40 (0005 10)");
    core.exchange(client, &format!("32 (`{two}` 0006 (23 0002) 'x')"), "40 (0006 10)");
    core.send(client, &format!("32 (`{one}` 0007 (23 0003) 'x')"));
    core.expect_end(client, "e0 (97)");
}

#[test]
fn a_slow_reader_gets_less_when_the_memory_is_full() {
    let mut core = limited(BrokerLimits { memory: 300_000, ..BrokerLimits::default() });
    let publisher = core.open_311("p");
    let slow = core.open_311("s");
    core.exchange(slow, "82 (0001 `t` 00)", "90 (0001 00)");
    let message = format!("30 (`t` '{}')", "x".repeat(1_000));
    for _ in 0..1_000 {
        core.send(publisher, &message);
    }
    let (received, _) = core.take(slow);
    assert!(received.len() > 100_000 && received.len() < 400_000, "{}", received.len());
    core.send(publisher, &message);
    core.expect(slow, &message);
}

#[test]
fn a_session_has_no_more_subscriptions_than_the_limit() {
    let mut core = limited(BrokerLimits { subscriptions: 2, ..BrokerLimits::default() });
    let client = core.open_5("a");
    core.exchange(client, "82 (0001 () `a` 00 `b` 00 `c` 00 `a` 01)", "90 (0001 () 00 00 97 01)");
    core.exchange(client, "a2 (0002 () `a`) 82 (0003 () `c` 00)", "b0 (0002 () 00) 90 (0003 () 00)");
}

#[test]
fn what_the_broker_counts_stands_under_sys() {
    let mut core = Core::new();
    let client = core.open_5("a");
    core.exchange(client, "82 (0001 () `t` 00 `$share/g/u` 00)", "90 (0001 () 00 00)");
    core.exchange(client, "30 (`t` () 'four')", "30 (`t` () 'four')");
    let away = core.open("10 (`MQTT` 04 00 0000 `b`)", "20 (00 00)");
    core.cut(away);
    core.heard(client, 1000);
    for (topic, value) in [
        ("uptime", "10 seconds"),
        ("clients/total", "2"),
        ("clients/connected", "1"),
        ("clients/disconnected", "1"),
        ("clients/maximum", "2"),
        ("subscriptions/count", "2"),
        ("shared_subscriptions/count", "1"),
        ("publish/messages/received", "1"),
        ("publish/bytes/received", "4"),
        ("bytes/received", "1000"),
    ] {
        assert_eq!(sys(&mut core, &format!("$SYS/broker/{topic}")), value, "{topic}");
    }
}

#[test]
fn values_that_did_not_change_are_not_published_again() {
    let mut core = Core::new();
    core.wait_secs(10);
    let reader = core.open_311("a");
    core.send(reader, "82 (0001 `$SYS/broker/version` 00 `$SYS/broker/uptime` 00)");
    core.take(reader);
    core.wait_secs(10);
    core.expect(reader, "30 (`$SYS/broker/uptime` '20 seconds')");
}
