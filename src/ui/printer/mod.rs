//! The thread that writes received messages to stdout, so that nobody else ever waits for stdout.
//!
//! Anyone who receives pushes batches and never blocks; [`Printer::is_full`] tells when to stop reading from
//! the broker, [`Printer::written`] which messages are out and may be acknowledged. The thread formats
//! into one buffer and writes when nothing more waits or 64 KiB have come together: under load few writes,
//! otherwise each message at once.

mod queue;
mod writer;

pub use queue::{Backlog, PrinterLimits};

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use tokio::sync::watch;

use super::{Ui, lock};
use crate::config::Overflow;
use crate::error::{Failure, Kind};
use crate::output::{Delivery, Formatter};
use queue::Queue;
use writer::Writer;

/// Where messages are written.
pub enum PrintSink {
    /// Standard output.
    Stdout,
    /// Anything else; it is flushed after each write.
    Writer(Box<dyn Write + Send>),
}

impl PrintSink {
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

/// How the printer works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrinterOptions {
    /// How much may wait.
    pub limits: PrinterLimits,
    /// When the buffer is written.
    pub flush: Flush,
    /// What to do with QoS 0 messages beyond the limits. With [`Overflow::Block`] and [`Overflow::Exit`] all
    /// are taken, and the caller acts on [`Printer::is_full`].
    pub overflow: Overflow,
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
    shared: Arc<SharedQueue>,
    progress: watch::Receiver<PrintProgress>,
    options: PrinterOptions,
    /// What [`changed`](Self::changed) has told.
    told: u64,
}

#[derive(Debug, Clone, Default)]
struct PrintProgress {
    /// Deliveries, in the order of pushing, that are written or were dropped.
    written: u64,
    /// Those of them that are written.
    printed: u64,
    /// The thread has ended.
    end: Option<Result<(), PrintError>>,
}

#[derive(Debug, Default)]
struct SharedQueue {
    queue: Mutex<Queue>,
    work: Condvar,
}

impl Printer {
    /// Starts the thread. What a formatter could not print is said on `ui`.
    ///
    /// # Errors
    /// The thread cannot be started, or stdout is not there.
    pub fn start(
        formatter: Box<dyn Formatter>,
        sink: PrintSink,
        options: PrinterOptions,
        ui: Ui,
    ) -> io::Result<Self> {
        let shared = Arc::new(SharedQueue::default());
        let (sender, progress) = watch::channel(PrintProgress::default());
        let writer = Writer::new(sink.open()?, formatter, ui, Arc::clone(&shared), sender, options.flush);
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
    pub fn push(&self, deliveries: Vec<Delivery>) {
        if deliveries.is_empty() {
            return;
        }
        let mut queue = lock(&self.shared.queue);
        if queue.failed {
            return;
        }
        queue.push(deliveries, self.options.overflow, &self.options.limits);
        let wake = std::mem::replace(&mut queue.waiting, false);
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// Has everything that was pushed written without waiting for more, also with [`Flush::Full`].
    pub fn write_now(&self) {
        let mut queue = lock(&self.shared.queue);
        queue.urgent = true;
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
    /// this again continues waiting.
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

#[cfg(test)]
mod tests;
