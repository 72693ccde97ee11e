//! The thread that writes received messages to stdout, so that nobody else ever waits for stdout.
//!
//! Whoever receives pushes batches and never blocks; [`Printer::is_full`] tells when to stop reading from
//! the broker, [`Printer::written`] which messages are out and may be acknowledged. The thread formats
//! into one buffer and writes when nothing more waits or 64 KiB have come together: under load few writes,
//! otherwise each message at once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Ui, lock};
use crate::config::Overflow;
use crate::error::{Failure, Kind};
use crate::mqtt::QoS;
use crate::output::{Delivery, Formatter};

/// The buffer is written when it has so many bytes.
const WRITE_SIZE: usize = 64 * 1024;
/// A buffer that a large message has blown up beyond this shrinks again.
const KEEP_SIZE: usize = 1024 * 1024;
/// How long a message may stay in the buffer with [`Flush::Full`].
const MAX_DELAY: Duration = Duration::from_millis(250);
/// How often to try again when stdout was set to non-blocking by whoever shares it.
const RETRY_DELAY: Duration = Duration::from_millis(1);
/// Empty batches kept for their memory.
const MAX_SPARE: usize = 8;

/// Where messages are written.
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Anything else; it is flushed after each write.
    Writer(Box<dyn Write + Send>),
}

impl Sink {
    fn open(self) -> io::Result<Box<dyn Write + Send>> {
        match self {
            Self::Writer(writer) => Ok(writer),
            // The standard library's stdout looks for line feeds in all that it is given; a duplicate of the
            // descriptor does not.
            #[cfg(unix)]
            Self::Stdout => {
                use std::os::fd::AsFd as _;
                Ok(Box::new(std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?)))
            }
            #[cfg(not(unix))]
            Self::Stdout => Ok(Box::new(io::stdout())),
        }
    }
}

/// When the buffer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flush {
    /// As soon as nothing more waits to be printed.
    #[default]
    Idle,
    /// When it is full, and after a quarter of a second.
    Full,
}

/// How much may wait before [`Printer::is_full`] says so.
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

/// How the printer works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrinterOptions {
    /// How much may wait.
    pub limits: Limits,
    /// When the buffer is written.
    pub flush: Flush,
    /// What to do with QoS 0 messages beyond the limits. With [`Overflow::Block`] and [`Overflow::Exit`] all
    /// are taken, and the caller acts on [`Printer::is_full`].
    pub overflow: Overflow,
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
    fn of(delivery: &Delivery) -> Self {
        let message = &delivery.publish.message;
        Self { messages: 1, bytes: size_of::<Delivery>() + message.topic.len() + message.payload.len() }
    }

    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    fn take(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    const fn reaches(&self, limits: &Limits) -> bool {
        self.messages >= limits.messages || self.bytes >= limits.bytes
    }
}

/// What came of it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Printed {
    /// Messages that were written.
    pub messages: u64,
    /// QoS 0 messages that were dropped.
    pub dropped: u64,
}

/// Why nothing more can be written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PrintError {
    /// The reader has closed the pipe: a normal end.
    #[error("the reader of standard output is gone")]
    Closed {
        /// Messages that were written completely.
        printed: u64,
    },
    /// The device is full, or the like.
    #[error("write: {reason}; {printed} {} printed, {lost} lost", if *.printed == 1 { "message" } else { "messages" })]
    Failed {
        /// What the system says.
        reason: String,
        /// Messages that were written completely.
        printed: u64,
        /// Messages that were taken and not written.
        lost: u64,
    },
}

impl PrintError {
    /// The failure to end with; `None` for a closed pipe, which is a normal end.
    #[must_use]
    pub fn into_failure(self) -> Option<Failure> {
        match self {
            Self::Closed { .. } => None,
            Self::Failed { .. } => Some(Failure::new(Kind::Output, self.to_string())),
        }
    }
}

/// What the system says, without the number of the error.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Prints messages from a thread of its own.
///
/// Dropping it does not wait: what is still in the queue is written as long as the process lives. Use
/// [`finish`](Self::finish) to wait.
#[derive(Debug)]
pub struct Printer {
    shared: Arc<Shared>,
    progress: watch::Receiver<Progress>,
    options: PrinterOptions,
    /// What [`changed`](Self::changed) has told.
    told: u64,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    /// Deliveries, in the order of pushing, that are written or were dropped.
    written: u64,
    /// Those of them that are written.
    printed: u64,
    /// The thread has ended.
    end: Option<Result<(), PrintError>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// Batches that the thread has taken, ever: the number of the batch at the front.
    taken: u64,
    /// What is not written yet, in the queue or in the hands of the thread.
    backlog: Backlog,
    /// The part of it that no policy may drop: QoS 1 and 2.
    pinned: Backlog,
    dropped: u64,
    /// Where to look on for the oldest message that may be dropped: number of a batch, and an index.
    oldest: (u64, usize),
    spare: Vec<Vec<Delivery>>,
    /// The thread waits for work.
    waiting: bool,
    /// Nothing more will come.
    closed: bool,
    /// Nothing more can be written.
    failed: bool,
}

#[derive(Debug)]
struct Batch {
    deliveries: Vec<Delivery>,
    /// Indexes of those that were dropped, ascending.
    dropped: Vec<usize>,
}

impl Printer {
    /// Starts the thread. What a formatter could not print is said on `ui`.
    ///
    /// # Errors
    /// The thread cannot be started, or stdout is not there.
    pub fn start(
        formatter: Box<dyn Formatter>,
        sink: Sink,
        options: PrinterOptions,
        ui: Ui,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (sender, progress) = watch::channel(Progress::default());
        let writer = Writer {
            sink: sink.open()?,
            formatter,
            ui,
            shared: Arc::clone(&shared),
            progress: sender,
            flush: options.flush,
            buffer: Vec::with_capacity(WRITE_SIZE + WRITE_SIZE / 4),
            records: Records::default(),
        };
        thread::Builder::new().name("printer".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared, progress, options, told: 0 })
    }

    /// An empty list to fill and push, with memory that has been used before where there is some.
    #[must_use]
    pub fn batch(&self) -> Vec<Delivery> {
        lock(&self.shared.queue).spare.pop().unwrap_or_default()
    }

    /// Hands messages over. Never blocks and never waits, and takes all of them, except what the overflow
    /// policy drops; after a failure they are lost.
    pub fn push(&self, mut deliveries: Vec<Delivery>) {
        if deliveries.is_empty() {
            return;
        }
        let mut queue = lock(&self.shared.queue);
        if queue.failed {
            return;
        }
        let dropped = match self.options.overflow {
            Overflow::DropNew => queue.admit(&mut deliveries, &self.options.limits),
            Overflow::Block | Overflow::Exit | Overflow::DropOld => {
                queue.add(&deliveries);
                Vec::new()
            }
        };
        queue.batches.push_back(Batch { deliveries, dropped });
        if self.options.overflow == Overflow::DropOld {
            queue.drop_oldest(&self.options.limits);
        }
        let wake = std::mem::replace(&mut queue.waiting, false);
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// What waits to be written.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        lock(&self.shared.queue).backlog
    }

    /// Whether the limits are reached, and the caller is to stop reading from the broker (or to fail, with
    /// [`Overflow::Exit`]). Where QoS 0 messages are dropped, only the others count.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let queue = lock(&self.shared.queue);
        match self.options.overflow {
            Overflow::Block | Overflow::Exit => queue.backlog.reaches(&self.options.limits),
            Overflow::DropNew | Overflow::DropOld => queue.pinned.reaches(&self.options.limits),
        }
    }

    /// How many of the messages, in the order in which they were pushed, are done with: completely written
    /// and handed to the kernel, or dropped by the overflow policy.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.progress.borrow().written
    }

    /// The counts so far.
    #[must_use]
    pub fn printed(&self) -> Printed {
        let messages = self.progress.borrow().printed;
        Printed { messages, dropped: lock(&self.shared.queue).dropped }
    }

    /// Waits until [`written`](Self::written) has grown since this was last told. Cancel-safe.
    ///
    /// # Errors
    /// Nothing more can be written. What was written before has been told first.
    pub async fn changed(&mut self) -> Result<u64, PrintError> {
        loop {
            let (written, end) = {
                let progress = self.progress.borrow_and_update();
                (progress.written, progress.end.clone())
            };
            if written > self.told {
                self.told = written;
                return Ok(written);
            }
            match end {
                Some(Err(error)) => return Err(error),
                Some(Ok(())) => std::future::pending().await,
                None => self.next_progress().await?,
            }
        }
    }

    /// Lets no more messages in, and waits until all are written. Cancel-safe: dropping the future and calling
    /// this again goes on waiting.
    ///
    /// # Errors
    /// Nothing more can be written.
    pub async fn finish(&mut self) -> Result<Printed, PrintError> {
        self.close();
        loop {
            let end = self.progress.borrow_and_update().end.clone();
            match end {
                Some(Ok(())) => return Ok(self.printed()),
                Some(Err(error)) => return Err(error),
                None => self.next_progress().await?,
            }
        }
    }

    async fn next_progress(&mut self) -> Result<(), PrintError> {
        if self.progress.changed().await.is_err() && self.progress.borrow().end.is_none() {
            // The thread is gone without a word: it panicked, in a formatter or in a writer.
            let Printed { messages: printed, .. } = self.printed();
            let lost = self.backlog().messages as u64;
            return Err(PrintError::Failed {
                reason: "the output thread has died".to_owned(),
                printed,
                lost,
            });
        }
        Ok(())
    }

    fn close(&self) {
        lock(&self.shared.queue).closed = true;
        self.shared.work.notify_one();
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn add(&mut self, deliveries: &[Delivery]) {
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
    fn admit(&mut self, deliveries: &mut [Delivery], limits: &Limits) -> Vec<usize> {
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
    fn drop_oldest(&mut self, limits: &Limits) {
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

/// The records in the buffer.
#[derive(Default)]
struct Records {
    /// Where each ends in the buffer; one that was dropped ends where it starts.
    ends: Vec<usize>,
    /// Which of them were dropped, ascending.
    dropped: Vec<usize>,
    /// What the others take in the queue.
    backlog: Backlog,
    pinned: Backlog,
}

impl Records {
    fn clear(&mut self) {
        self.ends.clear();
        self.dropped.clear();
        self.backlog = Backlog::default();
        self.pinned = Backlog::default();
    }

    /// How many of the first `count` were not dropped.
    fn printed(&self, count: usize) -> u64 {
        (count - self.dropped.partition_point(|index| *index < count)) as u64
    }
}

/// What the thread owns.
struct Writer {
    sink: Box<dyn Write + Send>,
    formatter: Box<dyn Formatter>,
    ui: Ui,
    shared: Arc<Shared>,
    progress: watch::Sender<Progress>,
    flush: Flush,
    buffer: Vec<u8>,
    records: Records,
}

enum Next {
    Batch(Batch),
    /// Nothing waits, or the buffer has waited long enough.
    Idle,
    Closed,
}

/// So many bytes were written before this happened.
struct Stopped {
    written: usize,
    error: io::Error,
}

impl Writer {
    fn run(mut self) {
        let end = self.work();
        self.progress.send_modify(|progress| progress.end = Some(end));
    }

    fn work(&mut self) -> Result<(), PrintError> {
        let mut since = Instant::now();
        loop {
            match self.next(since) {
                Next::Batch(batch) => {
                    if self.records.ends.is_empty() && self.flush == Flush::Full {
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
        let pending = !self.records.ends.is_empty();
        let mut queue = lock(&self.shared.queue);
        loop {
            if let Some(batch) = queue.batches.pop_front() {
                queue.taken += 1;
                return Next::Batch(batch);
            }
            let patience = match self.flush {
                Flush::Full if !queue.closed => MAX_DELAY.saturating_sub(since.elapsed()),
                _ => Duration::ZERO,
            };
            if pending && patience.is_zero() {
                return Next::Idle;
            }
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
        let Batch { mut deliveries, dropped } = batch;
        let mut dropped = dropped.into_iter().peekable();
        for (index, delivery) in deliveries.iter().enumerate() {
            if dropped.next_if_eq(&index).is_some() {
                self.records.dropped.push(self.records.ends.len());
            } else {
                self.formatter.format(delivery, &mut self.buffer);
                let one = Backlog::of(delivery);
                self.records.backlog.add(one);
                if delivery.publish.message.qos != QoS::AtMostOnce {
                    self.records.pinned.add(one);
                }
            }
            self.records.ends.push(self.buffer.len());
            if self.buffer.len() >= WRITE_SIZE {
                self.write()?;
            }
        }
        for warning in self.formatter.take_warnings() {
            self.ui.warning("format", &warning);
        }
        deliveries.clear();
        let mut queue = lock(&self.shared.queue);
        if queue.spare.len() < MAX_SPARE {
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
        let printed = self.records.printed(count);
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
            progress.written += count as u64;
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

    fn write_buffer(&mut self) -> Result<(), Stopped> {
        let mut written = 0;
        while let Some(rest) = self.buffer.get(written..).filter(|rest| !rest.is_empty()) {
            match self.sink.write(rest) {
                Ok(0) => return Err(Stopped { written, error: ErrorKind::WriteZero.into() }),
                Ok(count) => written += count,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => thread::sleep(RETRY_DELAY),
                    _ => return Err(Stopped { written, error }),
                },
            }
        }
        // What a sink has kept back is not written: nothing counts then.
        self.sink.flush().map_err(|error| Stopped { written: 0, error })
    }
}

#[cfg(test)]
mod tests;
