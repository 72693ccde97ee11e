//! From typed lines and files to what a run is to do.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use super::*;
use crate::cli::bench::{Arrival, BenchAction, PayloadSize, Scenario};
use crate::cli::{Request, parse};
use crate::config::{Environment, Resolved, bench, bench_merge};
use crate::error::Failure;
use mqt_proto::QoS;

fn resolve_in(line: &str, variables: &[(&str, &str)]) -> Result<BenchSettings, Failure> {
    let environment = Environment {
        variable: &|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
        names: &Vec::new,
        config_dir: None,
        stderr_is_terminal: false,
        is_interactive: false,
        read_stdin: &|| Ok(Vec::new()),
        ask: &|_| Ok(String::new()),
        process_id: 42,
    };
    match parse(["mqt", "bench"].into_iter().chain(line.split_whitespace()).map(OsString::from))? {
        Request::Bench(args) => bench(args.load, &environment).map(|Resolved { settings, .. }| settings),
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn settings(line: &str) -> BenchSettings {
    resolve_in(line, &[]).unwrap_or_else(|failure| panic!("{line}: {failure} {:?}", failure.hints))
}

#[track_caller]
fn group(line: &str) -> ClientGroup {
    settings(line).groups.remove(0)
}

#[track_caller]
fn wrong(line: &str) -> Failure {
    match resolve_in(line, &[]) {
        Err(failure) => failure,
        Ok(_) => panic!("{line} is accepted"),
    }
}

fn rates(load: &Load) -> Vec<f64> {
    match load {
        Load::Open { stages, .. } => stages.iter().map(|stage| stage.rate.get()).collect(),
        Load::Closed { .. } | Load::None => Vec::new(),
    }
}

fn texts(templates: &[crate::cli::bench::PayloadTemplate]) -> Vec<&str> {
    templates.iter().map(crate::cli::bench::PayloadTemplate::as_str).collect()
}

#[test]
fn without_options_it_is_ten_seconds_of_e2e_at_localhost() {
    let settings = settings("");
    let group = &settings.groups[0];
    assert_eq!((group.scenario, group.publishers, group.subscribers), (Scenario::E2e, 10, 10));
    assert_eq!((rates(&group.load), group.qos), (vec![1_000.0], QoS::AtLeastOnce));
    assert_eq!(group.payload, LoadPayload::Size(PayloadSize { min: 64, max: 64 }));
    assert_eq!((texts(&group.topics), &group.filters), (vec!["mqt/bench/{run}/{i}"], &None));
    assert_eq!(settings.timing.duration, Some(Duration::from_secs(10)));
    assert_eq!(settings.timing.warmup, Duration::from_secs(1));
    assert_eq!(settings.brokers[0].endpoint.to_string(), "mqtt://localhost");
    assert_eq!((settings.clients(), settings.client_id.as_str()), (20, "mqt-{run}-{i}"));
    assert!(settings.stamp && settings.thresholds.is_empty() && settings.shard.is_none());
    assert_eq!((settings.client.max_inflight, settings.client.client_id), (u16::MAX, None));
}

#[test]
fn scenarios_have_clients_and_filters_of_their_own() {
    for (line, clients, filter) in [
        ("connect", (0, 0, 100), None),
        ("pub", (1, 0, 0), None),
        ("sub", (0, 1, 0), Some("mqt/bench/#")),
        ("e2e --publishers 3", (3, 3, 0), None),
        ("p2p --subscribers 4", (4, 4, 0), None),
        ("fan-in", (100, 1, 0), Some("mqt/bench/{run}/+")),
        ("fan-out -t a/{i}x/{rand:2}", (1, 100, 0), Some("a/+/+")),
        ("fan-out -t one", (1, 100, 0), Some("one")),
        ("shared", (10, 2, 0), Some("mqt/bench/{run}/+")),
        ("retained", (1, 10, 0), None),
        ("churn -n 2k", (0, 0, 2_000), None),
        ("storm", (0, 0, 100), None),
        ("e2e --filter x/#", (10, 10, 0), Some("x/#")),
    ] {
        let group = group(line);
        assert_eq!((group.publishers, group.subscribers, group.connections), clients, "{line}");
        assert_eq!(group.filters.as_deref().map(texts), filter.map(|filter| vec![filter]), "{line}");
    }
    assert_eq!(group("shared").share_name.as_deref(), Some("mqt"));
    assert!(group("retained").retain);
    assert_eq!(settings("storm").timing.churn_every, Duration::from_secs(5));
    assert_eq!(settings("connect").timing.warmup, Duration::ZERO);
}

#[test]
fn presets_are_those_of_the_suite_and_can_be_scaled() {
    for (line, clients, rate) in [
        ("connect-10k", (0, 0, 10_000), None),
        ("connect-1m", (0, 0, 1_000_000), None),
        ("fan-out-1", (1, 1_000, 0), Some(1.0)),
        ("fan-out-5", (5, 1_000, 0), Some(250.0)),
        ("p2p-1k", (1_000, 1_000, 0), Some(1_000.0)),
        ("p2p-50k", (50_000, 50_000, 0), Some(50_000.0)),
        ("shared-1k", (1_000, 5, 0), Some(1_000.0)),
        ("shared-50k", (50_000, 500, 0), Some(50_000.0)),
        ("p2p-1k --scale 0.1", (100, 100, 0), Some(100.0)),
        ("fan-out-5 --scale 0.1", (5, 100, 0), Some(250.0)),
        ("shared-1k --scale 0.1", (100, 1, 0), Some(100.0)),
        ("p2p-1k -r 5k", (1_000, 1_000, 0), Some(5_000.0)),
    ] {
        let settings = settings(&format!("--preset {line}"));
        let group = &settings.groups[0];
        assert_eq!((group.publishers, group.subscribers, group.connections), clients, "{line}");
        assert_eq!(rates(&group.load), rate.into_iter().collect::<Vec<f64>>(), "{line}");
        assert_eq!(group.payload, LoadPayload::Size(PayloadSize { min: 16, max: 16 }));
        assert_eq!((group.qos, settings.client.keep_alive), (QoS::AtLeastOnce, 300));
    }
    let connect = settings("--preset connect-10k --scale 0.5");
    assert_eq!(connect.timing.connect_rate.map(crate::cli::bench::LoadRate::get), Some(50.0));
    assert_eq!(settings("--preset p2p-1k -k 60").client.keep_alive, 60);
}

#[test]
fn the_load_is_a_rate_stages_or_a_window() {
    assert_eq!(rates(&group("-r 10k/s").load), [10_000.0]);
    let staged = settings("--stage 10s@1k --stage 30s@5k --arrival poisson");
    assert_eq!(rates(&staged.groups[0].load), [1_000.0, 5_000.0]);
    assert_eq!(staged.timing.duration, Some(Duration::from_secs(40)));
    assert!(matches!(staged.groups[0].load, Load::Open { arrival: Arrival::Poisson, .. }));
    assert_eq!(group("--inflight 100").load, Load::Closed { inflight: 100 });
    assert_eq!(group("sub").load, Load::None);
    let counted = settings("--count 500");
    assert_eq!((counted.timing.duration, counted.timing.warmup), (None, Duration::ZERO));
    assert_eq!(settings("--count 500 --duration 3").timing.duration, Some(Duration::from_secs(3)));
}

#[test]
fn brokers_and_addresses_are_lists() {
    let hosts = |line: &str| {
        settings(line).brokers.iter().map(|broker| broker.endpoint.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(hosts("--broker mqtt://a --broker mqtts://b"), ["mqtt://a", "mqtts://b"]);
    assert_eq!(hosts("-h a --broker mqtt://b"), ["mqtt://a", "mqtt://b"]);
    let settings = settings("--bind 127.0.0.1,127.0.0.2 --broker mqtt://a");
    assert_eq!(settings.binds, ["127.0.0.1", "127.0.0.2"]);
    assert_eq!((&settings.client.transport, &settings.client.transport.bind), (&settings.brokers[0], &None));
}

#[test]
fn the_dev_broker_lets_all_clients_of_the_run_in() {
    assert_eq!(settings("connect --with-broker -n 20k").with_broker.unwrap().clients, 20_003);
}

#[test]
fn the_dev_broker_takes_a_free_port_unless_one_is_asked_for() {
    for (line, at) in [
        ("--with-broker", "mqtt://127.0.0.1:0"),
        ("--with-broker --ws", "ws://127.0.0.1:0"),
        ("--with-broker -p 1883", "mqtt://127.0.0.1:1883"),
        ("--with-broker -L mqtt://127.0.0.1", "mqtt://127.0.0.1"),
        ("--with-broker --unix /tmp/b", "unix:///tmp/b"),
    ] {
        let listen = settings(line).with_broker.unwrap().listen;
        assert_eq!(listen.iter().map(ToString::to_string).collect::<Vec<_>>(), [at], "{line}");
    }
}

#[test]
fn the_index_of_a_shard_comes_from_kubernetes_when_it_is_not_typed() {
    let shard = |line: &str, index: &str| {
        resolve_in(line, &[("JOB_COMPLETION_INDEX", index)])
            .map(|settings| settings.shard.unwrap().to_string())
    };
    assert_eq!(shard("--shard 1/4 --run-id x", "3").unwrap(), "1/4");
    assert_eq!(shard("--shard /4 --start-at @1700000000", "3").unwrap(), "3/4");
    assert!(shard("--shard /4", "4").unwrap_err().what.contains("no index from 0 to 3"));
    assert!(shard("--shard /4", "x").unwrap_err().what.contains("JOB_COMPLETION_INDEX: 'x'"));
    assert!(wrong("--shard /4").hints[0].contains("JOB_COMPLETION_INDEX"));
}

#[test]
fn groups_of_clients_take_from_the_options_what_they_do_not_say() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("groups.toml");
    fs::write(dir.path().join("users.csv"), "a,1\nb,2\n").unwrap();
    fs::write(
        &path,
        "[[group]]\nname = \"sensors\"\nscenario = \"pub\"\npublishers = 20\ntopic = \"s/{i}\"\nrate = 50\n\
         credentials = \"users.csv\"\n[[group]]\nscenario = \"sub\"\nfilter = \"s/#\"\nqos = 0\n\
         [[group]]\nscenario = \"fan-in\"\nstages = [\"5s@10\", \"6s@20\"]\n",
    )
    .unwrap();
    let settings = settings(&format!("--groups {} -q 2 -s 100 -r 7", path.display()));
    let [sensors, sub, fan_in] = settings.groups.as_slice() else { panic!("{:?}", settings.groups) };
    assert_eq!(
        (sensors.qos, sensors.credentials.len(), rates(&sensors.load)),
        (QoS::ExactlyOnce, 2, vec![50.0])
    );
    assert_eq!((sub.name.as_str(), sub.subscribe_qos, &sub.load), ("group-2", QoS::AtMostOnce, &Load::None));
    assert_eq!((fan_in.publishers, rates(&fan_in.load)), (100, vec![10.0, 20.0]));
    assert_eq!(settings.timing.duration, Some(Duration::from_secs(11)));
    fs::write(&path, "[[group]]\nname = \"a\"\n\n[[group]]\nname = \"a\"\n").unwrap();
    let failure = wrong(&format!("--groups {}", path.display()));
    assert!(failure.what.ends_with("groups.toml:4: there is another group named 'a'"), "{failure}");
}

#[test]
fn what_does_not_go_together_is_said() {
    for (line, what) in [
        ("e2e --connections 5", "--connections does not go with the scenario e2e"),
        ("pub --subscribers 2", "the scenario pub needs no subscribers"),
        ("sub --publishers 2", "the scenario sub needs no publishers"),
        ("p2p --publishers 2 --subscribers 3", "as many subscribers as publishers"),
        ("e2e --publishers 0", "needs publishers and subscribers"),
        ("connect -n 0", "needs --connections"),
        ("-t a/#", "--topic 'a/#'"),
        ("--filter a#", "--filter 'a#'"),
        ("-t a/{seq}", "changes from message to message"),
        ("pub --filter a", "nobody subscribes"),
        ("--share-name x", "is for the scenario shared"),
        ("shared --share-name a/b", "no /, + and #"),
        ("-i me", "20 clients with one identifier"),
        ("-i me{seq}", "takes {i} and {run} only"),
        ("-i me{x}", "unknown placeholder {x}"),
        ("--bind 127.0.0.1,", "an address is missing"),
        ("--broker mqtt://me:pw@a", "takes no user name and password"),
        ("--duration 0", "nothing would be measured"),
        ("--scale 2", "--scale needs --preset"),
        ("--scale 2 --groups x", "--scale needs --preset"),
        ("sub --count 5", "nobody publishes"),
        ("connect --find-max --slo loss=0", "nobody publishes"),
        ("sub -r 5", "--rate is about publishing, and nobody publishes"),
        ("connect --inflight 5", "--inflight is about publishing, and nobody publishes"),
        ("retained --stage 1s@5", "--stage does not go with the scenario retained"),
        ("retained --find-max --slo loss=0", "--find-max does not go with the scenario retained"),
        ("e2e --churn 10%", "--churn is for the scenario churn"),
        ("storm --churn 10%", "--churn is for the scenario churn"),
        ("sub --churn-every 1s", "--churn-every is for the scenarios churn and storm"),
        ("--no-stamp --fail-if p99>5ms", "'p99>5ms' cannot be measured"),
        ("--json - --csv -", "only one of"),
        ("-f /nowhere", "/nowhere: no such file"),
        ("--credentials /nowhere", "/nowhere: no such file"),
        ("--groups /nowhere", "/nowhere: no such file"),
        ("-r fast", "--rate 'fast': not a rate"),
        ("--stage 10s", "--stage '10s': not a stage"),
        ("-s 9-8", "--size '9-8': not a payload size"),
        ("--fail-if p99", "--fail-if 'p99': 'p99' has no comparison"),
        ("--slo p99<5", "'5' is not a latency"),
        ("--find-max", "--slo"),
        ("-r 5 --inflight 5", "does not go with"),
        ("--preset p2p-1k e2e", "does not go with"),
        ("e3e", "'e3e' is not known here"),
        ("--preset nothing", "does not know the value 'nothing'"),
    ] {
        let failure = wrong(line);
        assert!(failure.what.contains(what), "{line}: {failure}");
        assert!(!failure.to_string().contains("me:pw"), "{failure}");
    }
}

#[test]
fn thresholds_may_stand_in_a_list() {
    let thresholds = settings("--slo p99<50ms,loss=0 --fail-if errors>0 --fail-if max>1s").thresholds;
    let texts =
        |list: &[crate::cli::bench::Condition]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&thresholds.slo), ["p99<50ms", "loss=0"]);
    assert_eq!(texts(&thresholds.fail_if), ["errors>0", "max>1s"]);
}

#[test]
fn compare_and_merge_are_commands_of_their_own() {
    let argv = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    match parse(argv("mqt bench merge a b --json c --fail-if loss>0")) {
        Ok(Request::Bench(args)) => match args.action {
            Some(BenchAction::Merge(args)) => {
                let settings = bench_merge(args);
                assert_eq!((settings.files.len(), settings.max_skew), (2, Duration::from_secs(1)));
                assert_eq!(settings.thresholds.fail_if.len(), 1);
                assert_eq!(settings.outputs.json.as_deref(), Some("c".as_ref()));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert!(matches!(parse(argv("mqt bench compare a b")), Ok(Request::Bench(_))));
    for line in ["mqt bench compare a", "mqt bench merge", "mqt bench -r 5 merge a"] {
        assert!(parse(argv(line)).is_err(), "{line}");
    }
}
