//! What the bounds of the broker do, and what it counts.

use mqt::broker::{BrokerOptions, Limits};

use super::core::{CONNACK_5, Core, PRESENT_5};

fn limited(limits: Limits) -> Core {
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
    let mut core = limited(Limits { output_bytes: 30, ..Limits::default() });
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
    let mut core = limited(Limits { output_bytes: 4, ..Limits::default() });
    let client = core.open_311("a");
    core.send(client, "c0 ()");
    let mut written = mqt::mqtt::WriteBuffer::new();
    written.put_u8(0);
    assert!(!core.flow(client, &mut written).is_congested);
    core.send(client, "c0 () c0 () c0 ()");
    assert!(core.flow(client, &mut written).is_congested);
    core.expect(client, "d0 () d0 () d0 () d0 ()");
    assert!(!core.flow(client, &mut written).is_congested);
}

#[test]
fn a_full_queue_takes_no_more() {
    let keep = "10 (`MQTT` 05 00 0000 (11 ffffffff) `a`)";
    for limits in
        [Limits { queue_messages: 2, ..Limits::default() }, Limits { queue_bytes: 3, ..Limits::default() }]
    {
        let mut core = limited(limits);
        let publisher = core.open_311("p");
        let client = core.open(keep, CONNACK_5);
        core.exchange(client, "82 (0001 () `t` 01)", "90 (0001 () 01)");
        core.cut(client);
        core.send(publisher, "32 (`t` 0001 '1') 32 (`t` 0002 '2') 32 (`t` 0003 '3')");
        core.expect(publisher, "40 (0001) 40 (0002) 40 (0003)");
        core.open(keep, &format!("{PRESENT_5} 32 (`t` 0001 () '1') 32 (`t` 0002 () '2')"));
        assert_eq!(sys(&mut core, "$SYS/broker/publish/messages/dropped"), "1");
    }
}

#[test]
fn there_are_no_more_retained_messages_than_the_limit() {
    for limits in [
        Limits { retained_messages: 1, ..Limits::default() },
        Limits { retained_bytes: 3, ..Limits::default() },
    ] {
        let mut core = limited(limits);
        let client = core.open_5("a");
        core.exchange(client, "33 (`t` 0001 () 'x')", "40 (0001 10)");
        core.exchange(client, "33 (`u` 0002 () 'y')", "40 (0002 97)");
        core.exchange(client, "33 (`t` 0003 () 'y')", "40 (0003 10)");
        core.exchange(client, "82 (0001 () `#` 00)", "90 (0001 () 00) 31 (`t` () 'y')");
    }
}

#[test]
fn a_session_has_no_more_subscriptions_than_the_limit() {
    let mut core = limited(Limits { subscriptions: 2, ..Limits::default() });
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
