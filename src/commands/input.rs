//! Standard input as records: a thread reads it in blocks, the command takes records out of the blocks.
//!
//! The thread stops reading when a few blocks wait, so an endless producer presses against the broker and
//! not against memory. A record is a slice of its block: nothing is copied per record.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

/// One read asks for so many bytes.
const BLOCK: usize = 64 * 1024;
/// So many blocks may wait.
const WAITING: usize = 4;
/// The largest payload that fits into a packet, and so the largest record, in bytes.
const LARGEST: usize = crate::mqtt::MAX_REMAINING_LENGTH;

/// A piece of input.
#[derive(Debug)]
enum Block {
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
    blocks: mpsc::Receiver<Block>,
    current: Bytes,
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
            let _ = for_failure.try_send(Block::Failed(error));
        }
        Self { delimiter, blocks, current: Bytes::new(), waiting: None, ended: false, number: 0 }
    }

    /// The next record, if one is there without waiting.
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

    fn take(&mut self) -> Option<Record> {
        if !self.current.is_empty() {
            let end = memchr::memchr(self.delimiter, &self.current).unwrap_or(self.current.len());
            let record = self.current.split_to(end);
            if !self.current.is_empty() {
                let _ = self.current.split_to(1);
            }
            return Some(Record::Bytes(record));
        }
        self.waiting.take()
    }

    fn accept(&mut self, block: Block) {
        match block {
            Block::Records(bytes) => self.current = bytes,
            Block::Last(bytes) => self.waiting = Some(Record::Bytes(bytes)),
            Block::TooLong => self.waiting = Some(Record::TooLong),
            Block::Failed(error) => self.waiting = Some(Record::Failed(error)),
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

/// Reads to the end. A record with more than `largest` bytes is left out.
fn read_blocks(mut input: impl Read, delimiter: u8, largest: usize, blocks: &mpsc::Sender<Block>) {
    let mut buffer = BytesMut::new();
    // Inside a record that is too long, up to its delimiter.
    let mut skipping = false;
    loop {
        let filled = buffer.len();
        buffer.resize(filled + BLOCK, 0);
        let count = match read_some(&mut input, buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(count) => count,
            Err(error) => {
                let _ = blocks.blocking_send(Block::Failed(error));
                return;
            }
        };
        buffer.truncate(filled + count);
        if count == 0 {
            if !buffer.is_empty() {
                let _ = blocks.blocking_send(Block::Last(buffer.freeze()));
            }
            return;
        }
        // What was there before holds no delimiter.
        let mut searched = filled;
        if skipping {
            let Some(end) = memchr::memchr(delimiter, &buffer) else {
                buffer.clear();
                continue;
            };
            let _ = buffer.split_to(end + 1);
            skipping = false;
            searched = 0;
        }
        if let Some(last) = memchr::memrchr(delimiter, buffer.get(searched..).unwrap_or_default()) {
            let records = buffer.split_to(searched + last + 1).freeze();
            if blocks.blocking_send(Block::Records(records)).is_err() {
                return;
            }
        }
        if buffer.len() > largest {
            buffer = BytesMut::new();
            skipping = true;
            if blocks.blocking_send(Block::TooLong).is_err() {
                return;
            }
        }
    }
}

fn read_some(input: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Input that comes in pieces of a few bytes.
    struct Pieces(Vec<u8>, usize);

    impl Read for Pieces {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(space.len());
            space[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn read(input: &[u8], piece: usize, largest: usize) -> Vec<Option<Vec<u8>>> {
        let (sender, blocks) = mpsc::channel(1000);
        read_blocks(Pieces(input.to_vec(), piece), b'\n', largest, &sender);
        drop(sender);
        let mut records = Records {
            delimiter: b'\n',
            blocks,
            current: Bytes::new(),
            waiting: None,
            ended: false,
            number: 0,
        };
        let mut found = Vec::new();
        while let Some(record) = records.next() {
            found.push(match record {
                Record::Bytes(bytes) => Some(bytes.to_vec()),
                Record::TooLong => None,
                Record::Failed(error) => panic!("{error}"),
            });
        }
        assert!(records.is_at_end());
        assert_eq!(records.number(), found.len() as u64);
        found
    }

    #[test]
    fn records_are_the_same_however_the_input_comes() {
        let input = b"a\n\nbcd\n\0\r\nlast";
        let expected: Vec<Option<Vec<u8>>> =
            [&b"a"[..], b"", b"bcd", b"\0\r", b"last"].map(|record| Some(record.to_vec())).to_vec();
        for piece in 1..=input.len() {
            assert_eq!(read(input, piece, LARGEST), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_left_out_and_counted() {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        for piece in 1..8 {
            // In pieces: the limit is seen before the end of the record.
            let found = read(b"ab\nabcdefghijklmnop\ncd\nabcdefghijklmnop", piece, 8);
            assert_eq!(found, [some("ab"), None, some("cd"), None], "pieces of {piece}");
        }
    }
}
