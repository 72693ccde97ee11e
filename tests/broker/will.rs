//! Wills (3.1.2.5, 3.1.3.2).

use super::core::{CONNACK_5, Core, PRESENT_5};

const WITH_DELAY: &str = "10 (`MQTT` 05 06 0000 (11 00000064) `a` (18 0000000a) `w` `gone`)";
const AGAIN: &str = "10 (`MQTT` 05 04 0000 (11 00000064) `a` (18 0000000a) `w` `gone`)";

fn watched() -> (Core, super::core::Client) {
    let mut core = Core::new();
    let watcher = core.open_5("watcher");
    core.exchange(watcher, "82 (0001 () `w` 02)", "90 (0001 () 02)");
    (core, watcher)
}

#[test]
fn a_will_is_published_when_the_connection_breaks() {
    // 311:3.1.2-8 311:3.1.2-9 311:3.1.2-16 5:3.1.2-7 5:3.1.2-8 5:3.1.2-9 5:3.1.2-14
    let (mut core, watcher) = watched();
    let old = core.open("10 (`MQTT` 04 06 0000 `a` `w` `gone`)", "20 (00 00)");
    core.cut(old);
    core.expect(watcher, "30 (`w` () 'gone')");
    // QoS 1
    let old = core.open("10 (`MQTT` 04 0e 0000 `a` `w` `gone`)", "20 (00 00)");
    core.send(old, "c1 ()");
    core.expect_end(old, "");
    core.expect(watcher, "32 (`w` 0001 () 'gone')");
    let new = core.open("10 (`MQTT` 05 06 000a () `a` () `w` `gone`)", CONNACK_5);
    core.wait_secs(16);
    core.expect_end(new, "e0 (8d)");
    core.expect(watcher, "30 (`w` () 'gone')");
    let late = core.open_311("late");
    core.exchange(late, "82 (0001 `w` 00)", "90 (0001 00)");
}

#[test]
fn a_will_may_be_retained() {
    // 311:3.1.2-17 5:3.1.2-15
    let (mut core, watcher) = watched();
    let client = core.open("10 (`MQTT` 04 26 0000 `a` `w` `gone`)", "20 (00 00)");
    core.cut(client);
    core.expect(watcher, "30 (`w` () 'gone')");
    let late = core.open_311("late");
    core.exchange(late, "82 (0001 `w` 00)", "90 (0001 00) 31 (`w` 'gone')");
}

#[test]
fn disconnect_discards_the_will_unless_it_says_otherwise() {
    // 311:3.1.2-10 311:3.14.4-3 5:3.1.2-10 5:3.14.4-3
    let (mut core, watcher) = watched();
    let old = core.open("10 (`MQTT` 04 06 0000 `a` `w` `gone`)", "20 (00 00)");
    core.send(old, "e0 ()");
    core.expect_end(old, "");
    let new = core.open("10 (`MQTT` 05 06 0000 () `a` () `w` `gone`)", CONNACK_5);
    core.send(new, "e0 ()");
    core.expect_end(new, "");
    core.expect(watcher, "");
    let new = core.open("10 (`MQTT` 05 06 0000 () `a` () `w` `gone`)", CONNACK_5);
    core.send(new, "e0 (04)");
    core.expect_end(new, "");
    core.expect(watcher, "30 (`w` () 'gone')");
}

#[test]
fn a_will_waits_for_its_delay() {
    // 5:3.1.2-8 5:3.1.3-9
    let (mut core, watcher) = watched();
    let client = core.open(WITH_DELAY, CONNACK_5);
    core.cut(client);
    core.wait_secs(9);
    core.expect(watcher, "");
    core.wait_secs(1);
    core.expect(watcher, "30 (`w` () 'gone')");
    core.wait_secs(1000);
    core.expect(watcher, "");
    // Who comes back in time takes it back.
    let client = core.open(WITH_DELAY, CONNACK_5);
    core.cut(client);
    core.wait_secs(9);
    let client = core.open(AGAIN, PRESENT_5);
    core.wait_secs(20);
    core.expect(watcher, "");
    // A take-over is such a return.
    let _taken_over = core.open(AGAIN, PRESENT_5);
    core.expect_end(client, "e0 (8e)");
    core.wait_secs(20);
    core.expect(watcher, "");
}

#[test]
fn a_will_does_not_wait_longer_than_its_session() {
    // 5:3.1.2-8
    let (mut core, watcher) = watched();
    let short = "10 (`MQTT` 05 06 0000 (11 00000005) `a` (18 0000000a) `w` `gone`)";
    let client = core.open(short, CONNACK_5);
    core.cut(client);
    core.wait_secs(4);
    core.expect(watcher, "");
    core.wait_secs(1);
    core.expect(watcher, "30 (`w` () 'gone')");
    core.wait_secs(10);
    core.expect(watcher, "");
    // A clean start ends the session at once.
    let client = core.open(short, CONNACK_5);
    core.cut(client);
    core.open_5("a");
    core.expect(watcher, "30 (`w` () 'gone')");
    // Without an expiry interval the session ends with the connection.
    let client = core.open("10 (`MQTT` 05 06 0000 () `b` (18 0000000a) `w` `gone`)", CONNACK_5);
    core.cut(client);
    core.expect(watcher, "30 (`w` () 'gone')");
}

#[test]
fn a_take_over_publishes_a_will_without_delay() {
    // 5:3.1.2-8
    let (mut core, watcher) = watched();
    let client = core.open("10 (`MQTT` 05 04 0000 (11 00000064) `a` () `w` `gone`)", CONNACK_5);
    core.open("10 (`MQTT` 05 00 0000 (11 00000064) `a`)", PRESENT_5);
    core.expect_end(client, "e0 (8e)");
    core.expect(watcher, "30 (`w` () 'gone')");
}

#[test]
fn the_properties_of_a_will_are_forwarded_without_its_delay() {
    // 5:3.1.3-10
    let (mut core, watcher) = watched();
    let client = core.open(
        "10 (`MQTT` 05 06 0000 () `a` (26 `z` `1` 01 01 26 `a` `2` 18 00000000 03 `text/plain`) `w` `gone`)",
        CONNACK_5,
    );
    core.cut(client);
    core.expect(watcher, "30 (`w` (26 `z` `1` 01 01 26 `a` `2` 03 `text/plain`) 'gone')");
}
