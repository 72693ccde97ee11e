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
    outcome
        .assert_code(0)
        .assert_stderr_has("1 line of the recording left out; the first is line 2: not a JSON object");
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

/// Each is an hour after the one before, in one of the forms that tools write.
#[test]
fn the_times_of_other_tools_are_kept() {
    let lines = [
        "{\"tst\":\"2026-11-30T10:00:00.000000Z+0000\",\"topic\":\"a\",\"payload\":\"1\"}",
        "{\"tst\":\"2026-11-30T12:00:00.000000+0100\",\"topic\":\"a\",\"payload\":\"2\"}",
        "{\"tst\":1796040000,\"topic\":\"a\",\"payload\":\"3\"}",
        "{\"tst\":1796043600000,\"topic\":\"a\",\"payload\":\"4\"}",
    ]
    .join("\n");
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    let publishing = Mqt::new(["pub", "-p", &port, "--json", "--speed", "36000x", "--replay"]);
    let file = publishing.home_file("r.jsonl", &lines);
    let begun = std::time::Instant::now();
    publishing.arg(&file).run().assert_code(0);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(299));

    let watch = Mqt::new(["watch", "--speed", "1000000x", "--once", "--json", "--replay"]);
    let file = watch.home_file("r.jsonl", &lines);
    let outcome = watch.arg(&file).run();
    outcome.assert_code(0).assert_stderr("");
    let value: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
    assert_eq!(value["messages"], 4);
}

#[test]
fn a_time_that_cannot_be_read_is_not_now() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    for (tst, text) in [
        ("\"tst\":\"garbage\",", "line 2: \"tst\" must be a time such as"),
        ("\"tst\":7,", "line 2: \"tst\" must be a time such as"),
        ("\"tst\":null,", "line 2: \"tst\" must be a time such as"),
        ("", "line 2: \"tst\" is missing"),
    ] {
        let lines = format!("\n{{{tst}\"topic\":\"a\",\"payload\":\"1\"}}\n");
        let publishing = Mqt::new(["pub", "-p", &port, "--json", "--summary=json", "--replay"]);
        let file = publishing.home_file("r.jsonl", &lines);
        let outcome = publishing.arg(&file).run();
        outcome.assert_code(1).assert_stderr_has(text).assert_stderr_has("\"sent\":0");

        let watch = Mqt::new(["watch", "--once", "--json", "--replay"]);
        let file = watch.home_file("r.jsonl", &lines);
        watch
            .arg(&file)
            .run()
            .assert_code(1)
            .assert_stderr_has("error[recording]: 1 line of the recording left out; the first is ")
            .assert_stderr_has(text);
    }
}

/// As a full disk leaves it.
#[test]
fn a_torn_line_is_ended_before_a_recording_goes_on() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    Mqt::new(["pub", "-p", &port, "-t", "a", "-m", "1", "-r", "-q", "1"]).run().assert_code(0);
    let torn = "{\"tst\":\"2026-11-30T10:00:00Z\",\"topic\":\"a\",\"pay";
    for (content, note) in [(format!("{torn}\n"), false), (torn.to_owned(), true)] {
        let watch = Mqt::new(["watch", "-p", &port, "--once", "--json", "--record"]);
        let file = watch.home_file("r.jsonl", &content);
        let outcome = watch.arg(&file).run();
        outcome.assert_code(0);
        let recorded = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = recorded.lines().collect();
        assert_eq!((lines.len(), lines[0]), (2, torn), "{recorded}");
        let record: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
        assert_eq!(record["payload"], "1");
        assert_eq!(outcome.stderr().contains("note[record]: the last line of "), note, "{outcome}");
    }
}
