//! Silence, slowness, and a broker that stops reading.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_half_open_peer_is_found_within_one_and_a_half_keep_alives() {
    let (mut client, mut broker) = client(options());
    let start = Instant::now();
    let (story, _peer) = play(&mut client, async {
        let peer = broker.accept_with(CONNACK).await;
        let _second = broker.accept().await;
        peer
    })
    .await;
    let found = seconds(start);
    assert!((10.0..=15.2).contains(&found), "the second connect came after {found} s");
    assert!(matches!(
        &story.notices[..],
        [Notice::Lost { error: ClientError::Session(SessionError::Stalled { .. }), .. }]
    ));
}

#[tokio::test(start_paused = true)]
async fn a_slow_large_message_counts_as_life_and_pings_go_on() {
    let (mut client, mut broker) = client(ClientOptions { keep_alive: 4, ..options() });
    let (story, pings) = play(&mut client, async {
        let mut peer = broker.accept_with(CONNACK).await;
        peer.send("30 F8 9C 03 0001 't' 00").await;
        let mut pings = 0;
        for _ in 0..52 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.stream.write_all(&[b'x'; 1000]).await.unwrap();
            while let Ok(packet) = tokio::time::timeout(Duration::ZERO, peer.packet()).await {
                assert_eq!(packet, Some(Packet::PingReq));
                pings += 1;
            }
        }
        // The Remaining Length is 52 856, with 4 bytes before the payload.
        peer.stream.write_all(&[b'x'; 852]).await.unwrap();
        (pings, peer)
    })
    .await;
    assert!(story.end.is_none() && story.notices.is_empty(), "{:?}", story.notices);
    assert_eq!(story.payloads().iter().map(String::len).collect::<Vec<_>>(), [52_852]);
    assert!((20..=30).contains(&pings.0), "{} pings in 52 s", pings.0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_is_no_silence() {
    // Above and below what the outbox may hold before reading pauses.
    for size in [100_000, 6_000_000] {
        let (mut client, mut broker) = client_with(ClientOptions { keep_alive: 4, ..options() }, 1024);
        client.session_mut().publish(message(QoS::AtLeastOnce, vec![b'x'; size]));
        let (story, _peer) = play(&mut client, async {
            let mut peer = broker.accept_with(CONNACK).await;
            let mut part = vec![0; size / 50];
            for _ in 0..50 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                peer.stream.read_exact(&mut part).await.unwrap();
            }
            peer.send("40 02 0001").await;
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(20) {
                if let Ok(packet) = tokio::time::timeout(Duration::from_secs(5), peer.stream.read_u8()).await
                    && packet.unwrap() == 0xC0
                {
                    peer.send("D0 00").await;
                }
            }
            peer
        })
        .await;
        assert!(story.notices.is_empty(), "{size}: {:?}", story.notices);
        assert_eq!(client.session().ledger().confirmed, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_for_a_full_outbox_is_not_missed() {
    let (mut client, mut broker) = client_with(ClientOptions { keep_alive: 4, ..options() }, 1024);
    let (_, mut peer) = play(&mut client, async {
        let mut peer = broker.accept_with(CONNACK).await;
        assert_eq!(peer.packet().await, Some(Packet::PingReq));
        peer
    })
    .await;
    // Nothing is read until a third of this is written, which takes longer than the answer may take.
    client.session_mut().publish(message(QoS::AtLeastOnce, vec![b'x'; 6_000_000]));
    let (story, _peer) = play(&mut client, async {
        let mut part = vec![0; 120_000];
        for _ in 0..50 {
            peer.stream.read_exact(&mut part).await.unwrap();
            peer.send("D0 00").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        peer
    })
    .await;
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stops_reading_is_found() {
    let (mut client, mut broker) = client_with(options(), 1024);
    client.session_mut().publish(message(QoS::AtMostOnce, vec![b'x'; 100_000]));
    let start = Instant::now();
    let (story, ()) = play(&mut client, async {
        let mut peer = broker.accept_with(CONNACK).await;
        // It is alive, and it does not read.
        loop {
            let alive = tokio::time::timeout(Duration::from_secs(1), broker.accept());
            if peer.stream.write_all(&bytes("30 05 0001 't' 00 'y'")).await.is_err() || alive.await.is_ok() {
                return;
            }
        }
    })
    .await;
    let found = seconds(start);
    assert!((15.0..=15.2).contains(&found), "found after {found} s");
    let stalled =
        |notice: &Notice| matches!(notice, Notice::Lost { error: ClientError::WriteStalled { .. }, .. });
    assert!(story.notices.iter().any(stalled), "{:?}", story.notices);
    assert!(story.payloads().len() >= 14, "what it said is delivered");
}

#[tokio::test(start_paused = true)]
async fn paused_reading_keeps_pinging() {
    // 5:3.1.2-20 311:3.1.2-23
    let (mut client, mut broker) = client(options());
    let (_, mut peer) = play(&mut client, async { broker.accept_with(CONNACK).await }).await;
    client.set_reading(false);
    let (story, pings) = play(&mut client, async {
        peer.send("30 05 0001 't' 00 'a'").await;
        let start = Instant::now();
        let mut pings = 0;
        while seconds(start) < 99.0 {
            if let Ok(packet) = tokio::time::timeout(Duration::from_secs(1), peer.packet()).await {
                assert_eq!(packet, Some(Packet::PingReq));
                peer.send("D0 00").await;
                pings += 1;
            }
        }
        pings
    })
    .await;
    assert!(story.notices.is_empty() && story.events.is_empty() && story.end.is_none());
    assert!((19..=20).contains(&pings), "{pings} pings in 99 s");
    client.set_reading(true);
    let (story, ()) = play(&mut client, tokio::time::sleep(Duration::from_secs(4))).await;
    assert_eq!(story.payloads(), ["a"]);
    assert!(story.notices.is_empty());
}
