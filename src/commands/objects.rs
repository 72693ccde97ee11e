//! JSON objects of standard input or of a recording: a thread reads blocks, the command takes objects out of them.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::output::json::{Found, JsonMessageError, Splitter};

use super::input::{BLOCK, LARGEST, WAITING, read_some};

/// What [`Objects::next`] has.
pub(crate) enum Fetch<T> {
    /// An object, or what is in its place.
    Found(Found<T>),
    /// Reading failed; nothing follows.
    Failed(io::Error),
}

/// The objects of an input, in order.
#[derive(Debug)]
pub(crate) struct Objects {
    blocks: mpsc::Receiver<io::Result<Bytes>>,
    splitter: Splitter,
    failed: Option<io::Error>,
    ended: bool,
    number: u64,
}

impl Objects {
    /// Begins to read in a thread of its own. A thread that cannot be started is reported as a failed read.
    pub fn read(input: impl Read + Send + 'static) -> Self {
        let (sender, blocks) = mpsc::channel(WAITING);
        let for_failure = sender.clone();
        let started =
            std::thread::Builder::new().name("stdin".into()).spawn(move || read_blocks(input, &sender));
        if let Err(error) = started {
            let _ = for_failure.try_send(Err(error));
        }
        Self { blocks, splitter: Splitter::new(LARGEST), failed: None, ended: false, number: 0 }
    }

    /// The next object, if one is there without waiting.
    #[inline]
    pub fn next<T>(
        &mut self,
        mut parse: impl FnMut(&[u8]) -> Result<T, JsonMessageError>,
    ) -> Option<Fetch<T>> {
        loop {
            if let Some(found) = self.splitter.next(&mut parse) {
                self.number += 1;
                return Some(Fetch::Found(found));
            }
            if let Some(error) = self.failed.take() {
                return Some(Fetch::Failed(error));
            }
            if self.ended {
                return None;
            }
            match self.blocks.try_recv() {
                Ok(block) => self.accept(Some(block)),
                Err(mpsc::error::TryRecvError::Empty) => return None,
                Err(mpsc::error::TryRecvError::Disconnected) => self.accept(None),
            }
        }
    }

    fn accept(&mut self, block: Option<io::Result<Bytes>>) {
        match block {
            Some(Ok(bytes)) => self.splitter.push(bytes),
            Some(Err(error)) => self.failed = Some(error),
            None => {
                self.ended = true;
                self.splitter.finish();
            }
        }
    }

    /// Waits until [`Self::next`] has something to say. Cancel-safe.
    pub async fn ready(&mut self) {
        if self.is_empty() {
            let block = self.blocks.recv().await;
            self.accept(block);
        }
    }

    /// Whether the input has ended and every object was taken.
    pub fn is_at_end(&self) -> bool {
        self.ended && self.failed.is_none() && self.splitter.is_done()
    }

    /// Whether nothing that was read waits to be taken: what comes next may be the end.
    pub fn is_empty(&self) -> bool {
        self.splitter.is_empty() && self.failed.is_none() && !self.ended
    }

    /// How many objects were taken, and what stood in the place of one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes they were.
    pub fn consumed(&self) -> u64 {
        self.splitter.consumed()
    }
}

/// Reads until the end, or until nobody takes the blocks any more. A block is as large as what was read.
fn read_blocks(mut input: impl Read, blocks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut space = vec![0; BLOCK];
    loop {
        let block = read_some(&mut input, &mut space)
            .map(|count| Bytes::copy_from_slice(space.get(..count).unwrap_or_default()));
        let last = block.as_ref().map_or(true, Bytes::is_empty);
        if block.as_ref().is_ok_and(Bytes::is_empty) || blocks.blocking_send(block).is_err() || last {
            return;
        }
    }
}
