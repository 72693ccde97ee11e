//! Publishes across connections: sent again with DUP, identifier and order, or again.

use super::*;

const QOS1: u8 = 0b0010;
const QOS2: u8 = 0b0100;
const DUP: u8 = 0b1000;

fn range(version: Version, flags: u8, ids: impl IntoIterator<Item = (u16, char)>) -> String {
    ids.into_iter().map(|(id, payload)| publish_bytes(version, flags, id, payload)).collect()
}

#[test]
fn open_publishes_are_sent_again_with_dup_identifier_and_order() {
    // 311:4.4.0-1 5:4.4.0-1 311:3.3.1-1 5:3.3.1-1 311:4.6.0-1 5:4.6.0-1 5:4.1.0-1 311:4.1.0-1 5:3.1.2-23
    for version in BOTH {
        let mut bench = Bench::persistent(version);
        for payload in ["a", "b", "c", "d"] {
            bench.publish(if payload < "c" { QoS::AtLeastOnce } else { QoS::ExactlyOnce }, payload);
        }
        bench.take();
        let all = range(version, QOS1 | DUP, [(1, 'a'), (2, 'b')])
            + &range(version, QOS2 | DUP, [(3, 'c'), (4, 'd')]);
        // Twice in a row, and once in the middle of it.
        bench.reconnect(true);
        bench.sent(&all);
        bench.session.lost();
        bench.connect();
        bench.session.lost();
        bench.connect();
        bench.accept(true, "");
        bench.sent(&all);
        bench.take_in("40 02 0002  50 02 0003");
        bench.sent("62 02 0003");
        bench.publish(QoS::AtLeastOnce, "e");
        bench.sent(&publish_bytes(version, QOS1, 5, 'e'));
        bench.reconnect(true);
        bench.sent(
            &("62 02 0003 ".to_owned()
                + &publish_bytes(version, QOS1 | DUP, 1, 'a')
                + &publish_bytes(version, QOS2 | DUP, 4, 'd')
                + &publish_bytes(version, QOS1 | DUP, 5, 'e')),
        );
        bench.take_in("70 02 0003 40 02 0001 50 02 0004 70 02 0004 40 02 0005");
        assert_eq!(bench.figures(), [5, 5, 0, 0, 0]);
    }
}

#[test]
fn order_holds_after_the_identifiers_wrap_and_after_two_cuts() {
    // 311:4.6.0-1 5:4.6.0-1 311:2.3.1-1 5:2.2.1-3
    for version in BOTH {
        let options = SessionOptions { resumed_identifiers_from: 65_532, max_inflight: 5, ..persistent() };
        let mut bench = Bench::new(version, options);
        bench.connect();
        bench.accept(true, "");
        for payload in ["a", "b", "c", "d", "e", "f"] {
            bench.publish(QoS::AtLeastOnce, payload);
        }
        bench.sent(&range(version, QOS1, [(65_533, 'a'), (65_534, 'b'), (65_535, 'c'), (1, 'd'), (2, 'e')]));
        bench.take_in("40 02 FFFD");
        bench.sent(&range(version, QOS1, [(3, 'f')]));
        for _ in 0..3 {
            bench.reconnect(true);
            bench.sent(&range(
                version,
                QOS1 | DUP,
                [(65_534, 'b'), (65_535, 'c'), (1, 'd'), (2, 'e'), (3, 'f')],
            ));
        }
    }
}

#[test]
fn a_resend_waits_for_the_smaller_window_of_the_new_connection() {
    // 5:3.3.4-7 5:4.9.0-1 5:4.9.0-2
    let mut bench = Bench::persistent(Version::V5);
    for payload in ["a", "b", "c", "d"] {
        bench.publish(QoS::AtLeastOnce, payload);
    }
    bench.take();
    bench.reconnect_with(true, "21 0002");
    bench.publish(QoS::AtLeastOnce, "e");
    bench.publish(QoS::AtMostOnce, "z");
    bench.sent(&range(Version::V5, QOS1 | DUP, [(1, 'a'), (2, 'b')]));
    // SUBSCRIBE does not wait, and is not sent a second time when the rest follows.
    bench.session.subscribe(vec![filter("f", QoS::AtMostOnce)], Properties::new());
    bench.sent("82 07 0005 00 0001 'f' 00");
    bench.take_in("40 02 0002");
    bench.sent(&range(Version::V5, QOS1 | DUP, [(3, 'c')]));
    bench.take_in("40 02 0001 40 02 0003");
    bench.sent(
        &(range(Version::V5, QOS1 | DUP, [(4, 'd')])
            + &range(Version::V5, QOS1, [(6, 'e')])
            + "30 05 0001 't' 00 'z'"),
    );
    bench.take_in("40 02 0004 40 02 0006");
    bench.sent("");
    assert_eq!(bench.figures(), [6, 5, 0, 0, 1]);
}

#[test]
fn pubrel_and_requests_do_not_wait_for_the_window_of_a_resumed_session() {
    // 5:3.3.4-8 5:4.9.0-3
    let mut bench = Bench::persistent(Version::V5);
    for payload in ["a", "b", "c"] {
        bench.publish(QoS::ExactlyOnce, payload);
    }
    bench.session.subscribe(vec![filter("f", QoS::AtMostOnce)], Properties::new());
    bench.session.unsubscribe(vec![TopicFilter::new("g").unwrap()], Properties::new());
    bench.take_in("50 02 0003");
    bench.take();
    bench.reconnect_with(true, "21 0001");
    bench.sent("62 02 0003  82 07 0004 00 0001 'f' 00  A2 06 0005 00 0001 'g'");
    bench.take_in("70 02 0003");
    bench.sent(&publish_bytes(Version::V5, QOS2 | DUP, 1, 'a'));
}

#[test]
fn an_answer_to_a_publish_that_is_not_sent_again_yet_frees_no_place() {
    // 5:3.3.4-7
    let mut bench = Bench::persistent(Version::V5);
    for payload in ["a", "b", "c"] {
        bench.publish(QoS::AtLeastOnce, payload);
    }
    bench.publish(QoS::ExactlyOnce, "d");
    bench.take();
    bench.reconnect_with(true, "21 0001");
    bench.sent(&publish_bytes(Version::V5, QOS1 | DUP, 1, 'a'));
    bench.take_in("40 02 0002");
    bench.sent("");
    bench.take_in("50 02 0004");
    bench.sent("62 02 0004");
    bench.take_in("40 02 0001");
    bench.sent("");
    bench.take_in("70 02 0004");
    bench.sent(&publish_bytes(Version::V5, QOS1 | DUP, 3, 'c'));
    bench.take_in("40 02 0003");
    assert_eq!(bench.figures(), [4, 4, 0, 0, 0]);
}

#[test]
fn without_a_session_everything_open_is_published_anew() {
    // 5:3.2.2-5 311:3.1.2-6 5:3.1.2-4 311:3.3.1-2 5:3.3.1-2
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.publish(QoS::AtLeastOnce, "a");
        bench.publish(QoS::ExactlyOnce, "b");
        bench.publish(QoS::ExactlyOnce, "c");
        bench.take_in("50 02 0002");
        bench.session.lost();
        bench.publish(QoS::AtLeastOnce, "d");
        bench.take();
        bench.connect();
        bench.accept(false, "");
        let again = publish_bytes(version, QOS1, 4, 'a')
            + &range(version, QOS2, [(5, 'b'), (6, 'c')])
            + &publish_bytes(version, QOS1, 7, 'd');
        bench.sent(&again);
        assert_eq!(bench.session.ledger().resent, 3);
        assert_eq!(bench.session.ledger().sent, 4);
        // An answer to what was sent on the session that is gone is for nothing that is open.
        bench.take_in("40 02 0001");
        assert_eq!(bench.figures(), [4, 0, 0, 0, 4]);
        bench.take_in("40 02 0004 50 02 0005 70 02 0005 50 02 0006 70 02 0006 40 02 0007");
        assert_eq!(bench.figures(), [4, 4, 0, 0, 0]);
    }
}

#[test]
fn a_collision_with_an_old_state_cannot_be() {
    // 311:3.1.2-6 5:3.1.2-4: a clean start throws away what is not a message.
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 2, ..options() });
    bench.connect();
    bench.accept(false, "");
    for payload in ["a", "b", "c", "d"] {
        bench.publish(QoS::AtLeastOnce, payload);
    }
    for round in 0..40_u16 {
        bench.session.lost();
        bench.connect();
        bench.accept(false, "");
        let first = 3 + 2 * round;
        bench.sent(&range(Version::V311, QOS1, [(first, 'a'), (first + 1, 'b')]));
    }
    bench.take_in("40 02 0051 40 02 0052");
    bench.sent(&range(Version::V311, QOS1, [(83, 'c'), (84, 'd')]));
    bench.take_in("40 02 0053 40 02 0054");
    assert_eq!(bench.figures(), [4, 4, 0, 0, 0]);
}

#[test]
fn what_was_never_sent_survives_every_kind_of_reconnect() {
    // 5:3.2.2-5
    for version in BOTH {
        let mut bench = Bench::new(version, SessionOptions { max_inflight: 1, ..persistent() });
        bench.connect();
        bench.accept(false, "");
        for payload in ["a", "b", "c"] {
            bench.publish(QoS::AtLeastOnce, payload);
        }
        bench.take();
        bench.reconnect(true);
        bench.sent(&publish_bytes(version, QOS1 | DUP, 1, 'a'));
        bench.reconnect(false);
        bench.sent(&publish_bytes(version, QOS1, 2, 'a'));
        bench.take_in("40 02 0002");
        bench.sent(&publish_bytes(version, QOS1, 3, 'b'));
        bench.reconnect(true);
        bench.take_in("40 02 0003");
        bench.take();
        bench.take_in("40 02 0004");
        assert_eq!(bench.figures(), [3, 3, 0, 0, 0]);
    }
}

#[test]
fn limits_of_the_new_connection_hold_for_a_resend() {
    // 5:3.2.2-11 5:3.2.2-15
    let mut bench = Bench::persistent(Version::V5);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.publish(QoS::AtLeastOnce, "a long payload");
    bench.take();
    bench.reconnect_with(true, "24 01  27 00000010");
    bench.sent(&publish_bytes(Version::V5, QOS1 | DUP, 1, 'a'));
    let events = bench.events();
    assert!(
        matches!(
            &events[..],
            [
                Event::Refused { ticket: 2, refusal: Refusal::QoS { .. }, .. },
                Event::Refused { ticket: 3, refusal: Refusal::TooLarge { size: 22, allowed: 16 }, .. }
            ]
        ),
        "{events:?}"
    );
    bench.take_in("40 02 0001");
    assert_eq!(bench.figures(), [3, 1, 2, 0, 0]);
    assert!(bench.session.wants_publish());
}

#[test]
fn a_forgotten_answer_does_not_stop_the_others() {
    // 311:2.3.1-2 5:2.2.1-3
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 2, ..persistent() });
    bench.connect();
    bench.accept(false, "");
    bench.publish(QoS::AtLeastOnce, "s");
    bench.take();
    for number in 0..140_000_u32 {
        bench.publish(QoS::AtLeastOnce, "x");
        let sent = bench.take();
        assert_eq!(sent.len(), 8, "number {number} was not sent");
        bench.take_in(&format!("40 02 {:02X}{:02X}", sent[5], sent[6]));
    }
    bench.publish(QoS::AtLeastOnce, "y");
    bench.take();
    bench.reconnect(true);
    let sent = bench.take();
    assert_eq!(
        hex(&sent[..8]),
        hex(&bytes(&publish_bytes(Version::V311, QOS1 | DUP, 1, 's'))),
        "oldest first"
    );
    assert_eq!(sent.len(), 16);
    bench.take_in("40 02 0001");
    assert_eq!(bench.figures(), [140_002, 140_001, 0, 0, 1]);
}
