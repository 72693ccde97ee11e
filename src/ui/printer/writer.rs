//! The thread: from the queue through the formatter into the sink.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::queue::{Backlog, Batch, MAX_SPARE, MAX_SPARE_ROOM};
use super::{Flush, PrintError, PrintProgress, SharedQueue, reason};
use crate::output::Formatter;
use crate::ui::{Ui, lock};
use mqt_proto::QoS;

/// The buffer is written when it has this many bytes.
const WRITE_SIZE: usize = 64 * 1024;
/// A buffer that a large message has blown up beyond this shrinks again.
const KEEP_SIZE: usize = 1024 * 1024;
/// How long a message may stay in the buffer with [`Flush::Full`].
const MAX_DELAY: Duration = Duration::from_millis(250);
/// How often to try again when stdout was set to non-blocking by whoever shares it.
const RETRY_DELAY: Duration = Duration::from_millis(1);

/// The records in the buffer.
#[derive(Default)]
struct PrintedRecords {
    /// Where each ends in the buffer.
    ends: Vec<usize>,
    /// How many messages were dropped behind this many records, ascending.
    dropped: Vec<(usize, u64)>,
    /// What the records take in the queue.
    backlog: Backlog,
    pinned: Backlog,
}

impl PrintedRecords {
    fn clear(&mut self) {
        self.ends.clear();
        self.dropped.clear();
        self.backlog = Backlog::default();
        self.pinned = Backlog::default();
    }

    /// Whether nothing is to be written or told.
    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.dropped.is_empty()
    }

    /// Notes dropped messages.
    fn skip(&mut self, count: u64) {
        match self.dropped.last_mut() {
            Some((behind, last)) if *behind == self.ends.len() => *last += count,
            _ if count == 0 => {}
            _ => self.dropped.push((self.ends.len(), count)),
        }
    }

    /// How many messages are done with when the first `count` records are written.
    fn done(&self, count: usize) -> u64 {
        let dropped = self.dropped.iter().take_while(|(behind, _)| *behind <= count);
        count as u64 + dropped.map(|(_, dropped)| dropped).sum::<u64>()
    }
}

/// What the thread owns.
pub(super) struct Writer {
    sink: Box<dyn Write + Send>,
    formatter: Box<dyn Formatter>,
    ui: Ui,
    shared: Arc<SharedQueue>,
    progress: watch::Sender<PrintProgress>,
    flush: Flush,
    buffer: Vec<u8>,
    records: PrintedRecords,
}

enum Next {
    Batch(Batch),
    /// Nothing waits, or the buffer has waited long enough.
    Idle,
    Closed,
}

/// This many bytes were written before this happened.
struct WriterStopped {
    written: usize,
    error: io::Error,
}

impl Writer {
    pub(super) fn new(
        sink: Box<dyn Write + Send>,
        formatter: Box<dyn Formatter>,
        ui: Ui,
        shared: Arc<SharedQueue>,
        progress: watch::Sender<PrintProgress>,
        flush: Flush,
    ) -> Self {
        let buffer = Vec::with_capacity(WRITE_SIZE + WRITE_SIZE / 4);
        Self { sink, formatter, ui, shared, progress, flush, buffer, records: PrintedRecords::default() }
    }

    /// Writes until the queue is closed and empty, or nothing more can be written.
    pub(super) fn run(mut self) {
        let end = self.work();
        self.progress.send_modify(|progress| progress.end = Some(end));
    }

    fn work(&mut self) -> Result<(), PrintError> {
        let mut since = Instant::now();
        loop {
            match self.next(since) {
                Next::Batch(batch) => {
                    if self.records.is_empty() && self.flush == Flush::Full {
                        since = Instant::now();
                    }
                    self.print(batch)?;
                }
                Next::Idle => self.write()?,
                Next::Closed => return Ok(()),
            }
        }
    }

    /// What to do next; `since` is the age of the buffer.
    fn next(&self, since: Instant) -> Next {
        let pending = !self.records.is_empty();
        let mut queue = lock(&self.shared.queue);
        loop {
            if let Some(batch) = queue.batches.pop_front() {
                queue.taken += 1;
                return Next::Batch(batch);
            }
            let patience = match self.flush {
                Flush::Full if !queue.closed && !queue.urgent => MAX_DELAY.saturating_sub(since.elapsed()),
                _ => Duration::ZERO,
            };
            if pending && patience.is_zero() {
                queue.urgent = false;
                return Next::Idle;
            }
            queue.urgent = false;
            if queue.closed {
                return Next::Closed;
            }
            queue.waiting = true;
            queue = if pending {
                self.shared.work.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner)
            };
            queue.waiting = false;
        }
    }

    fn print(&mut self, batch: Batch) -> Result<(), PrintError> {
        let Batch { mut deliveries, dropped, gone } = batch;
        let mut dropped = dropped.into_iter().peekable();
        for (index, delivery) in deliveries.iter().enumerate() {
            if dropped.next_if_eq(&index).is_some() {
                self.records.skip(1);
                continue;
            }
            self.formatter.format(delivery, &mut self.buffer);
            let one = Backlog::of(delivery);
            self.records.backlog.add(one);
            if delivery.publish.message.qos != QoS::AtMostOnce {
                self.records.pinned.add(one);
            }
            self.records.ends.push(self.buffer.len());
            if self.buffer.len() >= WRITE_SIZE {
                self.write()?;
            }
        }
        self.records.skip(gone);
        for warning in self.formatter.take_warnings() {
            self.ui.unprintable(&warning);
        }
        deliveries.clear();
        let mut queue = lock(&self.shared.queue);
        if queue.spare.len() < MAX_SPARE && deliveries.capacity() <= MAX_SPARE_ROOM {
            queue.spare.push(deliveries);
        }
        Ok(())
    }

    /// Writes the buffer out, and tells how far it came.
    fn write(&mut self) -> Result<(), PrintError> {
        let outcome = self.write_buffer();
        let count = match &outcome {
            Ok(()) => self.records.ends.len(),
            Err(stopped) => self.records.ends.partition_point(|end| *end <= stopped.written),
        };
        let (printed, done) = (count as u64, self.records.done(count));
        let lost = {
            let mut queue = lock(&self.shared.queue);
            if outcome.is_ok() {
                queue.backlog.take(self.records.backlog);
                queue.pinned.take(self.records.pinned);
            } else {
                queue.failed = true;
                queue.batches.clear();
            }
            (queue.backlog.messages as u64).saturating_sub(printed)
        };
        self.progress.send_modify(|progress| {
            progress.written += done;
            progress.printed += printed;
        });
        self.records.clear();
        self.buffer.clear();
        if self.buffer.capacity() > KEEP_SIZE {
            self.buffer.shrink_to(WRITE_SIZE + WRITE_SIZE / 4);
        }
        let printed = self.progress.borrow().printed;
        outcome.map_err(|stopped| match stopped.error.kind() {
            ErrorKind::BrokenPipe => PrintError::Closed { printed },
            _ => PrintError::Failed { reason: reason(&stopped.error), printed, lost },
        })
    }

    fn write_buffer(&mut self) -> Result<(), WriterStopped> {
        let mut written = 0;
        while let Some(rest) = self.buffer.get(written..).filter(|rest| !rest.is_empty()) {
            match self.sink.write(rest) {
                Ok(0) => return Err(WriterStopped { written, error: ErrorKind::WriteZero.into() }),
                Ok(count) => written += count,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => thread::sleep(RETRY_DELAY),
                    _ => return Err(WriterStopped { written, error }),
                },
            }
        }
        // What a sink has kept back is not written: nothing counts then.
        self.sink.flush().map_err(|error| WriterStopped { written: 0, error })
    }
}
