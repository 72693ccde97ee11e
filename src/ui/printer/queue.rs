//! What waits to be written, and what is dropped when it is too much.

use std::collections::VecDeque;

use crate::config::Overflow;
use crate::output::Delivery;
use mqt_proto::{Message, QoS};

/// Empty batches kept for their memory.
pub(super) const MAX_SPARE: usize = 8;

/// A batch with room for more messages than this is not kept for its memory.
pub(super) const MAX_SPARE_ROOM: usize = 4096;

/// As large is a buffer that messages are read into, in bytes: a message that shares it keeps all of it alive.
const READ_BUFFER: usize = 128 * 1024;

/// This many batches at most wait in the buffers that they were read into, when they do not fill them.
const MAX_LOOSE: usize = 32;

/// How much may wait before [`Printer::is_full`](super::Printer::is_full) says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrinterLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of memory: the messages as [`Message::held_bytes`] counts them, and their places.
    pub bytes: usize,
}

impl PrinterLimits {
    /// The usual limits, with this one for the memory if there is one.
    #[must_use]
    pub fn within(bytes: Option<usize>) -> Self {
        let usual = Self::default();
        Self { bytes: bytes.unwrap_or(usual.bytes), ..usual }
    }

    /// How many batches may wait as they were read, at most a sixteenth of the memory.
    fn loose(&self) -> usize {
        (self.bytes / 16 / READ_BUFFER).clamp(1, MAX_LOOSE)
    }
}

impl Default for PrinterLimits {
    fn default() -> Self {
        Self { messages: 100_000, bytes: 64 * 1024 * 1024 }
    }
}

/// What waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages.
    pub messages: usize,
    /// Bytes, counted as in [`PrinterLimits::bytes`].
    pub bytes: usize,
}

impl Backlog {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let rest = size_of::<Delivery>() - size_of::<Message>();
        Self { messages: 1, bytes: rest + delivery.publish.message.held_bytes() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    pub(super) fn take(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    pub(super) const fn reaches(&self, limits: &PrinterLimits) -> bool {
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

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) deliveries: Vec<Delivery>,
    /// Indexes of those that were dropped, ascending. Nothing is left of them but their place.
    pub(super) dropped: Vec<usize>,
    /// How many more were dropped. They count after the others, so that none of those counts too early.
    pub(super) gone: u64,
}

impl Batch {
    /// Takes the places of dropped messages away. What stays does so in memory of its own: the buffers that the
    /// messages were read into were for those that are gone, too.
    fn close_up(&mut self, backlog: &mut Backlog, pinned: &mut Backlog) {
        let mut dropped = std::mem::take(&mut self.dropped).into_iter().peekable();
        let mut index = 0;
        self.gone += dropped.len() as u64;
        self.deliveries.retain(|_| {
            index += 1;
            dropped.next_if_eq(&(index - 1)).is_none()
        });
        let before = sum(&self.deliveries);
        detach(&mut self.deliveries);
        let after = sum(&self.deliveries);
        for (total, before, after) in [(backlog, before.0, after.0), (pinned, before.1, after.1)] {
            total.take(before);
            total.add(after);
        }
    }
}

/// What messages take in the queue, and what those of QoS 1 and 2 take.
fn sum(deliveries: &[Delivery]) -> (Backlog, Backlog) {
    let (mut all, mut pinned) = (Backlog::default(), Backlog::default());
    for delivery in deliveries {
        let one = Backlog::of(delivery);
        all.add(one);
        if delivery.publish.message.qos != QoS::AtMostOnce {
            pinned.add(one);
        }
    }
    (all, pinned)
}

/// Lets messages have no more memory than they need.
fn detach(deliveries: &mut Vec<Delivery>) {
    for delivery in deliveries.iter_mut() {
        delivery.publish.message = delivery.publish.message.detached();
    }
    deliveries.shrink_to_fit();
}

impl Queue {
    /// Puts messages at the end. Those that are dropped at once are counted only.
    pub(super) fn push(&mut self, mut deliveries: Vec<Delivery>, overflow: Overflow, limits: &PrinterLimits) {
        let gone = match overflow {
            Overflow::DropNew => self.admit(&mut deliveries, limits),
            Overflow::Block | Overflow::Exit | Overflow::DropOld => 0,
        };
        let (mut all, mut pinned) = sum(&deliveries);
        if gone != 0 || self.batches.len() >= limits.loose() && all.bytes < 2 * READ_BUFFER {
            detach(&mut deliveries);
            (all, pinned) = sum(&deliveries);
        } else if !self.batches.is_empty() && deliveries.capacity() > 2 * deliveries.len() + 16 {
            // A batch of earlier use, and now it waits.
            deliveries.shrink_to_fit();
        }
        self.backlog.add(all);
        self.pinned.add(pinned);
        match self.batches.back_mut() {
            Some(last) if deliveries.is_empty() => last.gone += gone,
            _ => self.batches.push_back(Batch { deliveries, dropped: Vec::new(), gone }),
        }
        if overflow == Overflow::DropOld {
            self.drop_oldest(limits);
        }
    }

    /// Keeps what there is room for, and all that is not QoS 0. Returns how many are dropped.
    fn admit(&mut self, deliveries: &mut Vec<Delivery>, limits: &PrinterLimits) -> u64 {
        let (before, mut backlog) = (deliveries.len(), self.backlog);
        deliveries.retain(|delivery| {
            let keep = delivery.publish.message.qos != QoS::AtMostOnce || !backlog.reaches(limits);
            if keep {
                backlog.add(Backlog::of(delivery));
            }
            keep
        });
        let dropped = (before - deliveries.len()) as u64;
        self.dropped += dropped;
        dropped
    }

    /// Drops the oldest QoS 0 messages until the limits are kept, or no more of them wait.
    fn drop_oldest(&mut self, limits: &PrinterLimits) {
        let over = |backlog: &Backlog| backlog.messages > limits.messages || backlog.bytes > limits.bytes;
        let (mut number, mut index) = self.oldest;
        if number < self.taken {
            (number, index) = (self.taken, 0);
        }
        while over(&self.backlog) {
            let place = (number - self.taken) as usize;
            let Some(batch) = self.batches.get_mut(place) else { break };
            let Some(delivery) = batch.deliveries.get_mut(index) else {
                (number, index) = (number + 1, 0);
                if !batch.dropped.is_empty() {
                    batch.close_up(&mut self.backlog, &mut self.pinned);
                }
                // What is left of it are numbers: they go with the batch before.
                if batch.deliveries.is_empty() && place > 0 {
                    let gone = self.batches.remove(place).map_or(0, |batch| batch.gone);
                    if let Some(before) = self.batches.get_mut(place - 1) {
                        before.gone += gone;
                    }
                    number -= 1;
                }
                continue;
            };
            if delivery.publish.message.qos == QoS::AtMostOnce {
                self.backlog.take(Backlog::of(delivery));
                delivery.publish.message = Message::default();
                batch.dropped.push(index);
                self.dropped += 1;
            }
            index += 1;
        }
        self.oldest = (number, index);
    }
}
