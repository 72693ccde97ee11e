//! Sending: QoS 0, 1 and 2, packet identifiers, the window.

use super::*;

const QOS1: u8 = 0b0010;
const QOS2: u8 = 0b0100;

#[test]
fn qos_0_has_no_identifier_and_no_dup() {
    // 311:2.3.1-5 5:2.2.1-2 311:3.3.1-2 5:3.3.1-2 5:4.3.1-1 311:3.3.2-1 5:3.3.2-1
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.publish(QoS::AtMostOnce, "x");
        bench.sent(if version == Version::V5 { "30 05 0001 't' 00 'x'" } else { "30 04 0001 't' 'x'" });
        let mut retained = message(QoS::AtMostOnce, "");
        retained.retain = true;
        bench.session.publish(retained);
        bench.sent(if version == Version::V5 { "31 04 0001 't' 00" } else { "31 03 0001 't'" });
    }
}

#[test]
fn qos_1_is_open_until_its_puback() {
    // 311:4.3.2-1 5:4.3.2-1 5:4.3.2-3 311:2.3.1-1 311:2.3.1-2 5:2.2.1-3 311:3.3.1-2 5:3.3.1-2
    for version in BOTH {
        let mut bench = Bench::connected(version);
        assert_eq!(bench.publish(QoS::AtLeastOnce, "x"), 1);
        bench.sent(&publish_bytes(version, QOS1, 1, 'x'));
        assert_eq!(bench.figures(), [1, 0, 0, 0, 1]);
        assert!(!bench.session.is_drained());
        bench.take_in("40 02 0001");
        assert_eq!(bench.figures(), [1, 1, 0, 0, 0]);
        assert!(bench.session.is_drained());
        assert!(bench.events().is_empty(), "a confirmation is counted, not reported");
        bench.take_in("40 02 0001");
        assert_eq!(bench.figures(), [1, 1, 0, 0, 0], "a second PUBACK says nothing");
        bench.sent("");
    }
}

#[test]
fn qos_2_goes_through_its_four_packets() {
    // 311:4.3.3-1 5:4.3.3-1 5:4.3.3-3 5:4.3.3-4 5:4.3.3-5 5:4.3.3-6 311:3.6.1-1 5:3.6.1-1
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.publish(QoS::ExactlyOnce, "x");
        bench.sent(&publish_bytes(version, QOS2, 1, 'x'));
        bench.take_in("50 02 0001");
        bench.sent("62 02 0001");
        assert_eq!(bench.figures(), [1, 0, 0, 0, 1]);
        bench.take_in("50 02 0001");
        bench.sent("62 02 0001");
        bench.take_in("70 02 0001");
        assert_eq!(bench.figures(), [1, 1, 0, 0, 0]);
        bench.sent("");
    }
}

#[test]
fn an_answer_of_the_wrong_kind_completes_nothing() {
    // 311:4.3.3-1 5:4.3.3-3
    for version in BOTH {
        for (qos, answer) in [
            (QoS::AtLeastOnce, "50 02 0001"),
            (QoS::AtLeastOnce, "70 02 0001"),
            (QoS::ExactlyOnce, "70 02 0001"),
        ] {
            let mut bench = Bench::connected(version);
            bench.publish(qos, "x");
            bench.take();
            bench.refuses(answer, 0x82);
            assert_eq!(bench.figures(), [1, 0, 0, 0, 1]);
        }
        // PUBACK behind PUBREC: nobody can say how far the flow has come.
        let mut bench = Bench::connected(version);
        bench.publish(QoS::ExactlyOnce, "x");
        bench.take_in("50 02 0001");
        bench.take();
        bench.refuses("40 02 0001", 0x82);
    }
}

#[test]
fn no_publish_after_pubrel() {
    // 5:4.3.3-6 311:4.3.3-1
    for version in BOTH {
        let mut bench = Bench::persistent(version);
        bench.publish(QoS::ExactlyOnce, "x");
        bench.take_in("50 02 0001");
        bench.reconnect(true);
        bench.sent("62 02 0001");
        bench.reconnect(true);
        bench.sent("62 02 0001");
        bench.take_in("70 02 0001");
        assert_eq!(bench.figures(), [1, 1, 0, 0, 0]);
    }
}

#[test]
fn an_error_ends_the_flow_and_frees_its_place() {
    // 5:4.4.0-2 5:4.3.3-4 5:4.3.2-3
    for (qos, answer) in [(QoS::AtLeastOnce, "40 03 0001 87"), (QoS::ExactlyOnce, "50 03 0001 87")] {
        let mut bench = Bench::new(Version::V5, SessionOptions { max_inflight: 1, ..persistent() });
        bench.connect();
        bench.accept(false, "");
        let flags = qos.level() << 1;
        bench.publish(qos, "a");
        bench.publish(qos, "b");
        bench.sent(&publish_bytes(Version::V5, flags, 1, 'a'));
        bench.take_in(answer);
        bench.sent(&publish_bytes(Version::V5, flags, 2, 'b'));
        let events = bench.events();
        assert!(
            matches!(&events[..], [Event::Refused { ticket: 1, topic, refusal: Refusal::Broker { reason, .. } }]
                if reason.0 == 0x87 && topic == "t"),
            "{events:?}"
        );
        assert_eq!(bench.figures(), [2, 0, 1, 0, 1]);
        bench.reconnect(true);
        bench.sent(&publish_bytes(Version::V5, flags | 0b1000, 2, 'b'));
    }
}

#[test]
fn a_window_of_refused_messages_does_not_stop_the_rest() {
    // 5:4.4.0-2 5:3.3.4-7
    let mut bench = Bench::connected(Version::V5);
    for _ in 0..200 {
        bench.publish(QoS::ExactlyOnce, "x");
    }
    for id in 1..=200 {
        bench.take_in(&format!("50 03 {id:04X} 97"));
    }
    assert_eq!(bench.figures(), [200, 0, 200, 0, 0]);
    assert!(bench.session.wants_publish());
}

#[test]
fn a_reason_string_is_handed_on() {
    let mut bench = Bench::connected(Version::V5);
    bench.publish(QoS::AtLeastOnce, "x");
    bench.take_in("40 09 0001 97 05 1F 0002 'no'");
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Refused { refusal: Refusal::Broker { reason_string: Some(text), .. }, .. }]
        if text == "no")
    );
}

#[test]
fn nobody_subscribed_is_a_success_that_is_counted() {
    let mut bench = Bench::connected(Version::V5);
    bench.publish(QoS::AtLeastOnce, "x");
    bench.take_in("40 03 0001 10");
    bench.publish(QoS::ExactlyOnce, "y");
    bench.take_in("50 03 0002 10");
    assert_eq!(bench.session.ledger().unmatched, 1, "not before it is complete");
    bench.take_in("70 02 0002");
    assert_eq!(bench.session.ledger().unmatched, 2);
    assert_eq!(bench.figures(), [2, 2, 0, 0, 0]);
}

#[test]
fn pubcomp_with_an_error_ends_the_flow() {
    // 5:4.3.3-6. 0x92 says that the server has completed it before: confirmed.
    let mut bench = Bench::new(Version::V5, SessionOptions { max_inflight: 1, ..options() });
    bench.connect();
    bench.accept(false, "");
    bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.take_in("50 02 0001");
    bench.take();
    bench.take_in("70 03 0001 92");
    bench.sent(&publish_bytes(Version::V5, QOS2, 2, 'b'));
    assert_eq!(bench.figures(), [2, 1, 0, 0, 1]);
}

#[test]
fn an_error_after_pubrel_takes_nothing_back() {
    // 5:4.3.3-4
    let mut bench = Bench::connected(Version::V5);
    bench.publish(QoS::ExactlyOnce, "a");
    bench.take_in("50 02 0001");
    bench.take();
    bench.take_in("50 03 0001 97");
    bench.sent("");
    bench.take_in("70 02 0001");
    assert_eq!(bench.figures(), [1, 1, 0, 0, 0]);
}

#[test]
fn unknown_identifiers_are_answered_as_the_standard_says() {
    // 5:4.3.3-4: PUBREL answers every PUBREC without an error.
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in("40 02 0007");
        bench.take_in("70 02 0007");
        bench.sent("");
        bench.take_in("50 02 0007");
        bench.sent(if version == Version::V5 { "62 03 0007 92" } else { "62 02 0007" });
    }
    let mut bench = Bench::connected(Version::V5);
    bench.take_in("50 03 0007 97");
    bench.sent("");
}

#[test]
fn the_window_is_the_smaller_of_both_limits() {
    // 5:3.3.4-7 5:4.9.0-1 5:4.9.0-2
    for (max_inflight, properties, window) in
        [(3, "", 3), (3, "21 0002", 2), (2, "21 0003", 2), (3, "21 FFFF", 3)]
    {
        let mut bench = Bench::new(Version::V5, SessionOptions { max_inflight, ..options() });
        bench.connect();
        bench.accept(false, properties);
        for _ in 0..10 {
            bench.publish(QoS::ExactlyOnce, "x");
        }
        let expected: String = (1..=window).map(|id| publish_bytes(Version::V5, QOS2, id, 'x')).collect();
        bench.sent(&expected);
        assert!(!bench.session.wants_publish());
        // PUBREC frees no place, PUBCOMP does.
        bench.take_in("50 02 0001");
        bench.sent("62 02 0001");
        bench.take_in("70 02 0001");
        bench.sent(&publish_bytes(Version::V5, QOS2, window + 1, 'x'));
    }
    // A 3.x server states no limit, ours holds.
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 2, ..options() });
    bench.connect();
    bench.accept(false, "");
    for _ in 0..3 {
        bench.publish(QoS::AtLeastOnce, "x");
    }
    assert_eq!(bench.take().len(), 2 * 8);
}

#[test]
fn a_window_of_zero_is_one() {
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 0, ..options() });
    bench.connect();
    bench.accept(false, "");
    bench.publish(QoS::AtLeastOnce, "x");
    bench.sent(&publish_bytes(Version::V311, QOS1, 1, 'x'));
}

#[test]
fn a_full_window_holds_up_nothing_but_publishes() {
    // 5:3.3.4-8 5:4.9.0-3
    for version in BOTH {
        let mut bench = Bench::new(version, SessionOptions { max_inflight: 1, ..options() });
        bench.connect();
        bench.accept(false, "");
        bench.publish(QoS::AtLeastOnce, "a");
        bench.publish(QoS::AtLeastOnce, "b");
        bench.sent(&publish_bytes(version, QOS1, 1, 'a'));
        let v5 = version == Version::V5;
        bench.session.subscribe(vec![filter("f", QoS::AtMostOnce)], Properties::new());
        bench.sent(if v5 { "82 07 0002 00 0001 'f' 00" } else { "82 06 0002 0001 'f' 00" });
        bench.session.unsubscribe(vec![TopicFilter::new("f").unwrap()], Properties::new());
        bench.sent(if v5 { "A2 06 0003 00 0001 'f'" } else { "A2 05 0003 0001 'f'" });
        bench.take_in(&publish_bytes(version, QOS1, 9, 'z'));
        bench.session.acknowledge(1);
        bench.sent("40 02 0009");
        bench.now += Duration::from_secs(31);
        bench.session.timeout(bench.now).unwrap();
        bench.sent("C0 00");
        bench.session.disconnect(ReasonCode::SUCCESS);
        bench.sent("E0 00");
    }
}

#[test]
fn order_holds_across_qualities_of_service() {
    // 311:4.6.0-1 5:4.6.0-1
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 1, ..options() });
    bench.publish(QoS::AtMostOnce, "0");
    bench.publish(QoS::AtLeastOnce, "1");
    bench.publish(QoS::AtMostOnce, "2");
    bench.publish(QoS::ExactlyOnce, "3");
    bench.publish(QoS::AtMostOnce, "4");
    bench.connect();
    bench.accept(false, "");
    bench.sent("30 04 0001 't' '0'  32 06 0001 't' 0001 '1'  30 04 0001 't' '2'");
    bench.take_in("40 02 0001");
    bench.sent("34 06 0001 't' 0002 '3'  30 04 0001 't' '4'");
}

#[test]
fn identifiers_go_round_and_are_never_reused_while_in_use() {
    // 311:2.3.1-1 311:2.3.1-2 5:2.2.1-3 5:4.3.2-1 5:4.3.3-1
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 3, ..options() });
    bench.connect();
    bench.accept(false, "");
    let mut next_id = || {
        bench.publish(QoS::AtLeastOnce, "x");
        let sent = bench.take();
        let id = u16::from_be_bytes([sent[5], sent[6]]);
        if id != 2 {
            bench.take_in(&format!("40 02 {id:04X}"));
        }
        id
    };
    let ids: Vec<u16> = (0..65_600).map(|_| next_id()).collect();
    let expected: Vec<u16> = (1..=65_535).chain([1]).chain(3..=66).collect();
    assert_eq!(ids, expected, "2 stays open, 0 is none");
}

#[test]
fn a_subscribe_holds_its_identifier_too() {
    // 311:2.3.1-1 5:2.2.1-3
    let mut bench = Bench::connected(Version::V311);
    bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
    bench.publish(QoS::AtLeastOnce, "x");
    bench.session.unsubscribe(vec![TopicFilter::new("b").unwrap()], Properties::new());
    bench.sent("82 06 0001 0001 'a' 00  32 06 0001 't' 0002 'x'  A2 05 0003 0001 'b'");
}

#[test]
fn a_topic_alias_stands_for_its_topic_from_the_second_time_on() {
    // 5:3.3.2-7 5:3.2.2-17 5:3.2.2-18 5:3.3.2-9
    let aliased = |topic: &str, payload: &'static str| Message {
        topic: TopicName::new(topic.to_owned()).unwrap(),
        qos: QoS::AtLeastOnce,
        properties: vec![Property::TopicAlias(5)].into(),
        ..message(QoS::AtLeastOnce, payload)
    };
    let mut bench = Bench::new(Version::V5, persistent());
    bench.connect();
    bench.accept(false, "22 0005");
    bench.session.publish(aliased("t", "a"));
    bench.sent("32 0A 0001 't' 0001 03 23 0005 'a'");
    bench.session.publish(aliased("t", "b"));
    bench.sent("32 09 0000 0002 03 23 0005 'b'");
    bench.session.publish(aliased("u", "c"));
    bench.sent("32 0A 0001 'u' 0003 03 23 0005 'c'");
    bench.session.publish(aliased("u", "d"));
    bench.sent("32 09 0000 0004 03 23 0005 'd'");
    // The next connection knows nothing of it: each topic is said again.
    bench.reconnect_with(true, "22 0005");
    bench.sent(
        "3A 0A 0001 't' 0001 03 23 0005 'a'  3A 09 0000 0002 03 23 0005 'b'
         3A 0A 0001 'u' 0003 03 23 0005 'c'  3A 09 0000 0004 03 23 0005 'd'",
    );
}

#[test]
fn a_publish_that_is_no_publish_teaches_no_alias() {
    let mut bench = Bench::new(Version::V5, options());
    bench.connect();
    bench.accept(false, "22 0005");
    let mut twice = message(QoS::AtMostOnce, "a");
    twice.properties = vec![Property::TopicAlias(1), Property::PayloadFormatIndicator(2)].into();
    bench.session.publish(twice);
    bench.sent("");
    assert!(matches!(&bench.events()[..], [Event::Refused { refusal: Refusal::Unencodable(_), .. }]));
    let mut good = message(QoS::AtMostOnce, "b");
    good.properties = vec![Property::TopicAlias(1)].into();
    bench.session.publish(good);
    bench.sent("30 08 0001 't' 03 23 0001 'b'");
}

#[test]
fn the_outbox_is_filled_as_it_empties() {
    let mut bench = Bench::new(Version::V311, SessionOptions { max_inflight: 1000, ..options() });
    let large = Message { payload: vec![b'x'; 100_000].into(), ..message(QoS::AtLeastOnce, "") };
    for _ in 0..5 {
        bench.session.publish(large.clone());
    }
    bench.connect();
    bench.accept(false, "");
    assert_eq!(bench.session.outbox().len() / 100_000, 3, "256 KiB and the message that crosses it");
    assert!(!bench.session.wants_publish());
    bench.take();
    bench.session.fill_outbox();
    assert_eq!(bench.session.outbox().len() / 100_000, 2);
    bench.take();
    assert!(bench.session.wants_publish());
}

/// Publishes the digits below `count`, one a message.
fn publish_digits(bench: &mut Bench, series: &mut Series, count: u8) -> u64 {
    let mut digit = 0;
    bench.session.publish_series(series, |payload| {
        payload.fill(b'0' + digit);
        digit += 1;
        digit <= count
    })
}

#[test]
fn a_series_is_what_as_many_publishes_would_be() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        let mut series = bench.session.series(&message(QoS::AtMostOnce, "-")).unwrap();
        assert_eq!(series.packet_len(), if version == Version::V5 { 7 } else { 6 });
        assert_eq!(publish_digits(&mut bench, &mut series, 3), 3);
        bench.sent(&['0', '1', '2'].map(|digit| publish_bytes(version, 0, 0, digit)).concat());
        assert_eq!(bench.figures(), [3, 0, 0, 0, 3], "not confirmed before they are proved");
        assert_eq!(bench.publish(QoS::AtMostOnce, "x"), 4, "tickets go on behind them");
        bench.take();

        bench.reconnect(false);
        assert!(!bench.session.fits(&series), "another connection may be of another version");
        assert_eq!(publish_digits(&mut bench, &mut series, 3), 0);
        bench.sent("");
        assert_eq!(bench.figures(), [4, 0, 0, 4, 0], "of those on the lost connection nothing is known");
    }
}

#[test]
fn a_series_stops_where_publishes_stop() {
    let mut bench = Bench::connected(Version::V5);
    let mut series = bench.session.series(&message(QoS::AtMostOnce, "-")).unwrap();
    let count = bench.session.publish_series(&mut series, |_| true);
    assert!(!bench.session.wants_publish());
    assert_eq!(bench.take().len() as u64, 7 * count);
    assert!((256 * 1024..256 * 1024 + 7).contains(&(7 * count)), "the outbox is full");
    assert!(bench.session.wants_publish());
}

#[test]
fn what_needs_more_than_copying_is_no_series() {
    assert!(Bench::plain(Version::V5).session.series(&message(QoS::AtMostOnce, "-")).is_none(), "offline");
    let mut bench = Bench::plain(Version::V5);
    bench.connect();
    // Maximum packet size 8, topic alias maximum 1, no retained messages.
    bench.accept(false, "27 00000008 22 0001 25 00");
    let fine = message(QoS::AtMostOnce, "-");
    assert!(bench.session.series(&fine).is_some());
    assert!(bench.session.series(&message(QoS::AtLeastOnce, "-")).is_none(), "an identifier changes, too");
    assert!(bench.session.series(&message(QoS::AtMostOnce, "---")).is_none(), "9 bytes");
    assert!(bench.session.series(&Message { retain: true, ..fine.clone() }).is_none());
    let mut aliased = fine;
    aliased.properties.push(Property::TopicAlias(1));
    assert!(bench.session.series(&aliased).is_none());
}

#[test]
fn confirmed_tickets_are_kept_when_asked_for() {
    for version in BOTH {
        let options = SessionOptions { report_confirmed: true, ..options() };
        let mut bench = Bench::new(version, options);
        bench.connect();
        bench.accept(false, "");
        bench.publish(QoS::AtMostOnce, "x");
        bench.publish(QoS::AtLeastOnce, "x");
        bench.publish(QoS::ExactlyOnce, "x");
        bench.take_in("50 02 0002 70 02 0002 40 02 0001");
        let confirmed: Vec<u64> = std::iter::from_fn(|| bench.session.take_confirmed()).collect();
        assert_eq!(confirmed, [3, 2], "in the order of the answers");
    }
}
