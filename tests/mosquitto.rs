//! `mqt pub` and `mqt sub` against a real mosquitto broker, and mosquitto's clients against the dev broker.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mqt_broker::{Activity, BrokerOptions};
use mqt_client::Endpoint;
use mqt_client::listen::ServerTls;
use mqt_proto::Packet;
use nix::sys::signal::Signal;

use crate::support::broker::TestBroker;
use crate::support::certs::Certs;
use crate::support::mosquitto::{Mosquitto, MosquittoOptions, Scheme, installed};
use crate::support::mqt::{Mqt, Running};

const VERSIONS: [&str; 2] = ["3.1.1", "5"];

/// `mqt COMMAND` at this URL, speaking this version.
fn mqt(command: &str, url: &str, version: &str) -> Mqt {
    Mqt::new([command, "-L", url, "-V", version])
}

/// Starts a subscriber and waits until the broker has acknowledged its subscriptions.
#[track_caller]
fn subscribed(sub: Mqt) -> Running {
    let mut running = sub.arg("-d").start();
    running.wait_for_stderr("< SUBACK");
    running
}

#[track_caller]
fn publish(url: &str, version: &str, args: &[&str]) {
    mqt("pub", url, version).args(args).run().assert_code(0).assert_stderr("");
}

/// One message at each QoS, told apart by the payload, and what a subscriber prints of them.
fn publish_at_every_qos(publish: impl Fn(&str, &str)) -> &'static str {
    for (qos, payload) in [("0", "zero"), ("1", "one"), ("2", "two")] {
        publish(qos, payload);
    }
    "0 a/b zero\n1 a/b one\n2 a/b two\n"
}

/// Messages arrive at their QoS and in order.
#[track_caller]
fn every_qos_arrives(url: &str, version: &str, tls: &[&str]) {
    let args = ["-t", "a/#", "-q", "2", "-C", "3", "-F", "%q %t %p"];
    let subscriber = subscribed(mqt("sub", url, version).args(tls).args(args));
    let expected = publish_at_every_qos(|qos, payload| {
        let args = ["-t", "a/b", "-q", qos, "-m", payload];
        mqt("pub", url, version).args(tls).args(args).run().assert_code(0).assert_stderr("");
    });
    subscriber.wait().assert_code(0).assert_stdout(expected);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_qos_arrives_over_every_transport_in_both_versions() {
    let certs = Certs::new();
    let options = MosquittoOptions { certs: Some(&certs), ..MosquittoOptions::default() };
    let Some(broker) = Mosquitto::start_with(&options) else { return };
    for scheme in [Scheme::Mqtt, Scheme::Mqtts, Scheme::Ws, Scheme::Wss] {
        let tls: &[&str] = if scheme.is_tls() { &["--cafile", path(&certs.ca)] } else { &[] };
        for version in VERSIONS {
            every_qos_arrives(&broker.url(scheme), version, tls);
        }
    }
}

#[test]
fn a_client_certificate_opens_the_door_and_nothing_else_does() {
    let certs = Certs::new();
    let options =
        MosquittoOptions { certs: Some(&certs), client_certificates: true, ..MosquittoOptions::default() };
    let Some(broker) = Mosquitto::start_with(&options) else { return };
    let [ca, cert, key] = [&certs.ca, &certs.client_cert, &certs.client_key].map(|file| path(file));
    for scheme in [Scheme::Mqtts, Scheme::Wss] {
        let url = broker.url(scheme);
        every_qos_arrives(&url, "auto", &["--cafile", ca, "--cert", cert, "--key", key]);
        let without = Mqt::new(["pub", "-L", &url, "--cafile", ca, "-t", "a", "-m", "x"]).run();
        without.assert_code(8).assert_stderr_has("certificate");
    }
    // It has the same name and another key.
    let unknown_ca = Certs::new();
    let url = broker.url(Scheme::Mqtts);
    let wrong = ["--cafile", path(&unknown_ca.ca), "--cert", cert, "--key", key];
    Mqt::new(["pub", "-L", &url, "-t", "a", "-m", "x"]).args(wrong).run().assert_code(8).assert_stderr_has(
        "error[tls]: the server certificate is not signed by the \"CN=Test CA\" that is trusted",
    );
}

#[test]
fn a_retained_message_waits_and_goes_when_it_is_cleared() {
    let Some(broker) = Mosquitto::start() else { return };
    let url = broker.url(Scheme::Mqtt);
    for version in VERSIONS {
        publish(&url, version, &["-t", "lamp", "-m", "on", "-r", "-q", "1"]);
        let read = || mqt("sub", &url, version).args(["-t", "lamp", "-C", "1", "-F", "%r %p"]);
        read().run().assert_code(0).assert_stdout("1 on\n");
        publish(&url, version, &["-t", "lamp", "-n", "-r", "-q", "1"]);
        read().args(["--idle", "300ms"]).run().assert_code(27).assert_stdout("");
    }
}

#[test]
fn a_will_fires_for_a_killed_client_and_not_for_one_that_says_goodbye() {
    let Some(broker) = Mosquitto::start() else { return };
    let url = broker.url(Scheme::Mqtt);
    for version in VERSIONS {
        let watcher = subscribed(mqt("sub", &url, version).args(["-t", "status/#", "-C", "2", "-q", "1"]));
        let client = |will: &str| {
            let args = ["-t", "x", "--will-topic", "status/c", "--will-payload", will, "--will-qos", "1"];
            subscribed(mqt("sub", &url, version).args(args))
        };
        let mut polite = client("the polite one is gone");
        polite.signal(Signal::SIGTERM);
        polite.wait().assert_code(0);
        let mut killed = client("the killed one is gone");
        killed.signal(Signal::SIGKILL);
        killed.wait().assert_signal(Signal::SIGKILL);
        publish(&url, version, &["-t", "status/p", "-m", "end", "-q", "1"]);
        watcher.wait().assert_code(0).assert_stdout("the killed one is gone\nend\n");
    }
}

#[test]
fn a_persistent_session_catches_up_even_after_a_restart() {
    let options = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let Some(mut broker) = Mosquitto::start_with(&options) else { return };
    let url = broker.url(Scheme::Mqtt);
    for version in VERSIONS {
        let session = || mqt("sub", &url, version).args(["-i", "logger", "-c", "-q", "2", "-t", "log/#"]);
        session().arg("-E").run().assert_code(0).assert_stdout("");
        let lines: String = (0..50).map(|number| format!("{number}\n")).collect();
        mqt("pub", &url, version)
            .args(["-t", "log/a", "-q", "2", "-l"])
            .stdin(lines.clone())
            .run()
            .assert_code(0);
        broker.stop();
        broker.start_again();
        session().args(["-C", "50"]).run().assert_code(0).assert_stdout(lines);
    }
}

#[test]
fn pub_and_sub_go_on_after_a_broker_restart() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let url = broker.url(Scheme::Mqtt);
    for version in VERSIONS {
        let mut subscriber = subscribed(mqt("sub", &url, version).args(["-t", "line", "-q", "1", "-C", "2"]));
        let mut publisher = mqt("pub", &url, version).args(["-t", "line", "-q", "1", "-l", "-d"]).start();
        publisher.write_stdin("before\n");
        publisher.wait_for_stderr("< PUBACK");
        subscriber.wait_for_stdout("before");
        broker.stop();
        broker.start_again();
        subscriber.wait_for_stderr("< SUBACK");
        publisher.write_stdin("after\n");
        publisher.wait().assert_code(0);
        subscriber.wait().assert_code(0).assert_stdout("before\nafter\n");
    }
}

#[test]
fn sys_topics_tell_about_the_broker() {
    let Some(broker) = Mosquitto::start() else { return };
    let outcome =
        Mqt::new(["sub", "-L", &broker.url(Scheme::Mqtt), "-t", "$SYS/broker/version", "-C", "1"]).run();
    outcome.assert_code(0);
    assert!(outcome.stdout().starts_with("mosquitto version "), "{outcome}");
}

#[test]
fn a_refused_login_is_told_and_not_tried_again() {
    let options = MosquittoOptions { users: &[("ann", "right")], ..MosquittoOptions::default() };
    let Some(broker) = Mosquitto::start_with(&options) else { return };
    let url = broker.url(Scheme::Mqtt);
    // mosquitto answers with 5 in MQTT 3.1.1 and 0x87 in 5: not authorized.
    for version in VERSIONS {
        let login = |password: &str| {
            let args = ["-u", "ann", "--retry", "-t", "a", "-m", "x", "-d"];
            mqt("pub", &url, version).args(args).env("MQT_PASSWORD", password).run()
        };
        login("right").assert_code(0);
        let refused = login("wrong");
        refused.assert_code(5).assert_stderr_has("error[auth]").assert_stderr_lacks("wrong");
        assert_eq!(refused.stderr().matches("> CONNECT").count(), 1, "{refused}");
        mqt("sub", &url, version).args(["-t", "a"]).run().assert_code(5);
    }
}

#[test]
fn binary_payloads_and_mqtt_5_properties_pass_unchanged() {
    let Some(broker) = Mosquitto::start() else { return };
    let url = broker.url(Scheme::Ws);
    let subscriber = subscribed(Mqt::new(["sub", "-L", &url, "-t", "a", "-C", "1", "-N"]));
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    Mqt::new(["pub", "-L", &url, "-t", "a", "-s", "-q", "1"]).stdin(bytes.clone()).run().assert_code(0);
    subscriber.wait().assert_code(0).assert_stdout(bytes);

    let subscriber = subscribed(Mqt::new(["sub", "-L", &url, "-t", "a", "-C", "1", "--json"]));
    let properties = ["-D", "publish", "user-property", "k", "v", "-D", "publish", "content-type", "text/x"];
    Mqt::new(["pub", "-L", &url, "-t", "a", "-m", "hi"]).args(properties).run().assert_code(0);
    let outcome = subscriber.wait();
    let message: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert_eq!(message["payload"], "hi", "{outcome}");
    assert_eq!(message["properties"]["content-type"], "text/x", "{outcome}");
    assert_eq!(message["properties"]["user-properties"], serde_json::json!([{"k": "v"}]), "{outcome}");
}

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(30);

/// mosquitto's clients and a dev broker for them.
struct Peers {
    publisher: PathBuf,
    subscriber: PathBuf,
    broker: TestBroker,
    /// A SUBACK was sent. The clients themselves do not say so in time: what they print waits in a buffer.
    subscribed: mpsc::Receiver<()>,
}

impl Peers {
    fn start(options: BrokerOptions) -> Option<Self> {
        let (publisher, subscriber) = (installed("mosquitto_pub")?, installed("mosquitto_sub")?);
        let (tell, subscribed) = mpsc::channel();
        let observer = move |activity: &Activity<'_>| {
            if let Activity::Sent { packet: Packet::SubAck(_), .. } = activity {
                // An error says that the test is over.
                let _ = tell.send(());
            }
        };
        let broker = TestBroker::start_with(BrokerOptions { observer: Some(Arc::new(observer)), ..options });
        Some(Self { publisher, subscriber, broker, subscribed })
    }

    fn publish(&self, args: &[&str]) {
        let outcome = Mqt::program(&self.publisher, args).run();
        outcome.assert_code(0).assert_stderr("");
    }

    /// Starts a subscriber and waits until it has its subscription.
    #[track_caller]
    fn subscribe(&self, args: &[&str]) -> Running {
        let running = Mqt::program(&self.subscriber, args).start();
        self.subscribed.recv_timeout(DEADLINE).expect("no SUBACK");
        running
    }
}

#[test]
fn mosquitto_clients_exchange_every_qos_through_the_dev_broker() {
    let certs = Certs::new();
    let Some(peers) = Peers::start(BrokerOptions {
        listeners: ["mqtt://127.0.0.1:0", "mqtts://127.0.0.1:0"]
            .map(|url| Endpoint::listening(url).unwrap())
            .to_vec(),
        server_tls: Some(ServerTls {
            cert: certs.server_cert.clone(),
            key: certs.server_key.clone(),
            client_ca: Some(certs.ca.clone()),
        }),
        ..BrokerOptions::default()
    }) else {
        return;
    };
    let [plain, tls] = peers.broker.endpoints() else { panic!("two listeners") };
    let [ca, cert, key] = [&certs.ca, &certs.client_cert, &certs.client_key].map(|file| path(file));
    for (endpoint, tls) in
        [(plain, &[][..]), (tls, &["--cafile", ca, "--cert", cert, "--key", key, "-h", "localhost"][..])]
    {
        let port = endpoint.port().to_string();
        for version in ["311", "5"] {
            let common = [&["-p", &port, "-V", version], tls].concat();
            let args = ["-t", "a/#", "-q", "2", "-C", "3", "-F", "%q %t %p"];
            let subscriber = peers.subscribe(&[&common[..], &args].concat());
            let expected = publish_at_every_qos(|qos, payload| {
                let args = ["-t", "a/b", "-q", qos, "-m", payload];
                peers.publish(&[&common[..], &args].concat());
            });
            subscriber.wait().assert_code(0).assert_stdout(expected);
        }
    }
}

#[test]
fn mosquitto_clients_find_retained_messages_wills_and_sessions_at_the_dev_broker() {
    for version in ["311", "5"] {
        let Some(mut peers) = Peers::start(BrokerOptions::default()) else { return };
        let port = peers.broker.port().to_string();
        let with = |args: &[&'static str]| [&["-p", &port, "-V", version][..], args].concat();

        peers.publish(&with(&["-t", "lamp", "-m", "on", "-r", "-q", "1"]));
        let lamp = peers.subscribe(&with(&["-t", "lamp", "-C", "1", "-F", "%r %p"]));
        lamp.wait().assert_code(0).assert_stdout("1 on\n");

        let watcher = peers.subscribe(&with(&["-t", "will", "-C", "1", "-q", "1"]));
        let mut dying =
            peers.subscribe(&with(&["-t", "x", "--will-topic", "will", "--will-payload", "gone"]));
        dying.signal(Signal::SIGKILL);
        watcher.wait().assert_code(0).assert_stdout("gone\n");

        let mut session = with(&["-i", "s", "-c", "-q", "2", "-t", "log"]);
        if version == "5" {
            session.extend(["-x", "3600"]);
        }
        let mut only_subscribe = session.clone();
        only_subscribe.push("-E");
        peers.subscribe(&only_subscribe).wait().assert_code(0);
        for payload in ["one", "two", "three"] {
            peers.publish(&with(&["-t", "log", "-q", "2", "-m", payload]));
        }
        peers.broker.restart();
        session.extend(["-C", "3"]);
        peers.subscribe(&session).wait().assert_code(0).assert_stdout("one\ntwo\nthree\n");
    }
}

#[test]
fn mqt_and_mosquitto_clients_understand_each_other_through_the_dev_broker() {
    let Some(peers) = Peers::start(BrokerOptions::default()) else { return };
    let port = peers.broker.port().to_string();
    let theirs = peers.subscribe(&["-p", &port, "-V", "5", "-t", "a", "-C", "2", "-F", "%p|%P|"]);
    let ours = subscribed(Mqt::new(["sub", "-p", &port, "-t", "a", "-q", "2", "-C", "1", "--json"]));
    let properties = ["-D", "publish", "user-property", "k", "v"];
    let publish = ["-p", &port, "-V", "5", "-q", "2", "-t", "a", "-m", "from mosquitto"];
    peers.publish(&[&publish[..], &properties].concat());
    let outcome = ours.wait();
    let message: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert_eq!(message["payload"], "from mosquitto", "{outcome}");
    assert_eq!(message["properties"]["user-properties"], serde_json::json!([{"k": "v"}]), "{outcome}");
    let publish = ["pub", "-p", &port, "-q", "2", "-t", "a", "-m", "from mqt"];
    Mqt::new(publish).args(properties).run().assert_code(0);
    theirs.wait().assert_code(0).assert_stdout("from mosquitto|k:v|\nfrom mqt|k:v|\n");
}
