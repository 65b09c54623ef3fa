//! Bytes that wait to go out, small ones gathered, large ones by reference.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// What a connection has to send, in order, as a [`Buf`]: write [`chunks_vectored`](Buf::chunks_vectored) to the
/// transport, then [`advance`](Buf::advance) by what it took.
///
/// Headers and small payloads are gathered in one buffer, so that many messages leave in one write; a large
/// payload is never copied into it.
#[derive(Debug, Default)]
pub struct Transmit {
    /// What goes out before what is gathered. Boxed, since only large payloads need it.
    sealed: Option<Box<Sealed>>,
    gathered: Vec<u8>,
    gathered_start: usize,
    sent: u64,
}

/// Payloads by reference, and what was gathered between them; never empty.
#[derive(Debug, Default)]
struct Sealed {
    chunks: VecDeque<Bytes>,
    bytes: usize,
}

/// How much of what has left may stay in front of what waits, before that is moved there.
const MAX_SENT_FRONT: usize = 4096;

impl Transmit {
    /// The gathering buffer, to append to.
    #[inline]
    pub(crate) fn gathering(&mut self) -> &mut Vec<u8> {
        if self.gathered_start > MAX_SENT_FRONT {
            self.drain_front();
        }
        if self.gathered.capacity() == 0 {
            self.gathered = borrow();
        }
        &mut self.gathered
    }

    /// A queue that is never empty would keep all that it has sent.
    #[cold]
    fn drain_front(&mut self) {
        if self.gathered_start > self.gathered.len() / 2 {
            self.gathered.drain(..self.gathered_start);
            self.gathered_start = 0;
        }
    }

    /// Puts `payload` behind all that has been gathered, without copying it.
    pub(crate) fn push(&mut self, payload: Bytes) {
        let sealed = self.sealed.get_or_insert_default();
        if self.gathered.len() > self.gathered_start {
            let mut gathered = Bytes::from(std::mem::take(&mut self.gathered));
            gathered.advance(self.gathered_start);
            sealed.push(gathered);
        } else {
            self.gathered.clear();
        }
        self.gathered_start = 0;
        sealed.push(payload);
    }

    /// Gives up what waits, and tells how much that was. What has left stays counted.
    pub(crate) fn discard(&mut self) -> usize {
        let lost = self.remaining();
        *self = Self { sent: self.sent, ..Self::default() };
        lost
    }

    /// Bytes that have left.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    fn release(&mut self) {
        self.gathered_start = 0;
        // An idle connection holds none.
        give_back(std::mem::take(&mut self.gathered));
    }
}

impl Sealed {
    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }
}

/// Gathering buffers of a thread, for whoever sends next.
const KEPT_BUFFERS: usize = 4;

/// A buffer that has grown beyond this is not kept.
const MAX_KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn borrow() -> Vec<u8> {
    // A thread that ends has none any more.
    BUFFERS.try_with(|buffers| buffers.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

fn give_back(mut buffer: Vec<u8>) {
    if (1..=MAX_KEPT_BYTES).contains(&buffer.capacity()) {
        buffer.clear();
        _ = BUFFERS.try_with(|buffers| {
            let mut buffers = buffers.borrow_mut();
            if buffers.len() < KEPT_BUFFERS {
                buffers.push(buffer);
            }
        });
    }
}

impl Buf for Transmit {
    #[inline]
    fn remaining(&self) -> usize {
        let sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.bytes);
        sealed + self.gathered.len() - self.gathered_start
    }

    fn chunk(&self) -> &[u8] {
        match self.sealed.as_ref().and_then(|sealed| sealed.chunks.front()) {
            Some(bytes) => bytes,
            None => &self.gathered[self.gathered_start..],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let rest = &self.gathered[self.gathered_start..];
        let chunks = self.sealed.iter().flat_map(|sealed| &sealed.chunks).map(|bytes| &bytes[..]);
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks.chain((!rest.is_empty()).then_some(rest))) {
            *slice = IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining(), "advance past the end of what waits to be sent");
        self.sent += count as u64;
        if let Some(sealed) = &mut self.sealed {
            while let Some(front) = sealed.chunks.front_mut() {
                let step = count.min(front.len());
                sealed.bytes -= step;
                count -= step;
                if step < front.len() {
                    front.advance(step);
                    return;
                }
                sealed.chunks.pop_front();
            }
            self.sealed = None;
        }
        self.gathered_start += count;
        if self.gathered_start == self.gathered.len() {
            self.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_bytes() {
        let build = || {
            let mut transmit = Transmit::default();
            transmit.gathering().extend_from_slice(b"ab");
            transmit.push(Bytes::from_static(b"LARGE"));
            transmit.push(Bytes::from_static(b"MORE"));
            transmit.gathering().extend_from_slice(b"c");
            transmit.gathering().extend_from_slice(b"d");
            transmit
        };
        for step in 1..14 {
            let mut transmit = build();
            let mut seen = Vec::new();
            while transmit.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = transmit.chunks_vectored(&mut slices);
                let flat: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                let taken = step.min(flat.len());
                seen.extend_from_slice(&flat[..taken]);
                transmit.advance(taken);
            }
            assert_eq!(seen, b"abLARGEMOREcd", "step {step}");
        }
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_keep_what_it_has_sent() {
        let mut transmit = Transmit::default();
        transmit.gathering().resize(1000, 1);
        for _ in 0..10_000 {
            let waiting = transmit.gathering();
            waiting.resize(waiting.len() + 1000, 1);
            transmit.advance(1000);
            assert_eq!(transmit.remaining(), 1000);
        }
        assert!(transmit.gathered.capacity() < 64 * 1024);
    }

    #[test]
    fn a_drained_buffer_is_given_back() {
        let mut transmit = Transmit::default();
        transmit.gathering().resize(100_000, 1);
        transmit.advance(100_000);
        assert_eq!(transmit.gathered.capacity(), 0);
    }
}
