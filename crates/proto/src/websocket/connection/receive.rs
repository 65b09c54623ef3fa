//! What comes in: frames into events, control frames answered or obeyed, the connection failed.

use bytes::Bytes;

use super::{Connection, Event, Failure, State};
use crate::websocket::close::{CloseInfo, MAX_REASON_BYTES, close_payload};
use crate::websocket::close_code::CloseCode;
use crate::websocket::decoder::PartLimits;
use crate::websocket::frame::Opcode;
use crate::websocket::message::Message;
use crate::websocket::peer_misbehaved::PeerMisbehaved;

/// How the application wants what comes.
#[derive(Clone, Copy, PartialEq)]
enum Taking {
    /// Message by message, each held to the limits of a whole one.
    Messages,
    /// Chunk by chunk.
    Chunks,
}

/// The longest stretch of compressed data that is inflated into one chunk: deflate grows a byte to a thousand.
const INFLATE_PART_BYTES: usize = 512;

/// The shortest one: with less, only time would be spent.
const MIN_INFLATE_PART_BYTES: usize = 16;

/// What the next message may grow to on the word that was given for the last one.
const UNASKED_BYTES: usize = 16 * 1024;

/// What a byte of compressed data can grow to.
const MAX_INFLATION: usize = 1032;

impl Connection {
    /// Decodes the next event, or returns `None` until more input comes. Control frames on the way are answered.
    ///
    /// After an error or [`Event::Close`] there are no more events.
    ///
    /// # Errors
    ///
    /// [`Failure::PeerMisbehaved`] when the peer broke a rule: the Close that tells it is queued.
    /// [`Failure::Lost`] when the stream has ended without a Close and all messages before the end are out.
    pub fn poll_event(&mut self) -> Option<Result<Event, Failure>> {
        if self.input.len() == 0 && self.decoder.is_between_frames() && !self.input_ended {
            return None;
        }
        match self.poll_whole_message() {
            Some(message) => Some(Ok(Event::Message(message))),
            None => self.poll_taking(Taking::Messages),
        }
    }

    /// The next message, if it has come in one frame and is in order, as nearly all are. `None` says nothing: what came
    /// is then for [`poll_event`](Self::poll_event), which tries this first.
    #[inline]
    pub fn poll_whole_message(&mut self) -> Option<Message> {
        if !matches!(self.state, State::Open | State::CloseSent) || self.assembler.is_within_message() {
            return None;
        }
        let limit = self.config.max_frame_bytes.min(self.config.max_message_bytes);
        self.decoder.whole_message(&mut self.input, limit)
    }

    /// As [`poll_event`](Self::poll_event), but gives messages while they arrive, as [`Event::Chunk`]s of at most
    /// some 512 KiB. No limit on the size of frames and messages applies. What is left of a message when
    /// `poll_event` is called again is dropped.
    ///
    /// # Errors
    ///
    /// As [`poll_event`](Self::poll_event).
    pub fn poll_chunk(&mut self) -> Option<Result<Event, Failure>> {
        match self.assembler.take_chunk() {
            Some(chunk) if matches!(self.state, State::Open | State::CloseSent) => {
                Some(Ok(Event::Chunk(chunk)))
            }
            _ => self.poll_taking(Taking::Chunks),
        }
    }

    /// Lets a message under construction grow by `bytes` more, and some 16 KiB, before inflating it pauses; without a
    /// call there is no such pause. Returns whether it had paused, so that [`poll_event`](Self::poll_event) may go on
    /// without further input. Where there is no compression, nothing that is not here can be grown, and this does
    /// nothing.
    pub fn allow_inflating(&mut self, bytes: usize) -> bool {
        if !self.assembler.may_inflate() {
            return false;
        }
        let has_paused =
            self.assembler.is_inflating() && self.inflate_part_bytes() == 0 && self.input.len() > 0;
        self.inflate_until = self.assembler.held_bytes().saturating_add(bytes);
        has_paused
    }

    /// Whether [`poll_event`](Self::poll_event) would begin nothing that could make more than `max_bytes` be held: for
    /// looking ahead while nobody reads, so that control frames behind small messages are seen.
    #[must_use]
    pub fn can_look_ahead(&self, max_bytes: usize) -> bool {
        if self.assembler.is_streaming() {
            // Its rest belongs to whoever reads it in chunks.
            return false;
        }
        let upcoming = self.decoder.upcoming_bytes(&self.input);
        upcoming.saturating_add(self.assembler.held_bytes() as u64) <= max_bytes as u64
    }

    fn poll_taking(&mut self, taking: Taking) -> Option<Result<Event, Failure>> {
        while matches!(self.state, State::Open | State::CloseSent) {
            let mut limits = self.part_limits(taking);
            if taking == Taking::Messages && self.assembler.may_inflate() {
                limits.compressed_part_bytes = self.inflate_part_bytes();
                if self.assembler.is_inflating() {
                    limits.part_bytes = limits.compressed_part_bytes;
                }
                if limits.part_bytes == 0 {
                    return None;
                }
            }
            let step = match self.decoder.next_part(&mut self.input, limits) {
                Ok(Some(part)) if part.header.opcode.is_control() => {
                    let (opcode, payload) = (part.header.opcode, Bytes::copy_from_slice(part.bytes));
                    self.handle_control(opcode, payload)
                }
                Ok(Some(part)) => match taking {
                    Taking::Messages => {
                        self.assembler.push(&part, &self.config).map(|message| message.map(Event::Message))
                    }
                    Taking::Chunks => self.assembler.push_chunk(&part).map(|chunk| chunk.map(Event::Chunk)),
                },
                Ok(None) if self.input_ended => {
                    self.stop_receiving(State::Ended);
                    return Some(Err(Failure::Lost));
                }
                Ok(None) => return None,
                Err(misbehaved) => Err(misbehaved),
            };
            match step {
                Ok(None) => {}
                Ok(Some(event)) => {
                    if self.inflate_until != usize::MAX {
                        self.inflate_until = self.inflate_until.min(UNASKED_BYTES);
                    }
                    return Some(Ok(event));
                }
                Err(misbehaved) => return Some(Err(self.fail(misbehaved).into())),
            }
        }
        None
    }

    /// How much may be inflated at once, to stay within what is allowed; none when that is used up.
    fn inflate_part_bytes(&self) -> usize {
        match self.inflate_until.saturating_sub(self.assembler.held_bytes()) {
            usize::MAX => usize::MAX,
            0 => 0,
            room => (room / MAX_INFLATION).max(MIN_INFLATE_PART_BYTES),
        }
    }

    fn part_limits(&self, taking: Taking) -> PartLimits {
        let is_chunked = taking == Taking::Chunks;
        PartLimits {
            frame_bytes: if is_chunked { u64::MAX } else { self.config.max_frame_bytes },
            part_bytes: if is_chunked && self.assembler.may_inflate() {
                INFLATE_PART_BYTES
            } else {
                usize::MAX
            },
            compressed_part_bytes: INFLATE_PART_BYTES,
        }
    }

    fn handle_control(&mut self, opcode: Opcode, payload: Bytes) -> Result<Option<Event>, PeerMisbehaved> {
        match opcode {
            Opcode::Ping if matches!(self.state, State::Open) => self.answer_ping(payload),
            Opcode::Pong => self.peer_progress.take_pong(&payload),
            Opcode::Close => {
                let info = CloseInfo::parse(&payload)?;
                if matches!(self.state, State::Open) {
                    // The code and the reason go back as they came (RFC 6455 §5.5.1).
                    self.send_close(&payload);
                }
                self.stop_receiving(State::Closed);
                return Ok(Some(Event::Close(info)));
            }
            _ => {}
        }
        Ok(None)
    }

    /// Fails the connection (RFC 6455 §7.1.7): the peer is told why, and nothing that it sends matters any more.
    fn fail(&mut self, misbehaved: PeerMisbehaved) -> PeerMisbehaved {
        if matches!(self.state, State::Open) {
            let mut payload = misbehaved.close_code().get().to_be_bytes().to_vec();
            let reason = misbehaved.to_string();
            payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(MAX_REASON_BYTES)]);
            self.send_close(&payload);
        }
        self.stop_receiving(State::Failed);
        misbehaved
    }

    /// Fails the connection for a reason of this side's own: the peer is told by a Close behind what is queued, and
    /// what has come of a message is dropped. `close_code` must be one that may be sent, `reason` at most 123 bytes.
    pub fn give_up(&mut self, close_code: CloseCode, reason: &str) {
        if !matches!(self.state, State::Open | State::CloseSent) {
            return;
        }
        if let (State::Open, Ok(payload)) = (&self.state, close_payload(Some(close_code), reason)) {
            self.send_close(&payload);
        }
        self.stop_receiving(State::Failed);
    }

    /// From here on nothing that comes matters, and the time to end is counted anew. What has come of a message goes
    /// at once: the peer may take its time to end, or the application to let go of the connection.
    pub(super) fn stop_receiving(&mut self, state: State) {
        self.state = state;
        self.close_deadline = None;
        self.input.clear();
        self.assembler.end();
    }
}
