//! The report as it is read.

use crate::bench::report::text::*;
use crate::bench::result::tests::run;
use crate::bench::result::{Anomaly, Check, RunWarning};

fn shown(change: impl FnOnce(&mut ResultFile), width: usize) -> String {
    let mut file = ResultFile::new(vec![run()]);
    change(&mut file);
    report(&file, &Style::plain(), width)
}

#[test]
fn the_start_is_told_to_the_second() {
    let started =
        |file: &mut ResultFile| "2026-01-31T12:00:00.123456789Z".clone_into(&mut file.runs[0].started);
    assert_eq!(shown(started, 80), shown(|_| {}, 80));
}

#[test]
fn a_report_has_tables_and_charts_within_80_columns() {
    let text = shown(|_| {}, 80);
    let expected = "\
mqt bench at mqtt://localhost:1883, MQTT 5
e2e, 10 publishers, 10 subscribers, 1,000/s, 64 bytes, QoS 1
warm-up 1 s, measured 10 s, drain 3 ms, run 00000000000000ff,
  2026-01-31T12:00:00Z

Messages              total   per second
offered              10,000      1,000/s
sent                 10,000      1,000/s
confirmed            10,000      1,000/s
delivered            10,000      1,000/s
lost                      0
duplicates                0
out of order              0

Latency            response      service      connect
p50                  599 µs       589 µs      1.01 ms
p90                  999 µs       989 µs
p99                 1.09 ms      1.08 ms
p99.9               1.10 ms      1.09 ms
max                 1.10 ms      1.09 ms      1.02 ms
samples              10,000       10,000           20

Response time
";
    assert!(text.starts_with(expected), "{text}");
    for line in [
        "  100 µs – 120 µs   ████     ",
        "Delivered over 10 s: 1,000/s to 1,000/s\n██████████\n",
        "Connections: 20 of 20 opened in 12 ms (1,667/s), 0 lost\n",
        "Traffic: 1.0 MB sent, 1.0 MB received\n",
        "Generator: 2.5 % of 2 cores, late by p99 5 µs (10,000 samples), 12.0 MB\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b') && text.lines().all(|line| line == line.trim_end()));
}

#[test]
fn a_narrow_terminal_gets_a_narrow_report() {
    let text = shown(
        |file| {
            file.runs[0].warnings =
                vec![RunWarning { keyword: "x".to_owned(), text: "many words ".repeat(20) }];
        },
        40,
    );
    assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    assert!(!text.contains("  connect"), "{text}");
}

#[test]
fn warnings_come_first_and_control_characters_do_not_reach_the_terminal() {
    let text = shown(
        |file| {
            file.runs[0].warnings =
                vec![RunWarning { keyword: "x".to_owned(), text: "doubtful \x1b[2J".to_owned() }];
            file.runs[0].errors = vec![("bad\x07".to_owned(), 3)];
            file.runs[0].config.groups[0].payload = "a\x1bb".to_owned();
        },
        80,
    );
    assert!(text.starts_with("!!! doubtful "), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn percentiles_with_too_few_samples_are_left_out() {
    let text = shown(
        |file| {
            let latency = &mut file.runs[0].latency;
            latency.response.clear();
            latency.response.record_n(500, 99);
            latency.service.clear();
            latency.connect.clear();
        },
        80,
    );
    assert!(
        text.contains(
            "p50                  500 µs\nmax                  500 µs\nsamples                  99\n"
        )
    );
}

#[test]
fn repeats_anomalies_steps_and_verdicts_are_shown() {
    let text = shown(
        |file| {
            let mut second = run();
            second.counts.delivered_within = 9_000;
            second.anomalies = vec![Anomaly {
                publisher: 3,
                subscriber: Some(9),
                lost: 1_000,
                duplicates: 1,
                out_of_order: 2,
            }];
            second.anomalies_total = 7;
            file.runs.push(second);
            file.steps = vec![
                SearchStep {
                    rate: 1e3,
                    achieved: 1e3,
                    p99_us: Some(1_500),
                    lost: 0,
                    held: true,
                    reasons: vec![],
                },
                SearchStep {
                    rate: 2e3,
                    achieved: 1.5e3,
                    p99_us: None,
                    lost: 7,
                    held: false,
                    reasons: vec!["7 messages lost".to_owned()],
                },
            ];
            file.verdict = Some(Verdict {
                passed: false,
                checks: vec![Check {
                    condition: "loss=0".parse().unwrap(),
                    rule: Rule::Slo,
                    value: Some(1_000.0),
                    passed: false,
                    text: "run 2: 1,000 messages lost".to_owned(),
                }],
            });
        },
        80,
    );
    for line in [
        "Run 1 of 2\n",
        "publisher 3 to subscriber 9: 1,000 lost, 1 duplicate, 2 out of order\nand 6 more\n",
        "rate                  900/s        900/s      1,000/s\n",
        "Highest rate that holds the objectives: 1,000/s\n",
        "offered            achieved          p99         lost\n1,000/s             1,000/s      1.50 ms            0   held\n",
        "2,000/s             1,500/s            -            7   missed\n  because: 7 messages lost\n",
        "Verdict: failed\nFAIL slo loss=0: run 2: 1,000 messages lost\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
}

#[test]
fn holding_connections_has_no_table_of_messages() {
    let text = shown(
        |file| {
            let run = &mut file.runs[0];
            run.counts = crate::bench::result::Counts::default();
            run.latency.response.clear();
            run.latency.service.clear();
            run.config.groups[0] = GroupConfig {
                scenario: Scenario::Connect,
                publishers: 0,
                subscribers: 0,
                connections: 1,
                load: LoadConfig::None,
                ..run.config.groups[0].clone()
            };
        },
        80,
    );
    assert!(!text.contains("Messages") && text.contains("connect, 1 connection\n"), "{text}");
    assert!(text.contains("Latency             connect\n"), "{text}");
}
