//! One open connection as a state machine: frames in and out, automatic replies, the closing handshake.
//!
//! ```text
//!            close()                 Close comes
//!   Open ───────────────▶ CloseSent ─────────────▶ Closed ──▶ Ended
//!    │ ╲                      │ ╲                    ▲  (end of stream, or deadline)
//!    │  ╲ Close comes, and is answered ──────────────┘
//!    │   ╲ the peer breaks a rule ────▶ Failed ──▶ Ended
//!    └── end of stream ──▶ Ended
//! ```

mod receive;
mod send;
mod streaming;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Buf;

use super::assembler::Assembler;
use super::close::close_payload;
use super::config::{Config, READ_BUFFER_BYTES};
use super::decoder::Decoder;
use super::deflate::{DeflateParams, Deflater, Inflater};
use super::encoder::Encoder;
use super::input::Input;
use super::outgoing::Streaming;
use super::pongs::{PeerProgress, Pongs};
use super::transmit::Transmit;
use super::{ApiMisuse, Chunk, CloseCode, CloseInfo, Message, PeerMisbehaved, Side, recycled};

/// An open WebSocket connection, without its transport.
///
/// The methods come in three kinds: [`handle_input`](Self::handle_input), [`handle_eof`](Self::handle_eof) and
/// [`handle_timeout`](Self::handle_timeout) bring the world in; [`send`](Self::send), [`ping`](Self::ping) and
/// [`close`](Self::close) bring the application in; [`poll_transmit`](Self::poll_transmit),
/// [`poll_event`](Self::poll_event) and [`poll_timeout`](Self::poll_timeout) give out.
///
/// The law for callers: after any `&mut self` call drain `poll_transmit`, then read `poll_timeout`; call
/// `poll_event` only while somebody is reading. Input stays bytes until it is asked for, so not asking is all that
/// backpressure takes: once [`handle_input`](Self::handle_input) takes no more, stop reading the transport.
pub struct Connection {
    side: Side,
    config: Arc<Config>,
    input: Input,
    input_ended: bool,
    decoder: Decoder,
    assembler: Assembler,
    deflater: Option<Box<Deflater>>,
    encoder: Encoder,
    transmit: Transmit,
    /// A message that is being sent in parts.
    streaming: Option<Box<Streaming>>,
    /// Those on their way.
    pongs: Option<Box<Pongs>>,
    peer_progress: PeerProgress,
    state: State,
    /// Boxed, as all that most connections never have.
    close_deadline: Option<Box<Instant>>,
    /// How much of a message may be held before inflating it pauses.
    inflate_until: usize,
    /// Messages under this length go out whole and as they are.
    plain_below: u16,
}

/// What the decoding of input brings to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Message),
    /// A stretch of a message; only [`Connection::poll_chunk`] gives these.
    Chunk(Chunk),
    /// The peer's Close, and no event after it: with it the closing handshake is complete.
    Close(CloseInfo),
}

/// Why a connection ended without a clean close (RFC 6455 §7.1.7).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The peer broke a rule, and has been told by a Close frame.
    #[error(transparent)]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// The byte stream ended before the peer's Close came.
    #[error("connection lost: the transport ended without a Close frame")]
    Lost,
    /// The peer did not answer a Close in time.
    #[error("the peer did not answer the Close in time")]
    CloseTimedOut,
}

/// What the transport of a connection should be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Carry bytes both ways.
    Open,
    /// `close` was called: carry bytes, and wait for the peer's Close until the deadline.
    Closing,
    /// Send what is left, then shut down writing if [`Connection::shuts_down_first`], and read and discard until
    /// the stream ends or the deadline passes: dropping a transport with unread bytes would destroy our Close on
    /// its way.
    Lingering,
    /// Drop the transport.
    Ended,
}

#[derive(Debug)]
enum State {
    Open,
    CloseSent,
    Closed,
    Failed,
    Ended,
}

/// Messages under this size are copied without becoming a shared buffer first.
const SMALL_MESSAGE_BYTES: usize = 4096;

/// From which size on what is left of a frame is read to where it belongs, instead of being copied there.
const MIN_DIRECT_BYTES: usize = 16 * 1024;

/// How long the stream may stay open once both Close frames have gone, and nothing waits to be sent.
const MAX_LINGER: Duration = Duration::from_secs(2);

impl Connection {
    /// A connection whose opening handshake is done.
    ///
    /// `deflate` is what the handshake agreed on. `seed` makes the masking keys of a client and must come from a
    /// secure random source; a server ignores it. Connections of one configuration may
    /// share it.
    #[must_use]
    pub fn new(
        side: Side,
        config: impl Into<Arc<Config>>,
        deflate: Option<DeflateParams>,
        seed: [u8; 32],
    ) -> Self {
        let config = config.into();
        let peer = match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let plain_below = SMALL_MESSAGE_BYTES
            .min(config.fragment_bytes.saturating_add(1))
            .min(if deflate.is_some() { config.min_deflated_bytes() } else { usize::MAX });
        let (inflater, deflater) = match deflate {
            Some(params) => {
                let (inflater, deflater) = codecs(side, &config, params);
                (Some(inflater), Some(Box::new(deflater)))
            }
            None => (None, None),
        };
        Self {
            side,
            input: Input::default(),
            input_ended: false,
            decoder: Decoder::new(peer, deflate.is_some()),
            assembler: Assembler::new(inflater),
            deflater,
            encoder: match side {
                Side::Client => Encoder::client(seed),
                Side::Server => Encoder::server(),
            },
            transmit: Transmit::default(),
            streaming: None,
            pongs: None,
            peer_progress: PeerProgress::default(),
            state: State::Open,
            close_deadline: None,
            inflate_until: usize::MAX,
            // It is under 64 KiB.
            plain_below: plain_below as u16,
            config,
        }
    }

    // The world in.

    /// Takes bytes from the transport, and tells how many: fewer than given when [`READ_BUFFER_BYTES`] wait
    /// undecoded already. Offer the rest again after [`poll_event`](Self::poll_event).
    pub fn handle_input(&mut self, bytes: &[u8]) -> usize {
        match self.phase() {
            Phase::Open | Phase::Closing => self.input.push(bytes),
            Phase::Lingering | Phase::Ended => bytes.len(),
        }
    }

    /// Takes the end of the byte stream. What came before it can still be decoded.
    pub fn handle_eof(&mut self) {
        self.input_ended = true;
        if matches!(self.state, State::Closed | State::Failed) {
            self.state = State::Ended;
        }
    }

    /// Takes note that the time is `now`, to be called when what `poll_timeout` told has come.
    ///
    /// # Errors
    ///
    /// [`Failure::CloseTimedOut`] when the peer's Close did not come in time.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Failure> {
        if self.close_deadline.as_ref().is_none_or(|deadline| now < **deadline) {
            return Ok(());
        }
        let is_unanswered = matches!(self.state, State::CloseSent);
        self.stop_receiving(State::Ended);
        if is_unanswered { Err(Failure::CloseTimedOut) } else { Ok(()) }
    }

    /// The buffer that undecoded input waits in, for a transport that appends to it directly instead of calling
    /// [`handle_input`](Self::handle_input). Append no more than its spare capacity.
    pub fn input_buffer(&mut self) -> &mut Vec<u8> {
        self.input.buffer()
    }

    /// Where to read the payload of a large message directly, and how many bytes of it at most: without the copy that
    /// the way through [`input_buffer`](Self::input_buffer) takes. Tell [`handle_direct`](Self::handle_direct) how many
    /// were appended. The buffer grows with what has come, not with what the header declares, unless the thread has one
    /// of the right size left from an earlier message.
    pub fn direct_buffer(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let remaining = self.decoder.remaining();
        if self.input.len() > 0 || remaining < MIN_DIRECT_BYTES as u64 {
            return None;
        }
        let body = self.assembler.plain_body()?;
        let remaining = usize::try_from(remaining).unwrap_or(usize::MAX);
        let wanted = remaining.min(body.len().max(READ_BUFFER_BYTES));
        if body.capacity() - body.len() < wanted.min(READ_BUFFER_BYTES)
            && !recycled::move_to_kept(body, body.len().saturating_add(remaining))
        {
            body.reserve_exact(wanted);
        }
        let room = body.capacity() - body.len();
        Some((body, room.min(remaining)))
    }

    /// Takes note that `read` bytes were appended to [`direct_buffer`](Self::direct_buffer).
    pub fn handle_direct(&mut self, read: usize) {
        if let Some(body) = self.assembler.plain_body() {
            let start = body.len() - read.min(body.len());
            self.decoder.take_direct(&mut body[start..]);
        }
    }

    /// Lends a buffer to read into: an idle connection owns none. What waits undecoded is moved to its front.
    #[inline]
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.input.lend(buffer);
    }

    /// Takes the read buffer back, unless undecoded bytes still need it.
    pub fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        self.input.reclaim()
    }

    // The application in.

    /// Starts the closing handshake behind all that is queued. After another Close, sent or received, this does
    /// nothing.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes. They are told in every state; nothing is queued.
    pub fn close(&mut self, close_code: Option<CloseCode>, reason: &str) -> Result<(), ApiMisuse> {
        let payload = close_payload(close_code, reason)?;
        if matches!(self.state, State::Open) {
            self.send_close(&payload);
            self.state = State::CloseSent;
        }
        Ok(())
    }

    // Out.

    /// When [`handle_timeout`](Self::handle_timeout) is due, if at all. Deadlines of this machine count from the
    /// first call that sees their cause, so call it whenever [`phase`](Self::phase) has changed.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        match self.phase() {
            Phase::Open | Phase::Ended => None,
            Phase::Closing | Phase::Lingering => {
                let timeout = self.close_timeout();
                Some(**self.close_deadline.get_or_insert_with(|| Box::new(now + timeout)))
            }
        }
    }

    /// Counts the time that closing may take anew, because it makes progress that only takes its time.
    pub fn postpone_timeout(&mut self) {
        self.close_deadline = None;
    }

    /// How long the step of closing at hand may take.
    #[must_use]
    pub fn close_timeout(&self) -> Duration {
        match self.state {
            // All is said and sent. A server should end the stream, but a client need not wait for it
            // (RFC 6455 §7.1.1).
            State::Closed if !self.transmit.has_remaining() => self.config.close_timeout.min(MAX_LINGER),
            _ => self.config.close_timeout,
        }
    }

    // Questions.

    /// What the transport should be doing.
    #[must_use]
    #[inline]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Open => Phase::Open,
            State::CloseSent => Phase::Closing,
            State::Closed | State::Failed => Phase::Lingering,
            State::Ended => Phase::Ended,
        }
    }

    /// Whether this side ends the byte stream first: a server does, so that TIME_WAIT lands on its side
    /// (RFC 6455 §7.1.1), and so does whoever failed the connection.
    #[must_use]
    pub fn shuts_down_first(&self) -> bool {
        self.side == Side::Server || matches!(self.state, State::Failed)
    }

    /// Which end this is.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }

    /// Bytes that wait to be sent, headers and automatic replies included.
    #[must_use]
    #[inline]
    pub fn queued_bytes(&self) -> usize {
        self.transmit.remaining()
    }

    /// Bytes that the transport has taken so far.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.transmit.sent()
    }

    /// What was accepted for sending since the newest ping that the peer has answered, and may lie unread at its end:
    /// payload before compression, and [`MESSAGE_OVERHEAD`](super::MESSAGE_OVERHEAD) for each message.
    #[must_use]
    pub fn unanswered_bytes(&self) -> u64 {
        self.peer_progress.accepted - self.peer_progress.answered_until
    }

    /// Whether the newest ping has not left yet: it waits behind what the transport takes slowly.
    #[must_use]
    pub fn has_unsent_ping(&self) -> bool {
        self.peer_progress.ping.as_ref().is_some_and(|ping| ping.ends_at > self.transmit.sent())
    }

    /// Bytes held of a message of which not all has come.
    #[must_use]
    pub fn assembling_bytes(&self) -> usize {
        self.assembler.held_bytes()
    }

    /// Bytes that compression holds, both ways.
    #[must_use]
    pub fn compression_bytes(&self) -> usize {
        let inflater = self.assembler.inflater().map_or(0, Inflater::memory);
        inflater + self.deflater.as_ref().map_or(0, |deflater| deflater.memory())
    }

    /// Bytes that wait undecoded; at most [`READ_BUFFER_BYTES`].
    #[must_use]
    #[inline]
    pub fn undecoded_bytes(&self) -> usize {
        self.input.len()
    }

    /// Whether there is room for more input.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.input.len() < READ_BUFFER_BYTES && !self.input_ended
    }

    /// Gives up memory that an idle connection does not need: of compression, only the windows' contents stay.
    pub fn park(&mut self) {
        if let Some(deflater) = &mut self.deflater {
            deflater.park();
        }
        if let Some(inflater) = self.assembler.inflater_mut() {
            inflater.park();
        }
    }

    /// Gives up everything that waits to be sent: the transport takes no more. Returns how many bytes were lost.
    pub fn discard_transmit(&mut self) -> usize {
        self.pongs = None;
        self.transmit.discard()
    }
}

fn codecs(side: Side, config: &Config, params: DeflateParams) -> (Inflater, Deflater) {
    let client = (params.client_max_window_bits, !params.client_no_context_takeover);
    let server = (params.server_max_window_bits, !params.server_no_context_takeover);
    let ((in_bits, in_takeover), (out_bits, out_takeover)) = match side {
        Side::Client => (server, client),
        Side::Server => (client, server),
    };
    let deflate = config.deflate.unwrap_or_default();
    let deflater =
        Deflater::new(out_bits.min(deflate.reach_bits), out_takeover, deflate.level, deflate.mem_level);
    (Inflater::new(in_bits, in_takeover), deflater)
}
