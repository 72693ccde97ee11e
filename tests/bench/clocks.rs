//! A run that publishes and one that receives, by clocks that are set differently.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use mqt::bench::clock::TimeOfDay;
use mqt::bench::load::engine::measure;
use mqt::bench::load::observer::{LoadProgress, Observer};
use mqt::bench::report::text::report;
use mqt::bench::result::snapshot::RunPhase;
use mqt::bench::result::warning::warnings;
use mqt::bench::result::{ResultFile, RunResult, Second};
use mqt::cli::bench::{Arrival, RunId, Scenario};
use mqt::commands::signals::{Signal, Signals};
use mqt::config::bench::{BenchSettings, ClientGroup, Load};
use mqt::output::style::Style;
use mqt::ui::Ui;

use super::engine::{at_rate, group, settings};
use crate::support::broker::TestBroker;

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(60);
/// So often a run is repeated on a machine that has other things to do.
const ATTEMPTS: u32 = 5;
/// How far the clocks are set apart.
const APART: Duration = Duration::from_secs(1_200);

fn fast() -> SystemTime {
    SystemTime::now() + APART
}

fn slow() -> SystemTime {
    SystemTime::now() - APART
}

/// Tells how many messages were sent or came in, once that is measured.
struct Told(std::sync::mpsc::Sender<u64>);

impl Observer for Told {
    fn progress(&mut self, progress: &LoadProgress) {
        if progress.phase == RunPhase::Measuring {
            // Nobody may listen any more.
            let _ = self.0.send(progress.sent.max(progress.delivered));
        }
    }

    fn second(&mut self, _: &Second) {}
}

/// A run in a thread of its own.
struct Running {
    thread: std::thread::JoinHandle<RunResult>,
    stop: tokio::sync::mpsc::Sender<Signal>,
    progress: Receiver<u64>,
}

impl Running {
    fn start(settings: BenchSettings, time_of_day: TimeOfDay) -> Self {
        let (stop, arrived) = tokio::sync::mpsc::channel(1);
        let (told, progress) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let ui = Ui::new("mqt", settings.ui);
            let mut signals = Signals::of(arrived);
            let mut told = Told(told);
            let finished = measure(&settings, time_of_day, &mut signals, &mut told, &ui);
            runtime.block_on(finished).unwrap().result
        });
        Self { thread, stop, progress }
    }

    /// Waits until it has begun to measure, with so many messages at least.
    fn wait_for(&self, messages: u64) {
        while self.progress.recv_timeout(DEADLINE).unwrap() < messages {}
    }

    fn end(self) -> RunResult {
        self.stop.blocking_send(Signal::Interrupt).unwrap();
        self.thread.join().unwrap()
    }
}

fn publishing(broker: &TestBroker) -> BenchSettings {
    let mut settings = settings(&broker.endpoints()[0]);
    settings.groups = vec![group(Scenario::Pub, 2, 0)];
    settings.groups[0].topics = vec!["others/{i}".parse().unwrap()];
    at_rate(&mut settings, 500.0, Duration::from_secs(1), Arrival::Constant);
    (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_secs(3_600)));
    settings.run_id = Some(RunId(0x1234_5678_0000_002a));
    settings
}

fn receiving(broker: &TestBroker) -> BenchSettings {
    let mut settings = settings(&broker.endpoints()[0]);
    settings.client_id = "receives-{i}".parse().unwrap();
    let filters = Some(vec!["others/#".parse().unwrap()]);
    settings.groups = vec![ClientGroup { load: Load::None, filters, ..group(Scenario::Sub, 0, 2) }];
    (settings.timing.count, settings.timing.duration) = (None, Some(Duration::from_secs(3_600)));
    settings
}

/// What came in while both ran, and both clocks were looked at.
fn received(time_of_day: TimeOfDay, publisher_ends_first: bool) -> RunResult {
    let broker = TestBroker::start();
    let (publisher, subscriber) = if publisher_ends_first {
        let subscriber = Running::start(receiving(&broker), SystemTime::now);
        subscriber.wait_for(0);
        (Running::start(publishing(&broker), time_of_day), subscriber)
    } else {
        let publisher = Running::start(publishing(&broker), time_of_day);
        publisher.wait_for(100);
        (publisher, Running::start(receiving(&broker), SystemTime::now))
    };
    subscriber.wait_for(500);
    if publisher_ends_first {
        publisher.end();
        subscriber.end()
    } else {
        let result = subscriber.end();
        publisher.end();
        result
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a run that is repeated is not kept secret")]
fn the_offset_to_a_publisher_is_measured_and_its_latencies_are_right() {
    for (time_of_day, micros, publisher_ends_first) in [
        (slow as TimeOfDay, -(APART.as_micros() as i64), false),
        (slow, -(APART.as_micros() as i64), true),
        (fast, APART.as_micros() as i64, false),
    ] {
        let mut is_known = false;
        for _ in 0..ATTEMPTS {
            let result = received(time_of_day, publisher_ends_first);
            let (counts, response) = (result.counts, &result.latency.response);
            assert_eq!(
                (counts.lost, counts.duplicates, response.count()),
                (0, 0, counts.delivered),
                "{result:?}"
            );
            let [source] = &result.publisher_clocks[..] else { panic!("{:?}", result.publisher_clocks) };
            assert_eq!(source.run, "0000002a");
            let Some((clock, after)) = source.clock.and_then(|clock| Some((clock, clock.after_us?))) else {
                eprintln!("the machine is too busy to answer: {source:?}");
                continue;
            };
            for measured in [clock.before_us, after] {
                assert!(measured.abs_diff(micros) <= clock.error_us, "{clock:?} and not {micros}");
            }
            // By the clocks as they are set, it is 20 minutes or nothing.
            assert!(response.max_us() < 600_000_000, "{response:?}");
            let told = warnings(&result);
            let told = told.iter().find(|warning| warning.keyword == "clocks").unwrap();
            assert!(told.text.contains("latencies may be off by"), "{told:?}");
            let text = report(&ResultFile::new(vec![result]), &Style::default(), 1_000);
            let direction = if micros < 0 { "behind" } else { "ahead" };
            let line = format!("Clock of run 0000002a: 1200 s {direction} at first, 1200 s {direction} at ");
            assert!(text.contains(&line), "{text}");
            is_known = true;
            break;
        }
        assert!(is_known, "nobody ever answers");
    }
}

#[test]
fn subscribers_that_share_miss_nothing_of_other_runs() {
    let broker = TestBroker::start();
    let mut settings = receiving(&broker);
    settings.groups[0].filters = Some(vec!["$share/all/others/#".parse().unwrap()]);
    let subscriber = Running::start(settings, SystemTime::now);
    subscriber.wait_for(0);
    let mut settings = publishing(&broker);
    settings.groups[0].publishers = 3;
    let publisher = Running::start(settings, SystemTime::now);
    subscriber.wait_for(200);
    let sent = publisher.end().counts.sent;
    subscriber.wait_for(sent);
    let counts = subscriber.end().counts;
    assert_eq!(counts.delivered, sent);
    assert_eq!((counts.lost, counts.duplicates, counts.out_of_order), (0, 0, 0), "{counts:?}");
}

#[test]
fn who_does_not_answer_is_told_and_loses_no_latency() {
    let broker = TestBroker::start();
    let subscriber = Running::start(receiving(&broker), SystemTime::now);
    subscriber.wait_for(0);
    // Of a pair in one run nobody is asked.
    let mut settings = publishing(&broker);
    settings.groups =
        vec![ClientGroup { topics: settings.groups[0].topics.clone(), ..group(Scenario::E2e, 2, 2) }];
    let pairs = Running::start(settings, SystemTime::now);
    subscriber.wait_for(50);
    let result = subscriber.end();
    pairs.end();
    let [source] = &result.publisher_clocks[..] else { panic!("{:?}", result.publisher_clocks) };
    assert_eq!((source.run.as_str(), source.clock), ("0000002a", None));
    assert_eq!(result.latency.response.count(), result.counts.delivered, "{result:?}");
    let told = warnings(&result);
    assert!(
        told.iter().any(|warning| warning.text.contains("which nobody compared with this one")),
        "{told:?}"
    );
}
