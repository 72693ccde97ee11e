//! Requests without an answer: deadlines, one at a time, refusals by closing, proof of QoS 0.

use super::*;
use crate::session::{Asked, Refusal, Tolerated};

fn with_ack_timeout(version: Version, seconds: u64) -> Bench {
    let ack_timeout = Duration::from_secs(seconds);
    let mut bench = Bench::new(version, SessionOptions { ack_timeout, keep_alive: 0, ..options() });
    bench.connect();
    bench.accept(false, "");
    bench
}

fn ticket_of(asked: Option<Asked>) -> Option<u64> {
    match asked {
        Some(Asked::Publish { ticket, .. }) => Some(ticket),
        _ => None,
    }
}

#[test]
fn a_request_without_an_answer_is_a_stall() {
    for version in BOTH {
        type Ask = fn(&mut Bench);
        let requests: [(&str, Ask); 5] = [
            ("PUBLISH", |bench| _ = bench.publish(QoS::AtLeastOnce, "a")),
            ("PUBLISH", |bench| _ = bench.publish(QoS::ExactlyOnce, "a")),
            ("PUBREL", |bench| {
                bench.publish(QoS::ExactlyOnce, "a");
                bench.take();
                bench.take_in("50 02 0001");
            }),
            ("SUBSCRIBE", |bench| {
                bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
            }),
            ("UNSUBSCRIBE", |bench| {
                bench.session.unsubscribe(vec![TopicFilter::new("a").unwrap()], Properties::new());
            }),
        ];
        for (packet, ask) in requests {
            let mut bench = with_ack_timeout(version, 10);
            bench.wait(100.0).unwrap();
            ask(&mut bench);
            bench.take();
            bench.wait(9.9).unwrap();
            match bench.wait(0.1) {
                Err(SessionError::Unanswered { asked, after }) => {
                    assert_eq!((asked.packet(), after), (packet, Duration::from_secs(10)));
                }
                other => panic!("{packet}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_clock_starts_again_with_each_byte_taken_and_each_answer() {
    let mut bench = with_ack_timeout(Version::V311, 10);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    // A byte at a time, on a thin line.
    while !bench.session.outbox().is_empty() {
        bench.wait(9.0).unwrap();
        bench.session.outbox().advance(1);
        bench.session.bytes_sent(bench.now);
    }
    bench.wait(9.0).unwrap();
    bench.take_in("40 02 0001");
    bench.wait(9.0).unwrap();
    assert_eq!(ticket_of(bench.session.oldest_unanswered()), Some(2));
    // Neither a message nor a PINGRESP is an answer.
    bench.take_in("D0 00");
    bench.take_in(&publish_bytes(Version::V311, 0, 0, 'x'));
    assert!(matches!(bench.wait(1.0), Err(SessionError::Unanswered { .. })));
}

#[test]
fn a_caller_that_does_not_read_sees_no_answer() {
    let mut bench = with_ack_timeout(Version::V311, 10);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.take();
    for _ in 0..100 {
        bench.now += Duration::from_secs(5);
        bench.session.not_reading(bench.now);
        bench.session.timeout(bench.now).unwrap();
    }
    bench.wait(9.9).unwrap();
    assert!(bench.wait(0.1).is_err());
}

#[test]
fn nothing_asked_has_no_deadline() {
    let mut bench = with_ack_timeout(Version::V5, 10);
    bench.publish(QoS::AtMostOnce, "a");
    bench.take();
    assert_eq!(bench.session.deadline(), None);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.take();
    assert!(bench.session.deadline().is_some());
    bench.take_in("40 02 0001");
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn proof_is_a_pingreq_behind_the_messages_and_has_a_deadline() {
    for version in BOTH {
        let mut bench = with_ack_timeout(version, 10);
        bench.session.ask_for_proof(bench.now);
        bench.sent("");
        bench.publish(QoS::AtMostOnce, "a");
        bench.session.ask_for_proof(bench.now);
        bench.session.ask_for_proof(bench.now);
        bench.sent(&(publish_bytes(version, 0, 0, 'a') + "C0 00"));
        assert_eq!((bench.session.unproved(), bench.session.is_settled()), (1, false));
        bench.wait(9.9).unwrap();
        assert_eq!(bench.session.oldest_unanswered(), Some(Asked::Ping));
        bench.take_in("D0 00");
        assert_eq!((bench.session.unproved(), bench.session.is_settled()), (0, true));
        assert_eq!(bench.figures(), [1, 1, 0, 0, 0]);
        bench.wait(100.0).unwrap();
        bench.publish(QoS::AtMostOnce, "b");
        bench.session.ask_for_proof(bench.now);
        bench.take();
        assert!(matches!(bench.wait(10.0), Err(SessionError::Unanswered { .. })));
    }
}

#[test]
fn requests_go_one_at_a_time_once_isolated() {
    // 311:4.4.0-1 5:4.4.0-1 311:4.6.0-1 5:4.6.0-1
    for present in [false, true] {
        let mut bench = Bench::persistent(Version::V311);
        bench
            .session
            .subscribe(vec![filter("a", QoS::AtMostOnce), filter("b", QoS::AtMostOnce)], Properties::new());
        bench.publish(QoS::AtLeastOnce, "x");
        bench.publish(QoS::ExactlyOnce, "y");
        bench.publish(QoS::AtMostOnce, "z");
        bench.take();
        bench.take_in("50 02 0003");
        bench.sent("62 02 0003");
        bench.session.lost();
        bench.session.isolate();
        bench.connect();
        bench.accept(present, "");
        assert_eq!(bench.session.window(), 1);
        if present {
            bench.sent("3A 06 0001 't' 0002 'x'");
            bench.take_in("40 02 0002");
            bench.sent("62 02 0003");
            bench.take_in("70 02 0003");
            bench.sent("82 06 0004 0001 'a' 00");
            bench.take_in("90 03 0004 00");
            bench.sent("82 06 0005 0001 'b' 00");
            bench.take_in("90 03 0005 00");
        } else {
            bench.sent("82 06 0004 0001 'a' 00");
            bench.take_in("90 03 0004 00");
            bench.sent("82 06 0005 0001 'b' 00");
            bench.take_in("90 03 0005 00");
            bench.sent("32 06 0001 't' 0006 'x'");
            bench.take_in("40 02 0006");
            bench.sent("34 06 0001 't' 0007 'y'");
            bench.take_in("50 02 0007");
            bench.sent("62 02 0007");
            bench.take_in("70 02 0007");
        }
        assert!(!bench.session.is_isolated(), "all is answered");
        assert_eq!(bench.session.window(), 20);
        bench.publish(QoS::AtLeastOnce, "1");
        bench.publish(QoS::AtLeastOnce, "2");
        assert_eq!(bench.session.inflight(), 2);
    }
}

#[test]
fn what_the_server_refuses_by_closing_is_left_out() {
    let mut bench = Bench::connected(Version::V311);
    bench
        .session
        .subscribe(vec![filter("a", QoS::AtMostOnce), filter("no", QoS::AtMostOnce)], Properties::new());
    bench.publish(QoS::AtLeastOnce, "x");
    bench.publish(QoS::AtLeastOnce, "y");
    let all = TopicFilter::new("no").unwrap();
    let both = vec![TopicFilter::new("a").unwrap(), all.clone()];
    assert_eq!(bench.session.oldest_unanswered(), Some(Asked::Subscribe { filters: both }));
    bench.session.lost();
    bench.session.isolate();
    bench.connect();
    bench.accept(false, "");
    bench.take_in("90 03 0004 00");
    let culprit = bench.session.oldest_unanswered().unwrap();
    assert_eq!(culprit, Asked::Subscribe { filters: vec![all] });
    bench.session.lost();
    bench.events();
    bench.session.refuse_asked(&culprit);
    let [Event::Subscribed { results, reason_string: Some(_) }] = &bench.events()[..] else { panic!() };
    assert_eq!((results.len(), &*results[0].0.filter, results[0].1.0), (1, "no", 0x80));
    bench.connect();
    bench.accept(false, "");
    bench.sent("82 06 0006 0001 'a' 00");
    bench.take_in("90 03 0006 00");
    bench.sent("32 06 0001 't' 0007 'x'");
    let culprit = bench.session.oldest_unanswered().unwrap();
    assert_eq!(ticket_of(Some(culprit.clone())), Some(1));
    bench.session.lost();
    bench.session.isolate();
    bench.events();
    bench.session.refuse_asked(&culprit);
    bench.session.refuse_asked(&culprit);
    let events = bench.events();
    let [Event::Refused { ticket: 1, refusal: Refusal::Closed { packet: "PUBLISH", .. }, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(bench.figures(), [2, 0, 1, 0, 1]);
    bench.connect();
    bench.accept(false, "");
    bench.sent("82 06 0008 0001 'a' 00");
    bench.take_in("90 03 0008 00");
    bench.sent("32 06 0001 't' 0009 'y'");
    bench.take_in("40 02 0009");
    assert_eq!(bench.figures(), [2, 1, 1, 0, 0]);
}

#[test]
fn after_a_violation_qos_2_is_never_published_a_second_time() {
    for present in [false, true] {
        let mut bench = Bench::persistent(Version::V311);
        bench.publish(QoS::ExactlyOnce, "a");
        bench.publish(QoS::ExactlyOnce, "b");
        bench.publish(QoS::AtLeastOnce, "c");
        bench.take();
        bench.take_in("50 02 0002");
        bench.session.give_up_exactly_once();
        bench.reconnect(present);
        let sent = hex(&bench.take());
        let again = if present { "62 02 00 02 3a 06 00 01 74 00 03 63 " } else { "32 06 00 01 74 00 04 63 " };
        assert_eq!(sent, again);
        let unknown: u64 = bench
            .events()
            .iter()
            .map(|event| match event {
                Event::Unknown { count, why: UnknownWhy::Violation } => *count,
                _ => 0,
            })
            .sum();
        assert_eq!(unknown, if present { 1 } else { 2 });
    }
}

#[test]
fn qos_2_that_is_published_again_in_a_new_session_is_counted() {
    let mut bench = Bench::connected(Version::V5);
    bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.reconnect(false);
    assert_eq!((bench.session.ledger().resent, bench.session.ledger().repeated), (2, 1));
}

#[test]
fn a_puback_for_a_qos_2_publish_is_delivery_at_qos_1() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.publish(QoS::ExactlyOnce, "a");
        bench.publish(QoS::ExactlyOnce, "b");
        bench.take();
        bench.take_in("40 02 0001 40 02 0002");
        let events = bench.events();
        let [
            Event::Tolerated(Tolerated::PubAckForQoS2),
            Event::Refused { ticket: 1, refusal: Refusal::AcknowledgedAtQoS1, .. },
            Event::Refused { ticket: 2, .. },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(bench.figures(), [2, 0, 2, 0, 0]);
        assert_eq!(bench.session.inflight(), 0);

        let mut bench = Bench::new(version, SessionOptions { downgrade_qos: true, ..options() });
        bench.connect();
        bench.accept(false, "");
        bench.publish(QoS::ExactlyOnce, "a");
        bench.take_in("40 02 0001");
        assert_eq!(bench.figures(), [1, 1, 0, 0, 0]);
    }
}

#[test]
fn an_answer_that_nobody_waits_for_is_passed_over() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        let v5 = version == Version::V5;
        let suback = if v5 { "90 04 0001 00 00" } else { "90 03 0001 00" };
        let unsuback = if v5 { "B0 04 0001 00 00" } else { "B0 02 0001" };
        bench.take_in(suback);
        bench.take_in(unsuback);
        bench.take_in(suback);
        assert_eq!(bench.events(), [Event::Tolerated(Tolerated::AnswerToNothing)], "said once");
        assert!(bench.session.is_connected());
    }
}

#[test]
fn a_refusal_is_one_whatever_its_number() {
    let mut bench = Bench::connected(Version::V5);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.take_in("40 04 0001 9F 00");
    let events = bench.events();
    let [Event::Tolerated(Tolerated::UnlistedReasonCode), Event::Refused { ticket: 1, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    let mut bench = Bench::connected(Version::V311);
    bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
    bench.take_in("90 03 0001 87");
    let events = bench.events();
    let [Event::Tolerated(Tolerated::UnlistedReasonCode), Event::Subscribed { results, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(results[0].1.is_error());
}

#[test]
fn dup_at_qos_0_is_no_reason_to_lose_a_message() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        bench.take_in(&publish_bytes(version, 0b1000, 0, 'x'));
        let events = bench.events();
        let [Event::Tolerated(Tolerated::DupAtQoS0), Event::Message { publish, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert!(!publish.dup);
    }
}

#[test]
fn the_oldest_request_and_the_answers_are_told_apart() {
    for version in BOTH {
        let mut bench = Bench::connected(version);
        assert_eq!((bench.session.answers(), bench.session.oldest_unanswered()), (0, None));
        bench.publish(QoS::AtLeastOnce, "a");
        bench.publish(QoS::ExactlyOnce, "b");
        bench.take();
        assert_eq!(ticket_of(bench.session.oldest_unanswered()), Some(1));
        bench.take_in("40 02 0001");
        assert_eq!((bench.session.answers(), ticket_of(bench.session.oldest_unanswered())), (1, Some(2)));
        bench.take_in("50 02 0002");
        bench.take();
        bench.take_in("70 02 0002");
        assert_eq!((bench.session.answers(), bench.session.oldest_unanswered()), (3, None));
    }
}

#[test]
fn a_publish_is_the_same_request_before_and_after_pubrec() {
    let publish =
        |ticket, released| Asked::Publish { ticket, topic: "a".into(), qos: QoS::ExactlyOnce, released };
    let filters = |text: &str| vec![TopicFilter::new(text).unwrap()];
    let subscribe = |text| Asked::Subscribe { filters: filters(text) };
    assert!(publish(1, false).is_same(&publish(1, true)));
    assert!(!publish(1, false).is_same(&publish(2, false)));
    assert!(subscribe("a").is_same(&subscribe("a")));
    assert!(!subscribe("a").is_same(&subscribe("b")));
    assert!(!subscribe("a").is_same(&Asked::Unsubscribe { filters: filters("a") }));
    assert!(!Asked::Ping.is_same(&publish(1, false)));
}

#[test]
fn what_was_granted_once_is_remembered() {
    let mut bench = Bench::connected(Version::V311);
    let filters =
        |texts: &[&str]| texts.iter().map(|text| TopicFilter::new(*text).unwrap()).collect::<Vec<_>>();
    let both = ["a", "b"].map(|text| filter(text, QoS::AtMostOnce)).to_vec();
    bench.session.subscribe(both, Properties::new());
    bench.take();
    assert!(!bench.session.was_granted(&filters(&["a"])));
    bench.take_in("90 04 0001 00 80");
    assert!(bench.session.was_granted(&filters(&["a"])));
    assert!(!bench.session.was_granted(&filters(&["b"])));
    assert!(!bench.session.was_granted(&filters(&["a", "b"])));
}

#[test]
fn one_at_a_time_lasts_until_everything_open_is_answered() {
    let mut bench = Bench::persistent(Version::V311);
    assert!(!bench.session.is_isolated());
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.take();
    bench.session.lost();
    bench.session.isolate();
    assert!(bench.session.is_isolated());
    bench.connect();
    bench.accept(true, "");
    // Only the first is out, so it is the one without an answer.
    bench.sent("3A 06 0001 't' 0001 'a'");
    assert_eq!(ticket_of(bench.session.oldest_unanswered()), Some(1));
    bench.take_in("40 02 0001");
    assert_eq!(ticket_of(bench.session.oldest_unanswered()), Some(2));
    bench.take_in("40 02 0002");
    assert!(!bench.session.is_isolated());
}
