//! A subscriber: what came, when, and what is missing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::bench::clock::Clock;
use crate::bench::load::worker::payload::find_stamp;
use crate::bench::load::worker::{SharedRun, Worker};
use crate::bench::plan::stamp::{Stamp, StampPhase};
use crate::bench::result::recorder::{Recorder, micros};
use crate::bench::result::tracker::{GAPS, GAPS_OF_A_GROUP, TrackedArrival, Tracker};
use crate::bench::together::clocks::Ahead;
use mqt_proto::codec::publish_len;
use mqt_proto::packet::Publish;
use mqt_proto::session::Session;

/// Into how many parts the trackers of a shared subscription are split, so that threads seldom wait for each
/// other.
const PARTS: usize = 32;
/// A stamp of another run that is further away than this is no stamp, in nanoseconds.
const FAR: u64 = 3_600_000_000_000;

/// What all that share a subscription receive together, by publisher.
#[derive(Debug)]
pub(crate) struct GroupTracker(Vec<Mutex<HashMap<MessageStream, Tracker>>>);

impl GroupTracker {
    /// Without messages.
    pub fn new() -> Self {
        Self((0..PARTS).map(|_| Mutex::default()).collect())
    }

    /// A message came; of a stream that is new the first is awaited that is told.
    fn arrive(&self, stream: MessageStream, sequence: u64, first: u64) -> TrackedArrival {
        let place = usize::try_from(stream.publisher).unwrap_or(0) % PARTS;
        let Some(part) = self.0.get(place) else { return TrackedArrival::New };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        part.entry(stream).or_insert_with(|| Tracker::starting_at(first)).arrive(sequence, GAPS_OF_A_GROUP)
    }

    /// Each publisher with what came from it.
    pub fn take(&self) -> Vec<(u32, Tracker)> {
        self.0
            .iter()
            .flat_map(|part| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner)))
            .map(|(stream, tracker)| (stream.publisher, tracker))
            .collect()
    }
}

/// Messages that are numbered one after the other. Publishers of other runs have the same numbers, and each begins
/// again when its warm-up is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct MessageStream {
    run: u32,
    phase: StampPhase,
    publisher: u32,
}

/// What came to a subscriber.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Its number.
    pub subscriber: u32,
    /// Whether it hears other runs, whose publishers are numbered as those of this one.
    pub is_of_any_run: bool,
    /// By publisher, of one run ascending.
    pub trackers: Vec<(u32, Tracker)>,
}

/// Receives for one client.
#[derive(Debug)]
pub(crate) struct LoadSubscriber {
    number: u32,
    group: usize,
    /// The run whose messages it counts; `None`: of any.
    run: Option<u32>,
    is_shared: bool,
    /// Ascending.
    trackers: Vec<(MessageStream, Tracker)>,
    /// Where the last one was found.
    last: usize,
    /// The run of another process that was heard last, and how many microseconds its clock is ahead.
    compared: Option<(u32, i64)>,
    /// When it subscribed to what is retained; the times of sending mean nothing there.
    pub subscribed_at: Option<u64>,
}

impl LoadSubscriber {
    pub fn new(number: u32, group: usize, run: Option<u32>, is_shared: bool) -> Self {
        Self {
            number,
            group,
            run,
            is_shared,
            trackers: Vec::new(),
            last: 0,
            compared: None,
            subscribed_at: None,
        }
    }

    /// Each publisher with what came from it.
    pub fn into_heard(self) -> Heard {
        let by_number = |(stream, tracker): (MessageStream, Tracker)| (stream.publisher, tracker);
        let trackers = self.trackers.into_iter().map(by_number).collect();
        Heard { subscriber: self.number, is_of_any_run: self.run.is_none(), trackers }
    }

    /// A message came.
    pub fn arrived(&mut self, publish: &Publish, now: u64, session: &Session, worker: &Worker) {
        let shared = &*worker.shared;
        let payload = &publish.message.payload;
        let unix = shared.clock.unix(now);
        let stamp = if shared.settings.stamp { find_stamp(payload, self.run) } else { None };
        let stamp = stamp.filter(|stamp| self.run.is_some() || stamp.intended.abs_diff(unix) < FAR);
        let ahead = stamp.map_or(Some(0), |stamp| self.ahead(stamp.run, shared));
        let length = u64::try_from(publish_len(&publish.message, session.version())).unwrap_or(0);
        let Some(stamp) = stamp else {
            let timeline = worker.timeline();
            let recorder = &mut *worker.recorder();
            recorder.interval.delivered += 1;
            if shared.settings.stamp {
                recorder.foreign += 1;
            }
            if !shared.settings.stamp || self.run.is_none() {
                recorder.delivered_at(now, timeline.is_measured(now));
                if timeline.measured.has_come(now) {
                    recorder.counts.delivered += 1;
                    recorder.counts.bytes_received += length;
                }
            }
            return;
        };
        let timeline = worker.timeline();
        let is_measured = match self.run {
            Some(_) => stamp.phase == StampPhase::Measured,
            None => timeline.measured.has_come(now),
        };
        let times = self.times(&stamp, now, ahead, shared.clock);
        let record = |recorder: &mut Recorder| match times {
            Some((response, service)) => recorder.latency(response, service, is_measured),
            None => worker.uncompared.add(&stamp, now, is_measured, recorder),
        };
        if !is_measured {
            let recorder = &mut *worker.recorder();
            recorder.interval.delivered += 1;
            recorder.delivered_at(now, timeline.is_measured(now));
            record(recorder);
            return;
        }
        let arrival = self.track(&stamp, worker);
        let recorder = &mut *worker.recorder();
        recorder.interval.delivered += 1;
        recorder.counts.bytes_received += length;
        match arrival {
            TrackedArrival::Duplicate | TrackedArrival::Unjudged => {
                recorder.counts.duplicates += 1;
                return;
            }
            TrackedArrival::OutOfOrder if !self.is_shared => recorder.counts.out_of_order += 1,
            TrackedArrival::OutOfOrder | TrackedArrival::New => {}
        }
        recorder.counts.delivered += 1;
        recorder.delivered_at(now, timeline.is_measured(now));
        record(recorder);
    }

    /// How many microseconds the clock is ahead by which a message was stamped; `None`: that is still asked for.
    fn ahead(&mut self, run: u32, shared: &SharedRun) -> Option<i64> {
        let (None, Some(clocks)) = (self.run, &shared.clocks) else { return Some(0) };
        if let Some((known, micros)) = self.compared
            && known == run
        {
            return Some(micros);
        }
        let ahead = match clocks.ahead(run) {
            Ahead::By(micros) => micros,
            Ahead::Asked => return None,
            Ahead::Unknown => 0,
        };
        self.compared = Some((run, ahead));
        Some(ahead)
    }

    /// Response and service time in microseconds; `None`: the clock of the publisher is not known yet.
    fn times(&self, stamp: &Stamp, now: u64, ahead: Option<i64>, clock: Clock) -> Option<(u64, u64)> {
        if let Some(at) = self.subscribed_at {
            let time = micros(now.saturating_sub(at));
            return Some((time, time));
        }
        let response = micros(clock.since(stamp.intended, now, ahead?));
        Some((response, response.saturating_sub(stamp.delay.into())))
    }

    fn track(&mut self, stamp: &Stamp, worker: &Worker) -> TrackedArrival {
        let Stamp { run, phase, publisher, .. } = *stamp;
        let stream = MessageStream { run, phase, publisher };
        // Of an unknown run nobody knows how many came before the first that is seen.
        let first = if self.run.is_some() { 0 } else { stamp.sequence };
        if self.is_shared {
            return match worker.shared.group_trackers.get(self.group) {
                Some(tracker) => tracker.arrive(stream, stamp.sequence, first),
                None => TrackedArrival::New,
            };
        }
        if self.trackers.get(self.last).is_none_or(|(last, _)| *last != stream) {
            let found = self.trackers.binary_search_by_key(&stream, |(known, _)| *known);
            self.last = found.unwrap_or_else(|place| {
                self.trackers.insert(place, (stream, Tracker::starting_at(first)));
                place
            });
        }
        match self.trackers.get_mut(self.last) {
            Some((_, tracker)) => tracker.arrive(stamp.sequence, GAPS),
            None => TrackedArrival::New,
        }
    }
}
