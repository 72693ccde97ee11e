//! SUBSCRIBE, UNSUBSCRIBE and their answers.

use super::*;
use crate::RetainHandling;

fn granted(bench: &mut Bench) -> Vec<(String, u8)> {
    let mut granted = Vec::new();
    for event in bench.events() {
        match event {
            Event::Subscribed { results, .. } => {
                granted.extend(results.iter().map(|(asked, reason)| (asked.filter.to_string(), reason.0)));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    granted
}

fn pair(filter: &str, code: u8) -> (String, u8) {
    (filter.to_owned(), code)
}

#[test]
fn subscribe_and_unsubscribe_as_they_stand_on_the_wire() {
    // 311:3.8.1-1 5:3.8.1-1 311:3.10.1-1 5:3.10.1-1 311:3.8.3-1 5:3.8.3-1 311:3.8.3-3 5:3.8.3-2
    let mut bench = Bench::connected(Version::V311);
    bench.session.subscribe(
        vec![filter("a/+", QoS::AtLeastOnce), filter("#", QoS::ExactlyOnce)],
        vec![Property::SubscriptionIdentifier(3)].into(),
    );
    bench.sent("82 0C 0001 0003 'a/+' 01 0001 '#' 02");
    bench.session.unsubscribe(vec![TopicFilter::new("#").unwrap()], Properties::new());
    bench.sent("A2 05 0002 0001 '#'");
    let mut bench = Bench::connected(Version::V5);
    let mut special = filter("$share/g/a", QoS::AtMostOnce);
    special.retain_as_published = true;
    special.retain_handling = RetainHandling::Never;
    let mut own = filter("b", QoS::ExactlyOnce);
    own.no_local = true;
    bench.session.subscribe(
        vec![special, own],
        vec![Property::SubscriptionIdentifier(200), Property::UserProperty("k".into(), "v".into())].into(),
    );
    bench.sent("82 1E 0001 0A 0B C801 26 0001 'k' 0001 'v' 000A '$share/g/a' 28 0001 'b' 06");
    bench.session.unsubscribe(
        vec![TopicFilter::new("x").unwrap(), TopicFilter::new("y").unwrap()],
        vec![Property::UserProperty("k".into(), "v".into())].into(),
    );
    bench.sent("A2 10 0002 07 26 0001 'k' 0001 'v' 0001 'x' 0001 'y'");
}

#[test]
fn suback_is_matched_by_identifier_and_order() {
    // 311:3.8.4-2 5:3.8.4-2 311:3.9.3-1 5:3.9.3-1 311:3.9.3-2
    for version in BOTH {
        let v5 = version == Version::V5;
        let mut bench = Bench::connected(version);
        bench
            .session
            .subscribe(vec![filter("a", QoS::AtLeastOnce), filter("b", QoS::ExactlyOnce)], Properties::new());
        bench.session.subscribe(vec![filter("c", QoS::AtMostOnce)], Properties::new());
        bench.take();
        assert!(bench.session.has_open_requests());
        bench.take_in(if v5 { "90 04 0002 00 87" } else { "90 03 0002 80" });
        assert_eq!(granted(&mut bench), [pair("c", if v5 { 0x87 } else { 0x80 })]);
        assert!(bench.session.has_open_requests());
        bench.take_in(if v5 { "90 05 0001 00 00 02" } else { "90 04 0001 00 02" });
        assert_eq!(granted(&mut bench), [pair("a", 0), pair("b", 2)]);
        assert!(!bench.session.has_open_requests());
        bench.sent("");
    }
}

#[test]
fn a_suback_for_nothing_is_passed_over_and_one_that_does_not_fit_breaks_the_protocol() {
    // 311:3.8.4-2 5:3.8.4-2 311:3.9.3-1 5:3.9.3-1
    for (v311, v5) in [
        ("90 03 0007 00", "90 04 0007 00 00"),
        ("90 03 0002 00", "90 04 0002 00 00"),
        ("B0 02 0001", "B0 04 0001 00 00"),
    ] {
        for (version, packet) in [(Version::V311, v311), (Version::V5, v5)] {
            let mut bench = Bench::connected(version);
            bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
            bench.publish(QoS::AtLeastOnce, "x");
            bench.take_in(packet);
            assert_eq!(bench.events(), [Event::Tolerated(Tolerated::AnswerToNothing)]);
            assert!(bench.session.has_open_requests());
        }
    }
    for (v311, v5) in [("90 04 0001 00 00", "90 05 0001 00 00 00")] {
        for (version, packet) in [(Version::V311, v311), (Version::V5, v5)] {
            let mut bench = Bench::connected(version);
            bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
            bench.publish(QoS::AtLeastOnce, "x");
            bench.take();
            bench.refuses(packet, 0x82);
            assert!(bench.session.has_open_requests());
        }
    }
}

#[test]
fn unsuback_is_matched_by_identifier_and_count() {
    for version in BOTH {
        let v5 = version == Version::V5;
        let mut bench = Bench::connected(version);
        let filters = vec![TopicFilter::new("a").unwrap(), TopicFilter::new("b").unwrap()];
        bench.session.unsubscribe(filters, Properties::new());
        bench.take();
        bench.take_in(if v5 { "B0 05 0001 00 00 11" } else { "B0 02 0001" });
        let events = bench.events();
        let [Event::Unsubscribed { results }] = &events[..] else { panic!("{events:?}") };
        let codes: Vec<u8> = results.iter().map(|(_, reason)| reason.0).collect();
        assert_eq!(codes, if v5 { [0, 0x11] } else { [0, 0] });
        assert!(!bench.session.has_open_requests());
        bench.take_in(if v5 { "B0 04 0001 00 00" } else { "B0 02 0001" });
        assert_eq!(bench.events(), [Event::Tolerated(Tolerated::AnswerToNothing)]);
    }
    let mut bench = Bench::connected(Version::V5);
    bench.session.unsubscribe(vec![TopicFilter::new("a").unwrap()], Properties::new());
    bench.take();
    bench.refuses("B0 05 0001 00 00 00", 0x82);
}

#[test]
fn subscriptions_are_made_again_exactly_when_the_session_is_gone() {
    // 5:3.2.2-5
    for version in BOTH {
        let packet = |id: u16, name: char| match version {
            Version::V5 => format!("82 07 {id:04X} 00 0001 '{name}' 01"),
            _ => format!("82 06 {id:04X} 0001 '{name}' 01"),
        };
        let suback = |id: u16| match version {
            Version::V5 => format!("90 04 {id:04X} 00 01"),
            _ => format!("90 03 {id:04X} 01"),
        };
        let mut bench = Bench::new(version, persistent());
        bench.session.subscribe(vec![filter("a", QoS::AtLeastOnce)], Properties::new());
        assert!(bench.session.has_open_requests(), "not sent is not answered");
        bench.connect();
        bench.accept(false, "");
        bench.sent(&packet(1, 'a'));
        bench.take_in(&suback(1));
        bench.reconnect(true);
        bench.sent("");
        // One more between the connections: it alone is sent.
        bench.session.lost();
        bench.session.subscribe(vec![filter("b", QoS::AtLeastOnce)], Properties::new());
        bench.connect();
        bench.accept(true, "");
        bench.sent(&packet(2, 'b'));
        // Its answer is lost: it is sent again, once.
        bench.reconnect(true);
        bench.sent(&packet(2, 'b'));
        bench.take_in(&suback(2));
        for _ in 0..2 {
            bench.session.lost();
            bench.connect();
            bench.accept(false, "");
            let sent = bench.take();
            assert_eq!(sent.len(), 2 * bytes(&packet(1, 'a')).len(), "each exactly once");
            assert_eq!((sent[1 + 1 + 1], sent.contains(&b'a'), sent.contains(&b'b')), (sent[3], true, true));
        }
    }
}

#[test]
fn the_first_connection_subscribes_even_when_the_broker_has_a_session() {
    for version in BOTH {
        let mut bench = Bench::new(version, persistent());
        bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
        bench.connect();
        bench.accept(true, "");
        bench.sent(if version == Version::V5 {
            "82 07 0001 00 0001 'a' 00"
        } else {
            "82 06 0001 0001 'a' 00"
        });
    }
}

#[test]
fn what_was_unsubscribed_is_not_subscribed_again() {
    let mut bench = Bench::new(Version::V311, SessionOptions { clean_start: true, ..options() });
    bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
    bench
        .session
        .subscribe(vec![filter("b", QoS::AtMostOnce), filter("c", QoS::AtMostOnce)], Properties::new());
    bench.session.unsubscribe(vec![TopicFilter::new("z").unwrap()], Properties::new());
    bench.connect();
    bench.accept(false, "");
    bench.sent("82 06 0001 0001 'a' 00  82 0A 0002 0001 'b' 00 0001 'c' 00  A2 05 0003 0001 'z'");
    bench
        .session
        .unsubscribe(vec![TopicFilter::new("a").unwrap(), TopicFilter::new("c").unwrap()], Properties::new());
    bench.sent("A2 08 0004 0001 'a' 0001 'c'");
    bench.take_in("90 03 0001 00  90 04 0002 00 00  B0 02 0003  B0 02 0004");
    let _ = bench.events();
    bench.session.subscribe(vec![filter("d", QoS::AtMostOnce)], Properties::new());
    bench.sent("82 06 0005 0001 'd' 00");
    bench.reconnect(false);
    bench.sent("82 06 0006 0001 'b' 00  82 06 0007 0001 'd' 00");
}

#[test]
fn what_was_unsubscribed_before_it_was_sent_is_never_sent() {
    let mut bench = Bench::persistent(Version::V311);
    bench.session.subscribe(vec![filter("a", QoS::AtMostOnce)], Properties::new());
    bench.take();
    bench.take_in("90 03 0001 00");
    bench.session.lost();
    bench.session.subscribe(vec![filter("b", QoS::AtMostOnce)], Properties::new());
    bench.session.unsubscribe(vec![TopicFilter::new("b").unwrap()], Properties::new());
    bench.connect();
    bench.accept(true, "");
    bench.sent("A2 05 0002 0001 'b'");
}

#[test]
fn an_unanswered_unsubscribe_is_sent_again() {
    for version in BOTH {
        let packet = |id: u16| match version {
            Version::V5 => format!("A2 06 {id:04X} 00 0001 'a'"),
            _ => format!("A2 05 {id:04X} 0001 'a'"),
        };
        let mut bench = Bench::persistent(version);
        bench.session.unsubscribe(vec![TopicFilter::new("a").unwrap()], Properties::new());
        bench.sent(&packet(1));
        bench.reconnect(true);
        bench.sent(&packet(1));
        bench.reconnect(false);
        bench.sent(&packet(2));
        assert!(bench.session.has_open_requests());
    }
}

#[test]
fn what_the_broker_does_not_support_is_answered_without_asking_it() {
    // 5:3.2.2-15 5:3.8.3-4
    let subscribe = |properties: &str, subscriptions: Vec<Subscription>, with: Properties| {
        let mut bench = Bench::new(Version::V5, options());
        bench.session.subscribe(subscriptions, with);
        bench.connect();
        bench.accept(false, properties);
        bench
    };
    let three = || ["a", "a/#", "$share/g/b"].map(|name| filter(name, QoS::AtMostOnce)).to_vec();
    let mut bench = subscribe("28 00", three(), Properties::new());
    assert_eq!(granted(&mut bench), [pair("a/#", 0xA2)]);
    bench.sent("82 14 0001 00 0001 'a' 00 000A '$share/g/b' 00");
    let mut bench = subscribe("2A 00", three(), Properties::new());
    assert_eq!(granted(&mut bench), [pair("$share/g/b", 0x9E)]);
    bench.sent("82 0D 0001 00 0001 'a' 00 0003 'a/#' 00");
    let mut bench = subscribe("29 00", three(), vec![Property::SubscriptionIdentifier(1)].into());
    assert_eq!(granted(&mut bench), [pair("a", 0xA1), pair("a/#", 0xA1), pair("$share/g/b", 0xA1)]);
    bench.sent("");
    assert!(!bench.session.has_open_requests());
    let mut bench = subscribe("27 0000000C", vec![filter("abcdef", QoS::AtMostOnce)], Properties::new());
    assert_eq!(granted(&mut bench), [pair("abcdef", 0x83)]);
    bench.sent("");
    let mut own = filter("$share/g/a", QoS::AtMostOnce);
    own.no_local = true;
    let mut bench = subscribe("", vec![own], Properties::new());
    assert_eq!(granted(&mut bench), [pair("$share/g/a", 0x83)]);
    bench.sent("");
    // MQTT 3.1.1 has no such option: the caller knows its own messages.
    let mut own = filter("a", QoS::AtMostOnce);
    own.no_local = true;
    let mut bench = Bench::connected(Version::V311);
    bench.session.subscribe(vec![own.clone()], Properties::new());
    bench.sent("82 06 0001 0001 'a' 00");
    // Nor this one, which cannot be made up for.
    own.retain_as_published = true;
    bench.session.subscribe(vec![own], Properties::new());
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Subscribed { results, reason_string: Some(why) }]
            if results[0].1.0 == 0x83 && why.starts_with("not sent: ")),
        "{events:?}"
    );
    bench.sent("");
}

#[test]
fn a_request_that_the_next_connection_cannot_carry_is_answered() {
    let mut bench = Bench::persistent(Version::V5);
    bench.session.subscribe(vec![filter("abcdef", QoS::AtMostOnce)], Properties::new());
    bench.session.unsubscribe(vec![TopicFilter::new("ghijkl").unwrap()], Properties::new());
    bench.take();
    bench.reconnect_with(true, "27 00000008");
    bench.sent("");
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Subscribed { .. }, Event::Unsubscribed { .. }]), "{events:?}");
    assert!(!bench.session.has_open_requests());
    bench.session.unsubscribe(vec![TopicFilter::new("ghijkl").unwrap()], Properties::new());
    assert!(matches!(&bench.events()[..], [Event::Unsubscribed { results }] if results[0].1.is_error()));
}
