//! Standard input as records: a thread reads it in blocks, the command takes records out of the blocks.
//!
//! The thread stops reading when a few blocks wait, so an endless producer presses against the broker and
//! not against memory. A record is a slice of its block: nothing is copied per record, and a block is as large
//! as what was read, so that a slow producer's line keeps no more memory than its own.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

use mqt_client::thread::in_thread;

/// One read asks for this many bytes.
pub(super) const BLOCK: usize = 128 * 1024;
/// This many blocks may wait.
pub(super) const WAITING: usize = 4;
/// The largest payload that fits into a packet, and so the largest record, in bytes.
pub(super) const LARGEST: usize = mqt_proto::MAX_REMAINING_LENGTH;

/// A piece of input.
#[derive(Debug)]
enum InputBlock {
    /// Whole records, each with its delimiter.
    Records(Bytes),
    /// The last record, which had no delimiter.
    Last(Bytes),
    /// A record was longer than any packet; it is left out.
    TooLong,
    Failed(io::Error),
}

/// Something read.
#[derive(Debug)]
pub(super) enum Record {
    /// A record without its delimiter.
    Bytes(Bytes),
    /// A record that fits into no packet.
    TooLong,
    /// Reading failed; nothing follows.
    Failed(io::Error),
}

/// Records of an input, in order.
#[derive(Debug)]
pub(super) struct Records {
    delimiter: u8,
    blocks: mpsc::Receiver<InputBlock>,
    /// Whole records, each with its delimiter.
    current: Bytes,
    /// Where in it the next record begins.
    at: usize,
    waiting: Option<Record>,
    ended: bool,
    number: u64,
}

impl Records {
    /// Begins to read in a thread of its own. A thread that cannot be started is reported as a failed read.
    pub fn read(input: impl Read + Send + 'static, delimiter: u8) -> Self {
        let (sender, blocks) = mpsc::channel(WAITING);
        let for_failure = sender.clone();
        let started = std::thread::Builder::new()
            .name("stdin".into())
            .spawn(move || read_blocks(input, delimiter, LARGEST, &sender));
        if let Err(error) = started {
            let _ = for_failure.try_send(InputBlock::Failed(error));
        }
        Self { delimiter, blocks, current: Bytes::new(), at: 0, waiting: None, ended: false, number: 0 }
    }

    /// The next record, if one is there without waiting.
    #[inline]
    pub fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.take() {
                self.number += 1;
                return Some(record);
            }
            match self.blocks.try_recv() {
                Ok(block) => self.accept(block),
                Err(mpsc::error::TryRecvError::Empty) => return None,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.ended = true;
                    return None;
                }
            }
        }
    }

    #[inline]
    fn take(&mut self) -> Option<Record> {
        if let Some(rest) = self.current.get(self.at..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(self.delimiter, rest).unwrap_or(rest.len());
            let end = self.at + length;
            let record = self.current.slice(self.at..end);
            self.at = end + 1;
            if self.at >= self.current.len() {
                self.current = Bytes::new();
                self.at = 0;
            }
            return Some(Record::Bytes(record));
        }
        self.waiting.take()
    }

    fn accept(&mut self, block: InputBlock) {
        match block {
            InputBlock::Records(bytes) => (self.current, self.at) = (bytes, 0),
            InputBlock::Last(bytes) => self.waiting = Some(Record::Bytes(bytes)),
            InputBlock::TooLong => self.waiting = Some(Record::TooLong),
            InputBlock::Failed(error) => self.waiting = Some(Record::Failed(error)),
        }
    }

    /// Waits until [`Self::next`] has something to say. Cancel-safe.
    pub async fn ready(&mut self) {
        if !self.current.is_empty() || self.waiting.is_some() || self.ended {
            return;
        }
        match self.blocks.recv().await {
            Some(block) => self.accept(block),
            None => self.ended = true,
        }
    }

    /// Whether the input has ended and every record was taken.
    pub fn is_at_end(&self) -> bool {
        self.ended && self.current.is_empty() && self.waiting.is_none()
    }

    /// Whether nothing that was read waits to be taken: what comes next may be the end.
    pub fn is_empty(&self) -> bool {
        self.current.is_empty() && self.waiting.is_none() && !self.ended
    }

    /// How many records were taken, those that were too long among them.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Reads until the end, or until nobody takes the blocks any more. A record of more than `largest` bytes is
/// left out.
fn read_blocks(mut input: impl Read, delimiter: u8, largest: usize, blocks: &mpsc::Sender<InputBlock>) {
    let mut space = vec![0; BLOCK];
    // The beginning of a record whose delimiter has not come.
    let mut begun = Vec::new();
    // Inside a record that is too long, up to its delimiter.
    let mut skipping = false;
    loop {
        let count = match read_some(&mut input, &mut space) {
            Ok(count) => count,
            Err(error) => {
                let _ = blocks.blocking_send(InputBlock::Failed(error));
                return;
            }
        };
        if count == 0 {
            if !begun.is_empty() {
                let _ = blocks.blocking_send(InputBlock::Last(begun.into()));
            }
            return;
        }
        let mut bytes = space.get(..count).unwrap_or_default();
        if skipping {
            let Some(end) = memchr::memchr(delimiter, bytes) else { continue };
            bytes = bytes.get(end + 1..).unwrap_or_default();
            skipping = false;
        }
        if let Some(last) = memchr::memrchr(delimiter, bytes) {
            let (whole, rest) = bytes.split_at(last + 1);
            let mut records = std::mem::take(&mut begun);
            records.extend_from_slice(whole);
            if blocks.blocking_send(InputBlock::Records(records.into())).is_err() {
                return;
            }
            bytes = rest;
        }
        begun.extend_from_slice(bytes);
        if begun.len() > largest {
            begun = Vec::new();
            skipping = true;
            if blocks.blocking_send(InputBlock::TooLong).is_err() {
                return;
            }
        }
    }
}

/// Reads once, however often a signal comes between.
pub(super) fn read_some(input: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// All of an input, at most one byte more than fits into a packet.
///
/// # Errors
/// Reading failed.
pub(super) fn read_whole(input: impl Read) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    input.take(u64::try_from(LARGEST).unwrap_or(u64::MAX) + 1).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// [`read_whole`] in a thread of its own, for an input that may take its time.
///
/// # Errors
/// Reading failed, or the thread cannot be started.
pub(super) async fn read_whole_in_thread(input: impl Read + Send + 'static) -> io::Result<Bytes> {
    in_thread("stdin", move || read_whole(input)).await.and_then(std::convert::identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out at most `step` bytes a read.
    struct Steps {
        bytes: Vec<u8>,
        at: usize,
        step: usize,
    }

    impl Read for Steps {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(space.len()).min(self.bytes.len() - self.at);
            space[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
            self.at += count;
            Ok(count)
        }
    }

    /// The records of an input that comes in steps; `None` for one that is too long.
    fn records(bytes: &[u8], step: usize, largest: usize) -> Vec<Option<Vec<u8>>> {
        let (sender, blocks) = mpsc::channel(1_000);
        read_blocks(Steps { bytes: bytes.to_vec(), at: 0, step }, b'\n', largest, &sender);
        drop(sender);
        let mut records = Records {
            delimiter: b'\n',
            blocks,
            current: Bytes::new(),
            at: 0,
            waiting: None,
            ended: false,
            number: 0,
        };
        let mut all = Vec::new();
        while let Some(record) = records.next() {
            match record {
                Record::Bytes(bytes) => all.push(Some(bytes.to_vec())),
                Record::TooLong => all.push(None),
                Record::Failed(error) => panic!("{error}"),
            }
        }
        assert!(records.is_at_end());
        assert_eq!(records.number(), all.len() as u64);
        all
    }

    fn texts(texts: &[&str]) -> Vec<Option<Vec<u8>>> {
        texts.iter().map(|text| Some(text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn records_are_the_same_however_they_are_read() {
        for step in 1..20 {
            assert_eq!(records(b"", step, 100), texts(&[]));
            assert_eq!(records(b"\n", step, 100), texts(&[""]));
            assert_eq!(records(b"a\n\nbc\n", step, 100), texts(&["a", "", "bc"]));
            assert_eq!(records(b"\n\na\r\0\nlast", step, 100), texts(&["", "", "a\r\0", "last"]));
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_left_out_up_to_its_delimiter() {
        // The limit is looked at after each read: what comes whole in one read is for the packet to refuse.
        for step in 1..5 {
            let all = records(b"ab\nxxxxxxxxxxxxxxxxx\ncd\nyyyyyyyyyyyyyyyyyyyy", step, 10);
            assert_eq!(all, [texts(&["ab"]), vec![None], texts(&["cd"]), vec![None]].concat());
        }
    }

    #[test]
    fn a_long_record_between_short_ones_keeps_its_bytes() {
        let long = "x".repeat(3 * BLOCK + 7);
        let input = format!("a\n{long}\nb");
        assert_eq!(records(input.as_bytes(), usize::MAX, LARGEST), texts(&["a", &long, "b"]));
    }

    #[test]
    fn a_failed_read_comes_after_what_was_read() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("broken"));
                }
                space[..4].copy_from_slice(b"a\nbc");
                Ok(4)
            }
        }
        let (sender, mut blocks) = mpsc::channel(10);
        read_blocks(Broken(false), b'\n', 100, &sender);
        assert!(matches!(blocks.try_recv(), Ok(InputBlock::Records(records)) if records == "a\n"));
        assert!(matches!(blocks.try_recv(), Ok(InputBlock::Failed(error)) if error.to_string() == "broken"));
    }
}
