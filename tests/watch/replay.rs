//! Recordings: made, shown again, and published again.

use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::wait_until;

use super::tty::Tty;

const RECORDING: &str = "\
{\"tst\":\"2026-11-20T11:37:41.000000+01:00\",\"topic\":\"a\",\"qos\":1,\"retain\":false,\"payload\":\"one\"}
not a message
{\"tst\":\"2026-11-20T11:37:41.500000+01:00\",\"topic\":\"b\",\"qos\":0,\"retain\":false,\"payload_base64\":\"/w==\"}
{\"tst\":\"2026-11-20T12:37:41.000000+01:00\",\"topic\":\"a\",\"qos\":0,\"retain\":false,\"payload\":\"two\"}
";

#[test]
fn a_recording_is_shown_without_a_broker() {
    let mqt = Mqt::new(["watch", "--speed", "1000000x", "--once", "--json", "--replay"]);
    let file = mqt.home().join("r.jsonl");
    std::fs::write(&file, RECORDING).unwrap();
    let outcome = mqt.arg(&file).run();
    outcome.assert_code(0).assert_stderr_has("1 lines of the recording are no messages");
    let value: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
    assert_eq!((&value["messages"], &value["topic_count"]), (&3.into(), &2.into()));
    let a = value["topics"].as_array().unwrap().iter().find(|topic| topic["topic"] == "a").unwrap();
    assert_eq!(a["last"]["payload"], "two");
    // The time is that of the recording.
    assert!(a["last"]["tst"].as_str().unwrap().contains(":37:41."), "{a}");
}

#[test]
fn what_is_recorded_is_what_is_replayed() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    let watch = Mqt::new(["watch", "-p", &port, "--json", "--interval", "20ms", "--record"]);
    let file = watch.home().join("r.jsonl");
    let mut watch = watch.arg(&file).start();
    watch.wait_for_stdout("topic_count");
    for value in ["1", "2", "3"] {
        Mqt::new(["pub", "-p", &port, "-t", "x/y", "-m", value]).run().assert_code(0);
    }
    watch.wait_for_stdout("\"messages\":3");
    watch.signal(nix::sys::signal::Signal::SIGINT);
    let recorded = watch.wait();
    recorded.assert_code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);

    let mut tty = Tty::start(&["watch", "--replay", file.to_str().unwrap()], 80, 24);
    tty.wait_for_text("y = 3");
    tty.wait_for_text("replay, at its end");
    tty.send("j2");
    tty.wait_for_text("the last 3 of 3 messages");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    wait_until("the restored terminal", || tty.is_cooked());
}

/// Until somebody has subscribed, a publish that wants a subscriber fails.
fn wait_for_subscriber(port: &str) {
    let probe = ["pub", "-p", port, "-t", "b/probe", "-n", "-q", "1", "--require-subscriber"];
    wait_until("a subscriber", || Mqt::new(probe).run().code() == Some(0));
}

#[test]
fn a_recording_is_published_with_its_timing() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    let mut sub = Mqt::new(["sub", "-p", &port, "-t", "#", "-v", "-C", "4", "-W", "30"]).start();
    wait_for_subscriber(&port);
    // An hour and half a second apart: a thousand times as fast, that is 3.6 s and next to nothing.
    let pub_ = Mqt::new(["pub", "-p", &port, "--json", "--on-error", "skip", "--speed", "1000x", "--replay"]);
    let file = pub_.home().join("r.jsonl");
    std::fs::write(&file, RECORDING).unwrap();
    let begun = std::time::Instant::now();
    let outcome = pub_.arg(&file).run();
    // The bad line is left out, and told.
    outcome.assert_code(1).assert_stderr_has("line 2");
    assert!(begun.elapsed() >= std::time::Duration::from_millis(3_599));
    sub.wait_for_stdout("a one");
    sub.wait_for_stdout("a two");
}

#[test]
fn a_recording_needs_json() {
    Mqt::new(["pub", "--replay", "x"]).run().assert_code(1);
    Mqt::new(["pub", "--json", "--replay", "nothing.jsonl"])
        .run()
        .assert_code(1)
        .assert_stderr_has("nothing.jsonl");
    Mqt::new(["pub", "--json", "--speed", "2x"]).run().assert_code(1);
}
