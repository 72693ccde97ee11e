//! What waits to be written, and what is dropped when it is too much.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::mqtt::QoS;
use crate::output::Delivery;

/// Empty batches kept for their memory.
pub(super) const MAX_SPARE: usize = 8;

/// How much may wait before [`Printer::is_full`](super::Printer::is_full) says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Bytes of memory: payloads, topics, and what it takes to hold them.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages: 100_000, bytes: 64 * 1024 * 1024 }
    }
}

/// What waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages.
    pub messages: usize,
    /// Bytes, counted as in [`Limits::bytes`].
    pub bytes: usize,
}

impl Backlog {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let message = &delivery.publish.message;
        Self { messages: 1, bytes: size_of::<Delivery>() + message.topic.len() + message.payload.len() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    pub(super) fn take(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    pub(super) const fn reaches(&self, limits: &Limits) -> bool {
        self.messages >= limits.messages || self.bytes >= limits.bytes
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) batches: VecDeque<Batch>,
    /// Batches that the thread has taken, ever: the number of the batch at the front.
    pub(super) taken: u64,
    /// What is not written yet, in the queue or in the hands of the thread.
    pub(super) backlog: Backlog,
    /// The part of it that no policy may drop: QoS 1 and 2.
    pub(super) pinned: Backlog,
    pub(super) dropped: u64,
    /// Where to look on for the oldest message that may be dropped: number of a batch, and an index.
    oldest: (u64, usize),
    pub(super) spare: Vec<Vec<Delivery>>,
    /// The thread waits for work.
    pub(super) waiting: bool,
    /// What was pushed so far is to be written without waiting for more.
    pub(super) urgent: bool,
    /// Nothing more will come.
    pub(super) closed: bool,
    /// Nothing more can be written.
    pub(super) failed: bool,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) deliveries: Vec<Delivery>,
    /// Indexes of those that were dropped, ascending.
    pub(super) dropped: Vec<usize>,
}

impl Queue {
    pub(super) fn add(&mut self, deliveries: &[Delivery]) {
        let (mut all, mut pinned) = (Backlog::default(), Backlog::default());
        for delivery in deliveries {
            let one = Backlog::of(delivery);
            all.add(one);
            if delivery.publish.message.qos != QoS::AtMostOnce {
                pinned.add(one);
            }
        }
        self.backlog.add(all);
        self.pinned.add(pinned);
    }

    /// Takes what there is room for, and all that is not QoS 0. Returns the indexes of the others.
    pub(super) fn admit(&mut self, deliveries: &mut [Delivery], limits: &Limits) -> Vec<usize> {
        let mut dropped = Vec::new();
        for (index, delivery) in deliveries.iter_mut().enumerate() {
            let one = Backlog::of(delivery);
            if delivery.publish.message.qos != QoS::AtMostOnce {
                self.pinned.add(one);
            } else if self.backlog.reaches(limits) {
                delivery.publish.message.payload = Bytes::new();
                dropped.push(index);
                continue;
            }
            self.backlog.add(one);
        }
        self.dropped += dropped.len() as u64;
        dropped
    }

    /// Drops the oldest QoS 0 messages until the limits are kept, or no more of them wait.
    pub(super) fn drop_oldest(&mut self, limits: &Limits) {
        let over = |backlog: &Backlog| backlog.messages > limits.messages || backlog.bytes > limits.bytes;
        let (mut number, mut index) = self.oldest;
        if number < self.taken {
            (number, index) = (self.taken, 0);
        }
        while over(&self.backlog) {
            let Some(batch) = self.batches.get_mut((number - self.taken) as usize) else { break };
            let Some(delivery) = batch.deliveries.get_mut(index) else {
                (number, index) = (number + 1, 0);
                continue;
            };
            if delivery.publish.message.qos == QoS::AtMostOnce {
                self.backlog.take(Backlog::of(delivery));
                delivery.publish.message.payload = Bytes::new();
                batch.dropped.push(index);
                self.dropped += 1;
            }
            index += 1;
        }
        self.oldest = (number, index);
    }
}
