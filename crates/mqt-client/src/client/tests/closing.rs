//! The end in order.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_orderly_end_proves_nothing_but_to_a_mosquitto_client() {
    // 311:3.14.4-1 5:3.14.4-1 311:3.14.4-2 5:3.14.4-2
    for patience in [Patience::Limited, Patience::Mosquitto] {
        end_in_order(patience).await;
    }
}

async fn end_in_order(patience: Patience) {
    let (mut client, mut broker) = client(ClientOptions { patience, ..options() });
    let (_, mut peer) = play(&mut client, async { broker.accept_with(CONNACK).await }).await;
    client.session_mut().publish(message(QoS::AtMostOnce, b"x".to_vec()));
    let (closed, names) = tokio::join!(client.close(ReasonCode::SUCCESS), async {
        let names = peer.rest().await;
        drop(peer);
        names
    });
    assert!(closed);
    assert_eq!(names, ["PUBLISH", "DISCONNECT"]);
    let ledger = client.session().ledger();
    let proved = u64::from(patience == Patience::Mosquitto);
    assert_eq!((ledger.confirmed, ledger.unknown, ledger.open()), (proved, 1 - proved, 0));
    assert!(client.drive().await.is_err(), "it is over");
}

#[tokio::test(start_paused = true)]
async fn an_end_takes_a_second_at_most() {
    let (mut client, mut broker) = client_with(options(), 1024);
    let (_, _peer) = play(&mut client, async { broker.accept_with(CONNACK).await }).await;
    client.session_mut().publish(message(QoS::AtMostOnce, vec![b'x'; 10_000]));
    let start = Instant::now();
    assert!(!client.close(ReasonCode::SUCCESS).await);
    assert!((1.0..1.1).contains(&seconds(start)));
    let ledger = client.session().ledger();
    assert_eq!((ledger.confirmed, ledger.unknown), (0, 1));
}
