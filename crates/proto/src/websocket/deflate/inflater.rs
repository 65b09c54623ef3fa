//! Compressed messages into messages (RFC 7692 §7.2.2), a bounded slice at a time.

use zlib_rs::{InflateFlush, Status};

use super::history::History;
use super::pool::{InflateState, with_scratch};
use super::slot::Slot;
use crate::websocket::PeerMisbehaved;

/// Inflates the messages of one direction of one connection.
///
/// Give it the compressed bytes of a message as they come with [`inflate`](Self::inflate), then call
/// [`finish_message`](Self::finish_message). Output goes to a sink in slices of at most 16 KiB, so a limit is
/// enforced while inflating: a sink that returns an error is never called again, whatever the input would still
/// have grown to. After an error the inflater is of no more use, and each later call returns
/// [`SentCorruptDeflate`](PeerMisbehaved::SentCorruptDeflate).
///
/// Between two messages it holds only what the next one may refer back to: at most a window, nothing without context
/// takeover. The 48 KiB of a decompressor come from a pool that the connections of a thread share.
pub struct Inflater {
    slot: Slot<InflateState>,
    position: Position,
}

/// How far the input has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Anywhere in the blocks of a message, or before its first byte.
    InBlocks,
    /// Exactly behind a final block, where a sender may leave a message without the block that the tail completes.
    BehindFinalBlock,
    /// At an error, behind which nothing makes sense.
    Failed,
}

impl Inflater {
    /// An inflater for a peer that compresses with a window of at most 2^`window_bits` bytes, 8 to 15, and refers
    /// back to earlier messages if there is context `takeover` (RFC 7692 §7.1).
    ///
    /// Window bits outside are clamped; 8 remembers as much as 9, since zlib compresses with 9 when asked for 8.
    #[must_use]
    pub fn new(window_bits: u8, takeover: bool) -> Self {
        Self { slot: Slot::new((), 1 << window_bits.clamp(9, 15), takeover), position: Position::InBlocks }
    }

    /// Inflates the next bytes of a message, of any number, into `sink`.
    ///
    /// # Errors
    ///
    /// [`SentCorruptDeflate`](PeerMisbehaved::SentCorruptDeflate) for what is no DEFLATE data, or the sink's error.
    pub fn inflate(
        &mut self,
        input: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), PeerMisbehaved>,
    ) -> Result<(), PeerMisbehaved> {
        if self.position == Position::Failed {
            return Err(PeerMisbehaved::SentCorruptDeflate);
        }
        if input.is_empty() {
            return Ok(());
        }
        let (state, history) = self.slot.enter();
        self.position = with_scratch(|scratch| run(state, history, input, scratch, sink))
            .map_err(|error| self.fail(error))?;
        Ok(())
    }

    /// Ends a message, and forgets it unless there is context takeover.
    ///
    /// Nothing may be left to come out by then, so the sink is not needed: a block that the removed tail does not
    /// complete was cut off. A message of no bytes at all, and one that ends with a final block, are accepted
    /// though a sender should add an empty block to either (RFC 7692 §7.2.3.4, §7.2.3.6).
    ///
    /// # Errors
    ///
    /// [`SentCorruptDeflate`](PeerMisbehaved::SentCorruptDeflate) for a message that was cut off, or whose sender
    /// left the tail in.
    pub fn finish_message(&mut self) -> Result<(), PeerMisbehaved> {
        let is_whole = match (self.position, self.slot.entered()) {
            (Position::InBlocks, Some(state)) => completes_with_tail(state),
            (Position::InBlocks, None) | (Position::BehindFinalBlock, _) => true,
            (Position::Failed, _) => false,
        };
        if !is_whole {
            return Err(self.fail(PeerMisbehaved::SentCorruptDeflate));
        }
        self.position = Position::InBlocks;
        self.slot.leave();
        Ok(())
    }

    /// Gives up what is allocated beside the history, for a connection that has been idle for a while. Changes nothing
    /// that can be seen.
    pub fn park(&mut self) {
        self.slot.park();
    }

    /// Bytes that this inflater holds, itself included; an estimate during a message.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.slot.memory()
    }

    fn fail(&mut self, error: PeerMisbehaved) -> PeerMisbehaved {
        self.position = Position::Failed;
        self.slot.discard();
        error
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("memory", &self.memory()).finish_non_exhaustive()
    }
}

/// Inflates all of `input`, and says where that ends.
///
/// Each turn takes input or gives output, or ends a stream, which begins the next one with no bits left over; so
/// the loop ends, whatever the input.
fn run(
    state: &mut InflateState,
    history: &mut History,
    mut input: &[u8],
    scratch: &mut [u8],
    sink: &mut dyn FnMut(&[u8]) -> Result<(), PeerMisbehaved>,
) -> Result<Position, PeerMisbehaved> {
    loop {
        let (total_in, total_out) = (state.stream.total_in(), state.stream.total_out());
        let status = state
            .stream
            .decompress(input, scratch, InflateFlush::NoFlush)
            .map_err(|_| PeerMisbehaved::SentCorruptDeflate)?;
        let taken = (state.stream.total_in() - total_in) as usize;
        let given = (state.stream.total_out() - total_out) as usize;
        input = &input[taken..];
        if given > 0 {
            history.push(&scratch[..given]);
            sink(&scratch[..given])?;
        }
        if status == Status::StreamEnd {
            // The message goes on behind a final block, and so does the window (RFC 7692 §7.2.3.4).
            state.restart(history);
            if input.is_empty() {
                return Ok(Position::BehindFinalBlock);
            }
        } else if (input.is_empty() && given < scratch.len()) || (taken == 0 && given == 0) {
            return Ok(Position::InBlocks);
        }
    }
}

/// Whether the tail that the sender removed completes an empty block (RFC 7692 §7.2.2), as it does in every
/// message that is whole.
fn completes_with_tail(state: &mut InflateState) -> bool {
    let (total_in, total_out) = (state.stream.total_in(), state.stream.total_out());
    // zlib stops behind a block when asked to, so it leaves the byte behind the tail if and only if a block ends
    // there. Anywhere else it takes that byte, stops earlier, or finds an error.
    let result = state.stream.decompress(&TAIL_AND_PROBE, &mut [0], InflateFlush::Block);
    result.is_ok() && state.stream.total_in() - total_in == 4 && state.stream.total_out() == total_out
}

const TAIL_AND_PROBE: [u8; 5] = [0x00, 0x00, 0xff, 0xff, 0x00];
