//! A broker that stands still for a second, and what a report says of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mqt::bench::plan::stamp::Stamp;
use mqt::bench::result::RunResult;
use mqt::bench::result::warning::warnings;
use mqt::cli::bench::{Arrival, RunId};

use super::engine::{at_rate, run, settings};
use super::faulty_broker::{FaultyBroker, payload};

/// How long a run is.
const SECONDS: u32 = 4;
/// Messages a second.
const RATE: f64 = 200.0;
/// The message at which the broker freezes.
const FREEZES_AT: usize = 300;
/// So often a run is repeated on a machine that has other things to do.
const ATTEMPTS: u32 = 5;

/// What the broker has really done, by its own clock: for each message in the order in which they came, when it was
/// meant to be sent and when it was passed on, in microseconds since 1970.
#[derive(Default)]
struct Record {
    passed_on: Vec<(u64, u64)>,
    /// When it went on.
    thawed: u64,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

/// The value that this part of all does not exceed.
fn quantile(mut values: Vec<u64>, part: f64) -> u64 {
    values.sort_unstable();
    values[((values.len() as f64 * part).ceil() as usize).clamp(1, values.len()) - 1]
}

impl Record {
    /// From when the first message waited that came to a frozen broker, to when the broker went on.
    fn stall(&self) -> u64 {
        self.thawed - self.passed_on[FREEZES_AT].0
    }

    /// How long each message took at least, however fast everything else is: what came to the frozen broker, or was
    /// meant to, could not go on before the broker did.
    fn at_least(&self) -> Vec<u64> {
        let wait = |(number, (intended, _)): (usize, &(u64, u64))| {
            if number < FREEZES_AT { 0 } else { self.thawed.saturating_sub(*intended) }
        };
        self.passed_on.iter().enumerate().map(wait).collect()
    }

    /// How long each message took until it was passed on.
    fn really(&self) -> Vec<u64> {
        self.passed_on.iter().map(|(intended, passed_on)| passed_on.saturating_sub(*intended)).collect()
    }
}

fn stalled_run(arrival: Arrival) -> (RunResult, Record) {
    let record = Arc::new(Mutex::new(Record::default()));
    let own = Arc::clone(&record);
    let broker = FaultyBroker::start(Box::new(move |number, publish| {
        let mut record = own.lock().unwrap();
        if number == FREEZES_AT as u64 {
            std::thread::sleep(Duration::from_secs(1));
            record.thawed = now();
        }
        let stamp = Stamp::decode(payload(&publish)).unwrap();
        record.passed_on.push((stamp.intended / 1_000, now()));
        vec![publish]
    }));
    let mut settings = settings(broker.endpoint());
    at_rate(&mut settings, RATE, Duration::from_secs(SECONDS.into()), arrival);
    // Gaps by chance are the same each time.
    settings.run_id = Some(RunId(1));
    let result = run(&settings).unwrap().result;
    drop(broker);
    (result, std::mem::take(&mut *record.lock().unwrap()))
}

/// What is said of one run, whatever the machine does. Second: what a run is repeated for, or `None` when the report
/// is all that it can be.
fn judge(arrival: Arrival, result: &RunResult, record: &Record) -> (bool, Option<String>) {
    let counts = result.counts;
    assert_eq!((counts.offered, counts.lost), (counts.sent, 0), "{counts:?}");
    assert_eq!(record.passed_on.len() as u64, counts.sent);
    let stall = record.stall();
    assert!(stall >= 1_000_000, "{stall} µs");
    let half = stall / 2;
    let part = 1.0 - half as f64 / 1e6 / f64::from(SECONDS);
    let (least, really) = (quantile(record.at_least(), part), quantile(record.really(), part));
    let response = result.latency.response.quantile_us(part);
    let service = result.latency.service.quantile_us(part);
    let told = warnings(result);
    let name = format!(
        "{arrival:?}: of {half} µs, at least {least}, really {really}, reported {response}, from the sending {service}; {told:?}"
    );
    // The times at which messages are meant to be sent do not depend on the machine.
    let within = |of: u64, value: u64, percent: u64| value.abs_diff(of) * 100 <= of * percent;
    let (exact, near) = if arrival == Arrival::Constant { (2, 5) } else { (10, 15) };
    assert!(within(half, least, exact), "{name}");
    // A report never says less than what the broker made of it; the histogram has three digits.
    assert!(response + response / 200 >= really, "{name}");
    // With a window of 20 few messages were under way when it froze: the others waited to be sent.
    assert!(service < response / 4, "{name}");
    // Nor, unless deliveries are late on a machine that has other things to do, more.
    let is_right = within(really, response, 5);
    // There the generator may be late too, and says so. And the broker has to send what has come together, 20
    // messages at a time: for the time that this takes neither the stall nor the report is to blame.
    let is_late = told.iter().any(|warning| warning.keyword == "generator-bound");
    if !is_right || is_late || !within(least, really, 2) {
        return (is_right, Some(name));
    }
    assert!(within(half, response, near), "{name}");
    (true, None)
}

/// The broker is frozen for a second in the middle of a run of T seconds. Whoever measures from the moment of
/// sending alone sees next to nothing of it; from the intended time the waiting is spread evenly from 0 to
/// S over an S/T of the messages, so that S/2 is at 1 − S/2T. S is a second, and more on a machine that lets the
/// broker begin late or sleep longer.
#[test]
#[expect(clippy::print_stderr, reason = "a run that is repeated is not kept secret")]
fn a_broker_that_stalls_shows_in_the_response_time() {
    for arrival in [Arrival::Constant, Arrival::Poisson] {
        let mut was_right = false;
        for _ in 0..ATTEMPTS {
            let (result, record) = stalled_run(arrival);
            let (is_right, why) = judge(arrival, &result, &record);
            was_right |= is_right;
            let Some(why) = why else { break };
            eprintln!("the machine is busy: {why}");
        }
        assert!(was_right, "no report is what the broker did");
    }
}
