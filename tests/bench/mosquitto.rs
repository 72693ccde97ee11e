//! Counts held against those of a real mosquitto, where it is installed.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mqt::cli::bench::{Arrival, Scenario};
use mqt::connection::Endpoint;
use mqt::mqtt::QoS;

use super::engine::{at_rate, group, run, settings};
use crate::support::wire::Wire;

/// A mosquitto on a port of its own. Killed when dropped.
struct Mosquitto {
    child: Child,
    port: u16,
    _home: tempfile::TempDir,
}

impl Mosquitto {
    /// `None`: it is not installed.
    fn start() -> Option<Self> {
        let home = tempfile::TempDir::new().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let file = home.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\nmax_queued_messages 0\n"
        );
        std::fs::write(&file, text).unwrap();
        let program = ["mosquitto", "/usr/sbin/mosquitto"].into_iter().find(|program| {
            Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        })?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { child, port, _home: home })
    }

    fn endpoint(&self) -> Endpoint {
        format!("mqtt://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Waits until a number under `$SYS/broker/` is this one; the last one that came if it never is.
    fn settles_at(&self, what: &str, expected: u64) -> u64 {
        let mut wire = Wire::connect(self.port);
        wire.send("10 (`MQTT` 04 02 0000 `sys`)");
        wire.expect("20 02 00 00");
        let topic = format!("$SYS/broker/{what}");
        wire.send(&format!("82 (0001 `{topic}` 00)"));
        wire.expect("90 03 0001 00");
        let until = Instant::now() + Duration::from_secs(8);
        let mut last = 0;
        while last != expected && Instant::now() < until {
            let head = wire.receive(2);
            let body = wire.receive(head[1].into());
            last = std::str::from_utf8(&body[2 + topic.len()..]).unwrap().parse().unwrap();
        }
        last
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn counts_are_those_of_the_broker() {
    let Some(mosquitto) = Mosquitto::start() else { return };
    let mut settings = settings(&mosquitto.endpoint());
    settings.groups = vec![group(Scenario::FanOut, 4, 5)];
    settings.timing.count = std::num::NonZeroU64::new(2_000);
    let result = run(&settings).unwrap().result;
    let counts = result.counts;
    assert_eq!((counts.sent, counts.confirmed, counts.delivered, counts.lost), (2_000, 2_000, 10_000, 0));
    // Its own messages under $SYS are not among these.
    assert_eq!(mosquitto.settles_at("publish/messages/received", counts.sent), counts.sent);
}

#[test]
fn every_scenario_runs_against_it() {
    let Some(mosquitto) = Mosquitto::start() else { return };
    for (scenario, publishers, subscribers, fan_out) in [
        (Scenario::E2e, 3, 2, 1),
        (Scenario::FanIn, 8, 1, 1),
        (Scenario::FanOut, 1, 8, 8),
        (Scenario::P2p, 5, 5, 1),
        (Scenario::Shared, 5, 3, 1),
    ] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let mut settings = settings(&mosquitto.endpoint());
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
