//! Mistakes that people make, and what they are told: what happened, why, and what to try.

use mqt_broker::BrokerOptions;
use mqt_client::Endpoint;
use mqt_client::listen::ServerTls;

use crate::support::broker::TestBroker;
use crate::support::certs::Certs;
use crate::support::mqt::{Mqt, Outcome};

fn broker_with_tls(certs: &Certs) -> TestBroker {
    TestBroker::start_with(BrokerOptions {
        listeners: ["mqtt://localhost:0", "mqtts://localhost:0"]
            .map(|url| Endpoint::listening(url).unwrap())
            .to_vec(),
        server_tls: Some(ServerTls {
            cert: certs.server_cert.clone(),
            key: certs.server_key.clone(),
            client_ca: None,
        }),
        ..BrokerOptions::default()
    })
}

fn publish(url: &str) -> Mqt {
    Mqt::new(["pub", "-L", url, "-t", "a", "-m", "x"])
}

/// The exit status and all of stderr.
#[track_caller]
fn assert_told(outcome: &Outcome, code: i32, stderr: &str) {
    outcome.assert_code(code).assert_stderr(stderr);
}

// F-85
#[test]
fn plain_mqtt_to_a_tls_port() {
    let certs = Certs::new();
    let broker = broker_with_tls(&certs);
    let url = format!("mqtt://localhost:{}", broker.endpoints()[1].port());
    assert_told(
        &publish(&url).run(),
        7,
        &format!(
            "mqt: error[connect]: {url}: this port speaks TLS, not plain MQTT\n  hint: use an mqtts:// or wss:// URL, or --tls\n"
        ),
    );
}

// F-84
#[test]
fn tls_to_a_plain_port() {
    let broker = TestBroker::start();
    let outcome = publish(&format!("mqtts://127.0.0.1:{}", broker.port())).run();
    outcome.assert_code(8).assert_stderr_has("  hint: is this the TLS port? plain MQTT is usually at 1883");
}

// F-82
#[test]
fn a_certificate_that_nobody_trusted_has_signed_leads_to_cafile_and_pin() {
    let certs = Certs::new();
    let broker = broker_with_tls(&certs);
    let url = format!("mqtts://localhost:{}", broker.endpoints()[1].port());
    let refused = publish(&url).run();
    refused
        .assert_code(8)
        .assert_stderr_has("\"CN=Test CA\", which is not trusted")
        .assert_stderr_has("  hint: trust the CA that signed it: --cafile FILE");
    // The pin in the hint is one to copy.
    let stderr = refused.stderr();
    let pin = stderr.lines().find_map(|line| line.split_once("--tls-pin ")).expect("a pin").1;
    assert_told(&publish(&url).args(["--tls-pin", pin]).run(), 0, "");
    publish(&url).args(["--tls-pin", &format!("sha256:{}", "0".repeat(64))]).run().assert_code(8);
}

// F-95
#[test]
fn a_certificate_that_is_not_checked_is_warned_of_once() {
    let certs = Certs::new();
    let broker = broker_with_tls(&certs);
    let url = format!("mqtts://localhost:{}", broker.endpoints()[1].port());
    assert_told(
        &publish(&url).arg("--insecure").run(),
        0,
        "mqt: warning[insecure]: the broker's certificate is not checked: anybody on the way can read and change everything\n",
    );
}

#[test]
fn debug_shows_the_last_packets_too() {
    let broker = TestBroker::start();
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    publish(&url).args(["-r", "-q", "2"]).run().assert_code(0);
    let outcome = Mqt::new(["sub", "-L", &url, "-t", "a", "-C", "1", "-q", "2", "-d"]).run();
    outcome.assert_code(0).assert_stdout("x\n");
    let sent: Vec<&str> = outcome.stderr().lines().filter(|line| line.starts_with("> ")).collect();
    let last =
        ["> PUBREC id 1, success (0x00)", "> PUBCOMP id 1, success (0x00)", "> DISCONNECT success (0x00)"];
    assert_eq!(sent[2..], last, "{outcome}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_on_something_unfinished_says_how_far_it_came() {
    let broker = TestBroker::start();
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    let mut publisher = Mqt::new(["pub", "-L", &url, "-t", "a", "-l", "-q", "1", "-d"]).start();
    publisher.write_stdin("one\ntwo\n");
    for _ in 0..2 {
        publisher.wait_for_stderr("< PUBACK");
    }
    // Its end would be a reason to end, too.
    let stdin = publisher.take_stdin();
    publisher.signal(nix::sys::signal::Signal::SIGINT);
    let outcome = publisher.wait();
    drop(stdin);
    outcome.assert_signal(nix::sys::signal::Signal::SIGINT);
    let last = outcome.stderr().lines().last();
    assert_eq!(last, Some("mqt: 2 asked, 2 sent, 2 confirmed, exit 130 (interrupted)"), "{outcome}");
}
