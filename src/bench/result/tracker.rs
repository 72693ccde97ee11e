//! Lost, duplicate and out-of-order messages of one publisher at one subscription, exactly.
//!
//! Memory is bounded: what is kept are the gaps, and only this many. When there are more, the oldest gap is
//! closed; a message that comes later from below can no longer be judged and is counted so.

use std::collections::BTreeMap;

/// How many gaps a tracker of one subscription keeps.
pub const GAPS: usize = 4096;
/// How many gaps a tracker keeps that several connections feed, each with a part of the messages.
pub const GAPS_OF_A_GROUP: usize = 65_536;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackedArrival {
    /// The next one, or one behind a gap.
    New,
    /// One that was missing while later ones had come.
    OutOfOrder,
    /// One that had come already.
    Duplicate,
    /// It comes from where a gap was closed: a duplicate or a very late one.
    Unjudged,
}

/// The messages of one publisher as one subscription gets them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracker {
    /// Where it began: what came before that is not known.
    first: u64,
    /// One more than the highest sequence that came.
    next: u64,
    /// What is missing below: first → one past the last.
    missing: BTreeMap<u64, u64>,
    /// Below this, gaps have been closed.
    closed_below: u64,
    /// Different messages that came.
    received: u64,
    duplicates: u64,
    out_of_order: u64,
    unjudged: u64,
}

impl Tracker {
    /// A tracker that misses nothing below a sequence.
    #[must_use]
    pub fn starting_at(sequence: u64) -> Self {
        Self { first: sequence, next: sequence, ..Self::default() }
    }

    /// Enters a message. `gaps` is how many gaps are kept.
    pub fn arrive(&mut self, sequence: u64, gaps: usize) -> TrackedArrival {
        if sequence < self.first {
            // It began before.
            self.miss(sequence + 1, self.first, gaps);
            self.first = sequence;
            self.received = self.received.saturating_add(1);
            self.out_of_order = self.out_of_order.saturating_add(1);
            return TrackedArrival::OutOfOrder;
        }
        if sequence >= self.next {
            self.miss(self.next, sequence, gaps);
            self.next = sequence.saturating_add(1);
            self.received = self.received.saturating_add(1);
            return TrackedArrival::New;
        }
        let gap = self.missing.range(..=sequence).next_back().map(|(first, end)| (*first, *end));
        if let Some((first, end)) = gap.filter(|(_, end)| sequence < *end) {
            self.missing.remove(&first);
            if first < sequence {
                self.missing.insert(first, sequence);
            }
            if sequence + 1 < end {
                self.missing.insert(sequence + 1, end);
            }
            self.received = self.received.saturating_add(1);
            self.out_of_order = self.out_of_order.saturating_add(1);
            return TrackedArrival::OutOfOrder;
        }
        if sequence < self.closed_below {
            self.unjudged = self.unjudged.saturating_add(1);
            return TrackedArrival::Unjudged;
        }
        self.duplicates = self.duplicates.saturating_add(1);
        TrackedArrival::Duplicate
    }

    /// What lies between these two has not come.
    fn miss(&mut self, from: u64, to: u64, gaps: usize) {
        if from >= to {
            return;
        }
        self.missing.insert(from, to);
        if self.missing.len() > gaps
            && let Some((_, end)) = self.missing.pop_first()
        {
            self.closed_below = end;
        }
    }

    /// How many different messages came, as far as that is known.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// How many came once more.
    #[must_use]
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How many came after one with a higher sequence.
    #[must_use]
    pub const fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// How many came that nobody can judge. While it is 0 the other counts are exact.
    #[must_use]
    pub const fn unjudged(&self) -> u64 {
        self.unjudged
    }

    /// How many are missing below the highest sequence that came, as far as gaps are kept.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing.iter().map(|(first, end)| end - first).sum()
    }

    /// How many of the messages 0 up to and without `sent` did not come.
    #[must_use]
    pub const fn lost(&self, sent: u64) -> u64 {
        sent.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_gaps_and_duplicates() {
        let mut tracker = Tracker::default();
        let arrivals: Vec<TrackedArrival> =
            [0, 1, 4, 4, 2, 2, 7].into_iter().map(|sequence| tracker.arrive(sequence, GAPS)).collect();
        use TrackedArrival::{Duplicate, New, OutOfOrder};
        assert_eq!(arrivals, [New, New, New, Duplicate, OutOfOrder, Duplicate, New]);
        assert_eq!((tracker.received(), tracker.duplicates(), tracker.out_of_order()), (5, 2, 1));
        assert_eq!(tracker.lost(10), 5, "3, 5, 6, 8 and 9");
        assert_eq!(tracker.missing(), 3);
        assert_eq!(tracker.lost(0), 0);
        let mut late = Tracker::starting_at(5);
        late.arrive(6, GAPS);
        assert_eq!(late.missing(), 1);
        // Another connection was behind.
        let arrivals = [3, 5, 3].map(|sequence| late.arrive(sequence, GAPS));
        assert_eq!((arrivals, late.missing()), ([OutOfOrder, OutOfOrder, Duplicate], 1));
    }

    #[test]
    fn memory_is_bounded_and_what_is_not_known_is_said() {
        let mut tracker = Tracker::default();
        // Every second message is lost.
        for sequence in (1..100_001).step_by(2) {
            tracker.arrive(sequence, 100);
        }
        assert!(tracker.missing.len() <= 100);
        assert_eq!(tracker.lost(100_001), 50_001);
        assert_eq!(tracker.arrive(99_998, 100), TrackedArrival::OutOfOrder);
        assert_eq!(tracker.arrive(0, 100), TrackedArrival::Unjudged);
        assert_eq!(tracker.arrive(99_999, 100), TrackedArrival::Duplicate);
        assert_eq!(tracker.unjudged(), 1);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_set(sequences in prop::collection::vec(0_u64..200, 0..400)) {
            let mut tracker = Tracker::default();
            let mut seen = HashSet::new();
            let (mut duplicates, mut out_of_order, mut highest) = (0, 0, None);
            for sequence in sequences {
                if !seen.insert(sequence) {
                    duplicates += 1;
                } else if highest > Some(sequence) {
                    out_of_order += 1;
                }
                highest = highest.max(Some(sequence));
                tracker.arrive(sequence, GAPS);
            }
            prop_assert_eq!(tracker.received(), seen.len() as u64);
            prop_assert_eq!(tracker.duplicates(), duplicates);
            prop_assert_eq!(tracker.out_of_order(), out_of_order);
            prop_assert_eq!(tracker.lost(200), 200 - seen.len() as u64);
            prop_assert_eq!(tracker.unjudged(), 0);
        }
    }
}
