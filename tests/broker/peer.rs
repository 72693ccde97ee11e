//! The dev broker over TCP against rumqttc's clients, written by others for both versions.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::support::broker::TestBroker;

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(20);

/// What is delivered: topic, payload, QoS, RETAIN.
type Delivered = (String, String, u8, bool);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(DEADLINE, test).await.expect("the test does not end") });
}

/// The same tests for the client of each version: where its types are, and what differs between them.
macro_rules! peer {
    ($version:ident, [$($client:tt)*], [$($will:tt)*], [$($qos:tt)*], $set_clean:ident, $keep:expr, $text:expr) => {
        mod $version {
            use super::*;
            use $($client)*::{AsyncClient, Event, EventLoop, Incoming, MqttOptions};
            use $($will)*::LastWill;
            use $($qos)*::QoS;

            struct Peer {
                client: AsyncClient,
                events: EventLoop,
            }

            impl Peer {
                fn options(broker: &TestBroker, id: &str) -> MqttOptions {
                    let mut options = MqttOptions::new(id, "127.0.0.1", broker.port());
                    options.set_keep_alive(Duration::from_secs(60));
                    options
                }

                /// Connects and says whether the session was there.
                async fn open(options: MqttOptions) -> (Self, bool) {
                    let (client, events) = AsyncClient::new(options, 100);
                    let mut peer = Self { client, events };
                    loop {
                        if let Incoming::ConnAck(answer) = peer.incoming().await {
                            return (peer, answer.session_present);
                        }
                    }
                }

                async fn incoming(&mut self) -> Incoming {
                    loop {
                        if let Event::Incoming(packet) = self.events.poll().await.unwrap() {
                            return packet;
                        }
                    }
                }

                async fn subscribe(&mut self, filter: &str, qos: QoS) {
                    self.client.subscribe(filter, qos).await.unwrap();
                    while !matches!(self.incoming().await, Incoming::SubAck(_)) {}
                }

                async fn publish(&mut self, topic: &str, qos: QoS, retain: bool, payload: &str) {
                    self.client.publish(topic, qos, retain, payload.to_owned()).await.unwrap();
                    // A QoS 0 message is written once the answer to something later is there.
                    if qos == QoS::AtMostOnce {
                        self.client.unsubscribe("nothing").await.unwrap();
                    }
                    loop {
                        match (qos, self.incoming().await) {
                            (QoS::AtMostOnce, Incoming::UnsubAck(_))
                            | (QoS::AtLeastOnce, Incoming::PubAck(_))
                            | (QoS::ExactlyOnce, Incoming::PubComp(_)) => return,
                            _ => {}
                        }
                    }
                }

                async fn receive(&mut self) -> Delivered {
                    loop {
                        if let Incoming::Publish(publish) = self.incoming().await {
                            let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
                            let topic: String = $text(&publish.topic);
                            return (topic, payload, publish.qos as u8, publish.retain);
                        }
                    }
                }
            }

            fn delivered(topic: &str, payload: &str, qos: u8, retain: bool) -> Delivered {
                (topic.to_owned(), payload.to_owned(), qos, retain)
            }

            #[test]
            fn messages_arrive_at_every_qos_and_in_order() {
                run(async {
                    let broker = TestBroker::start();
                    let (mut subscriber, _) = Peer::open(Peer::options(&broker, "s")).await;
                    subscriber.subscribe("t/#", QoS::ExactlyOnce).await;
                    let (mut publisher, _) = Peer::open(Peer::options(&broker, "p")).await;
                    let qualities = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
                    for number in 0..30 {
                        let qos = qualities[number % 3];
                        publisher.publish("t/x", qos, false, &number.to_string()).await;
                    }
                    for number in 0..30 {
                        let expected = delivered("t/x", &number.to_string(), (number % 3) as u8, false);
                        assert_eq!(subscriber.receive().await, expected);
                    }
                });
            }

            #[test]
            fn a_retained_message_waits_for_subscribers() {
                run(async {
                    let broker = TestBroker::start();
                    let (mut publisher, _) = Peer::open(Peer::options(&broker, "p")).await;
                    publisher.publish("t/a", QoS::AtLeastOnce, true, "kept").await;
                    publisher.publish("t/b", QoS::AtLeastOnce, true, "cleared").await;
                    publisher.publish("t/b", QoS::AtLeastOnce, true, "").await;
                    let (mut late, _) = Peer::open(Peer::options(&broker, "l")).await;
                    late.subscribe("t/#", QoS::AtLeastOnce).await;
                    assert_eq!(late.receive().await, delivered("t/a", "kept", 1, true));
                    publisher.publish("t/c", QoS::AtLeastOnce, false, "new").await;
                    assert_eq!(late.receive().await, delivered("t/c", "new", 1, false));
                });
            }

            #[test]
            fn a_will_is_published_for_a_client_that_vanishes() {
                run(async {
                    let broker = TestBroker::start();
                    let (mut watcher, _) = Peer::open(Peer::options(&broker, "w")).await;
                    watcher.subscribe("t/+", QoS::AtLeastOnce).await;
                    let mut options = Peer::options(&broker, "gone");
                    options.set_last_will(will("t/will", QoS::AtLeastOnce));
                    let (vanishing, _) = Peer::open(options).await;
                    drop(vanishing);
                    assert_eq!(watcher.receive().await, delivered("t/will", "gone", 1, false));
                });
            }

            fn will(topic: &str, qos: QoS) -> LastWill {
                peer!(@will $version, topic, qos)
            }

            #[test]
            fn a_persistent_session_survives_the_client_and_the_broker() {
                run(async {
                    let mut broker = TestBroker::start();
                    let persistent = || {
                        let mut options = Peer::options(&broker, "s");
                        options.$set_clean(false);
                        let keep: fn(&mut MqttOptions) = $keep;
                        keep(&mut options);
                        options
                    };
                    let options = persistent();
                    let (mut subscriber, present) = Peer::open(options.clone()).await;
                    assert!(!present);
                    subscriber.subscribe("t", QoS::ExactlyOnce).await;
                    drop(subscriber);
                    let (mut publisher, _) = Peer::open(Peer::options(&broker, "p")).await;
                    for number in 0..10 {
                        publisher.publish("t", QoS::ExactlyOnce, false, &number.to_string()).await;
                    }
                    drop(publisher);
                    broker.restart();
                    let (mut subscriber, present) = Peer::open(options.clone()).await;
                    assert!(present, "the session is gone");
                    for number in 0..10 {
                        let expected = delivered("t", &number.to_string(), 2, false);
                        assert_eq!(subscriber.receive().await, expected);
                    }
                    drop(subscriber);
                    broker.restart_empty();
                    let (_, present) = Peer::open(options).await;
                    assert!(!present, "an empty broker knows the session");
                });
            }
        }
    };
    (@will v4, $topic:expr, $qos:expr) => {
        LastWill::new($topic, "gone", $qos, false)
    };
    (@will v5, $topic:expr, $qos:expr) => {
        LastWill::new($topic, "gone", $qos, false, None)
    };
}

peer!(v4, [rumqttc], [rumqttc], [rumqttc], set_clean_session, |_| {}, |topic: &str| topic.to_owned());
peer!(
    v5,
    [rumqttc::v5],
    [rumqttc::v5::mqttbytes::v5],
    [rumqttc::v5::mqttbytes],
    set_clean_start,
    |options| {
        options.set_session_expiry_interval(Some(3600));
    },
    |topic: &[u8]| String::from_utf8(topic.to_vec()).unwrap()
);
