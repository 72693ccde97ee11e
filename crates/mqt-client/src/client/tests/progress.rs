//! A broker that closes the connection each time instead of answering.

use super::*;
use mqt_proto::session::{Asked, Refusal};

/// Takes packets until one is `fatal`, and closes there. Answers the others at once.
async fn serve(broker: &mut Broker, fatal: impl Fn(&Packet) -> bool, names: &mut Vec<String>) {
    let mut peer = broker.accept_with(CONNACK).await;
    while let Some(packet) = peer.packet().await {
        let name = match &packet {
            Packet::Publish(publish) => String::from_utf8(publish.message.payload.to_vec()).unwrap(),
            Packet::Subscribe(subscribe) => subscribe.subscriptions.iter().map(|one| &*one.filter).collect(),
            other => other.name().to_owned(),
        };
        names.push(name);
        if fatal(&packet) {
            return;
        }
        match packet {
            Packet::Publish(publish) => {
                let packet_id = publish.packet_id.expect("the tests publish at QoS 1 and 2");
                peer.send(&format!("40 02 {packet_id:04X}")).await;
            }
            Packet::Subscribe(subscribe) => {
                peer.send(&format!("90 04 {:04X} 00 00", subscribe.packet_id)).await
            }
            Packet::PingReq => peer.send("D0 00").await,
            _ => {}
        }
    }
}

fn is_bad(packet: &Packet) -> bool {
    match packet {
        Packet::Publish(publish) => publish.message.payload.starts_with(b"no"),
        Packet::Subscribe(subscribe) => {
            subscribe.subscriptions.iter().any(|one| one.filter.starts_with("no"))
        }
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn the_publish_that_is_refused_by_closing_is_found_and_the_others_are_confirmed() {
    let (mut client, mut broker) = client(options());
    for payload in ["a", "b", "no", "c"] {
        client.session_mut().publish(message(QoS::AtLeastOnce, payload.into()));
    }
    let (story, names) = play(&mut client, async {
        let mut names = Vec::new();
        for _ in 0..3 {
            serve(&mut broker, is_bad, &mut names).await;
        }
        let mut peer = broker.accept_with(CONNACK).await;
        let Some(Packet::Publish(publish)) = peer.packet().await else { panic!("no PUBLISH") };
        peer.send(&format!("40 02 {:04X}", publish.packet_id.unwrap())).await;
        names.extend([String::from_utf8(publish.message.payload.to_vec()).unwrap()]);
        (names, peer)
    })
    .await;
    assert_eq!(names.0, ["a", "b", "no", "no", "no", "c"], "one at a time from the second on");
    let refused: Vec<_> = story
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Refused { ticket, refusal: Refusal::Closed { .. }, .. } => Some(*ticket),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [3]);
    let ledger = client.session().ledger();
    assert_eq!((ledger.confirmed, ledger.refused, ledger.open()), (3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_is_the_end_unless_they_are_skipped() {
    for skip_denied in [false, true] {
        let (mut client, mut broker) =
            client_over(options(), SessionChoices { skip_denied, ..choices() }, 64 * 1024);
        client.session_mut().publish(message(QoS::AtLeastOnce, "no 1".into()));
        client.session_mut().publish(message(QoS::AtLeastOnce, "no 2".into()));
        let (story, ()) = play(&mut client, async {
            for _ in 0..6 {
                serve(&mut broker, is_bad, &mut Vec::new()).await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        })
        .await;
        let ledger = client.session().ledger();
        match story.end {
            Some(ClientError::Denied { asked, .. }) if !skip_denied => {
                assert!(matches!(*asked, Asked::Publish { ticket: 2, .. }), "{asked:?}");
                assert_eq!((ledger.refused, ledger.open()), (1, 1));
            }
            None if skip_denied => assert_eq!((ledger.refused, ledger.open()), (2, 0)),
            end => panic!("{skip_denied}: {end:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_filter_that_is_refused_by_closing_is_left_out() {
    let (mut client, mut broker) = client(options());
    let filters =
        ["a", "no", "b"].map(|name| Subscription::new(TopicFilter::new(name).unwrap(), QoS::AtMostOnce));
    client.session_mut().subscribe(filters.to_vec(), Properties::new());
    let (story, names) = play(&mut client, async {
        let mut names = Vec::new();
        for _ in 0..4 {
            serve(&mut broker, is_bad, &mut names).await;
        }
        let mut peer = broker.accept_with(CONNACK).await;
        for _ in 0..2 {
            let Some(Packet::Subscribe(subscribe)) = peer.packet().await else { panic!("no SUBSCRIBE") };
            names.push(subscribe.subscriptions[0].filter.to_string());
            peer.send(&format!("90 04 {:04X} 00 00", subscribe.packet_id)).await;
        }
        (names, peer)
    })
    .await;
    assert_eq!(names.0, ["anob", "a", "no", "a", "no", "a", "no", "a", "b"]);
    let refused = story.events.iter().any(|event| match event {
        Event::Subscribed { results, .. } => {
            results.iter().any(|(one, code)| &*one.filter == "no" && code.is_error())
        }
        _ => false,
    });
    assert!(refused);
    assert!(story.end.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_topic_filter_that_was_granted_before_is_not_refused_by_a_bad_link() {
    let (mut client, mut broker) = client(options());
    let filter = Subscription::new(TopicFilter::new("a").unwrap(), QoS::AtMostOnce);
    client.session_mut().subscribe(vec![filter], Properties::new());
    let (story, _peer) = play(&mut client, async {
        for connection in 0..20 {
            let mut peer = broker.accept_with(CONNACK).await;
            let Some(Packet::Subscribe(subscribe)) = peer.packet().await else { panic!("no SUBSCRIBE") };
            if connection == 0 {
                peer.send(&format!("90 04 {:04X} 00 00", subscribe.packet_id)).await;
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
        broker.accept_with(CONNACK).await
    })
    .await;
    assert!(story.end.is_none(), "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn who_asks_to_try_for_ever_is_told_what_is_going_on() {
    let endless = ClientOptions { patience: Patience::Endless, ..options() };
    let (mut client, mut broker) = client(endless);
    client.session_mut().publish(message(QoS::ExactlyOnce, "no".into()));
    let (story, ()) = play(&mut client, async {
        for _ in 0..20 {
            serve(&mut broker, is_bad, &mut Vec::new()).await;
        }
    })
    .await;
    assert!(story.end.is_none());
    let told = story.notices.iter().filter(|notice| matches!(notice, Notice::Futile { .. })).count();
    assert!((2..=7).contains(&told), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_is_cut_now_and_then_is_made_again_for_ever() {
    let (mut client, mut broker) = client(ClientOptions { client_id: None, keep_alive: 0, ..options() });
    let (story, ()) = play(&mut client, async {
        for second in 0..50 {
            let peer = broker.accept_with(CONNACK).await;
            tokio::time::sleep(Duration::from_secs(second % 10)).await;
            drop(peer);
        }
    })
    .await;
    assert!(story.end.is_none(), "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_without_a_word_is_found_out_by_its_pattern() {
    let (mut client, mut broker) = client(options());
    let (story, ()) = play(&mut client, async {
        for _ in 0..6 {
            drop(broker.accept_with(CONNACK).await);
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    assert!(matches!(story.end, Some(ClientError::TakenOver)), "{:?}", story.end);
    assert_eq!(broker.connects(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_answers_pings_only_is_stalled() {
    let stalling = ClientOptions { ack_timeout: Duration::from_secs(60), ..options() };
    let (mut client, mut broker) = client(stalling);
    client.session_mut().publish(message(QoS::AtLeastOnce, "x".into()));
    let start = Instant::now();
    let (story, ()) = play(&mut client, async {
        let mut peer = broker.accept_with(CONNACK).await;
        while let Some(packet) = peer.packet().await {
            if matches!(packet, Packet::PingReq) {
                peer.send("D0 00").await;
            }
        }
    })
    .await;
    assert!(
        matches!(story.end, Some(ClientError::Session(SessionError::Unanswered { .. }))),
        "{:?}",
        story.end
    );
    assert!((60.0..61.0).contains(&seconds(start)));
}
