//! How long answers take: one in words behind its answer, and many in a line.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::output::units::count_of;
use crate::output::{Delivery, Formatter};

/// One time, in the form of mosquitto_rr.
pub(crate) fn in_words(taken: Duration) -> String {
    let nanos = taken.as_nanos();
    if nanos < 1_000 {
        format!("{nanos}ns")
    } else if nanos < 1_000_000 {
        format!("{:.6}µs", taken.as_secs_f64() * 1e6)
    } else if nanos < 1_000_000_000 {
        format!("{:.6}ms", taken.as_secs_f64() * 1e3)
    } else {
        format!("{}.{:09}", taken.as_secs(), taken.subsec_nanos())
    }
}

/// Puts a line behind each answer: how long it took.
pub(crate) struct Timed {
    records: Box<dyn Formatter>,
    /// One for each answer, in their order.
    times: Receiver<Duration>,
}

impl Timed {
    /// Times are to be sent before their answers are printed.
    pub fn new(records: Box<dyn Formatter>) -> (Self, Sender<Duration>) {
        let (sender, times) = channel();
        (Self { records, times }, sender)
    }
}

impl Formatter for Timed {
    fn format(&mut self, delivery: &Delivery, out: &mut Vec<u8>) {
        self.records.format(delivery, out);
        if let Ok(taken) = self.times.try_recv() {
            out.extend_from_slice(format!("Latency: {}\n", in_words(taken)).as_bytes());
        }
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.records.take_warnings()
    }
}

/// The times of a run, eight bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    pub fn add(&mut self, taken: Duration) {
        self.nanos.push(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
    }

    /// `1000 answers, min 0.21 ms, median 0.30 ms, 95 % 0.42 ms, 99 % 0.90 ms, max 1.52 ms`
    pub fn summary(&mut self) -> String {
        self.nanos.sort_unstable();
        let count = self.nanos.len();
        let (Some(least), Some(most)) = (self.nanos.first(), self.nanos.last()) else {
            return "no answers".to_owned();
        };
        // The smallest value that this many percent of all do not exceed.
        let percentile = |percent: usize| {
            let rank = (count * percent).div_ceil(100).max(1);
            milliseconds(self.nanos.get(rank - 1).copied().unwrap_or(*most))
        };
        format!(
            "{}, min {}, median {}, 95 % {}, 99 % {}, max {}",
            count_of(count as u64, "answer"),
            milliseconds(*least),
            percentile(50),
            percentile(95),
            percentile(99),
            milliseconds(*most)
        )
    }
}

fn milliseconds(nanos: u64) -> String {
    format!("{:.3} ms", Duration::from_nanos(nanos).as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_has_the_unit_of_its_size() {
        for (nanos, text) in [
            (999, "999ns"),
            (22_980, "22.980000µs"),
            (1_500_000, "1.500000ms"),
            (1_022_980_000, "1.022980000"),
        ] {
            assert_eq!(in_words(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_summary_has_the_nearest_ranks() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.summary(), "no answers");
        (1..=200).rev().for_each(|millis| latencies.add(Duration::from_millis(millis)));
        assert_eq!(
            latencies.summary(),
            "200 answers, min 1.000 ms, median 100.000 ms, 95 % 190.000 ms, 99 % 198.000 ms, max 200.000 ms"
        );
    }
}
