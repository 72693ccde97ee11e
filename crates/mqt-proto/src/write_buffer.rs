//! Bytes on the way out: small packets packed together, large payloads shared and not copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// A payload of this many bytes or more is sent from where it lies instead of being copied, in bytes.
const SHARE_FROM: usize = 16 * 1024;

/// Encoded packets that wait to be written, in order. Reading side: [`Buf`].
#[derive(Debug, Default)]
pub struct WriteBuffer {
    /// What comes before `tail`.
    shared: VecDeque<Bytes>,
    shared_len: usize,
    tail: BytesMut,
    taken: u64,
}

impl WriteBuffer {
    /// An empty buffer; allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one byte.
    pub fn put_u8(&mut self, byte: u8) {
        self.tail.extend_from_slice(&[byte]);
    }

    /// Appends two bytes, high byte first (1.5.2).
    pub fn put_u16(&mut self, value: u16) {
        self.tail.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends four bytes, high byte first (1.5.3).
    pub fn put_u32(&mut self, value: u32) {
        self.tail.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends a copy of some bytes.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Appends bytes that may be large: from 16 KiB on they are shared, below they are copied.
    pub fn put_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_FROM {
            self.tail.extend_from_slice(bytes);
            return;
        }
        if !self.tail.is_empty() {
            let head = self.tail.split().freeze();
            self.shared_len = self.shared_len.saturating_add(head.len());
            self.shared.push_back(head);
        }
        self.shared_len = self.shared_len.saturating_add(bytes.len());
        self.shared.push_back(bytes.clone());
    }

    /// Makes room for this many bytes at once.
    pub fn reserve(&mut self, additional: usize) {
        self.tail.reserve(additional);
    }

    /// The number of bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared_len.saturating_add(self.tail.len())
    }

    /// How many bytes of memory it takes: what waits, and room that is kept for more.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.shared_len
            .saturating_add(self.tail.capacity())
            .saturating_add(self.shared.capacity().saturating_mul(size_of::<Bytes>()))
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes will ever have been taken off the front once it is empty.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.taken.saturating_add(u64::try_from(self.len()).unwrap_or(u64::MAX))
    }

    /// How many bytes were ever taken off the front.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Forgets everything that waits; the capacity stays.
    pub fn clear(&mut self) {
        self.shared.clear();
        self.shared_len = 0;
        self.tail.clear();
    }

    /// Gives the memory back when nothing waits.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

impl Buf for WriteBuffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.shared.front().map_or(&*self.tail, |front| front)
    }

    fn advance(&mut self, mut count: usize) {
        let taken = u64::try_from(count.min(self.len())).unwrap_or(u64::MAX);
        self.taken = self.taken.saturating_add(taken);
        while count > 0 {
            let Some(front) = self.shared.front_mut() else {
                if count >= self.tail.len() {
                    // Keeps the allocation and its start, so that the next batch needs no new one.
                    self.tail.clear();
                } else {
                    self.tail.advance(count);
                }
                return;
            };
            let step = count.min(front.len());
            front.advance(step);
            if front.is_empty() {
                self.shared.pop_front();
            }
            self.shared_len = self.shared_len.saturating_sub(step);
            count = count.saturating_sub(step);
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count: usize = 0;
        let chunks = self.shared.iter().map(|bytes| &**bytes).chain([&*self.tail]);
        for (slot, chunk) in slices.iter_mut().zip(chunks.filter(|chunk| !chunk.is_empty())) {
            *slot = IoSlice::new(chunk);
            count = count.saturating_add(1);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_payloads_are_shared_and_order_is_kept() {
        let large = Bytes::from(vec![b'x'; SHARE_FROM]);
        let mut buffer = WriteBuffer::new();
        buffer.put_slice(b"ab");
        buffer.put_bytes(&large);
        buffer.put_u16(0x6364);
        assert_eq!(buffer.len(), SHARE_FROM + 4);
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(buffer.chunks_vectored(&mut slices), 3);
        assert_eq!(slices[1].as_ptr(), large.as_ptr(), "the payload was copied");
        assert_eq!(buffer.copy_to_bytes(3), &b"abx"[..]);
        buffer.advance(SHARE_FROM - 1);
        assert_eq!(buffer.chunk(), b"cd");
        buffer.advance(2);
        assert!(buffer.is_empty());
        assert_eq!(buffer.taken(), SHARE_FROM as u64 + 4);
    }
}
