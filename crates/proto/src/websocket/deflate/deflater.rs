//! Messages into compressed messages (RFC 7692 §7.2.1).

use zlib_rs::{DeflateFlush, Status};

use super::pool::{DeflateShape, DeflateState, with_scratch};
use super::slot::Slot;

/// Deflates the messages of one direction of one connection.
///
/// Between two messages it holds only what the next one may refer back to: at most a window, nothing without context
/// takeover. The 137 to 420 KiB of a compressor come from a pool that the connections of a thread share.
pub struct Deflater {
    slot: Slot<DeflateState>,
}

impl Deflater {
    /// A deflater with a window of at most 2^`window_bits` bytes, 8 to 15, which refers back to earlier messages if
    /// there is context `takeover` (RFC 7692 §7.1).
    ///
    /// `level` goes from 1 (fast) to 9 (small); `mem_level`, the size of its tables, from 1 to 9. Values outside
    /// are clamped. zlib has no window of 2^8 bytes, so with 8 only runs of one byte are found.
    #[must_use]
    pub fn new(window_bits: u8, takeover: bool, level: u8, mem_level: u8) -> Self {
        let shape = DeflateShape::new(window_bits, level, mem_level);
        Self { slot: Slot::new(shape, shape.window(), takeover) }
    }

    /// Appends `payload`, compressed as one message, to `out`.
    ///
    /// What is appended is whole blocks without their tail: at least one byte, and up to an eighth more than a
    /// payload that does not compress. With context takeover the peer needs it for what follows, so it must be
    /// sent.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.deflate_part(payload, true, out);
    }

    /// Appends the next `part` of a message to `out`, and ends the message with the `last` one.
    ///
    /// A part before the last is not flushed: what it compresses to may come with a later part. The parts may go
    /// to different `out`s, one for each fragment.
    pub fn deflate_part(&mut self, part: &[u8], last: bool, out: &mut Vec<u8>) {
        let has_takeover = self.slot.has_takeover();
        let (state, history) = self.slot.enter();
        let flush = if last { DeflateFlush::SyncFlush } else { DeflateFlush::NoFlush };
        let start = out.len();
        with_scratch(|scratch| run(state, part, flush, scratch, out));
        if has_takeover {
            history.push(part);
        }
        if last {
            remove_tail(out, start);
            self.slot.leave();
        }
    }

    /// Gives up what is allocated beside the history, for a connection that has been idle for a while. The peer cannot
    /// tell.
    pub fn park(&mut self) {
        self.slot.park();
    }

    /// Bytes that this deflater holds, itself included; an estimate during a message.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.slot.memory()
    }
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater").field("memory", &self.memory()).finish_non_exhaustive()
    }
}

fn run(
    state: &mut DeflateState,
    mut input: &[u8],
    flush: DeflateFlush,
    scratch: &mut [u8],
    out: &mut Vec<u8>,
) {
    loop {
        let (total_in, total_out) = (state.stream.total_in(), state.stream.total_out());
        let status = state
            .stream
            .compress(input, scratch, flush)
            .expect("a raw stream takes input until it is finished, which it never is");
        input = &input[(state.stream.total_in() - total_in) as usize..];
        let given = (state.stream.total_out() - total_out) as usize;
        out.extend_from_slice(&scratch[..given]);
        // A full scratch may mean that more waits, even when the input is used up. zlib takes at most 4 GiB at once.
        if status == Status::BufError || (input.is_empty() && given < scratch.len()) {
            return;
        }
    }
}

/// Removes the tail of the message that begins at `start` (RFC 7692 §7.2.1).
fn remove_tail(out: &mut Vec<u8>, start: usize) {
    if out.len() - start > TAIL.len() && out.ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
    } else {
        debug_assert_eq!(out.len(), start, "a flush that gives anything gives a tail");
        // zlib does not flush twice what it has flushed already: an empty message behind another one
        // (RFC 7692 §7.2.3.6).
        out.push(0x00);
    }
}

const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

#[cfg(test)]
mod tests {
    use zlib_rs::DeflateFlush;

    use super::{DeflateShape, DeflateState, TAIL, remove_tail, run};
    use crate::websocket::deflate::Inflater;
    use crate::websocket::deflate::history::History;
    use crate::websocket::deflate::pool::Pooled;

    #[test]
    fn a_scratch_that_fills_up_loses_nothing() {
        let payload: Vec<u8> = (0..300_u32).map(|i| (i * i % 251) as u8).collect();
        for level in [1, 6, 9] {
            let mut state = DeflateState::take(DeflateShape::new(15, level, 1), None, &mut History::new(0));
            let mut inflater = Inflater::new(15, true);
            for scratch_len in 7..200 {
                let mut out = Vec::new();
                run(&mut state, &payload, DeflateFlush::SyncFlush, &mut vec![0; scratch_len], &mut out);
                assert!(out.ends_with(&TAIL));
                remove_tail(&mut out, 0);
                let mut back = Vec::new();
                let mut sink = |bytes: &[u8]| {
                    back.extend_from_slice(bytes);
                    Ok(())
                };
                inflater.inflate(&out, &mut sink).unwrap();
                inflater.finish_message().unwrap();
                assert_eq!(back, payload, "level {level}, scratch of {scratch_len}");
            }
        }
    }
}
