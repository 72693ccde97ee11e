//! Payloads: filler of a size, a text, or a file, each with the stamp.

use bytes::{BufMut, Bytes, BytesMut};

use crate::bench::plan::filling::{Values, fill};
use crate::bench::plan::stamp::{STAMP_LEN, Stamp};
use crate::config::bench::LoadPayload;
use mqt_process::random::Random;

/// Payloads are cut from blocks of this size, in bytes, so that not each of them is an allocation.
const BLOCK: usize = 64 * 1024;
/// How much filler is made beforehand, in bytes; longer payloads repeat it.
const FILLER: usize = 4 * 1024;

/// Makes the payloads of all publishers of a thread.
#[derive(Debug)]
pub(crate) struct PayloadPress {
    block: BytesMut,
    filler: Bytes,
    random: Random,
}

impl PayloadPress {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut filler = BytesMut::with_capacity(FILLER);
        while filler.len() < FILLER {
            filler.put_slice(&random.bits().to_le_bytes());
        }
        Self { block: BytesMut::new(), filler: filler.freeze(), random }
    }

    /// The random numbers of this thread.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// A payload. Of filler the stamp is the beginning; behind a text or a file it follows.
    pub fn press(&mut self, payload: &LoadPayload, stamp: Option<&Stamp>, values: Values<'_>) -> Bytes {
        let stamp = stamp.map(Stamp::encode);
        let stamp = stamp.as_ref().map_or(&[][..], |bytes| bytes);
        match payload {
            LoadPayload::Size(size) => {
                let span = u64::from(size.max.saturating_sub(size.min)) + 1;
                let more = if span > 1 { self.random.below(span) } else { 0 };
                let length = usize::try_from(u64::from(size.min) + more).unwrap_or(usize::MAX);
                let length = length.max(stamp.len());
                self.make_room(length);
                self.block.put_slice(stamp);
                let mut left = length - stamp.len();
                while left > 0 {
                    let part = left.min(self.filler.len());
                    self.block.put_slice(self.filler.get(..part).unwrap_or_default());
                    left -= part;
                }
            }
            LoadPayload::Template(template) => {
                self.make_room(template.as_str().len() + STAMP_LEN);
                fill(template, values, &mut self.random, &mut self.block);
                self.block.put_slice(stamp);
            }
            LoadPayload::File { content, .. } if stamp.is_empty() => return content.clone(),
            LoadPayload::File { content, .. } => {
                self.make_room(content.len() + stamp.len());
                self.block.put_slice(content);
                self.block.put_slice(stamp);
            }
        }
        self.block.split().freeze()
    }

    fn make_room(&mut self, length: usize) {
        if self.block.capacity() < length {
            self.block.reserve(length.max(BLOCK));
        }
    }
}

/// The stamp of a payload, where it has one of this run: at its beginning or at its end. `None` for `run`: of
/// any run, at its beginning.
pub(crate) fn find_stamp(payload: &[u8], run: Option<u32>) -> Option<Stamp> {
    let front = Stamp::decode(payload);
    let Some(run) = run else { return front };
    front.filter(|stamp| stamp.run == run).or_else(|| {
        let tail = payload.get(payload.len().checked_sub(STAMP_LEN)?..)?;
        Stamp::decode(tail).filter(|stamp| stamp.run == run)
    })
}
