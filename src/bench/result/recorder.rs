//! What a thread counts and measures; added up over all threads at the end, exactly.

use std::collections::BTreeMap;

use crate::bench::result::{Connects, Counts, Histogram, LatencyFigures, MeasuredCounts};

/// The counts of a part of the series, of one thread.
#[derive(Debug, Clone, Default)]
pub struct Interval {
    /// Messages with an intended time in it.
    pub offered: u64,
    /// Messages written.
    pub sent: u64,
    /// Messages confirmed.
    pub acked: u64,
    /// Messages that came in.
    pub delivered: u64,
    /// Errors.
    pub errors: u64,
    /// Response times of what came in.
    pub response: Histogram,
    /// Of its messages, those of the measured phase.
    pub measured: MeasuredCounts,
}

impl Interval {
    /// Adds another one.
    pub fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.errors += other.errors;
        self.response.merge(&other.response);
        self.measured.merge(other.measured);
    }

    /// Begins again and keeps the memory.
    pub fn clear(&mut self) {
        self.response.clear();
        for count in
            [&mut self.offered, &mut self.sent, &mut self.acked, &mut self.delivered, &mut self.errors]
        {
            *count = 0;
        }
    }
}

/// Everything that a thread records.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// Messages of the measured phase.
    pub counts: Counts,
    /// Connections.
    pub connects: Connects,
    /// Latencies of the measured phase.
    pub latency: LatencyFigures,
    /// Errors by keyword.
    pub errors: BTreeMap<&'static str, u64>,
    /// Messages that came in and bear no stamp of this run.
    pub foreign: u64,
    /// Messages that have no latency, since too many waited for the clock of their publisher.
    pub uncompared: u64,
    /// When the last message was sent, confirmed or delivered within the measured time, in nanoseconds since the
    /// start of the run; 0: none.
    pub last_within: u64,
    /// QoS 1 and 2 publishes without an answer, of all phases.
    pub open: u64,
    /// The current part of the series.
    pub interval: Interval,
    /// What the parts of the series before it had of the measured phase.
    told: MeasuredCounts,
}

/// Nanoseconds as the microseconds that histograms hold, rounded.
#[must_use]
pub const fn micros(nanoseconds: u64) -> u64 {
    nanoseconds.saturating_add(500) / 1_000
}

impl Recorder {
    /// A message came in. `is_within`: at a time within the measured phase.
    pub const fn delivered_at(&mut self, now: u64, is_within: bool) {
        if is_within {
            self.counts.delivered_within += 1;
            self.last_within = now;
        }
    }

    /// What a message took from its intended time and from its sending, in microseconds.
    pub fn latency(&mut self, response: u64, service: u64, is_measured: bool) {
        self.interval.response.record(response);
        if is_measured {
            self.latency.response.record(response);
            self.latency.service.record(service);
        }
    }

    /// Counts an error.
    pub fn error(&mut self, keyword: &'static str) {
        *self.errors.entry(keyword).or_default() += 1;
        self.interval.errors += 1;
    }

    /// Ends the current part of the series, and begins the next one.
    pub fn take_interval(&mut self) -> Interval {
        let (counts, told) = (&self.counts, &mut self.told);
        // What is new in the counts: so the parts add up to them, whoever counts what.
        let measured = MeasuredCounts {
            offered: counts.offered - told.offered,
            sent: counts.sent - told.sent,
            acked: counts.confirmed - told.acked,
            delivered: counts.delivered - told.delivered,
        };
        told.merge(measured);
        let interval = Interval { measured, ..self.interval.clone() };
        self.interval.clear();
        interval
    }

    /// Adds what another thread recorded, but for its current interval.
    pub fn merge(&mut self, other: &Self) {
        let (own, theirs) = (&mut self.counts, &other.counts);
        for (own, theirs) in [
            (&mut own.offered, theirs.offered),
            (&mut own.sent, theirs.sent),
            (&mut own.confirmed, theirs.confirmed),
            (&mut own.refused, theirs.refused),
            (&mut own.expected, theirs.expected),
            (&mut own.delivered, theirs.delivered),
            (&mut own.lost, theirs.lost),
            (&mut own.duplicates, theirs.duplicates),
            (&mut own.out_of_order, theirs.out_of_order),
            (&mut own.sent_within, theirs.sent_within),
            (&mut own.confirmed_within, theirs.confirmed_within),
            (&mut own.delivered_within, theirs.delivered_within),
            (&mut own.bytes_sent, theirs.bytes_sent),
            (&mut own.bytes_received, theirs.bytes_received),
            (&mut self.connects.asked, other.connects.asked),
            (&mut self.connects.established, other.connects.established),
            (&mut self.connects.failed_attempts, other.connects.failed_attempts),
            (&mut self.connects.given_up, other.connects.given_up),
            (&mut self.connects.lost, other.connects.lost),
            (&mut self.connects.reconnected, other.connects.reconnected),
            (&mut self.foreign, other.foreign),
            (&mut self.uncompared, other.uncompared),
            (&mut self.open, other.open),
        ] {
            *own += theirs;
        }
        self.last_within = self.last_within.max(other.last_within);
        for (keyword, count) in &other.connects.failed {
            *self.connects.failed.entry(keyword.clone()).or_default() += count;
        }
        for (keyword, count) in &other.errors {
            *self.errors.entry(keyword).or_default() += count;
        }
        self.latency.response.merge(&other.latency.response);
        self.latency.service.merge(&other.latency.service);
        self.latency.connect.merge(&other.latency.connect);
        self.latency.schedule_lag.merge(&other.latency.schedule_lag);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn threads_together_have_recorded_what_one_would_have(
            threads in prop::collection::vec(prop::collection::vec((0_u64..5_000_000, 0_u64..3), 0..30), 1..5)
        ) {
            let (mut one, mut merged) = (Recorder::default(), Recorder::default());
            for samples in &threads {
                let mut thread = Recorder::default();
                for (sample, what) in samples {
                    for recorder in [&mut one, &mut thread] {
                        recorder.latency.response.record(*sample);
                        recorder.latency.service.record(sample / 2);
                        recorder.counts.delivered += 1;
                        match what {
                            0 => recorder.error("lost"),
                            1 => *recorder.connects.failed.entry("timeout".into()).or_default() += 1,
                            _ => recorder.counts.duplicates += 1,
                        }
                    }
                }
                merged.merge(&thread);
            }
            prop_assert!(merged.latency == one.latency);
            prop_assert_eq!(merged.counts, one.counts);
            prop_assert_eq!(merged.connects, one.connects);
            prop_assert_eq!(merged.errors, one.errors);
        }
    }

    #[test]
    fn an_interval_begins_anew() {
        let mut interval = Interval { sent: 3, ..Interval::default() };
        interval.response.record(7);
        let mut sum = Interval::default();
        sum.merge(&interval);
        sum.merge(&interval);
        interval.clear();
        assert_eq!((interval.sent, interval.response.count()), (0, 0));
        assert_eq!((sum.sent, sum.response.count()), (6, 2));
        assert_eq!((micros(499), micros(500), micros(u64::MAX)), (0, 1, u64::MAX / 1_000));
    }
}
