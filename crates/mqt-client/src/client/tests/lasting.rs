//! What continues from one connection to the next.

use super::*;

#[tokio::test(start_paused = true)]
async fn subscriptions_are_made_again_exactly_once_per_lost_session() {
    let persistent = ClientOptions { clean_start: false, session_expiry: 3600, ..options() };
    let (mut client, mut broker) = client(persistent);
    let filter = TopicFilter::new("a").unwrap();
    client.session_mut().subscribe(vec![Subscription::new(filter, QoS::AtLeastOnce)], Properties::new());
    let (story, seen) = play(&mut client, async {
        let mut seen = Vec::new();
        for present in [false, false, true, true, false] {
            let mut peer = broker.accept_with(if present { "20 03 01 00 00" } else { CONNACK }).await;
            let mut count = 0;
            while let Ok(Some(packet)) = tokio::time::timeout(Duration::from_secs(1), peer.packet()).await {
                let Packet::Subscribe(subscribe) = packet else { panic!("{}", packet.name()) };
                peer.send(&format!("90 04 {:04X} 00 01", subscribe.packet_id)).await;
                count += 1;
            }
            seen.push(count);
        }
        seen
    })
    .await;
    assert_eq!(seen, [1, 1, 0, 0, 1]);
    assert!(story.end.is_none());
}

#[tokio::test(start_paused = true)]
async fn messages_before_an_end_are_all_delivered() {
    let messages = "32 07 0001 't' 0001 00 'a'  30 05 0001 't' 00 'b'  34 07 0001 't' 0002 00 'c'";
    for (end, is_final) in [("E0 01 8B", false), ("E0 01 8E", true), ("", false), ("00 00", false)] {
        let (mut client, mut broker) = client(options());
        let (story, ()) = play(&mut client, async {
            let mut peer = broker.accept().await;
            peer.connect().await;
            // In one piece, CONNACK too.
            peer.send(&format!("{CONNACK} {messages} {end}")).await;
            drop(peer);
            tokio::time::sleep(Duration::from_millis(1)).await;
        })
        .await;
        assert_eq!(story.payloads(), ["a", "b", "c"], "{end}");
        assert_eq!(story.end.is_some(), is_final, "{end}: {:?}", story.end);
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_survives_a_cut_in_the_middle_of_its_packet() {
    let (mut client, mut broker) = client_with(options(), 512);
    client.session_mut().publish(message(QoS::AtLeastOnce, vec![b'x'; 2000]));
    let (_, payload) = play(&mut client, async {
        for cut in [1, 700] {
            let mut peer = broker.accept_with(CONNACK).await;
            let mut part = vec![0; cut];
            peer.stream.read_exact(&mut part).await.unwrap();
        }
        let mut peer = broker.accept_with(CONNACK).await;
        let Some(Packet::Publish(publish)) = peer.packet().await else { panic!("no PUBLISH") };
        peer.send(&format!("40 02 {:04X}", publish.packet_id.unwrap())).await;
        (publish.message.payload, peer)
    })
    .await;
    assert_eq!(payload.0.len(), 2000);
    let ledger = client.session().ledger();
    assert_eq!((ledger.confirmed, ledger.open()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_largest_packet_is_announced_and_enforced() {
    let (mut client, mut broker) = client(ClientOptions { max_packet_size: 64, ..options() });
    let (story, seen) = play(&mut client, async {
        let mut peer = broker.accept().await;
        let Some(Packet::Connect(connect)) = peer.packet().await else { panic!("no CONNECT") };
        peer.send(CONNACK).await;
        peer.send("30 3F 0001 't' 00").await;
        (connect.properties.maximum_packet_size().copied(), peer.rest().await)
    })
    .await;
    assert_eq!(seen, (Some(64), vec!["DISCONNECT"]));
    assert!(
        matches!(
            &story.notices[..],
            [Notice::Lost { error: ClientError::Session(SessionError::Malformed(_)), .. }]
        ),
        "{:?} {:?}",
        story.notices,
        story.end
    );
}
