//! Counts held against those of a real mosquitto, where it is installed.

use std::time::{Duration, Instant};

use mqt::cli::bench::{Arrival, Scenario};
use mqt_client::Endpoint;
use mqt_proto::QoS;

use super::engine::{at_rate, group, run, settings};
use crate::support::mosquitto::{Mosquitto, MosquittoOptions, Scheme};
use crate::support::mqt::Mqt;
use crate::support::wire::Wire;

fn start() -> Option<Mosquitto> {
    Mosquitto::start_with(&MosquittoOptions { endless_queues: true, ..MosquittoOptions::default() })
}

fn endpoint(mosquitto: &Mosquitto) -> Endpoint {
    format!("mqtt://127.0.0.1:{}", mosquitto.port(Scheme::Mqtt)).parse().unwrap()
}

/// Waits until a number under `$SYS/broker/` is this one; the last one that came if it never is. What is sent for
/// that is not in the number.
fn settles_at(mosquitto: &Mosquitto, what: &str, expected: u64) -> u64 {
    let mut wire = Wire::connect(mosquitto.port(Scheme::Mqtt));
    wire.send("10 (`MQTT` 04 02 0000 `sys`)");
    wire.expect("20 02 00 00");
    let topic = format!("$SYS/broker/{what}");
    wire.send(&format!("82 (0001 `{topic}` 00)"));
    wire.expect("90 03 0001 00");
    let until = Instant::now() + Duration::from_secs(8);
    let (mut last, mut own) = (u64::MAX, 0);
    while last != expected && Instant::now() < until {
        let head = wire.receive(2);
        let body = wire.receive(head[1].into());
        let number: u64 = std::str::from_utf8(&body[2 + topic.len()..]).unwrap().parse().unwrap();
        last = if what.ends_with("/sent") { number.saturating_sub(own) } else { number };
        own += 1;
    }
    last
}

#[test]
fn counts_are_those_of_the_broker() {
    for is_open in [false, true] {
        let Some(mosquitto) = start() else { return };
        let mut settings = settings(&endpoint(&mosquitto));
        settings.groups = vec![group(Scenario::FanOut, 4, 5)];
        settings.timing.count = std::num::NonZeroU64::new(2_000);
        if is_open {
            at_rate(&mut settings, 4_000.0, Duration::from_millis(500), Arrival::Poisson);
        }
        let result = run(&settings).unwrap().result;
        let counts = result.counts;
        assert_eq!(
            (counts.sent, counts.confirmed, counts.delivered, counts.lost),
            (2_000, 2_000, 10_000, 0),
            "{result:?}"
        );
        assert_eq!(settles_at(&mosquitto, "publish/messages/sent", counts.delivered), counts.delivered);
        assert_eq!(settles_at(&mosquitto, "publish/messages/received", counts.sent), counts.sent);
    }
}

#[test]
fn every_scenario_runs_against_it() {
    let Some(mosquitto) = start() else { return };
    for (scenario, publishers, subscribers, fan_out) in [
        (Scenario::E2e, 3, 2, 1),
        (Scenario::FanIn, 8, 1, 1),
        (Scenario::FanOut, 1, 8, 8),
        (Scenario::P2p, 5, 5, 1),
        (Scenario::Shared, 5, 3, 1),
    ] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let mut settings = settings(&endpoint(&mosquitto));
            settings.groups = vec![group(scenario, publishers, subscribers)];
            (settings.groups[0].qos, settings.groups[0].subscribe_qos) = (qos, qos);
            at_rate(&mut settings, 1_000.0, Duration::from_millis(300), Arrival::Constant);
            let result = run(&settings).unwrap().result;
            let counts = result.counts;
            assert_eq!((counts.offered, counts.sent), (300, 300), "{scenario} {qos}: {result:?}");
            assert_eq!(
                (counts.delivered, counts.lost, counts.duplicates, counts.out_of_order),
                (300 * fan_out, 0, 0, 0),
                "{scenario} {qos}: {result:?}"
            );
            assert!(result.anomalies.is_empty());
        }
    }
}

#[test]
fn the_talk_beside_the_load_has_a_login_too() {
    let options =
        MosquittoOptions { users: &[("one", "secret"), ("two", "word")], ..MosquittoOptions::default() };
    let Some(mosquitto) = Mosquitto::start_with(&options) else { return };
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users.csv");
    std::fs::write(&users, "one,secret\ntwo,word\n").unwrap();
    let url = endpoint(&mosquitto).to_string();
    let parts = ["0/2", "1/2"].map(|shard| {
        Mqt::new(["bench", "p2p", "--publishers", "2", "-r", "1k", "--count", "20", "--run-id", "logins"])
            .args(["--shard", shard, "-L", &url, "--json", "-", "--credentials"])
            .arg(&users)
            .start_with_stdin()
    });
    for part in parts {
        part.join().unwrap().assert_code(0);
    }
}
