//! How much memory the broker holds for its clients, all together.
//!
//! Anyone who keeps something has a [`Held`] with it, which goes out of the sum by itself when it is dropped: the
//! sum cannot drift, and a message that many queues share is in it once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The sum, to be shared, and its bound.
#[derive(Debug, Clone)]
pub(crate) struct Holdings(Arc<Sum>);

#[derive(Debug)]
struct Sum {
    bytes: AtomicUsize,
    limit: AtomicUsize,
    was_short: AtomicBool,
}

impl Holdings {
    /// Nothing is held yet, and no more may be than `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Sum {
            bytes: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            was_short: AtomicBool::new(false),
        }))
    }

    /// Sets the bound. What is held already stays.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// How much is held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether this many more bytes may be held. A no is remembered for [`Self::was_short`].
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let has_room = self.bytes().saturating_add(bytes) <= self.0.limit.load(Ordering::Relaxed);
        if !has_room {
            self.0.was_short.store(true, Ordering::Relaxed);
        }
        has_room
    }

    /// Whether there ever was no room for something.
    pub(crate) fn was_short(&self) -> bool {
        self.0.was_short.load(Ordering::Relaxed)
    }

    /// Adds to the sum, whether there is room or not.
    pub(crate) fn hold(&self, bytes: usize) -> Held {
        let mut held = Held { bytes: 0, holdings: self.clone() };
        held.set(bytes);
        held
    }
}

/// A part of the sum, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: usize,
    holdings: Holdings,
}

impl Held {
    /// How much it is, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it larger or smaller.
    pub(crate) fn set(&mut self, bytes: usize) {
        let sum = &self.holdings.0.bytes;
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => {
                sum.fetch_add(more, Ordering::Relaxed);
            }
            None => {
                sum.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            }
        }
        self.bytes = bytes;
    }

    /// Makes it larger.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.set(self.bytes.saturating_add(bytes));
    }

    /// Makes it smaller.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.set(self.bytes.saturating_sub(bytes));
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        self.holdings.hold(self.bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_leaves_the_sum() {
        let holdings = Holdings::new(100);
        let mut one = holdings.hold(10);
        let two = one.clone();
        assert_eq!(holdings.bytes(), 20);
        one.add(60);
        assert!(holdings.has_room(20) && !holdings.was_short());
        assert!(!holdings.has_room(21) && holdings.was_short());
        one.take(65);
        assert_eq!((one.bytes(), holdings.bytes()), (5, 15));
        drop((one, two));
        assert_eq!(holdings.bytes(), 0);
    }
}
