//! Bytes that have come and are not decoded yet.

use super::config::READ_BUFFER_BYTES;

/// An undecoded stretch of the byte stream, in a buffer that can be lent and taken back.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
}

/// Up to this many unread bytes move to a buffer of their own, so that a read buffer need not wait for the rest of
/// a header or of a control frame.
const KEEP_BYTES: usize = 256;

impl Input {
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    #[inline]
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Takes the next `len` unread bytes. The caller has checked that they are there.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> &mut [u8] {
        let start = self.start;
        self.start += len;
        &mut self.bytes[start..start + len]
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Appends as much of `bytes` as there is room for, and tells how much that was.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(READ_BUFFER_BYTES - self.len());
        self.compact();
        self.bytes.extend_from_slice(&bytes[..len]);
        len
    }

    /// The buffer, unread bytes first, for a transport to append to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.compact();
        &mut self.bytes
    }

    /// Puts an empty buffer with room in place of one that has none.
    pub(crate) fn lend(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        if self.len() > 0 {
            buffer.extend_from_slice(self.unread());
        }
        self.bytes = buffer;
        self.start = 0;
    }

    /// Takes the buffer back if few or no bytes wait in it.
    pub(crate) fn reclaim(&mut self) -> Option<Vec<u8>> {
        if self.len() > KEEP_BYTES || self.bytes.capacity() <= KEEP_BYTES {
            return None;
        }
        let kept = self.unread().to_vec();
        self.start = 0;
        Some(std::mem::replace(&mut self.bytes, kept))
    }

    fn compact(&mut self) {
        if self.start > 0 {
            let len = self.len();
            self.bytes.copy_within(self.start.., 0);
            self.bytes.truncate(len);
            self.start = 0;
        }
    }
}
