//! SUBSCRIBE, UNSUBSCRIBE and what the subscription options do (3.8 to 3.11, 4.7, 4.8).

use super::core::{CONNACK_5, Core, PRESENT_5};

#[test]
fn each_filter_gets_its_answer_in_order() {
    // 311:3.8.4-1 311:3.8.4-2 311:3.8.4-4 311:3.8.4-5 311:3.9.3-1 5:3.8.4-1 5:3.8.4-2 5:3.8.4-5 5:3.8.4-6
    // 5:3.8.4-7 5:3.9.3-1
    let deep = "/".repeat(200);
    let mut core = Core::new();
    let old = core.open_311("o");
    core.exchange(old, &format!("82 (1234 `a` 02 `b` 00 `{deep}` 01 `c` 01)"), "90 (1234 02 00 80 01)");
    let new = core.open_5("n");
    core.exchange(new, &format!("82 (1234 () `a` 02 `b` 00 `{deep}` 01 `c` 01)"), "90 (1234 () 02 00 8f 01)");
}

#[test]
fn the_lower_of_both_qualities_is_delivered() {
    // 311:3.8.4-6 5:3.8.4-8
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let client = core.open_311("a");
    core.exchange(client, "82 (0001 `t/0` 00 `t/1` 01 `t/2` 02)", "90 (0001 00 01 02)");
    core.send(publisher, "34 (`t/0` 0001 'x') 34 (`t/1` 0002 'x') 34 (`t/2` 0003 'x')");
    core.expect(client, "30 (`t/0` 'x') 32 (`t/1` 0001 'x') 34 (`t/2` 0002 'x')");
    core.send(publisher, "32 (`t/2` 0004 'x') 30 (`t/2` 'x')");
    core.expect(client, "32 (`t/2` 0003 'x') 30 (`t/2` 'x')");
}

#[test]
fn an_identical_filter_replaces_the_subscription() {
    // 311:3.8.4-3 5:3.8.4-3 5:3.8.4-4
    let mut core = Core::new();
    let client = core.open_5("a");
    core.exchange(client, "82 (0001 (0b 01) `t` 02)", "90 (0001 () 02)");
    core.exchange(client, "34 (`t` 0001 () 'x')", "34 (`t` 0001 (0b 01) 'x') 50 (0001)");
    core.exchange(client, "82 (0002 (0b 02) `t` 00)", "90 (0002 () 00)");
    core.exchange(client, "32 (`t` 0002 () 'y')", "30 (`t` (0b 02) 'y') 40 (0002)");
    core.exchange(client, "82 (0003 () `t` 00)", "90 (0003 () 00)");
    core.exchange(client, "30 (`t` () 'z')", "30 (`t` () 'z')");
    // What was on its way under the old one is finished.
    core.exchange(client, "50 (0001)", "62 (0001)");
}

#[test]
fn unsubscribing_ends_what_is_new_and_not_what_is_on_its_way() {
    // 311:3.10.4-1 311:3.10.4-2 311:3.10.4-3 311:3.10.4-4 311:3.10.4-5 311:3.10.4-6
    // 5:3.10.4-1 5:3.10.4-2 5:3.10.4-3 5:3.10.4-4 5:3.10.4-5 5:3.10.4-6 5:3.11.3-1
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let new = core.open_5("n");
    core.exchange(new, "82 (0001 () `t/+` 01 `t/#` 02)", "90 (0001 () 01 02)");
    core.send(publisher, "34 (`t/1` 0001 'x')");
    core.expect(new, "34 (`t/1` 0001 () 'x')");
    core.exchange(new, "a2 (0002 () `t/1` `t/#` `T/+`)", "b0 (0002 () 11 00 11)");
    core.send(publisher, "34 (`t/1` 0002 'y')");
    core.expect(new, "32 (`t/1` 0002 () 'y')");
    core.exchange(new, "a2 (0003 () `t/+`)", "b0 (0003 () 00)");
    core.send(publisher, "34 (`t/1` 0003 'z')");
    core.exchange(new, "50 (0001)", "62 (0001)");
    let old = core.open_311("o");
    core.exchange(old, "82 (0001 `t` 00)", "90 (0001 00)");
    core.exchange(old, "a2 (0002 `t` `u`)", "b0 (0002)");
    core.send(publisher, "30 (`t` 'x')");
    core.expect(old, "");
}

#[test]
fn no_local_keeps_a_client_from_hearing_itself() {
    // 5:3.8.3-3 5:3.8.3-4
    let mut core = Core::new();
    let client = core.open_5("a");
    let other = core.open_5("b");
    core.exchange(client, "82 (0001 () `t/#` 04)", "90 (0001 () 00)");
    core.exchange(client, "31 (`t/1` () 'own')", "");
    core.exchange(other, "31 (`t/2` () 'x')", "");
    core.expect(client, "30 (`t/2` () 'x')");
    // Another subscription that matches does not have the option.
    core.exchange(client, "82 (0002 () `t/3` 00)", "90 (0002 () 00)");
    core.exchange(client, "30 (`t/3` () 'own')", "30 (`t/3` () 'own')");
    // Retained messages of its own are left out too.
    core.exchange(client, "82 (0003 () `+/+` 04)", "90 (0003 () 00) 31 (`t/2` () 'x')");
    core.send(client, "82 (0004 () `$share/g/t` 04)");
    core.expect_end(client, "e0 (82)");
}

#[test]
fn retain_handling_decides_about_retained_messages() {
    // 5:3.3.1-9 5:3.3.1-10 5:3.3.1-11
    let mut core = Core::new();
    let client = core.open_5("a");
    core.exchange(client, "31 (`t` () 'x')", "");
    let retained = "31 (`t` () 'x')";
    core.exchange(client, "82 (0001 () `t` 10)", &format!("90 (0001 () 00) {retained}"));
    core.exchange(client, "82 (0002 () `t` 10)", "90 (0002 () 00)");
    core.exchange(client, "82 (0003 () `t` 00)", &format!("90 (0003 () 00) {retained}"));
    core.exchange(client, "82 (0004 () `t` 20)", "90 (0004 () 00)");
    core.exchange(client, "a2 (0005 () `t`)", "b0 (0005 () 00)");
    core.exchange(client, "82 (0006 () `t` 20)", "90 (0006 () 00)");
    core.exchange(client, "82 (0007 () `$share/g/t` 00)", "90 (0007 () 00)");
    core.exchange(client, "82 (0008 (0b 05) `t` 00)", "90 (0008 () 00) 31 (`t` (0b 05) 'x')");
}

#[test]
fn retain_as_published_keeps_the_flag() {
    // 5:3.3.1-12 5:3.3.1-13
    let mut core = Core::new();
    let keeping = core.open_5("a");
    let clearing = core.open_5("b");
    core.exchange(keeping, "82 (0001 () `t` 08)", "90 (0001 () 00)");
    core.exchange(clearing, "82 (0001 () `t` 00)", "90 (0001 () 00)");
    let publisher = core.open_311("p");
    core.send(publisher, "31 (`t` 'x') 30 (`t` 'y')");
    core.expect(keeping, "31 (`t` () 'x') 30 (`t` () 'y')");
    core.expect(clearing, "30 (`t` () 'x') 30 (`t` () 'y')");
}

#[test]
fn members_of_a_share_take_turns_at_their_own_quality() {
    // 5:4.8.2-3
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let one = core.open_5("a");
    let two = core.open_5("b");
    let other = core.open_5("c");
    core.exchange(one, "82 (0001 (0b 09) `$share/g/t/#` 01)", "90 (0001 () 01)");
    core.exchange(two, "82 (0001 () `$share/g/t/#` 00)", "90 (0001 () 00)");
    core.exchange(other, "82 (0001 () `$share/h/t/#` 00 `t/#` 00)", "90 (0001 () 00 00)");
    core.send(publisher, "32 (`t/1` 0001 '1') 32 (`t/2` 0002 '2') 32 (`t/3` 0003 '3')");
    core.expect(one, "32 (`t/1` 0001 (0b 09) '1') 32 (`t/3` 0002 (0b 09) '3')");
    core.expect(two, "30 (`t/2` () '2')");
    core.expect(
        other,
        "30 (`t/1` () '1') 30 (`t/1` () '1') 30 (`t/2` () '2') 30 (`t/2` () '2') 30 (`t/3` () '3') 30 (`t/3` () '3')",
    );
    core.exchange(two, "a2 (0002 () `$share/g/t/#` `$share/h/t/#`)", "b0 (0002 () 00 11)");
    core.exchange(one, "40 (0001) 40 (0002)", "");
    core.send(publisher, "30 (`t/4` '4') 30 (`t/5` '5')");
    core.expect(one, "30 (`t/4` (0b 09) '4') 30 (`t/5` (0b 09) '5')");
}

#[test]
fn what_a_member_of_a_share_leaves_behind_goes_to_the_others() {
    // 5:4.8.2-4 5:4.8.2-5 5:4.8.2-6
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let one = core.open("10 (`MQTT` 05 02 0000 (21 0002) `a`)", CONNACK_5);
    core.exchange(one, "82 (0001 () `$share/g/t` 02)", "90 (0001 () 02)");
    core.send(publisher, "34 (`t` 0001 '1') 32 (`t` 0002 '2') 32 (`t` 0003 '3') 34 (`t` 0004 '4')");
    core.expect(one, "34 (`t` 0001 () '1') 32 (`t` 0002 () '2')");
    let two = core.open_5("b");
    core.exchange(two, "82 (0001 () `$share/g/t` 02)", "90 (0001 () 02)");
    // Its session ends: QoS 2 that was on its way goes to nobody else, all the rest does.
    core.cut(one);
    core.expect(two, "32 (`t` 0001 () '2') 32 (`t` 0002 () '3') 34 (`t` 0003 () '4')");
    // A message that a member refuses goes to nobody else.
    let three = core.open_5("c");
    core.exchange(three, "82 (0001 () `$share/g/t` 02)", "90 (0001 () 02)");
    core.exchange(two, "40 (0001 80) 50 (0003 80)", "");
    core.expect(three, "");
}

#[test]
fn a_member_that_is_away_gets_nothing_while_another_is_there() {
    // 5:4.8.2-4
    let connect = "10 (`MQTT` 05 00 0000 (11 ffffffff) `a`)";
    let mut core = Core::new();
    let publisher = core.open_311("p");
    let one = core.open(connect, CONNACK_5);
    core.exchange(one, "82 (0001 () `$share/g/t` 02)", "90 (0001 () 02)");
    let two = core.open_5("b");
    core.exchange(two, "82 (0001 () `$share/g/t` 01)", "90 (0001 () 01)");
    core.send(publisher, "34 (`t` 0001 '1')");
    core.expect(one, "34 (`t` 0001 () '1')");
    core.cut(one);
    core.send(publisher, "32 (`t` 0002 '2') 30 (`t` '0') 32 (`t` 0003 '3')");
    core.expect(two, "32 (`t` 0001 () '2') 30 (`t` () '0') 32 (`t` 0002 () '3')");
    core.exchange(two, "40 (0001) 40 (0002)", "");
    core.cut(two);
    core.send(publisher, "32 (`t` 0004 '4') 30 (`t` '0')");
    // QoS 2 is completed with the client that it was begun with.
    core.open(connect, &format!("{PRESENT_5} 3c (`t` 0001 () '1') 32 (`t` 0002 () '4')"));
}

#[test]
fn topics_are_compared_byte_by_byte() {
    // 311:4.7.3-4 5:4.7.3-4 5:3.3.2-3
    let mut core = Core::new();
    let client = core.open_311("a");
    core.exchange(client, "82 (0001 `ä/+` 00 `sport/#` 00)", "90 (0001 00 00)");
    core.exchange(
        client,
        "30 (`a\u{308}/x` '1') 30 (`Sport` '2') 30 (`Ä/x` '3') 30 (`ä/x` '4') 30 (`sport` '5')",
        "30 (`ä/x` '4') 30 (`sport` '5')",
    );
}
