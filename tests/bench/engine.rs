//! The load engine against the dev broker and against brokers that misbehave on purpose.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::{Duration, SystemTime};

use mqt::bench::load::engine::{LoadStopped, measure};
use mqt::bench::load::steps::Finished;
use mqt::bench::result::merge::merge;
use mqt::bench::result::run_config::run_id;
use mqt::bench::result::verdict;
use mqt::bench::result::warning::warnings;
use mqt::bench::result::{ConnectSecond, ResultFile, Rule, RunResult};
use mqt::cli::bench::{Arrival, LoadRate, PayloadSize, RunId, Scenario, Shard, Share};
use mqt::commands::signals::Signals;
use mqt::config::UiSettings;
use mqt::config::bench::{
    BenchSettings, ClientGroup, Load, LoadPayload, LoadTiming, OpenStage, Outputs, Thresholds,
};
use mqt::error::Failure;
use mqt::ui::Ui;
use mqt_client::{Attempts, ClientOptions, Endpoint, TransportOptions};
use mqt_process::random::Random;
use mqt_proto::{Properties, QoS};

use super::faulty_broker::{FaultyBroker, Welcome};
use crate::support::broker::TestBroker;
use crate::support::wire::Wire;

/// One publisher and one subscriber, closed loop with a window of 20, 1,000 messages at QoS 1.
pub fn settings(endpoint: &Endpoint) -> BenchSettings {
    let transport = TransportOptions { endpoint: endpoint.clone(), ..TransportOptions::default() };
    BenchSettings {
        client: ClientOptions {
            transport: transport.clone(),
            max_packet_size: 1 << 20,
            ..ClientOptions::default()
        },
        brokers: vec![transport],
        binds: Vec::new(),
        client_id: "bench-{i}".parse().unwrap(),
        groups: vec![group(Scenario::E2e, 1, 1)],
        publish_properties: Properties::new(),
        subscribe_properties: Properties::new(),
        timing: LoadTiming {
            connect_rate: None,
            ramp: Duration::ZERO,
            warmup: Duration::ZERO,
            duration: None,
            count: NonZeroU64::new(1_000),
            drain: Duration::from_secs(20),
            churn_share: Share::TENTH,
            churn_every: Duration::from_millis(100),
        },
        find_max: false,
        thresholds: Thresholds::default(),
        repeat: NonZeroU32::MIN,
        shard: None,
        start_at: None,
        run_id: None,
        stamp: true,
        threads: NonZeroUsize::new(2),
        outputs: Outputs::default(),
        with_broker: None,
        ui: UiSettings { quiet: true, ..UiSettings::default() },
    }
}

/// Clients of one kind.
pub fn group(scenario: Scenario, publishers: u32, subscribers: u32) -> ClientGroup {
    ClientGroup {
        name: "all".to_owned(),
        scenario,
        publishers,
        subscribers,
        connections: 0,
        topics: vec!["mqt/bench/{run}/{i}".parse().unwrap()],
        filters: None,
        share_name: (scenario == Scenario::Shared).then(|| "bench".to_owned()),
        payload: LoadPayload::Size(PayloadSize { min: 64, max: 64 }),
        qos: QoS::AtLeastOnce,
        subscribe_qos: QoS::AtLeastOnce,
        retain: false,
        load: Load::Closed { inflight: 20 },
        credentials: Vec::new(),
    }
}

/// So many messages a second, for about so long: as many as a constant rate has in that time.
pub fn at_rate(settings: &mut BenchSettings, rate: f64, duration: Duration, arrival: Arrival) {
    settings.timing.count = NonZeroU64::new((rate * duration.as_secs_f64()).round() as u64);
    settings.timing.duration = None;
    for group in &mut settings.groups {
        let stages = vec![OpenStage { duration: None, rate: LoadRate::per_second(rate).unwrap() }];
        group.load = Load::Open { stages, arrival };
    }
}

/// Runs.
pub fn run(settings: &BenchSettings) -> Result<Finished, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut signals = Signals::listen().unwrap();
        let ui = Ui::new("mqt", settings.ui);
        measure(settings, SystemTime::now, &mut signals, &mut (), &ui).await.map_err(
            |stopped| match stopped {
                LoadStopped::Failure(failure) => failure,
                LoadStopped::Signal(signal) => panic!("{signal:?}"),
            },
        )
    })
}

#[test]
fn every_message_of_a_closed_loop_is_confirmed_and_delivered() {
    let broker = TestBroker::start();
    let finished = run(&settings(&broker.endpoints()[0])).unwrap();
    let result = finished.result;
    let counts = result.counts;
    assert_eq!(
        (counts.offered, counts.sent, counts.confirmed, counts.expected, counts.delivered),
        (1_000, 1_000, 1_000, 1_000, 1_000),
        "{result:?}"
    );
    assert_eq!((counts.lost, counts.duplicates, counts.out_of_order), (0, 0, 0));
    assert_eq!((counts.sent_within, counts.confirmed_within, counts.delivered_within), (1_000, 1_000, 1_000));
    assert_eq!(result.latency.response.count(), 1_000);
    assert_eq!((result.connects.established, result.connects.lost), (2, 0));
}

/// A broker that delivers 250 messages a second at most and is offered 500 for a second. All of them arrive in
/// the end, and no figure says that it carries 500.
#[test]
fn what_a_broker_still_owes_at_the_end_is_not_in_its_rate() {
    let broker = FaultyBroker::start(Box::new(|_, publish| {
        std::thread::sleep(Duration::from_millis(4));
        vec![publish]
    }));
    let mut settings = settings(broker.endpoint());
    settings.client.max_inflight = 10_000;
    at_rate(&mut settings, 500.0, Duration::from_secs(1), Arrival::Constant);
    (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_secs(1)));
    let result = run(&settings).unwrap().result;
    let counts = result.counts;
    // What falls due just before the end is not sent by a machine that is overrun.
    assert_eq!((counts.offered, counts.delivered, counts.lost), (500, counts.sent, 0), "{result:?}");
    assert!(counts.sent > 300, "{counts:?}");
    assert!(counts.delivered_within <= 250 && result.achieved_rate() <= 250.0, "{counts:?}");
    let told = warnings(&result);
    assert!(told.iter().any(|warning| warning.keyword == "overloaded"), "{told:?}");
    let same = verdict::check(&result, &"rate<=250".parse().unwrap(), Rule::Slo);
    assert!(same.passed, "{same:?}");
    // The same messages as a number to reach: it takes as long as the broker takes.
    (settings.timing.count, settings.timing.duration) = (NonZeroU64::new(500), None);
    let result = run(&settings).unwrap().result;
    assert_eq!((result.counts.sent, result.counts.delivered_within), (500, 500), "{result:?}");
    assert!(result.phases.measured_ms >= 1_990 && result.achieved_rate() <= 252.0, "{:?}", result.phases);
    let told = warnings(&result);
    assert!(told.iter().any(|warning| warning.keyword == "overloaded"), "{told:?}");
}

#[test]
fn a_rate_is_kept() {
    for (rate, clients) in [(1_000.0, 1), (10_000.0, 5)] {
        let broker = TestBroker::start();
        let mut settings = settings(&broker.endpoints()[0]);
        settings.groups = vec![group(Scenario::P2p, clients, clients)];
        settings.client.max_inflight = 10_000;
        at_rate(&mut settings, rate, Duration::from_secs(1), Arrival::Constant);
        settings.timing.warmup = Duration::from_millis(200);
        let result = run(&settings).unwrap().result;
        let (counts, messages) = (result.counts, rate as u64);
        assert_eq!(
            (counts.offered, counts.sent, counts.delivered, counts.lost),
            (messages, messages, messages, 0),
            "{result:?}"
        );
        assert_eq!(result.latency.schedule_lag.count(), messages);
        // The last one is due just before the end; when it comes in is a matter of the machine.
        assert!(result.phases.measured_ms >= 990, "{:?}", result.phases);
    }
}

#[test]
fn lost_duplicate_and_reordered_messages_are_counted_exactly() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut held: Option<Vec<u8>> = None;
        let broker = FaultyBroker::start(Box::new(move |number, publish| match number % 100 {
            // Two are dropped, one of them the last; one comes three times; one changes places with the next.
            7 | 99 => vec![],
            20 => vec![publish.clone(), publish.clone(), publish],
            50 => {
                held = Some(publish);
                vec![]
            }
            51 => vec![publish, held.take().unwrap()],
            _ => vec![publish],
        }));
        let mut settings = settings(broker.endpoint());
        settings.groups[0].qos = qos;
        settings.timing.drain = Duration::from_secs(2);
        let result = run(&settings).unwrap().result;
        let counts = result.counts;
        assert_eq!((counts.sent, counts.expected, counts.delivered), (1_000, 1_000, 980), "{result:?}");
        assert_eq!((counts.lost, counts.duplicates, counts.out_of_order), (20, 20, 10));
        assert_eq!(counts.confirmed, if qos == QoS::AtMostOnce { 0 } else { 1_000 });
        assert_eq!(result.latency.response.count(), 980, "a duplicate has no latency");
        let [anomaly] = &result.anomalies[..] else { panic!("{:?}", result.anomalies) };
        assert_eq!((anomaly.publisher, anomaly.subscriber), (1, Some(0)));
        assert_eq!((anomaly.lost, anomaly.duplicates, anomaly.out_of_order), (20, 20, 10));
    }
}

#[test]
fn a_subscriber_that_gets_nothing_is_an_anomaly() {
    let broker = FaultyBroker::start(Box::new(|_, _| vec![]));
    let mut settings = settings(broker.endpoint());
    settings.timing.count = NonZeroU64::new(10);
    settings.timing.drain = Duration::from_millis(100);
    let result = run(&settings).unwrap().result;
    assert_eq!((result.counts.lost, result.counts.delivered), (10, 0));
    assert_eq!((result.anomalies_total, result.anomalies[0].lost), (1, 10));
}

#[test]
fn connections_are_opened_at_their_rate_and_held() {
    let broker = TestBroker::start();
    let mut settings = settings(&broker.endpoints()[0]);
    settings.groups =
        vec![ClientGroup { connections: 50, load: Load::None, ..group(Scenario::Connect, 0, 0) }];
    settings.timing.connect_rate = LoadRate::per_second(500.0);
    (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_millis(200)));
    let result = run(&settings).unwrap().result;
    assert_eq!((result.connects.asked, result.connects.established, result.connects.lost), (50, 50, 0));
    assert_eq!(result.latency.connect.count(), 50);
    // The last of them is due after 98 ms.
    assert!(result.phases.connect_ms >= 98 && result.phases.measured_ms >= 200, "{:?}", result.phases);
}

#[test]
fn churn_drops_some_again_and_again_and_a_storm_all_at_once() {
    for scenario in [Scenario::Churn, Scenario::Storm] {
        let broker = TestBroker::start();
        let mut settings = settings(&broker.endpoints()[0]);
        settings.groups = vec![ClientGroup { connections: 100, load: Load::None, ..group(scenario, 0, 0) }];
        (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_secs(1)));
        let result = run(&settings).unwrap().result;
        assert_eq!((result.connects.established, result.connects.lost), (100, 0), "{result:?}");
        let reconnected = result.connects.reconnected;
        // Nine rounds; a machine that is overrun may miss some, never add one.
        let drawn = |number: u64, round: u64| Random::new(number << 32 ^ round).fraction() < 0.1;
        let most = match scenario {
            Scenario::Storm => 900,
            _ => (0..100).map(|number| (1..10).filter(|round| drawn(number, *round)).count() as u64).sum(),
        };
        let least = if scenario == Scenario::Storm { 100 } else { 1 };
        assert!((least..=most).contains(&reconnected), "{scenario}: {reconnected} of {most}");
        assert_eq!(result.latency.connect.count(), 100 + reconnected);
    }
}

#[test]
fn failed_attempts_are_counted_and_so_is_who_gives_up() {
    let busy = |number| if matches!(number, 2 | 3) { Welcome::Busy } else { Welcome::Yes };
    let broker = FaultyBroker::start_with(Box::new(|_, publish| vec![publish]), busy);
    let mut settings = settings(broker.endpoint());
    settings.client.first_connect = Attempts::AtMost(3);
    settings.groups =
        vec![ClientGroup { connections: 4, load: Load::None, ..group(Scenario::Connect, 0, 0) }];
    (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_millis(50)));
    let result = run(&settings).unwrap().result;
    let connects = &result.connects;
    assert_eq!((connects.established, connects.failed_attempts), (4, 2), "{result:?}");
    assert!(connects.failed.is_empty() && connects.given_up == 0, "{connects:?}");
    let sum = |read: fn(&ConnectSecond) -> u64| result.connecting.iter().map(read).sum::<u64>();
    assert_eq!((sum(|second| second.opened), sum(|second| second.failed)), (4, 2));
    // A subscriber that is told to go and may not return.
    let broker = FaultyBroker::start(Box::new(|number, publish| match number {
        50 => vec![vec![0xE0, 1, 0x8B]],
        _ => vec![publish],
    }));
    let mut settings = self::settings(broker.endpoint());
    settings.client.reconnect = Attempts::AtMost(0);
    settings.timing.count = NonZeroU64::new(100);
    settings.timing.drain = Duration::from_secs(2);
    let result = run(&settings).unwrap().result;
    assert_eq!((result.connects.lost, result.connects.given_up), (1, 1), "{result:?}");
    let told = warnings(&result);
    assert!(told.iter().any(|warning| warning.text.contains("could not be opened again")), "{told:?}");
}

#[test]
fn what_a_client_got_counts_though_it_still_connects_at_the_end() {
    // The subscriber is told to go after half of the messages, and hears nothing from the broker when it returns.
    let quiet = |number| if number < 3 { Welcome::Yes } else { Welcome::Silence };
    let broker = FaultyBroker::start_with(
        Box::new(|number, publish| if number == 50 { vec![vec![0xE0, 1, 0x8B]] } else { vec![publish] }),
        quiet,
    );
    let mut settings = settings(broker.endpoint());
    settings.timing.count = NonZeroU64::new(100);
    settings.timing.drain = Duration::from_millis(1_500);
    let result = run(&settings).unwrap().result;
    let counts = result.counts;
    assert_eq!((counts.sent, counts.delivered, counts.lost), (100, 50, 50), "{result:?}");
    let [anomaly] = &result.anomalies[..] else { panic!("{:?}", result.anomalies) };
    assert_eq!((anomaly.lost, anomaly.subscriber), (50, Some(0)));
}

#[test]
fn many_filters_go_in_packets_that_brokers_take() {
    let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
    let mut settings = settings(broker.endpoint());
    settings.groups[0].topics = vec!["t/7".parse().unwrap()];
    settings.groups[0].filters = Some((0..1_200).map(|n| format!("t/{n}").parse().unwrap()).collect());
    settings.timing.count = NonZeroU64::new(10);
    let result = run(&settings).unwrap().result;
    assert_eq!((result.counts.delivered, result.counts.lost), (10, 0), "{result:?}");
    assert_eq!(broker.filters(), (500, 1_200));
}

#[test]
fn new_subscribers_get_what_is_retained() {
    for topic in ["mqt/bench/{run}/{i}", "mqt/bench/{run}/{i}/{seq}"] {
        let broker = TestBroker::start();
        let mut settings = settings(&broker.endpoints()[0]);
        let retained = ClientGroup {
            retain: true,
            topics: vec![topic.parse().unwrap()],
            filters: Some(vec!["mqt/bench/{run}/#".parse().unwrap()]),
            ..group(Scenario::Retained, 4, 5)
        };
        settings.groups = vec![retained];
        settings.timing.count = NonZeroU64::new(100);
        let result = run(&settings).unwrap().result;
        let messages = if topic.contains("seq") { 100 } else { 4 };
        let counts = result.counts;
        assert_eq!((counts.sent, counts.delivered, counts.lost), (messages, messages * 5, 0), "{result:?}");
        assert_eq!(result.latency.response.count(), messages * 5);
        // Nothing is left at the broker: a new subscriber gets what is published after its SUBACK only.
        let mut wire = Wire::connect(broker.port());
        wire.send("10 (`MQTT` 04 02 0000 `after`)");
        wire.expect("20 02 00 00");
        wire.send("82 (0001 `mqt/bench/#` 00)");
        wire.expect("90 03 0001 00");
        wire.send("C0 00");
        wire.expect("D0 00");
    }
}

#[test]
fn brokers_and_local_addresses_are_taken_in_turn() {
    let (one, other) = (TestBroker::start(), TestBroker::start());
    let mut settings = settings(&one.endpoints()[0]);
    settings
        .brokers
        .push(TransportOptions { endpoint: other.endpoints()[0].clone(), ..TransportOptions::default() });
    settings.binds = vec!["127.0.0.1".to_owned()];
    #[cfg(target_os = "linux")]
    settings.binds.push("127.0.0.2".to_owned());
    settings.groups =
        vec![ClientGroup { connections: 8, load: Load::None, ..group(Scenario::Connect, 0, 0) }];
    (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_millis(50)));
    let result = run(&settings).unwrap().result;
    assert_eq!(result.connects.established, 8);
}

#[test]
fn a_broker_that_is_not_there_is_told_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = run(&settings(&format!("mqtt://127.0.0.1:{port}").parse().unwrap())).unwrap_err();
    assert_eq!(failure.kind, mqt::error::Kind::Connect);
}

#[test]
fn shards_that_talk_to_each_other_lose_nothing_when_they_are_merged() {
    let broker = TestBroker::start();
    let mut whole = settings(&broker.endpoints()[0]);
    whole.groups = vec![group(Scenario::FanOut, 2, 4)];
    whole.run_id = Some(RunId(0x1234_5678_9abc_def0));
    at_rate(&mut whole, 500.0, Duration::from_secs(1), Arrival::Constant);
    // The second one takes half a second longer to connect; nobody publishes before it stands.
    let merged = merged_shards(&whole, 2, |index, shard| {
        shard.timing.connect_rate = LoadRate::per_second(if index == 1 { 10.0 } else { 1_000.0 });
    });
    let counts = merged.counts;
    assert_eq!(
        (counts.sent, counts.expected, counts.delivered, counts.lost, counts.duplicates),
        (500, 2_000, 2_000, 0, 0),
        "{merged:?}"
    );
    assert_eq!((merged.connects.asked, merged.connects.established), (6, 6));
    assert!(merged.anomalies.is_empty());
    let clock = merged.clock.unwrap();
    // It is one clock, however far off it may be measured; and both times it was measured.
    assert!(clock.before_us.unsigned_abs() <= clock.error_us, "{clock:?}");
    assert!(clock.after_us.unwrap().unsigned_abs() <= clock.error_us, "{clock:?}");
    let told = warnings(&merged);
    assert!(told.iter().any(|warning| warning.keyword == "clocks"), "{told:?}");
}

/// Runs each part in a thread of its own, changed as `change` says, and merges what they came to.
fn merged_shards(whole: &BenchSettings, count: u32, change: fn(u32, &mut BenchSettings)) -> RunResult {
    let shards: Vec<_> = (0..count)
        .map(|index| {
            let mut shard = whole.clone();
            shard.shard = Some(Shard { index, count: NonZeroU32::new(count).unwrap() });
            change(index, &mut shard);
            std::thread::spawn(move || run(&shard).unwrap().result)
        })
        .collect();
    let mut results: Vec<RunResult> = shards.into_iter().map(|shard| shard.join().unwrap()).collect();
    let config = results[0].config.clone();
    for result in &mut results {
        result.config = config.clone();
    }
    let files = results
        .into_iter()
        .map(|result| (format!("{:?}", result.shard), ResultFile::new(vec![result])))
        .collect();
    merge(files, Duration::from_secs(1)).unwrap().runs.remove(0)
}

#[test]
fn a_part_without_publishers_waits_for_the_others_to_send_their_number_of_messages() {
    let broker = TestBroker::start();
    let mut whole = settings(&broker.endpoints()[0]);
    whole.groups = vec![group(Scenario::FanOut, 1, 3)];
    whole.run_id = Some(RunId(7));
    at_rate(&mut whole, 1_000.0, Duration::from_millis(600), Arrival::Constant);
    let merged = merged_shards(&whole, 3, |_, _| {});
    let counts = merged.counts;
    assert_eq!((counts.sent, counts.delivered, counts.lost), (600, 1_800, 0), "{merged:?}");
    assert_eq!(counts.delivered_within, 1_800);
}

#[test]
fn the_parts_of_a_run_come_to_the_same_run_id() {
    let mut shard = settings(&"mqtt://127.0.0.1".parse().unwrap());
    assert_eq!(run_id(&shard), None, "a run of one process has a random one");
    shard.start_at = Some(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let part = |index| Some(Shard { index, count: NonZeroU32::new(2).unwrap() });
    shard.shard = part(0);
    let first = run_id(&shard).unwrap();
    shard.shard = part(1);
    assert_eq!(run_id(&shard), Some(first));
    shard.groups[0].qos = QoS::AtMostOnce;
    assert_ne!(run_id(&shard), Some(first), "another run at the same time");
    shard.run_id = Some(RunId(7));
    assert_eq!(run_id(&shard), Some(RunId(7)));
}
