//! Receiving: acknowledgements, duplicates, topic aliases, our Receive Maximum.

use super::*;

const QOS1: u8 = 0b0010;
const QOS2: u8 = 0b0100;
const DUP: u8 = 0b1000;

fn one(delivery: u64, payload: &str) -> (u64, String, String) {
    (delivery, "t".into(), payload.into())
}

#[test]
fn nothing_is_acknowledged_before_it_is_safe() {
    // 311:4.3.2-2 5:4.3.2-4 311:4.3.3-2 5:4.3.3-8
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, 0, 0, 'x'));
        bench.take_in(&publish_bytes(version, QOS1, 5, 'a'));
        bench.take_in(&publish_bytes(version, QOS2, 6, 'b'));
        bench.take_in(&publish_bytes(version, QOS1, 7, 'c'));
        bench.sent("");
        assert_eq!(bench.delivered(), [one(1, "x"), one(2, "a"), one(3, "b"), one(4, "c")]);
        assert_eq!(bench.session.unacknowledged(), 3);
        bench.session.acknowledge(1);
        bench.sent("");
        bench.session.acknowledge(3);
        bench.sent("40 02 0005  50 02 0006");
        bench.session.acknowledge(4);
        bench.session.acknowledge(4);
        bench.sent("40 02 0007");
        bench.take_in("62 02 0006");
        bench.sent("70 02 0006");
        assert_eq!(bench.session.unacknowledged(), 0);
        assert_eq!(bench.session.delivered(), 4);
    }
}

#[test]
fn acknowledgements_keep_the_order_of_arrival() {
    // 311:4.6.0-2 5:4.6.0-2 311:4.6.0-3 5:4.6.0-3 311:4.6.0-4 5:4.6.0-4
    for version in BOTH {
        let mut bench = Bench::connected(version);
        for (flags, id) in [(QOS2, 9), (QOS1, 3), (QOS2, 1), (QOS1, 8), (QOS1, 2)] {
            bench.take_in(&publish_bytes(version, flags, id, 'x'));
        }
        bench.session.acknowledge(u64::MAX);
        bench.sent("50 02 0009  40 02 0003  50 02 0001  40 02 0008  40 02 0002");
        // PUBREL in the order of PUBREC.
        for payload in ["a", "b", "c"] {
            bench.publish(QoS::ExactlyOnce, payload);
        }
        bench.take();
        bench.take_in("50 02 0002 50 02 0003 50 02 0001");
        bench.sent("62 02 0002 62 02 0003 62 02 0001");
    }
}

#[test]
fn a_message_that_nobody_wanted_is_acknowledged_like_any_other() {
    // 311:4.5.0-2 5:4.5.0-2
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, QOS1, 5, 'a'));
        assert_eq!(bench.delivered(), [one(1, "a")], "without any subscription");
        bench.session.acknowledge(1);
        bench.sent("40 02 0005");
    }
}

#[test]
fn a_duplicate_of_qos_1_is_delivered_and_acknowledged_again() {
    // 311:4.3.2-2 5:4.3.2-4
    for version in BOTH {
        let mut bench = Bench::persistent(version);
        bench.take_in(&publish_bytes(version, QOS1, 5, 'a'));
        bench.reconnect(true);
        bench.take_in(&publish_bytes(version, QOS1 | DUP, 5, 'a'));
        bench.session.acknowledge(1);
        bench.sent("");
        bench.session.acknowledge(2);
        bench.sent("40 02 0005");
    }
}

#[test]
fn a_duplicate_of_qos_2_is_never_delivered_twice_on_one_connection() {
    // 311:4.3.3-2 5:4.3.3-8 5:4.3.3-10
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, QOS2, 5, 'a'));
        assert_eq!(bench.delivered(), [one(1, "a")]);
        bench.take_in(&publish_bytes(version, QOS2 | DUP, 5, 'a'));
        bench.sent("");
        bench.session.acknowledge(1);
        bench.sent("50 02 0005");
        bench.take_in(&publish_bytes(version, QOS2 | DUP, 5, 'a'));
        bench.sent("50 02 0005");
        assert_eq!(bench.delivered(), []);
        bench.take_in("62 02 0005");
        bench.sent("70 02 0005");
        assert_eq!(bench.session.duplicates(), 2);
        // After PUBREL the identifier is free for another message.
        bench.take_in(&publish_bytes(version, QOS2, 5, 'b'));
        assert_eq!(bench.delivered(), [one(2, "b")]);
    }
}

#[test]
fn a_duplicate_of_qos_2_is_never_delivered_twice_across_a_resumed_reconnect() {
    // 311:4.3.3-2 5:4.3.3-10 5:4.3.3-11 5:4.1.0-1 311:4.1.0-1 5:3.1.2-23
    for version in BOTH {
        // Before our PUBREC: it comes when the message is safe, not before, and on the new connection.
        let mut bench = Bench::persistent(version);
        bench.take_in(&publish_bytes(version, QOS2, 5, 'a'));
        assert_eq!(bench.delivered(), [one(1, "a")]);
        bench.reconnect(true);
        bench.take_in(&publish_bytes(version, QOS2 | DUP, 5, 'a'));
        bench.sent("");
        bench.session.acknowledge(1);
        bench.sent("50 02 0005");
        bench.take_in("62 02 0005");
        bench.sent("70 02 0005");
        // It became safe between the connections.
        bench.take_in(&publish_bytes(version, QOS2, 6, 'b'));
        assert_eq!(bench.delivered(), [one(2, "b")]);
        bench.session.lost();
        bench.session.acknowledge(2);
        bench.connect();
        bench.accept(true, "");
        bench.sent("");
        bench.take_in(&publish_bytes(version, QOS2 | DUP, 6, 'b'));
        bench.sent("50 02 0006");
        // After our PUBREC, which may have been lost.
        bench.reconnect(true);
        bench.take_in(&publish_bytes(version, QOS2 | DUP, 6, 'b'));
        bench.sent("50 02 0006");
        bench.reconnect(true);
        bench.take_in("62 02 0006");
        bench.sent("70 02 0006");
        assert_eq!(bench.delivered(), []);
        assert_eq!(bench.session.duplicates(), 3);
    }
}

#[test]
fn safe_but_not_sent_again_gets_its_pubrec_only_when_asked() {
    // 5:4.3.3-8
    for version in BOTH {
        let mut bench = Bench::persistent(version);
        bench.take_in(&publish_bytes(version, QOS2, 5, 'a'));
        bench.reconnect(true);
        bench.session.acknowledge(1);
        bench.sent("");
        bench.take_in(&publish_bytes(version, QOS2 | DUP, 5, 'a'));
        bench.sent("50 02 0005");
    }
}

#[test]
fn without_a_session_old_identifiers_mean_new_messages() {
    // 5:3.2.2-5 311:3.1.2-6
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, QOS2, 5, 'a'));
        assert_eq!(bench.delivered(), [one(1, "a")]);
        bench.reconnect(false);
        bench.take_in(&publish_bytes(version, QOS2, 5, 'b'));
        assert_eq!(bench.delivered(), [one(2, "b")]);
        bench.session.acknowledge(1);
        bench.sent("");
        bench.session.acknowledge(2);
        bench.sent("50 02 0005");
    }
}

#[test]
fn pubrel_is_always_answered() {
    // 5:4.3.3-11 311:4.3.3-2
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in("62 02 0063");
        bench.sent(if version == Version::V5 { "70 03 0063 92" } else { "70 02 0063" });
        bench.take_in(&publish_bytes(version, QOS2, 5, 'a'));
        bench.session.acknowledge(1);
        bench.take();
        bench.take_in("62 02 0005");
        bench.sent("70 02 0005");
        bench.take_in("62 02 0005");
        bench.sent(if version == Version::V5 { "70 03 0005 92" } else { "70 02 0005" });
    }
}

#[test]
fn pubrel_before_pubrec_breaks_the_protocol() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, QOS2, 5, 'a'));
        bench.refuses("62 02 0005", 0x82);
    }
}

#[test]
fn aliases_are_resolved() {
    // 5:3.3.2-10
    let options = SessionOptions {
        connect_properties: vec![Property::TopicAliasMaximum(2)].into(),
        session_expiry: 60,
        ..options()
    };
    let mut bench = Bench::new(Version::V5, options);
    bench.connect();
    bench.accept(false, "");
    bench.take_in("30 08 0001 'a' 03 23 0002 '1'  30 07 0000 03 23 0002 '2'  30 08 0001 'b' 03 23 0002 '3'");
    bench.take_in("30 07 0000 03 23 0002 '4'  30 08 0001 'c' 03 23 0001 '5'  30 07 0000 03 23 0001 '6'");
    let seen: Vec<(String, String)> =
        bench.delivered().into_iter().map(|(_, topic, payload)| (topic, payload)).collect();
    let expected = [("a", "1"), ("a", "2"), ("b", "3"), ("b", "4"), ("c", "5"), ("c", "6")];
    assert_eq!(seen, expected.map(|(topic, payload)| (topic.to_owned(), payload.to_owned())));
    // 5:3.3.2-7: the next connection begins without any.
    bench.reconnect(true);
    bench.refuses("30 07 0000 03 23 0002 '7'", 0x82);
    assert!(bench.events().is_empty());
}

#[test]
fn an_alias_that_cannot_be_is_refused() {
    // 5:3.3.2-8 5:3.3.2-9
    for (own_maximum, packet, reason) in [
        (2, "30 08 0001 'a' 03 23 0003 '1'", 0x94),
        (2, "30 07 0000 03 23 0001 '1'", 0x82),
        (0, "30 08 0001 'a' 03 23 0001 '1'", 0x94),
    ] {
        let connect_properties = if own_maximum == 0 {
            Properties::new()
        } else {
            vec![Property::TopicAliasMaximum(own_maximum)].into()
        };
        let mut bench = Bench::new(Version::V5, SessionOptions { connect_properties, ..options() });
        bench.connect();
        bench.accept(false, "");
        bench.refuses(packet, reason);
        assert!(bench.events().is_empty(), "nothing is delivered without its topic");
    }
}

#[test]
fn a_server_beyond_our_receive_maximum_is_not_read_until_its_messages_are_safe() {
    // 5:3.3.4-9
    let with_maximum = |version| {
        let connect_properties = vec![Property::ReceiveMaximum(2)].into();
        let mut bench = Bench::new(version, SessionOptions { connect_properties, ..persistent() });
        bench.connect();
        bench.accept(false, "");
        bench
    };
    let v5 = Version::V5;
    let mut bench = with_maximum(v5);
    bench.take_in(&publish_bytes(v5, QOS1, 1, 'a'));
    bench.take_in(&publish_bytes(v5, QOS2, 2, 'b'));
    bench.take_in("30 05 0001 't' 00 'z'");
    bench.session.acknowledge(3);
    bench.sent("40 02 0001 50 02 0002");
    // PUBACK gives its place back, PUBREC does not, PUBCOMP does.
    bench.take_in(&publish_bytes(v5, QOS2, 3, 'c'));
    bench.take_in("62 02 0002");
    bench.take();
    bench.take_in(&publish_bytes(v5, QOS1, 4, 'd'));
    let _ = bench.events();
    assert!(bench.session.wants_reading());
    bench.take_in(&publish_bytes(v5, QOS2, 5, 'e'));
    bench.take_in(&publish_bytes(v5, QOS1, 6, 'f'));
    let events = bench.events();
    let [Event::Tolerated(Tolerated::ReceiveMaximumExceeded), Event::Message { .. }, Event::Message { .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(!bench.session.wants_reading());
    bench.session.acknowledge(7);
    bench.sent("50 02 0003 40 02 0004 50 02 0005 40 02 0006");
    // PUBREL has to be read, however many flows are open.
    assert!(bench.session.wants_reading());

    // A 3.x server has never heard of it.
    let mut bench = with_maximum(Version::V311);
    for id in 1..=9 {
        bench.take_in(&publish_bytes(Version::V311, QOS2, id, 'x'));
    }
    assert_eq!(bench.delivered().len(), 9);
}

#[test]
fn a_release_of_an_earlier_connection_gives_the_server_its_place() {
    // 4.9: the quota of the server begins again, and grows with every PUBCOMP.
    let v5 = Version::V5;
    let connect_properties = vec![Property::ReceiveMaximum(1)].into();
    let mut bench = Bench::new(v5, SessionOptions { connect_properties, ..persistent() });
    bench.connect();
    bench.accept(false, "");
    bench.take_in(&publish_bytes(v5, QOS2, 1, 'a'));
    bench.session.acknowledge(1);
    bench.reconnect(true);
    bench.take_in(&publish_bytes(v5, QOS2, 2, 'b'));
    bench.take_in("62 02 0001");
    bench.take_in(&publish_bytes(v5, QOS2, 3, 'c'));
    assert_eq!(bench.delivered(), [one(1, "a"), one(2, "b"), one(3, "c")]);
}

#[test]
fn what_comes_after_our_disconnect_is_not_delivered() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, QOS1, 1, 'a'));
        bench.session.disconnect(ReasonCode::SUCCESS);
        bench.take_in(&publish_bytes(version, QOS2, 2, 'b'));
        assert_eq!(bench.delivered(), [one(1, "a")]);
        bench.session.acknowledge(9);
        bench.sent("E0 00");
    }
}
