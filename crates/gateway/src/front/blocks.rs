//! The buffers that bodies are read into, used again: fresh memory of this size comes from the system page by page, which
//! costs more than all that is done with the bytes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// How large a buffer is: the most bytes of a piece of a body.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// Whoever goes away may leave so many behind, for the next one.
const KEPT: usize = 8;

/// A buffer. It is kept when it is dropped, or when the last piece is that was cut off it.
pub(super) struct Block {
    bytes: Vec<u8>,
    length: usize,
}

/// The buffers of the process. They go from the threads that read to those that write, and back from there.
struct Blocks {
    kept: Vec<Vec<u8>>,
    lent: usize,
}

static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { kept: Vec::new(), lent: 0 });

fn blocks() -> MutexGuard<'static, Blocks> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Block {
    pub(super) fn take() -> Self {
        let kept = {
            let mut blocks = blocks();
            blocks.lent += 1;
            blocks.kept.pop()
        };
        let bytes = kept.unwrap_or_else(|| vec![0; BLOCK_BYTES]);
        Self { bytes, length: 0 }
    }

    /// All of it, with whatever was there before.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Its first bytes.
    pub(super) fn freeze(mut self, length: usize) -> Bytes {
        self.length = length.min(self.bytes.len());
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // What is too much is freed when nobody waits for the lock.
        let _surplus = blocks().give_back(bytes);
    }
}

impl Blocks {
    /// Keeps a buffer; as many as are in use, or a few. Gives those that are too many.
    fn give_back(&mut self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        self.lent = self.lent.saturating_sub(1);
        self.kept.push(bytes);
        let most = self.lent.max(KEPT);
        if self.kept.len() > most { self.kept.split_off(most) } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_buffers_are_kept_and_as_many_as_are_in_use() {
        let mut blocks = Blocks { kept: Vec::new(), lent: 40 };
        let mut freed = 0;
        for _ in 0..20 {
            freed += blocks.give_back(vec![0; 1]).len();
        }
        assert_eq!((blocks.lent, blocks.kept.len(), freed), (20, 20, 0));
        for _ in 0..20 {
            freed += blocks.give_back(vec![0; 1]).len();
        }
        assert_eq!((blocks.lent, blocks.kept.len(), freed), (0, KEPT, 40 - KEPT));
    }

    #[test]
    fn a_piece_has_the_bytes_that_were_read() {
        let mut block = Block::take();
        block.bytes()[..3].copy_from_slice(b"abc");
        let piece = block.freeze(3);
        assert_eq!((&piece[..], piece.slice(1..2)), (&b"abc"[..], Bytes::from_static(b"b")));
    }
}
