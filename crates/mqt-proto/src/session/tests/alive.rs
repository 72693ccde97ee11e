//! Keep alive, DISCONNECT, and what the ledger says of QoS 0.

use super::*;

fn with_keep_alive(version: Version, keep_alive: u16, properties: &str) -> Bench {
    let mut bench = Bench::new(version, SessionOptions { keep_alive, ..options() });
    bench.connect();
    bench.accept(false, properties);
    bench
}

fn seconds(bench: &Bench) -> Option<f64> {
    bench.session.deadline().map(|deadline| deadline.duration_since(bench.start).as_secs_f64())
}

#[test]
fn pingreq_is_sent_in_time() {
    // 311:3.1.2-23 5:3.1.2-20
    for version in BOTH {
        let mut bench = with_keep_alive(version, 10, "");
        assert_eq!(seconds(&bench), Some(5.0));
        bench.wait(4.9).unwrap();
        bench.sent("");
        bench.wait(0.1).unwrap();
        bench.sent("C0 00");
        bench.wait(0.0).unwrap();
        bench.sent("");
        bench.take_in("D0 00");
        assert_eq!(seconds(&bench), Some(10.0));
        bench.wait(5.0).unwrap();
        bench.sent("C0 00");
        bench.take_in("D0 00");
        // What else is sent does not make up for what is not received.
        bench.wait(4.0).unwrap();
        bench.publish(QoS::AtMostOnce, "x");
        bench.take();
        bench.wait(1.0).unwrap();
        bench.sent("C0 00");
    }
}

#[test]
fn a_silent_server_is_found_within_one_and_a_half_keep_alives() {
    for version in BOTH {
        let mut bench = with_keep_alive(version, 10, "");
        bench.wait(5.0).unwrap();
        bench.sent("C0 00");
        bench.wait(9.9).unwrap();
        let error = bench.wait(0.1).unwrap_err();
        assert_eq!(error, SessionError::Stalled { keep_alive: Duration::from_secs(10) });
        assert_eq!(error.disconnect_reason(), None);
    }
}

#[test]
fn a_slow_large_message_is_life_and_pings_go_on() {
    // 311:3.1.2-23 5:3.1.2-20
    let mut bench = with_keep_alive(Version::V311, 4, "");
    let mut pings = 0;
    for _ in 0..100 {
        bench.wait(0.5).unwrap();
        pings += bench.take().len() / 2;
        bench.session.bytes_received(bench.now);
    }
    assert_eq!(pings, 25, "one every two seconds, though none is answered before the message ends");
}

#[test]
fn a_pingreq_that_waits_behind_a_large_publish_is_not_counted_against_the_server() {
    let mut bench = with_keep_alive(Version::V311, 4, "");
    let large = Message { payload: vec![b'x'; 100_000].into(), ..message(QoS::AtMostOnce, "") };
    bench.session.publish(large);
    for _ in 0..99 {
        bench.wait(1.0).unwrap();
        bench.session.outbox().advance(1000);
        bench.session.bytes_sent(bench.now);
    }
    let rest = bench.session.outbox().len();
    assert_eq!(rest, 100_007 - 99_000 + 2, "the rest of PUBLISH and one PINGREQ");
    bench.take();
    // From here on the server can answer.
    bench.wait(3.9).unwrap();
    assert!(bench.wait(0.1).is_err());
}

#[test]
fn server_keep_alive_wins() {
    // 5:3.1.2-21 5:3.2.2-21
    let mut bench = with_keep_alive(Version::V5, 10, "13 0004");
    assert_eq!(bench.session.keep_alive(), Duration::from_secs(4));
    assert_eq!(seconds(&bench), Some(2.0));
    bench.wait(2.0).unwrap();
    bench.sent("C0 00");
    // Of that connection only.
    bench.reconnect(false);
    assert_eq!(bench.session.keep_alive(), Duration::from_secs(10));
    let mut bench = with_keep_alive(Version::V5, 0, "13 0004");
    assert_eq!(seconds(&bench), Some(2.0));
    bench.wait(2.0).unwrap();
    bench.sent("C0 00");
}

#[test]
fn a_keep_alive_of_zero_is_off() {
    // 5:3.1.2-21 5:3.2.2-21
    for mut bench in [
        with_keep_alive(Version::V311, 0, ""),
        with_keep_alive(Version::V5, 0, ""),
        with_keep_alive(Version::V5, 10, "13 0000"),
    ] {
        assert_eq!(bench.session.deadline(), None);
        bench.wait(1_000_000.0).unwrap();
        bench.sent("");
    }
}

#[test]
fn the_shortest_keep_alive_works() {
    let mut bench = with_keep_alive(Version::V5, 1, "");
    bench.wait(0.5).unwrap();
    bench.sent("C0 00");
    assert!(bench.wait(1.0).is_err());
}

#[test]
fn while_nothing_is_read_silence_means_nothing_and_pings_go_on() {
    // 311:3.1.2-23 5:3.1.2-20
    let mut bench = with_keep_alive(Version::V311, 10, "");
    let mut pings = 0;
    for _ in 0..100 {
        bench.now += Duration::from_secs(1);
        bench.session.not_reading(bench.now);
        bench.session.timeout(bench.now).unwrap();
        pings += bench.take().len() / 2;
    }
    assert_eq!(pings, 20);
    bench.take_in(&"D0 00".repeat(20));
    bench.wait(4.9).unwrap();
    bench.sent("");
}

#[test]
fn qos_0_is_confirmed_by_a_later_pingresp() {
    for version in BOTH {
        let mut bench = with_keep_alive(version, 10, "");
        bench.publish(QoS::AtMostOnce, "a");
        assert_eq!(bench.figures(), [1, 0, 0, 0, 1]);
        assert!(bench.session.is_drained(), "nothing but the end of the connection is waited for");
        bench.take_in("D0 00");
        assert_eq!(bench.figures(), [1, 0, 0, 0, 1], "an answer to nothing proves nothing");
        bench.wait(5.0).unwrap();
        bench.take();
        bench.publish(QoS::AtMostOnce, "b");
        bench.take_in("D0 00");
        assert_eq!(bench.figures(), [2, 1, 0, 0, 1], "what came after the PINGREQ is not proved");
        bench.session.lost();
        assert_eq!(bench.figures(), [2, 1, 0, 1, 0]);
        assert!(matches!(&bench.events()[..], [Event::Unknown { count: 1, why: UnknownWhy::Unproved }]));
    }
}

#[test]
fn a_late_pingresp_proves_only_what_came_before_its_own_pingreq() {
    let mut bench = with_keep_alive(Version::V311, 10, "");
    bench.publish(QoS::AtMostOnce, "a");
    bench.wait(5.0).unwrap();
    bench.take();
    bench.now += Duration::from_secs(5);
    bench.session.not_reading(bench.now);
    bench.publish(QoS::AtMostOnce, "b");
    bench.wait(0.0).unwrap();
    bench.sent("30 04 0001 't' 'b'  C0 00");
    // The first answer says nothing about b.
    bench.take_in("D0 00");
    bench.session.lost();
    let figures = bench.figures();
    assert!(figures[1] <= 1 && figures[3] >= 1, "{figures:?}");
}

#[test]
fn qos_0_is_unknown_after_a_loss_and_an_orderly_end_proves_it_only_where_that_is_wanted() {
    for version in BOTH {
        for close_proves in [false, true] {
            let mut bench = Bench::new(version, SessionOptions { close_proves, ..options() });
            bench.connect();
            bench.accept(false, "");
            bench.publish(QoS::AtMostOnce, "a");
            bench.session.disconnect(ReasonCode::SUCCESS);
            bench.take();
            bench.session.closed_in_order();
            assert_eq!(bench.figures(), if close_proves { [1, 1, 0, 0, 0] } else { [1, 0, 0, 1, 0] });
        }
        let mut bench = Bench::connected(version);
        bench.publish(QoS::AtMostOnce, "a");
        bench.publish(QoS::AtLeastOnce, "b");
        bench.session.lost();
        assert_eq!(bench.figures(), [2, 0, 0, 1, 1], "QoS 1 stays open");
        assert!(!bench.session.is_drained());
        bench.session.lost();
        assert_eq!(bench.figures(), [2, 0, 0, 1, 1], "counted once");
        // QoS 0 that was never sent is not lost with the connection.
        bench.publish(QoS::AtMostOnce, "c");
        bench.session.lost();
        assert_eq!(bench.figures(), [3, 0, 0, 1, 2]);
    }
}

#[test]
fn a_normal_disconnect_is_two_bytes_and_the_last() {
    // 311:3.14.4-1 5:3.14.4-1 311:3.14.4-2 5:3.14.4-2 5:3.14.2-1
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, 0b0010, 5, 'a'));
        bench.session.disconnect(ReasonCode::SUCCESS);
        bench.sent("E0 00");
        assert!(!bench.session.is_connected());
        bench.session.disconnect(ReasonCode::SUCCESS);
        bench.publish(QoS::AtMostOnce, "x");
        bench.publish(QoS::ExactlyOnce, "y");
        bench.session.acknowledge(1);
        bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
        bench.session.unsubscribe(vec![TopicFilter::new("b").unwrap()], Properties::new());
        bench.take_in("62 02 0009  50 02 0009");
        bench.wait(1000.0).unwrap();
        bench.session.fill_outbox();
        bench.sent("");
    }
}

#[test]
fn a_disconnect_says_its_reason_in_mqtt_5() {
    // 5:3.14.2-1
    let mut bench = Bench::connected(Version::V5);
    bench.session.disconnect(ReasonCode::DISCONNECT_WITH_WILL);
    bench.sent("E0 01 04");
    let disconnect_properties =
        vec![Property::SessionExpiryInterval(9), Property::ReasonString("x".into())].into();
    let mut bench = Bench::new(Version::V5, SessionOptions { disconnect_properties, ..persistent() });
    bench.connect();
    bench.accept(false, "");
    bench.session.disconnect(ReasonCode::SUCCESS);
    bench.sent("E0 0B 00 09 11 00000009 1F 0001 'x'");
    // In 3.x the will is left to fire by saying nothing.
    let mut bench = Bench::connected(Version::V311);
    bench.session.disconnect(ReasonCode::DISCONNECT_WITH_WILL);
    bench.sent("");
    bench.publish(QoS::AtMostOnce, "x");
    bench.sent("");
}

#[test]
fn a_disconnect_of_the_server_is_reported_with_all_it_says() {
    let mut bench = Bench::connected(Version::V5);
    for (packet, code) in [("E0 00", 0x00), ("E0 01 8E", 0x8E), ("E0 02 8B 00", 0x8B)] {
        let error = bench.receive(packet).unwrap_err();
        assert!(matches!(error, SessionError::Disconnected { reason, .. } if reason.0 == code));
        bench.sent("");
    }
    let error = bench.receive("E0 0D 9C 0B 1F 0002 'go' 1C 0003 'b:1'").unwrap_err();
    let SessionError::Disconnected { reason_string, server_reference, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((reason_string.as_deref(), server_reference.as_deref()), (Some("go"), Some("b:1")));
}

#[test]
fn what_came_before_a_violation_is_delivered() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        let publish = publish_bytes(version, 0b0010, 5, 'a');
        let connack = if version == Version::V5 { "20 03 00 00 00" } else { "20 02 00 00" };
        assert!(bench.receive(&(publish + connack)).is_err());
        assert_eq!(bench.delivered().len(), 1);
    }
}
