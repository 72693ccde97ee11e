//! Tables and JSON, for scripts.

use std::fs;
use std::io::{BufRead as _, BufReader};

use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;

fn publish(broker: &TestBroker, args: &[&str]) {
    let port = broker.port().to_string();
    Mqt::new(["pub", "-p", &port]).args(args).run().assert_code(0);
}

#[test]
fn a_snapshot_has_topics_counts_rates_and_last_values() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a/1", "-m", "21.5", "-r", "-D", "publish", "content-type", "text/plain"]);
    publish(&broker, &["-t", "a/2", "-f", "/dev/null", "-r"]);
    publish(&broker, &["-t", "b", "-m", "x", "-r"]);
    let port = broker.port().to_string();
    let outcome = Mqt::new(["watch", "-p", &port, "--once", "0.2", "--json", "-t", "a/#", "-t", "b"]).run();
    outcome.assert_code(0).assert_stderr("");
    let value: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
    let schema =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/watch.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(value["topic_count"], 2);
    assert_eq!(value["messages"], 2);
    let topics = value["topics"].as_array().unwrap();
    let first = topics.iter().find(|topic| topic["topic"] == "a/1").unwrap();
    assert_eq!(topics.len(), 2);
    assert_eq!((&first["messages"], &first["retained"]), (&1.into(), &true.into()));
    assert_eq!(first["last"]["payload"], "21.5");
    assert_eq!(first["last"]["properties"]["content-type"], "text/plain");
}

#[test]
fn a_table_is_for_people_and_escapes_what_drives_terminals() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "evil\x1b[2J", "-m", "a\x1b]0;x\x07b", "-r"]);
    let port = broker.port().to_string();
    let outcome = Mqt::new(["watch", "-p", &port, "--once", "0.2"]).run();
    outcome.assert_code(0);
    let lines: Vec<&str> = outcome.stdout().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("topics 1  messages 1  rate "), "{lines:?}");
    assert!(lines[2].ends_with("evil\\x1b[2J  a\\x1b]0;x\\x07b"), "{lines:?}");
}

#[test]
fn tables_follow_each_other_until_a_signal() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a", "-m", "x", "-r"]);
    let port = broker.port().to_string();
    let mut running = Mqt::new(["watch", "-p", &port, "--json", "--interval", "50ms"]).start();
    for _ in 0..3 {
        running.wait_for_stdout("\"topic\":\"a\"");
    }
    #[cfg(unix)]
    {
        running.signal(nix::sys::signal::Signal::SIGINT);
        running.wait().assert_code(0);
    }
}

/// As `sub` has it: `mqt watch --json | head -1`.
#[test]
fn a_reader_that_goes_away_is_a_normal_end() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    for form in ["--json", "--plain"] {
        let (reader, writer) = std::io::pipe().unwrap();
        let running = Mqt::new(["watch", "-p", &port, form, "--interval", "50ms"]).stdout_to(writer).start();
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert!(line.contains("topics") && line.ends_with('\n'), "{line:?}");
        running.wait().assert_code(0).assert_stderr("");
    }
}

#[test]
fn what_cannot_be_watched_is_a_failure() {
    Mqt::new(["watch", "-p", "1", "--once"]).run().assert_code(14);
    Mqt::new(["watch", "--replay", "nothing.jsonl", "--once"])
        .run()
        .assert_code(1)
        .assert_stderr_has("error[file]: nothing.jsonl");
    Mqt::new(["watch", "--speed", "2x"]).run().assert_code(1);
    Mqt::new(["watch", "--replay", "x", "--record", "y"]).run().assert_code(1);
}
