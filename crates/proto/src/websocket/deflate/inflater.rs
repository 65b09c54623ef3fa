//! Compressed messages into messages (RFC 7692 §7.2.2), a bounded slice at a time.

use zlib_rs::{InflateFlush, Status};

use super::pool::{InflateState, with_scratch};
use crate::websocket::PeerMisbehaved;

/// Inflates the messages of one direction of one connection.
///
/// Give it the compressed bytes of a message as they come with [`inflate`](Self::inflate), then call
/// [`finish_message`](Self::finish_message). Output goes to a sink in slices of at most 16 KiB, so a limit is
/// enforced while inflating: a sink that returns an error is never called again, whatever the input would still
/// have grown to. After an error the inflater is of no more use, and each later call returns
/// [`SentCorruptDeflate`](PeerMisbehaved::SentCorruptDeflate).
///
/// It holds 48 KiB and up to a window of history while it is busy. Between two messages it holds nothing without
/// context takeover, and after [`park`](Self::park) only the history.
pub struct Inflater {
    context: Context,
    window: usize,
    takeover: bool,
    position: Position,
}

enum Context {
    Active(Box<InflateState>),
    /// The bytes that the next message may refer back to.
    Parked(Box<[u8]>),
    Failed,
}

/// How far into a message the input has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    BetweenMessages,
    InBlocks,
    /// Exactly behind a final block, where a sender may leave a message without the block that the tail completes.
    BehindFinalBlock,
}

impl Inflater {
    /// An inflater for a peer that compresses with a window of at most 2^`window_bits` bytes, 8 to 15, and refers
    /// back to earlier messages if there is context `takeover` (RFC 7692 §7.1).
    ///
    /// Window bits outside are clamped; 8 remembers as much as 9, since zlib compresses with 9 when asked for 8.
    #[must_use]
    pub fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            context: Context::Parked(Box::default()),
            window: 1 << window_bits.clamp(9, 15),
            takeover,
            position: Position::BetweenMessages,
        }
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
        if input.is_empty() && !matches!(self.context, Context::Failed) {
            return Ok(());
        }
        let state = self.context.activate(self.window)?;
        self.position = Position::InBlocks;
        match with_scratch(|scratch| run(state, input, scratch, sink)) {
            Ok(position) => {
                self.position = position;
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
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
        if matches!(self.context, Context::Failed) {
            return Err(PeerMisbehaved::SentCorruptDeflate);
        }
        if let (Context::Active(state), Position::InBlocks) = (&mut self.context, self.position)
            && !completes_with_tail(state)
        {
            return Err(self.fail(PeerMisbehaved::SentCorruptDeflate));
        }
        self.position = Position::BetweenMessages;
        if !self.takeover {
            self.release();
        }
        Ok(())
    }

    /// Keeps only the history, and gives the rest back: for a connection that has been idle for a while.
    ///
    /// Changes nothing that can be seen, and does nothing in the middle of a message. The next message costs a few
    /// microseconds more.
    pub fn park(&mut self) {
        self.release();
    }

    /// Bytes that this inflater holds, itself included; an estimate while it is busy.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + match &self.context {
                Context::Active(state) => state.memory(),
                Context::Parked(history) => history.len(),
                Context::Failed => 0,
            }
    }

    fn release(&mut self) {
        if let Some(state) = self.take_idle_state() {
            if self.takeover {
                self.context = Context::Parked(state.history.to_boxed());
            }
            state.give();
        }
    }

    fn take_idle_state(&mut self) -> Option<Box<InflateState>> {
        if self.position != Position::BetweenMessages || !matches!(self.context, Context::Active(_)) {
            return None;
        }
        match std::mem::replace(&mut self.context, Context::Parked(Box::default())) {
            Context::Active(state) => Some(state),
            _ => None,
        }
    }

    fn fail(&mut self, error: PeerMisbehaved) -> PeerMisbehaved {
        self.context = Context::Failed;
        error
    }
}

impl Context {
    fn activate(&mut self, window: usize) -> Result<&mut InflateState, PeerMisbehaved> {
        if let Self::Parked(history) = self {
            *self = Self::Active(InflateState::take(history, window));
        }
        match self {
            Self::Active(state) => Ok(state),
            _ => Err(PeerMisbehaved::SentCorruptDeflate),
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        if let Some(state) = self.take_idle_state() {
            state.give();
        }
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
            state.history.push(&scratch[..given]);
            sink(&scratch[..given])?;
        }
        if status == Status::StreamEnd {
            // The message goes on behind a final block, and so does the window (RFC 7692 §7.2.3.4).
            state.restart();
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
