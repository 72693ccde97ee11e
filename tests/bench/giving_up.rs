//! Brokers that answer nothing, or end each connection: a load test says why it ends, and ends.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use mqt::bench::load::steps::Finished;
use mqt::cli::bench::Scenario;
use mqt::config::bench::{BenchSettings, ClientGroup, Load};
use mqt::error::{Failure, Kind};
use mqt_client::{Endpoint, TransportOptions};

use super::engine::{group, run, settings};
use super::faulty_broker::{FaultyBroker, packet};
use crate::support::port::free_port;

/// What the broker does about a packet.
enum Answer {
    Bytes(&'static [u8]),
    /// The connection ends.
    Close,
    /// Nothing, for ever.
    Silence,
}

/// What it does about a packet of this type.
type Answers = fn(u8) -> Answer;

use Answer::{Bytes, Close, Silence};

const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];

/// A broker that answers by a function of the type of a packet, and of PINGREQ knows itself.
struct Blunt {
    endpoint: Endpoint,
    accepting: Option<JoinHandle<()>>,
    connects: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Blunt {
    fn start(answer: Answers) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = format!("mqtt://127.0.0.1:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let (connects, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counting, ending) = (Arc::clone(&connects), Arc::clone(&is_over));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::SeqCst) {
                    break;
                }
                counting.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    while let Some((first, _)) = packet(&mut stream) {
                        let answer = if first == 0xC0 { Bytes(&[0xD0, 0]) } else { answer(first >> 4) };
                        match answer {
                            Bytes(bytes) if stream.write_all(bytes).is_ok() => {}
                            Silence => {}
                            Bytes(_) | Close => return,
                        }
                    }
                });
            }
        });
        Self { endpoint, accepting: Some(accepting), connects, is_over }
    }

    fn connects(&self) -> u64 {
        self.connects.load(Ordering::SeqCst)
    }
}

impl Drop for Blunt {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.endpoint.port())));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

/// Runs, and fails the test where it would go on without an end.
fn run_to_its_end(settings: BenchSettings) -> Result<Finished, Failure> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || drop(sender.send(run(&settings))));
    receiver.recv_timeout(Duration::from_secs(60)).expect("it does not end")
}

/// Ten messages of one publisher that nobody receives.
fn publishing(endpoint: &Endpoint) -> BenchSettings {
    let mut settings = settings(endpoint);
    settings.groups = vec![group(Scenario::Pub, 1, 0)];
    settings.timing.count = NonZeroU64::new(10);
    // Nobody asks for the clock.
    settings.stamp = false;
    settings
}

#[test]
fn a_broker_that_ends_the_connection_right_behind_connack_is_an_error() {
    let ends: [(Answers, Kind, &str); 4] = [
        (|_| Bytes(&[0x20, 3, 0, 0, 0, 0xE0, 1, 0x97]), Kind::Lost, "quota exceeded (0x97)"),
        (|_| Bytes(&[0x20, 3, 0, 0, 0, 0xE0, 2, 0x8D, 0]), Kind::Lost, "keep alive timeout (0x8D)"),
        (|_| Bytes(&[0x20, 3, 0, 0, 0, 0xF0, 0]), Kind::Protocol, "broke the protocol"),
        // SUBACK without a reason code.
        (|_| Bytes(&[0x20, 3, 0, 0, 0, 0x90, 3, 0, 1, 0]), Kind::Protocol, "sent a bad packet"),
    ];
    for (answer, kind, text) in ends {
        let broker = Blunt::start(answer);
        let failure = run_to_its_end(settings(&broker.endpoint)).unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.what.contains(text), "{failure:?}");
        assert_eq!(broker.connects(), 1, "{text}");
    }
}

#[test]
fn a_broker_that_breaks_the_protocol_each_time_is_given_up() {
    // CONNACK again for each packet.
    let broker = Blunt::start(|_| Bytes(CONNACK));
    let failure = run_to_its_end(settings(&broker.endpoint)).unwrap_err();
    assert_eq!(failure.kind, Kind::Protocol, "{failure:?}");
    let finished = run_to_its_end(publishing(&broker.endpoint)).unwrap();
    assert_eq!(finished.failure.unwrap().kind, Kind::Protocol);
    assert_eq!((finished.result.connects.lost, finished.result.connects.given_up), (2, 1));
}

#[test]
fn a_broker_that_closes_after_each_subscribe_denies_it() {
    let broker = Blunt::start(|kind| if kind == 8 { Close } else { Bytes(CONNACK) });
    let failure = run_to_its_end(settings(&broker.endpoint)).unwrap_err();
    assert_eq!(failure.kind, Kind::Denied, "{failure:?}");
    assert!(
        failure.what.starts_with("the broker closes the connection each time after SUBSCRIBE \"mqt/bench/"),
        "{failure:?}"
    );
    // The first look, the publisher, and three times the subscriber.
    assert_eq!(broker.connects(), 5);
}

#[test]
fn a_broker_that_closes_after_each_publish_denies_it() {
    let broker = Blunt::start(|kind| if kind == 3 { Close } else { Bytes(CONNACK) });
    let finished = run_to_its_end(publishing(&broker.endpoint)).unwrap();
    let failure = finished.failure.unwrap();
    assert_eq!(failure.kind, Kind::Denied, "{failure:?}");
    assert!(
        failure.what.starts_with("the broker closes the connection each time after PUBLISH \"mqt/bench/"),
        "{failure:?}"
    );
    let (connects, counts) = (&finished.result.connects, &finished.result.counts);
    assert_eq!((connects.lost, connects.reconnected, connects.given_up), (3, 2, 1));
    assert_eq!((counts.sent, counts.confirmed), (10, 0));
    assert_eq!(broker.connects(), 4);
}

#[test]
fn a_broker_that_answers_nothing_but_pings_is_given_up() {
    let silent: Answers = |kind| if kind == 1 { Bytes(CONNACK) } else { Silence };
    let broker = Blunt::start(silent);
    let mut subscribing = settings(&broker.endpoint);
    subscribing.client.ack_timeout = Duration::from_millis(300);
    let failure = run_to_its_end(subscribing).unwrap_err();
    assert_eq!(failure.kind, Kind::Stalled, "{failure:?}");
    assert!(failure.what.contains("no answer to SUBSCRIBE \"mqt/bench/"), "{failure:?}");
    assert!(failure.what.ends_with("within 0.3 s"), "{failure:?}");
    let broker = Blunt::start(silent);
    let mut publishing = publishing(&broker.endpoint);
    publishing.groups[0].load = Load::Closed { inflight: 2 };
    publishing.client.ack_timeout = Duration::from_millis(300);
    let finished = run_to_its_end(publishing).unwrap();
    let failure = finished.failure.unwrap();
    assert_eq!(failure.kind, Kind::Stalled, "{failure:?}");
    assert!(failure.what.contains("no answer to PUBLISH \"mqt/bench/"), "{failure:?}");
    assert_eq!((finished.result.counts.sent, finished.result.connects.given_up), (2, 1));
}

#[test]
fn one_dead_broker_of_several_is_a_part_of_the_result() {
    let dead: Endpoint = format!("mqtt://127.0.0.1:{}", free_port()).parse().unwrap();
    for dead_is_first in [true, false] {
        let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
        let mut settings = settings(broker.endpoint());
        let transport = |endpoint: &Endpoint| TransportOptions {
            endpoint: endpoint.clone(),
            ..TransportOptions::default()
        };
        settings.brokers = vec![transport(broker.endpoint()), transport(&dead)];
        if dead_is_first {
            settings.brokers.reverse();
            settings.client.transport = transport(&dead);
        }
        settings.groups =
            vec![ClientGroup { connections: 4, load: Load::None, ..group(Scenario::Connect, 0, 0) }];
        (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_millis(50)));
        let finished = run_to_its_end(settings).unwrap();
        let failure = finished.failure.unwrap();
        assert_eq!(failure.kind, Kind::Connect, "{failure:?}");
        assert!(
            failure.what.contains(&format!("127.0.0.1:{}", dead.port())),
            "the broker that is meant: {failure:?}"
        );
        let connects = finished.result.connects;
        assert_eq!((connects.asked, connects.established), (4, 2), "{connects:?}");
        assert_eq!(connects.failed.get("connect"), Some(&2));
    }
}

#[test]
fn a_start_in_the_past_is_refused() {
    let broker = Blunt::start(|_| Bytes(CONNACK));
    let mut settings = settings(&broker.endpoint);
    settings.start_at = Some(std::time::SystemTime::now() - Duration::from_secs(7_200));
    let failure = run_to_its_end(settings).unwrap_err();
    assert_eq!((failure.kind, failure.what.as_str()), (Kind::Usage, "--start-at: that was 2 h ago"));
    assert_eq!(broker.connects(), 0, "before anything is sent");
}
