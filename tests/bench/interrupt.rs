//! Ctrl-C: what ran is reported, and every connection ends in order.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::faulty_broker::FaultyBroker;
use crate::support::mqt::Mqt;

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
    assert_eq!(broker.connects_and_disconnects(), (7, 7));
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
    running.signal(Signal::SIGINT);
    let outcome = running.wait();
    outcome.assert_signal(Signal::SIGINT);
    let (connects, disconnects) = broker.connects_and_disconnects();
    assert_eq!(connects, disconnects, "{outcome}");
}
