//! Which deliveries may be acknowledged, once how many messages are written.

use std::collections::VecDeque;

/// What was pushed to the printer and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// After so many pushed messages are written, everything up to this delivery is safe.
    marks: VecDeque<(u64, u64)>,
    pushed: u64,
}

impl Unwritten {
    /// Nothing has to be written before anything may be acknowledged.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// So many more messages were pushed, and every delivery up to this one is among them, or was left out. Returns
    /// what is safe at once.
    pub fn push(&mut self, count: usize, delivery: u64) -> Option<u64> {
        if count == 0 && self.marks.is_empty() {
            return Some(delivery);
        }
        self.pushed += count as u64;
        match self.marks.back_mut() {
            Some((pushed, last)) if *pushed == self.pushed => *last = delivery,
            _ => self.marks.push_back((self.pushed, delivery)),
        }
        None
    }

    /// So many of the pushed messages are written. Returns the last delivery that is safe now.
    pub fn written(&mut self, count: u64) -> Option<u64> {
        let mut safe = None;
        while let Some((pushed, delivery)) = self.marks.front().copied()
            && pushed <= count
        {
            safe = Some(delivery);
            self.marks.pop_front();
        }
        safe
    }

    /// Nothing more will be written.
    pub fn clear(&mut self) {
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_safe_after_what_came_before() {
        let mut unwritten = Unwritten::default();
        assert_eq!(unwritten.push(0, 1), Some(1), "nothing was printed before");
        assert_eq!(unwritten.push(2, 3), None);
        assert_eq!(unwritten.push(0, 5), None, "two are not written yet");
        assert_eq!(unwritten.push(1, 6), None);
        assert_eq!(unwritten.written(1), None);
        assert_eq!(unwritten.written(2), Some(5));
        assert!(!unwritten.is_empty());
        assert_eq!(unwritten.written(3), Some(6));
        assert!(unwritten.is_empty());
        assert_eq!(unwritten.push(0, 7), Some(7));
    }
}
