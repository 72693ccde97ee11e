//! Ctrl-C: what ran is reported, and every connection ends in order.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::faulty_broker::FaultyBroker;
use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::scripted::Scripted;

#[test]
fn ctrl_c_before_the_load_ends_at_once() {
    // A broker that accepts and says nothing.
    let broker = Scripted::listen();
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    let mut running = Mqt::new(["bench", "-L", &url, "--connect-timeout", "1h"]).start();
    let _first = broker.accept_connect();
    running.signal(Signal::SIGINT);
    running.wait().assert_signal(Signal::SIGINT).assert_stdout("");
    // Waiting for the time of the start.
    let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
    let url = broker.endpoint().to_string();
    let mut running = Mqt::new(["bench", "-L", &url, "--start-at", "2100-01-01T00:00:00Z"]).start();
    wait_until(|| broker.connects_and_disconnects() == (1, 1));
    running.signal(Signal::SIGINT);
    running.wait().assert_signal(Signal::SIGINT).assert_stdout("");
    // Waiting for the other part of the run: the first look, and the one that asks.
    let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
    let url = broker.endpoint().to_string();
    let mut running = Mqt::new(["bench", "-L", &url, "--shard", "1/2", "--run-id", "x"]).start();
    wait_until(|| broker.connects_and_disconnects() == (2, 1));
    running.signal(Signal::SIGINT);
    running.wait().assert_signal(Signal::SIGINT).assert_stdout("");
}

fn wait_until(is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "it never is");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn subscribers_alone_receive_what_others_publish() {
    let broker = TestBroker::start();
    let url = broker.endpoints()[0].to_string();
    let mut running = Mqt::new(["bench", "sub", "-L", &url, "--subscribers", "2", "--filter", "others/#"])
        .args(["--warmup", "0", "--duration", "1h", "--json", "-", "--openmetrics", "0"])
        .start();
    let note = running.wait_for_stderr("metrics at http://");
    let address = note.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned();
    running.wait_for_stderr("measuring");
    // Both number their publishers and messages from 0 on, and each does so again after its warm-up of 100.
    for _ in 0..2 {
        let published =
            Mqt::new(["bench", "pub", "-L", &url, "--publishers", "2", "-t", "others/{i}", "-r", "2k"])
                .args(["--count", "400", "--warmup", "50ms", "--json", "-"])
                .run();
        published.assert_code(0);
        let one: serde_json::Value = serde_json::from_slice(&published.stdout).unwrap();
        let one = &one["runs"][0];
        assert_eq!((&one["counts"]["sent"], &one["counts"]["confirmed"]), (&400.into(), &400.into()));
        // To the acknowledgement, as nobody of its own subscribes.
        assert_eq!(one["latency"]["response"]["count"], 400);
    }
    wait_until(|| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.contains("\nmqt_bench_delivered_total 2000\n")
    });
    running.signal(Signal::SIGINT);
    let outcome = running.wait();
    let file: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let other = &file["runs"][0];
    for (name, count) in [("delivered", 2_000), ("lost", 0), ("duplicates", 0), ("out_of_order", 0)] {
        assert_eq!(other["counts"][name], count, "{name}: {outcome}");
    }
    assert_eq!(other["latency"]["response"]["count"], 2_000);
    let told = other["warnings"].as_array().unwrap().iter().find(|told| told["keyword"] == "clocks");
    assert!(told.is_some(), "the latencies go by two clocks: {outcome}");
    assert_eq!(other["publisher_clocks"].as_array().unwrap().len(), 2, "{outcome}");
}

#[test]
fn ctrl_c_reports_what_ran_and_disconnects_everybody() {
    let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
    let url = broker.endpoint().to_string();
    let mut running = Mqt::new(["bench", "e2e", "-L", &url, "--publishers", "3", "--subscribers", "3"])
        .args(["--rate", "100", "--warmup", "0s", "--duration", "1h", "--json", "-"])
        .start();
    running.wait_for_stderr("measuring");
    running.signal(Signal::SIGINT);
    let outcome = running.wait();
    outcome.assert_signal(Signal::SIGINT);
    let file: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let run = &file["runs"][0];
    assert_eq!(run["interrupted"], true, "{outcome}");
    assert_eq!((&run["counts"]["lost"], &run["counts"]["duplicates"]), (&0.into(), &0.into()), "{outcome}");
    // The six, and the one that looked first.
    wait_until(|| broker.connects_and_disconnects() == (7, 7));
}

#[test]
fn ctrl_c_while_connecting_ends_too() {
    let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
    let url = broker.endpoint().to_string();
    let mut running =
        Mqt::new(["bench", "connect", "-L", &url, "-n", "10000", "--connect-rate", "20"]).start();
    while broker.connects_and_disconnects().0 < 5 {
        assert!(running.is_running());
        std::thread::sleep(Duration::from_millis(5));
    }
    // Two at once are one: what ran is reported all the same.
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    let opened = outcome
        .stdout()
        .split("Connections: ")
        .nth(1)
        .and_then(|rest| rest.split_once(" of 10,000 opened in "));
    let opened: u64 = opened.unwrap_or_else(|| panic!("{outcome}")).0.parse().unwrap();
    // They, and the one that looked first. One that was being opened is dropped.
    wait_until(|| broker.connects_and_disconnects().1 == opened + 1);
}
