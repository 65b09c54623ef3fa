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

use std::time::Instant;

use bytes::{Buf, Bytes};

use super::assembler::Assembler;
use super::close::close_payload;
use super::config::{Config, READ_BUFFER_BYTES};
use super::decoder::{Decoder, Part};
use super::deflate::{DeflateParams, Deflater, Inflater};
use super::encoder::{Encoder, Head};
use super::fragmenter::fragments;
use super::input::Input;
use super::transmit::Transmit;
use super::{ApiMisuse, CloseCode, CloseInfo, MAX_CONTROL_PAYLOAD, Message, Opcode, PeerMisbehaved, Side};

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
    config: Config,
    input: Input,
    input_ended: bool,
    decoder: Decoder,
    assembler: Assembler,
    deflater: Option<Box<Deflater>>,
    encoder: Encoder,
    transmit: Transmit,
    pongs: Pongs,
    state: State,
    close_deadline: Option<Instant>,
}

/// What the decoding of input brings to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Message),
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

/// Pongs owed. However many pings come, a peer that does not read costs this much.
#[derive(Default)]
struct Pongs {
    /// Bytes of pongs queued since all of them were last sent.
    queued_bytes: usize,
    /// The position in the output behind the last queued pong.
    queued_until: u64,
    /// The newest ping that has no pong yet: it alone needs one (RFC 6455 §5.5.3).
    owed: Option<Bytes>,
}

/// The most bytes of pongs that may wait in the queue before only the newest ping is answered.
const MAX_QUEUED_PONG_BYTES: usize = 4096;

impl Connection {
    /// A connection whose opening handshake is done.
    ///
    /// `deflate` is what the handshake agreed on. `seed` makes the masking keys of a client and must come from a
    /// secure random source; a server ignores it.
    #[must_use]
    pub fn new(side: Side, config: Config, deflate: Option<DeflateParams>, seed: [u8; 32]) -> Self {
        let peer = match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
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
            decoder: Decoder::new(peer, deflate.is_some(), config.max_frame_bytes),
            assembler: Assembler::new(&config, inflater),
            deflater,
            encoder: match side {
                Side::Client => Encoder::client(seed),
                Side::Server => Encoder::server(),
            },
            transmit: Transmit::default(),
            pongs: Pongs::default(),
            state: State::Open,
            close_deadline: None,
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
        if self.close_deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        match std::mem::replace(&mut self.state, State::Ended) {
            State::CloseSent => Err(Failure::CloseTimedOut),
            _ => Ok(()),
        }
    }

    /// The buffer that undecoded input waits in, for a transport that appends to it directly instead of calling
    /// [`handle_input`](Self::handle_input). Append no more than its spare capacity.
    pub fn input_buffer(&mut self) -> &mut Vec<u8> {
        self.input.buffer()
    }

    /// Lends a buffer to read into: an idle connection owns none. What waits undecoded is moved to its front.
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.input.lend(buffer);
    }

    /// Takes the read buffer back, unless undecoded bytes still need it.
    pub fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        self.input.reclaim()
    }

    // The application in.

    /// Queues a message. Whether there is room for it is the caller's to ask: [`queued_bytes`](Self::queued_bytes).
    ///
    /// # Errors
    ///
    /// [`ApiMisuse::SendAfterClose`] once a Close was sent or received; nothing is queued then.
    pub fn send(&mut self, message: Message) -> Result<(), ApiMisuse> {
        if !matches!(self.state, State::Open) {
            return Err(ApiMisuse::SendAfterClose);
        }
        let opcode = match message {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        };
        let min_bytes = self.config.deflate.map_or(usize::MAX, |deflate| deflate.min_bytes);
        match &mut self.deflater {
            Some(deflater) if message.len() >= min_bytes => {
                let mut compressed = Vec::new();
                deflater.deflate(message.as_bytes(), &mut compressed);
                self.send_payload(opcode, true, compressed.into());
            }
            _ if message.len() < SMALL_MESSAGE_BYTES && message.len() <= self.config.fragment_bytes => {
                let head = Head { fin: true, rsv1: false, opcode };
                self.encoder.frame(&mut self.transmit, head, message.as_bytes());
            }
            _ => self.send_payload(opcode, false, message.into_bytes()),
        }
        Ok(())
    }

    /// Queues a ping.
    ///
    /// # Errors
    ///
    /// A payload over 125 bytes, or a ping after a Close; nothing is queued then.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), ApiMisuse> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(ApiMisuse::LongControlPayload(payload.len()));
        }
        if !matches!(self.state, State::Open) {
            return Err(ApiMisuse::SendAfterClose);
        }
        self.encoder.frame(&mut self.transmit, Head::control(Opcode::Ping), payload);
        Ok(())
    }

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

    /// What there is to send, if anything. Advance it by what the transport took.
    pub fn poll_transmit(&mut self) -> Option<&mut Transmit> {
        if self.pongs.owed.is_some() {
            self.settle_pongs();
        }
        self.transmit.has_remaining().then_some(&mut self.transmit)
    }

    /// Decodes the next event, or returns `None` until more input comes. Control frames on the way are answered.
    ///
    /// After an error or [`Event::Close`] there are no more events.
    ///
    /// # Errors
    ///
    /// [`Failure::PeerMisbehaved`] when the peer broke a rule: the Close that tells it is queued.
    /// [`Failure::Lost`] when the stream has ended without a Close and all messages before the end are out.
    pub fn poll_event(&mut self) -> Option<Result<Event, Failure>> {
        while matches!(self.state, State::Open | State::CloseSent) {
            let step = match self.decoder.next_part(&mut self.input) {
                Ok(Some(part)) if part.header.opcode.is_control() => {
                    let (opcode, payload) = (part.header.opcode, Bytes::copy_from_slice(part.bytes));
                    self.handle_control(opcode, payload)
                }
                Ok(Some(part)) => handle_data(&mut self.assembler, &part),
                Ok(None) if self.input_ended => {
                    self.state = State::Ended;
                    return Some(Err(Failure::Lost));
                }
                Ok(None) => return None,
                Err(misbehaved) => Err(misbehaved),
            };
            match step {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(misbehaved) => return Some(Err(self.fail(misbehaved).into())),
            }
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, if at all. Deadlines of this machine count from the
    /// first call that sees their cause, so call it whenever [`phase`](Self::phase) has changed.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        match self.phase() {
            Phase::Open | Phase::Ended => None,
            Phase::Closing | Phase::Lingering => {
                let timeout = self.config.close_timeout;
                Some(*self.close_deadline.get_or_insert_with(|| now + timeout))
            }
        }
    }

    // Questions.

    /// What the transport should be doing.
    #[must_use]
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
    pub fn queued_bytes(&self) -> usize {
        self.transmit.remaining()
    }

    /// Bytes that wait undecoded; at most [`READ_BUFFER_BYTES`].
    #[must_use]
    pub fn undecoded_bytes(&self) -> usize {
        self.input.len()
    }

    /// Whether there is room for more input.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.input.len() < READ_BUFFER_BYTES && !self.input_ended
    }

    /// Gives up memory that an idle connection does not need: compression state goes back to its pool, and only
    /// the window stays. Costs some time at the next compressed message.
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
        let lost = self.transmit.remaining();
        self.transmit = Transmit::default();
        self.pongs = Pongs::default();
        lost
    }

    fn handle_control(&mut self, opcode: Opcode, payload: Bytes) -> Result<Option<Event>, PeerMisbehaved> {
        match opcode {
            Opcode::Ping if matches!(self.state, State::Open) => self.answer_ping(payload),
            Opcode::Close => {
                let info = CloseInfo::parse(&payload)?;
                if matches!(self.state, State::Open) {
                    // The code and the reason go back as they came (RFC 6455 §5.5.1).
                    self.send_close(&payload);
                }
                self.state = State::Closed;
                self.close_deadline = None;
                self.input.clear();
                return Ok(Some(Event::Close(info)));
            }
            _ => {}
        }
        Ok(None)
    }

    fn answer_ping(&mut self, payload: Bytes) {
        self.pongs.owed = Some(payload);
        self.settle_pongs();
    }

    /// Sends the pong that is owed, if those before it have left or are few.
    fn settle_pongs(&mut self) {
        if self.transmit.sent() >= self.pongs.queued_until {
            self.pongs.queued_bytes = 0;
        }
        if self.pongs.queued_bytes >= MAX_QUEUED_PONG_BYTES {
            return;
        }
        if let (Some(payload), State::Open) = (self.pongs.owed.take(), &self.state) {
            self.send_pong(&payload);
        }
    }

    fn send_pong(&mut self, payload: &[u8]) {
        let before = self.transmit.remaining();
        self.encoder.frame(&mut self.transmit, Head::control(Opcode::Pong), payload);
        self.pongs.queued_bytes += self.transmit.remaining() - before;
        self.pongs.queued_until = self.transmit.sent() + self.transmit.remaining() as u64;
    }

    fn send_close(&mut self, payload: &[u8]) {
        self.encoder.frame(&mut self.transmit, Head::control(Opcode::Close), payload);
    }

    /// Fails the connection (RFC 6455 §7.1.7): the peer is told why, and nothing that it sends matters any more.
    fn fail(&mut self, misbehaved: PeerMisbehaved) -> PeerMisbehaved {
        if matches!(self.state, State::Open) {
            let mut payload = misbehaved.close_code().get().to_be_bytes().to_vec();
            // Every message of PeerMisbehaved is ASCII, so any cut is a whole character.
            payload.extend(misbehaved.to_string().bytes().take(super::MAX_REASON_BYTES));
            self.send_close(&payload);
        }
        self.state = State::Failed;
        self.close_deadline = None;
        self.input.clear();
        misbehaved
    }

    fn send_payload(&mut self, opcode: Opcode, is_compressed: bool, payload: Bytes) {
        for fragment in fragments(payload.len(), self.config.fragment_bytes) {
            let head = Head {
                fin: fragment.fin,
                rsv1: is_compressed && fragment.is_first,
                opcode: if fragment.is_first { opcode } else { Opcode::Continuation },
            };
            if fragment.is_first && fragment.fin {
                return self.encoder.frame_owned(&mut self.transmit, head, payload);
            }
            self.encoder.frame_owned(&mut self.transmit, head, payload.slice(fragment.range));
        }
    }
}

/// Messages under this size are copied without becoming a shared buffer first.
const SMALL_MESSAGE_BYTES: usize = 4096;

fn handle_data(assembler: &mut Assembler, part: &Part<'_>) -> Result<Option<Event>, PeerMisbehaved> {
    Ok(assembler.push(part)?.map(Event::Message))
}

fn codecs(side: Side, config: &Config, params: DeflateParams) -> (Inflater, Deflater) {
    let client = (params.client_max_window_bits, !params.client_no_context_takeover);
    let server = (params.server_max_window_bits, !params.server_no_context_takeover);
    let ((in_bits, in_takeover), (out_bits, out_takeover)) = match side {
        Side::Client => (server, client),
        Side::Server => (client, server),
    };
    let deflate = config.deflate.unwrap_or_default();
    let deflater = Deflater::new(out_bits, out_takeover, deflate.level, deflate.mem_level);
    (Inflater::new(in_bits, in_takeover), deflater)
}
