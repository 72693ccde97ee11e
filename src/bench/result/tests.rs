//! Result files are read as they were written, and what is none of them is refused with its place.

use crate::bench::result::run_config::{GroupConfig, LoadConfig};
use crate::bench::result::*;
use crate::cli::bench::{Arrival, LoadRate, Scenario};

/// A configuration: 10 publishers and 10 subscribers, 1,000 messages a second for 10 s.
pub(crate) fn config() -> RunConfig {
    RunConfig {
        brokers: vec!["mqtt://localhost:1883".to_owned()],
        mqtt_version: "5".to_owned(),
        keep_alive_s: 60,
        clean_start: true,
        max_inflight: 20,
        max_packet_size: Some(1_048_576),
        connect_rate: None,
        ramp_ms: 0,
        warmup_ms: 1_000,
        duration_ms: Some(10_000),
        count: None,
        drain_ms: 5_000,
        churn: None,
        stamp: true,
        own_broker: false,
        groups: vec![GroupConfig {
            name: "all".to_owned(),
            scenario: Scenario::E2e,
            publishers: 10,
            subscribers: 10,
            connections: 0,
            topics: vec!["mqt/bench/{run}/{i}".to_owned()],
            filters: None,
            payload: "64 bytes".to_owned(),
            qos: 1,
            subscribe_qos: 1,
            retain: false,
            load: LoadConfig::Open {
                arrival: Arrival::Constant,
                stages: vec![(None, LoadRate::per_second(1_000.0).unwrap())],
            },
            logins: 0,
        }],
    }
}

/// A run in which nothing went wrong: 10,000 messages from 100 µs to 1.1 ms.
pub(crate) fn run() -> RunResult {
    let mut latency = LatencyFigures::default();
    for n in 0..10_000 {
        latency.response.record(100 + n / 10);
        latency.service.record(90 + n / 10);
        latency.schedule_lag.record(5);
    }
    (0..20).for_each(|n| latency.connect.record(1_000 + n));
    let each = MeasuredCounts { offered: 1_000, sent: 1_000, acked: 1_000, delivered: 1_000 };
    RunResult {
        run_id: "00000000000000ff".to_owned(),
        shard: None,
        started: "2026-01-31T12:00:00Z".to_owned(),
        started_unix_ns: 1_769_860_800_000_000_000,
        load_started_unix_ns: 1_769_860_800_020_000_000,
        interrupted: false,
        config: config(),
        phases: Phases { connect_ms: 12, ramp_ms: 0, warmup_ms: 1_000, measured_ms: 10_000, drain_ms: 3 },
        counts: Counts {
            offered: 10_000,
            sent: 10_000,
            confirmed: 10_000,
            expected: 10_000,
            delivered: 10_000,
            sent_within: 10_000,
            confirmed_within: 10_000,
            delivered_within: 10_000,
            bytes_sent: 1_000_000,
            bytes_received: 1_000_000,
            ..Counts::default()
        },
        connects: Connects { asked: 20, established: 20, ..Connects::default() },
        latency,
        anomalies: Vec::new(),
        anomalies_total: 0,
        connecting: Vec::new(),
        series: (0..11_u64)
            .map(|second| Second {
                t_ms: second * 1_000,
                offered: 1_000,
                sent: 1_000,
                acked: 1_000,
                delivered: 1_000,
                connections: 20,
                p50_us: 600,
                p99_us: 1_090,
                max_us: 1_100,
                measured: if second == 0 { MeasuredCounts::default() } else { each },
                ..Second::default()
            })
            .collect(),
        host: "one".to_owned(),
        resources: Resources {
            cpu_user_ms: 200,
            cpu_sys_ms: 300,
            max_rss_bytes: 12_000_000,
            busiest_thread_ms: 300,
            threads: 2,
            cores: 2,
        },
        errors: Vec::new(),
        clock: None,
        publisher_clocks: Vec::new(),
        warnings: Vec::new(),
    }
}

/// The published schema, made strict: a key that it does not describe is refused.
fn schema() -> jsonschema::Validator {
    fn close(schema: &mut serde_json::Value) {
        if let Some(object) = schema.as_object_mut() {
            if object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(false.into());
            }
            object.values_mut().for_each(close);
        } else if let Some(list) = schema.as_array_mut() {
            list.iter_mut().for_each(close);
        }
    }
    let mut schema = serde_json::from_str(include_str!("../../../schema/bench.schema.json")).unwrap();
    close(&mut schema);
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn every_file_is_as_the_published_schema_says() {
    let schema = schema();
    let assert_valid = |file: &ResultFile| {
        let value = serde_json::from_str(&file.to_json().unwrap()).unwrap();
        let errors: Vec<String> =
            schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:?}");
    };
    let mut file = ResultFile::new(vec![run()]);
    assert_valid(&file);
    // Every part that may be there, and every form of what there is.
    let one = &mut file.runs[0];
    one.shard = Some((0, 2));
    one.connects.failed.insert("login".to_owned(), 1);
    one.anomalies = vec![
        Anomaly { publisher: 1, subscriber: Some(2), lost: 3, duplicates: 4, out_of_order: 5 },
        Anomaly { publisher: 1, subscriber: None, lost: 3, duplicates: 4, out_of_order: 5 },
    ];
    one.errors = vec![("lost".to_owned(), 2)];
    one.clock = Some(ClockOffset { before_us: -1, after_us: Some(1), error_us: 2 });
    one.publisher_clocks = vec![
        PublisherClock { run: "0000002a".to_owned(), clock: one.clock },
        PublisherClock { run: "ffffffff".to_owned(), clock: None },
    ];
    one.warnings = vec![RunWarning { keyword: "loss".to_owned(), text: "lost".to_owned() }];
    let config = &mut one.config;
    (config.connect_rate, config.duration_ms, config.count) = (Some("100/s".to_owned()), None, Some(5));
    config.churn = Some(("10%".to_owned(), 1_000));
    let group = config.groups[0].clone();
    config.groups.push(GroupConfig {
        load: LoadConfig::Closed { inflight: 5 },
        filters: Some(vec!["a/#".to_owned()]),
        ..group.clone()
    });
    config.groups.push(GroupConfig { load: LoadConfig::None, scenario: Scenario::FanIn, ..group.clone() });
    config.groups.push(GroupConfig {
        load: LoadConfig::Open {
            arrival: Arrival::Poisson,
            stages: vec![(Some(10_000), LoadRate::per_second(0.5).unwrap())],
        },
        ..group
    });
    let step = SearchStep {
        rate: 1.5,
        achieved: 1.4,
        p99_us: None,
        lost: 1,
        held: false,
        reasons: vec!["x".to_owned()],
    };
    file.steps = vec![step.clone(), SearchStep { p99_us: Some(4), held: true, ..step }];
    let check = Check {
        condition: "p99<50ms".parse().unwrap(),
        rule: Rule::Slo,
        value: None,
        passed: false,
        text: "p99 cannot be told".to_owned(),
    };
    file.verdict = Some(Verdict {
        passed: false,
        checks: vec![check.clone(), Check { rule: Rule::FailIf, value: Some(0.5), ..check }],
    });
    assert_valid(&file);
    assert_eq!(ResultFile::parse(&file.to_json().unwrap()).unwrap(), file);
    let mut bad = serde_json::to_value(&file).unwrap();
    bad["runs"][0]["counts"]["more"] = 1.into();
    assert!(!schema.is_valid(&bad));
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let mut file = ResultFile::new(vec![run(), run()]);
    file.runs[1].shard = Some((1, 4));
    file.runs[1].connects.failed.insert("timeout".to_owned(), 3);
    file.verdict = Some(Verdict {
        passed: true,
        checks: vec![Check {
            condition: "p99<50ms".parse().unwrap(),
            rule: Rule::Slo,
            value: Some(1_090.0),
            passed: true,
            text: "p99 is 1.09 ms".to_owned(),
        }],
    });
    let text = file.to_json().unwrap();
    assert_eq!(ResultFile::parse(&text).unwrap(), file);
    // Fields that a later version adds are no reason to refuse a file.
    let later = text.replacen('{', "{\"later\":{\"a\":[1]},", 1);
    assert_eq!(ResultFile::parse(&later).unwrap(), file);
}

#[test]
fn every_cut_of_a_file_is_refused_as_truncated() {
    let text = ResultFile::new(vec![run()]).to_json().unwrap();
    let body = text.trim_end();
    for length in (0..body.len()).step_by(97) {
        let error = ResultFile::parse(&body[..length]).unwrap_err();
        assert!(matches!(error, ResultFileError::Truncated { .. }), "{length}: {error}");
    }
}

#[test]
fn other_files_are_refused_with_the_place() {
    let text = ResultFile::new(vec![run()]).to_json().unwrap();
    for (text, why) in [
        (text.replacen("\"format\":1", "\"format\":2", 1), "the file has format 2, this mqt reads format 1"),
        ("{}".to_owned(), "not a result"),
        ("[]".to_owned(), "line 1, column"),
        ("hello".to_owned(), "line 1, column 1: expected value"),
        ("{\"format\":1,\"tool\":\"x\",\"runs\":[]}".to_owned(), "not a result"),
        (text.replacen("\"offered\":10000", "\"offered\":-1", 1), "line 1, column"),
        (text.replacen("\"offered\"", "\"xx\"", 1), "missing field `offered`"),
    ] {
        let error = ResultFile::parse(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn rates_are_over_the_measured_phase() {
    let mut run = run();
    assert!((run.achieved_rate() - 1_000.0).abs() < 1e-9);
    run.phases.measured_ms = 0;
    assert!(run.achieved_rate().abs() < 1e-9);
}
