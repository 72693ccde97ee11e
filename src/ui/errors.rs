//! Standard error, which nobody may be reading: a line that a full pipe does not take waits in memory, and a thread that
//! exists for as long as anything waits writes it. Anyone who talks never waits.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;
use mqt_process::readiness::PIECE;
#[cfg(unix)]
use mqt_process::readiness::{takes_bytes, wait_until_it_takes_bytes};

/// What may wait, in bytes.
const MOST: usize = 256 * 1024;
/// At the end, how long nothing may move before what waits is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes without ever blocking. Each call is for one or more whole lines; clones write to the same queue.
#[derive(Clone)]
pub(super) struct Errors {
    shared: Arc<SharedErrors>,
}

struct SharedErrors {
    waiting: Mutex<Waiting>,
    moved: Condvar,
    output: Output,
}

/// The end of a pipe, or something else with a descriptor.
#[cfg(unix)]
type Output = Box<dyn Descriptor>;
#[cfg(not(unix))]
type Output = io::Stderr;

/// What can be written to through a shared reference, and asked whether it takes bytes.
#[cfg(unix)]
pub(super) trait Descriptor: std::os::fd::AsFd + Send + Sync {
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
}

#[cfg(unix)]
impl Descriptor for io::Stderr {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }
}

#[cfg(all(test, unix))]
impl Descriptor for std::fs::File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        Write::write(&mut file, bytes)
    }
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The thread is there.
    draining: bool,
    /// How many pieces the thread has written.
    progress: u64,
    /// Calls whose text found no room.
    dropped: u64,
}

impl Errors {
    /// Over the standard error of the process.
    pub fn of_process() -> Self {
        #[cfg(unix)]
        let output: Output = Box::new(io::stderr());
        #[cfg(not(unix))]
        let output = io::stderr();
        Self::over(output)
    }

    fn over(output: Output) -> Self {
        Self { shared: Arc::new(SharedErrors { waiting: Mutex::default(), moved: Condvar::new(), output }) }
    }

    /// Whether a line that is of use only now would be shown at once.
    pub fn is_ready(&self) -> bool {
        let draining = lock(&self.shared.waiting).draining;
        #[cfg(unix)]
        let ready = !draining && takes_bytes(&self.shared.output.as_fd());
        #[cfg(not(unix))]
        let ready = !draining;
        ready
    }

    /// Waits until all is written, or nothing has moved for a second.
    pub fn finish(&self) {
        let mut waiting = lock(&self.shared.waiting);
        while waiting.draining {
            let before = waiting.progress;
            let (next, waited) = self
                .shared
                .moved
                .wait_timeout_while(waiting, PATIENCE, |now| now.draining && now.progress == before)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = next;
            if waited.timed_out() {
                return;
            }
        }
    }
}

impl SharedErrors {
    /// Writes as much as is taken without blocking. Returns the rest; nothing when there is no reader any more.
    fn write_some<'a>(&self, mut bytes: &'a [u8]) -> &'a [u8] {
        while !bytes.is_empty() {
            #[cfg(unix)]
            if !takes_bytes(&self.output.as_fd()) {
                return bytes;
            }
            let piece = bytes.get(..PIECE).unwrap_or(bytes);
            match self.write(piece) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return bytes,
                // Nobody is left to be told.
                Err(_) => return &[],
            }
        }
        bytes
    }

    #[cfg(unix)]
    fn write(&self, piece: &[u8]) -> io::Result<usize> {
        self.output.write(piece)
    }

    #[cfg(not(unix))]
    fn write(&self, piece: &[u8]) -> io::Result<usize> {
        (&self.output).write(piece)
    }

    /// The thread: writes what waits, until nothing does.
    fn drain(&self) {
        let mut piece = Vec::new();
        loop {
            let mut waiting = lock(&self.waiting);
            if piece.is_empty() {
                let count = waiting.bytes.len().min(PIECE);
                piece.extend(waiting.bytes.drain(..count));
            }
            if piece.is_empty() && waiting.dropped > 0 {
                let count = std::mem::take(&mut waiting.dropped);
                piece =
                    format!("mqt: note[stderr]: {count} lines are missing here: nobody was reading\n").into();
            }
            if piece.is_empty() {
                waiting.draining = false;
                self.moved.notify_all();
                return;
            }
            drop(waiting);
            #[cfg(unix)]
            wait_until_it_takes_bytes(&self.output.as_fd());
            let rest = self.write_some(&piece).len();
            piece.drain(..piece.len() - rest);
            lock(&self.waiting).progress += 1;
            self.moved.notify_all();
        }
    }
}

impl Write for Errors {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = lock(&self.shared.waiting);
        let rest = if waiting.draining { bytes } else { self.shared.write_some(bytes) };
        if rest.is_empty() {
            return Ok(bytes.len());
        }
        if waiting.bytes.len() + rest.len() > MOST {
            waiting.dropped += 1;
        } else {
            waiting.bytes.extend_from_slice(rest);
        }
        if !waiting.draining {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || shared.drain());
            // Without a thread the next call tries again.
            waiting.draining = started.is_ok();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_stops_nobody_and_what_is_missing_is_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut errors = Errors::over(Box::new(std::fs::File::from(std::os::fd::OwnedFd::from(writer))));
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..1_000 {
            errors.write_all(line.as_bytes()).unwrap();
        }
        let dropped = lock(&errors.shared.waiting).dropped;
        assert!(dropped > 500, "{dropped}");
        // Once somebody reads, all that was kept comes, in whole lines, and the number of the others.
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        while lock(&errors.shared.waiting).draining {
            errors.finish();
        }
        errors.write_all(b"last\n").unwrap();
        drop(errors);
        let text = reading.join().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let (whole, others): (Vec<&str>, Vec<&str>) =
            lines.iter().partition(|found| **found == line.trim_end());
        assert_eq!(whole.len() as u64 + dropped, 1_000);
        let missing = format!("mqt: note[stderr]: {dropped} lines are missing here: nobody was reading");
        assert_eq!(others, [missing.as_str(), "last"]);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_reason_to_wait() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut errors = Errors::over(Box::new(std::fs::File::from(std::os::fd::OwnedFd::from(writer))));
        errors.write_all(b"x\n").unwrap();
        assert!(!lock(&errors.shared.waiting).draining);
    }
}
