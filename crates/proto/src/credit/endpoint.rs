//! One end of a conversation by credit, as a state machine.
//!
//! ```text
//!            close()              the peer's END comes
//!   Open ──────────────▶ Ending ─────────────────────▶ Complete ──▶ the WebSocket is closed
//!    │ ╲                   │ ╲                            ▲
//!    │  ╲ the peer's END is read, and answered ───────────┘
//!    │   ╲ the peer breaks a rule ──▶ Failed ──▶ the WebSocket is closed
//!    └── the WebSocket ends ──▶ Over
//! ```

mod close;
mod receive;
mod transmit;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::config::Config;
use super::ending::{Ending, OwnEnd};
use super::failure::Failure;
use super::frame::MAX_PING_BYTES;
use super::greeting::Greeting;
use super::incoming::Incoming;
use super::outgoing::{Batch, Outgoing};
use super::round_trip::RoundTrip;
use super::violation::Violation;
use crate::websocket::{ApiMisuse, CloseInfo, Message, MessageKind, Side};

/// One end of a conversation over `tidegate.v1`, without the WebSocket that carries it.
///
/// The methods come in three kinds: [`handle_batch`](Self::handle_batch), [`handle_text`](Self::handle_text),
/// [`handle_close`](Self::handle_close) and [`handle_timeout`](Self::handle_timeout) bring the world in;
/// [`send`](Self::send), [`close`](Self::close) and [`discard`](Self::discard) bring the application in;
/// [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event), [`poll_close`](Self::poll_close) and
/// [`poll_timeout`](Self::poll_timeout) give out.
///
/// The law for callers: hand every WebSocket message in as it comes, whether anybody reads or not, since the peer
/// sends no more than it has credit for. After any `&mut self` call drain `poll_transmit`, then ask `poll_close`, then
/// read `poll_timeout`. Call `poll_event` only while somebody is reading: a message counts as read when it is taken,
/// and that is what gives the peer credit.
#[derive(Debug)]
pub struct Endpoint {
    side: Side,
    config: Config,
    /// Our own greeting, until it is sent.
    greeting: Option<Greeting>,
    /// The protocols that the application asked for: a client's.
    offered: Vec<String>,
    protocol: String,
    incoming: Incoming,
    outgoing: Outgoing,
    /// What goes right behind what was sent last, with nothing between: a message apart, or the batch after some.
    behind: VecDeque<Batch>,
    round_trip: RoundTrip,
    pong_owed: Option<Pong>,
    ending: Ending,
}

/// What can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Message),
    /// The peer's END, and no event after it.
    End(CloseInfo),
}

/// The bytes of a PING that wait to go back.
#[derive(Clone, Copy, Debug)]
struct Pong {
    bytes: [u8; MAX_PING_BYTES],
    len: usize,
}

impl Endpoint {
    /// A client's end, right behind the opening handshake. `offered` are the protocols that the application asked
    /// for, without the token of this one.
    #[must_use]
    pub fn client(now: Instant, config: Config, offered: Vec<String>) -> Self {
        Self::new(Side::Client, now, config, offered, None)
    }

    /// A server's end, right behind the opening handshake. `protocol` is what the application has selected, or empty.
    #[must_use]
    pub fn server(now: Instant, config: Config, protocol: &str) -> Self {
        Self::new(Side::Server, now, config, Vec::new(), (!protocol.is_empty()).then(|| protocol.to_owned()))
    }

    fn new(side: Side, now: Instant, config: Config, offered: Vec<String>, protocol: Option<String>) -> Self {
        Self {
            side,
            protocol: protocol.clone().unwrap_or_default(),
            greeting: Some(Greeting {
                limit: config.window,
                max_message: config.max_message,
                apart: config.apart,
                protocol,
            }),
            offered,
            incoming: Incoming::new(now, &config),
            outgoing: Outgoing::default(),
            behind: VecDeque::new(),
            round_trip: RoundTrip::default(),
            pong_owed: None,
            ending: Ending::new(now),
            config,
        }
    }

    // The application in.

    /// Queues a message, which goes when there is credit. Whether there is room for it is the caller's to ask:
    /// [`queued_bytes`](Self::queued_bytes).
    ///
    /// # Errors
    ///
    /// [`ApiMisuse::SendAfterClose`] once the conversation ends, and [`ApiMisuse::OverPeerLimit`] for a message that
    /// the peer does not take; nothing is queued then.
    pub fn send(&mut self, message: Message) -> Result<(), ApiMisuse> {
        self.check_sendable()?;
        self.outgoing.send(message)
    }

    /// Begins a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// Another unfinished message, or the end of the conversation.
    pub fn begin_message(&mut self, kind: MessageKind) -> Result<(), ApiMisuse> {
        self.check_sendable()?;
        self.outgoing.begin(kind)
    }

    /// Queues the next part of the message that [`begin_message`](Self::begin_message) began. `close` does not cut it.
    ///
    /// # Errors
    ///
    /// No message begun, one that grows longer than the peer takes, or text that is not UTF-8; nothing is queued then.
    pub fn send_part(&mut self, part: Bytes) -> Result<(), ApiMisuse> {
        self.outgoing.send_part(part)
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// No message begun, or a text that ends inside a character. It stays unfinished then.
    pub fn finish_message(&mut self) -> Result<(), ApiMisuse> {
        self.outgoing.finish()
    }

    /// Gives up an unfinished message, and with it the conversation, since the peer cannot be told where the message
    /// would have ended.
    pub fn abandon_message(&mut self) {
        if self.outgoing.is_streaming() {
            self.abandon();
        }
    }

    /// Drops what has come and what comes; the peer gets credit for it all the same, so that it reaches its END.
    pub fn discard(&mut self, now: Instant) {
        self.incoming.discard(now, self.round_trip.get());
    }

    // Out.

    /// The next message, which then counts as read, or the end. `None` until more comes.
    ///
    /// # Errors
    ///
    /// Why the conversation did not end cleanly, behind the messages that came before that, once.
    pub fn poll_event(&mut self, now: Instant) -> Option<Result<Event, Failure>> {
        if let Some(message) = self.incoming.read(now, self.round_trip.get()) {
            return Some(Ok(Event::Message(message)));
        }
        self.poll_end()
    }

    // Questions.

    /// Which end this is.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }

    /// The application's protocol, empty if there is none. A client knows it once [`is_greeted`](Self::is_greeted).
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Whether the peer's greeting has come, before which nothing can be sent.
    #[must_use]
    pub fn is_greeted(&self) -> bool {
        self.outgoing.is_greeted()
    }

    /// Whether the peer takes a message of so many bytes, as far as it has told.
    #[must_use]
    pub fn takes(&self, len: usize) -> bool {
        self.outgoing.takes(len as u64)
    }

    /// Whether a message could be sent now.
    #[must_use]
    pub fn has_credit(&self) -> bool {
        self.outgoing.has_credit()
    }

    /// Bytes of messages that wait to go, and 32 for each.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.outgoing.queued_bytes() + self.behind.iter().map(|batch| batch.tail.len()).sum::<usize>()
    }

    /// What our messages have cost so far, as a total.
    #[must_use]
    pub fn sent_units(&self) -> u64 {
        self.outgoing.sent()
    }

    /// Bytes of messages that have come and were not read, and 32 for each.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.incoming.held()
    }

    /// Whether a whole message waits to be read.
    #[must_use]
    pub fn has_message(&self) -> bool {
        self.incoming.has_message()
    }

    /// How far the peer may send ahead of the reader at present.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.incoming.window()
    }

    /// What the peer has been granted so far, as a total.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.incoming.limit()
    }

    /// How many of our messages the peer's application has read, as far as it has told.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.outgoing.acked()
    }

    /// Whether a message is being sent in parts.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.outgoing.is_streaming()
    }

    fn check_sendable(&self) -> Result<(), ApiMisuse> {
        let is_open = matches!(self.ending.own, OwnEnd::None) && !self.ending.is_over();
        if is_open { Ok(()) } else { Err(ApiMisuse::SendAfterClose) }
    }

    /// Fails the conversation: the peer is told why, and nothing that it sends matters any more.
    fn fail(&mut self, violation: Violation) {
        let info = CloseInfo { close_code: violation.close_code(), reason: violation.to_string() };
        self.give_up(violation.into(), info);
    }
}
