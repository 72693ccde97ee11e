//! Versions, refusals, time limits and attempts.

use super::*;

/// Plays a broker that refuses the first connection in some way and accepts the second.
async fn falls_back(first: &str) -> Story {
    let (mut client, mut broker) = client(ClientOptions { version: VersionChoice::Auto, ..options() });
    let (story, versions) = play(&mut client, async {
        let mut peer = broker.accept().await;
        let one = peer.connect().await;
        peer.send(first).await;
        drop(peer);
        let mut peer = broker.accept().await;
        let two = peer.connect().await;
        peer.send("20 02 00 00").await;
        (one, two, peer)
    })
    .await;
    assert_eq!((versions.0, versions.1), (Version::V5, Version::V311));
    assert!(story.end.is_none(), "{:?}", story.end);
    assert!(client.session().is_connected());
    assert_eq!(broker.connects(), 2);
    story
}

#[tokio::test(start_paused = true)]
async fn a_broker_without_mqtt_5_gets_3_1_1() {
    let start = Instant::now();
    for refusal in ["20 03 00 84 00", "20 02 00 01", ""] {
        assert_eq!(falls_back(refusal).await.fallbacks(), 1, "{refusal:?}");
    }
    assert_eq!(seconds(start), 0.0, "at once");
}

#[tokio::test(start_paused = true)]
async fn no_other_version_after_a_success_or_when_one_was_asked_for() {
    let (mut client, mut broker) = client(ClientOptions { version: VersionChoice::Auto, ..options() });
    let (story, ()) = play(&mut client, async {
        drop(broker.accept_with(CONNACK).await);
        for _ in 0..3 {
            let mut peer = broker.accept().await;
            assert_eq!(peer.connect().await, Version::V5);
        }
    })
    .await;
    assert_eq!(story.fallbacks(), 0);
    let (mut client, mut broker) = self::client(options());
    let (story, ()) = play(&mut client, async { drop(broker.accept_with("20 02 00 01").await) }).await;
    assert!(matches!(story.end, Some(ClientError::Session(SessionError::Malformed(_)))), "{:?}", story.end);
    assert_eq!(broker.connects(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_neither_version_answers_the_next_attempt_begins_with_mqtt_5() {
    let options =
        ClientOptions { version: VersionChoice::Auto, first_connect: Attempts::Unlimited, ..options() };
    let (mut client, mut broker) = client(options);
    let (_, versions) = play(&mut client, async {
        let mut versions = Vec::new();
        for _ in 0..4 {
            versions.push(broker.accept().await.connect().await);
        }
        versions.push(broker.accept_with(CONNACK).await.version);
        versions
    })
    .await;
    use Version::{V5, V311};
    assert_eq!(versions, [V5, V311, V5, V311, V5]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_tried_once() {
    for (version, connack) in [
        (VersionChoice::Only(Version::V311), "20 02 00 04"),
        (VersionChoice::Only(Version::V311), "20 02 00 05"),
        (VersionChoice::Only(Version::V5), "20 03 00 86 00"),
        (VersionChoice::Auto, "20 03 00 87 00"),
        (VersionChoice::Auto, "20 03 00 8A 00"),
    ] {
        let patient = ClientOptions { version, first_connect: Attempts::Unlimited, ..options() };
        let (mut client, mut broker) = client(patient);
        let (story, ()) = play(&mut client, async {
            let _peer = broker.accept_with(connack).await;
            tokio::time::sleep(Duration::from_secs(600)).await;
        })
        .await;
        assert!(
            matches!(story.end, Some(ClientError::Session(SessionError::Refused { .. }))),
            "{:?}",
            story.end
        );
        assert_eq!(broker.connects(), 1, "{connack}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_question_is_not_overlooked() {
    let (mut client, mut broker) = client(options());
    let refused = async {
        let mut peer = broker.accept().await;
        peer.send("20 03 00 97 00").await;
        peer.rest().await
    };
    let (story, _) = play(&mut client, refused).await;
    assert!(matches!(story.end, Some(ClientError::Session(SessionError::Refused { .. }))), "{:?}", story.end);
}

/// F-03: the time that the lookup takes counts, and it is named.
#[tokio::test]
async fn a_lookup_that_takes_too_long_is_named() {
    let mut options = options();
    options.transport.endpoint = "mqtt://host.invalid".parse().unwrap();
    let mut client = Client::new(options, SessionChoices::default()).unwrap();
    assert!(matches!(client.connect_took_too_long(), ClientError::ConnectTimeout { .. }));
    let pending = poll_fn(|cx| Poll::Ready(client.poll_drive(cx).is_pending())).await;
    assert!(pending, "the resolver answers in no time");
    let error = client.connect_took_too_long();
    assert!(matches!(error, ClientError::Connect(ConnectError::Lookup { .. })), "{error:?}");
    assert_eq!(error.to_string(), "host.invalid: no answer within 10 s");
}

#[tokio::test(start_paused = true)]
async fn connect_and_connack_have_their_time_limit() {
    let (mut client, mut broker) = client(options());
    let start = Instant::now();
    let (story, _peer) = play(&mut client, async {
        let mut peer = broker.accept().await;
        peer.connect().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        peer
    })
    .await;
    assert!(matches!(story.end, Some(ClientError::ConnackTimeout { after, .. }) if after.as_secs() == 10));
    assert_eq!(broker.connects(), 1);
    assert!(seconds(start) >= 10.0);
    // No stream at all.
    let (mut client, broker) = self::client(options());
    drop(broker);
    let start = Instant::now();
    let end = loop {
        if let Err(error) = client.drive().await {
            break error;
        }
    };
    assert!(matches!(end, ClientError::ConnectTimeout { .. }), "{end:?}");
    assert!((10.0..10.1).contains(&seconds(start)));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_paused_and_limited() {
    let patient = |first_connect| ClientOptions { first_connect, ..options() };
    let (mut client, mut broker) = client(patient(Attempts::AtMost(3)));
    let (story, ()) =
        play(&mut client, async { while broker.streams.recv().await.is_some() && broker.connects() < 4 {} })
            .await;
    assert!(matches!(story.end, Some(ClientError::ClosedBeforeConnack { .. })), "{:?}", story.end);
    assert_eq!(broker.connects(), 4, "the first and three more");
    assert_eq!(story.notices.len(), 1, "said once, not per attempt: {:?}", story.notices);

    let (mut client, mut broker) = self::client(patient(Attempts::Unlimited));
    let closing = async {
        while let Ok(Some(stream)) =
            tokio::time::timeout(Duration::from_secs(60), broker.streams.recv()).await
        {
            drop(stream);
            if broker.connects() == 12 {
                return;
            }
        }
    };
    let start = Instant::now();
    play(&mut client, closing).await;
    assert!(seconds(start) > 40.0, "12 connects in {} s", seconds(start));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_replaced_as_often_as_allowed() {
    let (mut client, mut broker) = client(ClientOptions { reconnect: Attempts::AtMost(2), ..options() });
    let (story, ()) = play(&mut client, async {
        drop(broker.accept_with(CONNACK).await);
        drop(broker.accept().await);
        let peer = broker.accept_with(CONNACK).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(peer);
        drop(broker.accept().await);
        drop(broker.accept().await);
    })
    .await;
    assert!(story.end.is_some(), "a success begins a new count, the third failure is one too many");
    assert_eq!(client.reconnects(), 1);
    let names: Vec<_> = story
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::Lost { .. } => "lost",
            Notice::Back { .. } => "back",
            Notice::Failed { .. } => "failed",
            _ => "other",
        })
        .collect();
    assert_eq!(names, ["lost", "back", "lost"], "a line per change, not per attempt");

    let (mut client, mut broker) =
        self::client(ClientOptions { reconnect: Attempts::AtMost(0), ..options() });
    let (story, ()) = play(&mut client, async { drop(broker.accept_with(CONNACK).await) }).await;
    assert!(matches!(story.end, Some(ClientError::Lost { .. })), "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn two_violations_in_a_row_are_enough() {
    let (mut client, mut broker) = client(options());
    let (story, ()) = play(&mut client, async {
        for _ in 0..2 {
            let mut peer = broker.accept_with(CONNACK).await;
            peer.send("20 03 00 00 00").await;
            assert_eq!(peer.rest().await, ["DISCONNECT"]);
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
    })
    .await;
    assert!(matches!(story.end, Some(ClientError::Session(SessionError::Violation { .. }))));
    assert_eq!(broker.connects(), 2);
    // With a healthy life in between it is not in a row.
    let (mut client, mut broker) = self::client(ClientOptions { keep_alive: 0, ..options() });
    let (story, _peer) = play(&mut client, async {
        for _ in 0..3 {
            let mut peer = broker.accept_with(CONNACK).await;
            tokio::time::sleep(Duration::from_secs(61)).await;
            peer.send("20 03 00 00 00").await;
            peer.rest().await;
        }
        broker.accept_with(CONNACK).await
    })
    .await;
    assert!(story.end.is_none(), "{:?}", story.end);
}
