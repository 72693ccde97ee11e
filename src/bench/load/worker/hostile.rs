//! A load on brokers that send anything.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use crate::bench::clock::RunTime;
use crate::bench::load::worker::*;
use crate::bench::plan::scenario::{ClientRole, Plan};
use crate::cli::{Request, parse};
use crate::commands::hostile_peer::{Seen, transport, within};
use crate::config::{Environment, bench};
use mqt_proto::Version;

/// This many clients, each with at most two connections.
const CLIENTS: u64 = 3_100;

fn settings(line: &str) -> BenchSettings {
    let environment = Environment::empty();
    match parse(["mqt", "bench"].into_iter().chain(line.split(' ')).map(Into::into)).unwrap() {
        Request::Bench(args) => bench(args.load, &environment).unwrap().settings,
        other => panic!("{other:?}"),
    }
}

/// Runs a thread of the load to its end, and says what it recorded and what its clients did.
fn run_all(seed: u64, line: &str) -> (Recorder, Arc<Seen>) {
    let mut settings = settings(line);
    settings.client.first_connect = mqt_client::Attempts::AtMost(1);
    settings.client.reconnect = mqt_client::Attempts::AtMost(1);
    settings.client.ack_timeout = Duration::from_millis(500);
    let seen = Arc::new(Seen::default());
    let plan = Plan::new(&settings, seed).unwrap();
    let (specs, fan_out) = (plan.specs(), plan.fan_out().unwrap());
    let publishers = specs.iter().filter(|spec| spec.role == ClientRole::Publisher).count();
    let clock = Clock::start(SystemTime::now);
    let shared = Arc::new(SharedRun {
        run: seed,
        clock,
        clocks: None,
        terms: LinkTerms {
            version: if seed.is_multiple_of(2) { Version::V5 } else { Version::V311 },
            max_packet_size: 1 << 20,
            within: Duration::from_millis(500),
        },
        transports: vec![transport(seed << 32, &seen)],
        brokers: 1,
        publishers: u32::try_from(publishers).unwrap(),
        fan_out,
        paces: settings.groups.iter().map(|_| None).collect(),
        logins: settings.groups.iter().map(|_| Vec::new()).collect(),
        login: Credentials::default(),
        group_trackers: settings.groups.iter().map(|_| GroupTracker::new()).collect(),
        connect_from: clock.now(),
        opened: AtomicU64::new(0),
        failed_attempts: AtomicU64::new(0),
        settled: AtomicU64::new(0),
        done: AtomicU64::new(0),
        ended: AtomicU64::new(0),
        ended_subscribers: AtomicU64::new(0),
        changed: Notify::new(),
        gauges: vec![Gauges::default()],
        settings,
    });
    let (orders, taken) = mpsc::unbounded_channel();
    let (tell, mut told) = mpsc::unbounded_channel();
    let sharing = Arc::clone(&shared);
    let thread = std::thread::spawn(move || run(0, &sharing, &specs, taken, tell));
    let go = |step, timeline| orders.send(WorkerOrder::Go(step, timeline)).unwrap();
    let clients = shared.settings.clients();
    let wait = |what: &str, counter: &AtomicU64, least: u64| {
        while counter.load(Ordering::Relaxed) < least {
            assert!(!thread.is_finished(), "the thread has ended before {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // Everyone is connected or has given up; then the load, on whatever is left.
    wait("all have settled", &shared.settled, clients);
    let now = clock.now();
    let (begin, end) = (RunTime::at(now), RunTime::at(now + 300_000_000));
    go(WorkerStep::Run, Timeline { start: begin, measured: begin, end });
    while clock.now() < now + 300_000_000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    go(WorkerStep::Drain, Timeline { start: begin, measured: begin, end });
    go(WorkerStep::End, Timeline::UNKNOWN);
    let outcome = loop {
        match told.blocking_recv().expect("an outcome") {
            WorkerReport::Ended(outcome) => break outcome,
            WorkerReport::Interval(..) | WorkerReport::Failed(_) => {}
        }
    };
    thread.join().unwrap().unwrap();
    (outcome.recorder, seen)
}

#[test]
fn five_thousand_sequences_of_packets_end_and_none_of_them_spins() {
    let (mut streams, mut rounds) = (0, 0);
    for (seed, line) in [
        (0, "connect -n 600"),
        (1, "pub -q 1 --publishers 900 --inflight 4"),
        (2, "pub -q 2 --publishers 900 --inflight 4"),
        (3, "e2e -q 1 --publishers 400 --subscribers 300 --inflight 4"),
    ] {
        let (recorder, seen) = within(Duration::from_secs(120), move || run_all(seed, line));
        let connects = &recorder.connects;
        let failed: u64 = connects.failed.values().sum();
        assert!(connects.established + failed >= connects.asked, "{line}: {connects:?}");
        streams += seen.streams.load(Ordering::Relaxed);
        rounds += connects.asked;
        // A read finds nothing when a timer, an order or the pacer wakes the client.
        let most = seen.most.load(Ordering::Relaxed);
        assert!(most < 1_000, "{line}: a stream was read from {most} times");
        let (all, reads) = (seen.streams.load(Ordering::Relaxed), seen.reads.load(Ordering::Relaxed));
        assert!(reads < 50 * all, "{line}: {all} streams were read from {reads} times");
    }
    assert_eq!(rounds, CLIENTS);
    assert!(streams >= 5_000, "{streams} sequences");
}
