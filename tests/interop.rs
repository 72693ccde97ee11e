//! What must hold with every broker, against three that others have written: mosquitto, NATS and aedes. `scripts/interop`
//! has more brokers and more checks.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::foreign::{Foreign, Kind};
use crate::support::mqt::{Mqt, Outcome, Running};

/// A broker that closes takes up to some tries until it is known what it closes for. Longer is a hang.
const TIME_TO_REFUSE: Duration = Duration::from_secs(40);

/// `mqt COMMAND` at this broker, speaking this version.
fn mqt(command: &str, broker: &Foreign, version: &str) -> Mqt {
    Mqt::new([command, "-L", &broker.url(), "-V", version])
}

/// Starts a subscriber and waits until the broker has acknowledged its subscriptions.
#[track_caller]
fn subscribed(sub: Mqt) -> Running {
    let mut running = sub.arg("-d").start();
    running.wait_for_stderr("< SUBACK");
    running
}

/// Each broker in each version that it speaks.
fn each(mut test: impl FnMut(&mut Foreign, &str)) {
    for mut broker in Foreign::all() {
        for version in broker.kind.versions() {
            test(&mut broker, version);
        }
    }
}

fn numbers(count: usize) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

#[test]
fn messages_arrive_once_and_in_order_at_every_qos() {
    each(|broker, version| {
        let lines = numbers(2000);
        for qos in broker.kind.publish_qos() {
            let args = ["-t", "numbers", "-q", qos, "-C", "2000"];
            let subscriber = subscribed(mqt("sub", broker, version).args(args));
            let publisher = mqt("pub", broker, version).args(["-t", "numbers", "-q", qos, "-l"]);
            publisher.stdin(lines.clone()).run().assert_code(0).assert_stderr("");
            subscriber.wait().assert_code(0).assert_stdout(&lines);
        }
    });
}

/// Publishes what this broker does not allow.
fn refused(broker: &Foreign, version: &str, topic: &str, qos: &str) -> Outcome {
    let args = ["-t", topic, "-q", qos, "-m", "x"];
    mqt("pub", broker, version).args(args).limit(TIME_TO_REFUSE).run()
}

#[test]
fn a_publish_that_is_refused_by_closing_fails_and_ends() {
    each(|broker, version| {
        let refusals: &[(&str, &str)] = match (broker.kind, version) {
            // At QoS 1 it acknowledges what it does not deliver.
            (Kind::Mosquitto, "3.1.1") => &[("denied/x", "2")],
            (Kind::Mosquitto, _) => &[("denied/x", "1"), ("denied/x", "2")],
            // What a permission denies is acknowledged. These are refused.
            (Kind::Nats, _) => &[("fine", "2"), ("a.b", "1"), ("a b", "1")],
            (Kind::Aedes, _) => &[("denied/x", "1"), ("denied/x", "2")],
        };
        for (topic, qos) in refusals {
            refused(broker, version, topic, qos).assert_code(12).assert_stderr_has(topic);
        }
    });
}

#[test]
fn a_publish_at_qos_0_that_is_refused_by_closing_is_not_taken_for_done() {
    each(|broker, version| {
        let topics: &[&str] = match broker.kind {
            Kind::Nats => &["a.b", "a b"],
            Kind::Mosquitto | Kind::Aedes => &["denied/x"],
        };
        for topic in topics {
            let outcome = refused(broker, version, topic, "0");
            // Refused, or closed for a reason that nobody knows.
            assert!(matches!(outcome.code(), Some(12 | 30)), "{outcome}");
        }
    });
}

#[test]
fn a_refused_publish_does_not_take_the_others_with_it() {
    each(|broker, version| {
        let culprit = match (broker.kind, version) {
            (Kind::Mosquitto, "3.1.1") => return,
            (Kind::Nats, _) => "x/a.b",
            (Kind::Mosquitto | Kind::Aedes, _) => "denied/c",
        };
        let mut subscriber = subscribed(mqt("sub", broker, version).args(["-t", "ok/#", "-q", "1", "-v"]));
        let lines = format!("ok/a 1\nok/b 2\n{culprit} 3\nok/d 4\n");
        let publisher = mqt("pub", broker, version).args(["--split-topic", "-l", "-q", "1"]);
        let outcome = publisher.stdin(lines).limit(TIME_TO_REFUSE).run();
        outcome.assert_code(12).assert_stderr_has(culprit);
        subscriber.wait_for_stdout("ok/d 4");
        subscriber.signal(Signal::SIGTERM);
        let outcome = subscriber.wait();
        // A connection that breaks may bring a message again.
        let mut lines: Vec<&str> = outcome.stdout().lines().collect();
        lines.dedup();
        for line in ["ok/a 1", "ok/b 2", "ok/d 4"] {
            assert!(
                (1..=2).contains(&lines.iter().filter(|other| **other == line).count()),
                "{line}: {outcome}"
            );
        }
    });
}

#[test]
fn all_of_three_thousand_retained_messages_are_read_and_removed() {
    each(|broker, version| {
        let lines: String = (0..3000).map(|number| format!("kept/{number} {number}\n")).collect();
        let publisher = mqt("pub", broker, version).args(["--split-topic", "-l", "-r", "-q", "1"]);
        publisher.stdin(lines).run().assert_code(0);
        // One after another, whatever way the end of the retained messages is found.
        let read = || mqt("sub", broker, version).args(["-t", "kept/#", "--retained-only", "--idle", "2s"]);
        let count = |outcome: &Outcome| outcome.stdout().lines().count();
        let removed = read().arg("--remove-retained").run();
        assert_eq!(count(&removed), 3000, "{removed}");
        let left = read().run();
        assert_eq!(count(&left), 0, "{left}");
    });
}

#[test]
fn a_will_fires_for_a_killed_client_and_not_for_one_that_disconnects() {
    each(|broker, version| {
        let watcher = subscribed(mqt("sub", broker, version).args(["-t", "gone/#", "-q", "1", "-C", "2"]));
        let client = |will: &str| {
            let args = ["-t", "x", "--will-topic", "gone/c", "--will-payload", will, "--will-qos", "1"];
            subscribed(mqt("sub", broker, version).args(args))
        };
        let mut polite = client("polite");
        polite.signal(Signal::SIGTERM);
        polite.wait().assert_code(0);
        let mut killed = client("killed");
        killed.signal(Signal::SIGKILL);
        killed.wait().assert_signal(Signal::SIGKILL);
        // The second is the first that comes from nobody's death: by then the first has been seen.
        let mut watcher = watcher;
        watcher.wait_for_stdout("killed");
        mqt("pub", broker, version).args(["-t", "gone/p", "-m", "end", "-q", "1"]).run().assert_code(0);
        watcher.wait().assert_code(0).assert_stdout("killed\nend\n");
    });
}

#[test]
fn a_session_keeps_what_came_meanwhile_and_over_a_restart_too() {
    each(|broker, version| {
        for restart in [false, true] {
            if restart && !broker.kind.keeps_sessions() {
                continue;
            }
            let lines = numbers(100);
            let session = |broker: &Foreign| {
                mqt("sub", broker, version).args(["-i", "logger", "-c", "-q", "1", "-t", "log"])
            };
            session(broker).arg("-E").run().assert_code(0);
            let publisher = mqt("pub", broker, version).args(["-t", "log", "-q", "1", "-l"]);
            publisher.stdin(lines.clone()).run().assert_code(0);
            if restart {
                broker.stop();
                broker.start_again();
            }
            session(broker).args(["-C", "100"]).run().assert_code(0).assert_stdout(lines);
        }
    });
}

#[test]
fn a_request_is_answered() {
    each(|broker, version| {
        let topics = ["-t", "question", "-e", "answer", "-q", "1"];
        let serve = mqt("rr", broker, version).args(topics).args(["--serve", "--exec", "tr a-z A-Z"]);
        let mut server = subscribed(serve);
        let ask = mqt("rr", broker, version).args(topics).args(["-m", "hello", "-W", "30"]);
        ask.run().assert_code(0).assert_stdout("HELLO\n");
        server.signal(Signal::SIGTERM);
        server.wait().assert_code(0);
    });
}

#[test]
fn a_restart_of_the_broker_interrupts_nothing_for_good() {
    each(|broker, version| {
        let sub = mqt("sub", broker, version).args(["-t", "line", "-q", "1", "-C", "2"]);
        let mut subscriber = subscribed(sub);
        let mut publisher = mqt("pub", broker, version).args(["-t", "line", "-q", "1", "-l", "-d"]).start();
        publisher.write_stdin("before\n");
        publisher.wait_for_stderr("< PUBACK");
        subscriber.wait_for_stdout("before");
        broker.stop();
        broker.start_again();
        subscriber.wait_for_stderr("< SUBACK");
        publisher.write_stdin("after\n");
        publisher.wait().assert_code(0);
        subscriber.wait().assert_code(0).assert_stdout("before\nafter\n");
    });
}
