//! A connection, and credits on top of it where they were agreed on (docs/protocol.md). The link beneath and the halves
//! above cannot tell which: without credits, each call is the connection's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_proto::credit;
use tidegate_proto::websocket::handshake::Agreed;
use tidegate_proto::websocket::{
    ApiMisuse, CloseCode, CloseInfo, Config, Connection, Event, Failure, Message, MessageKind, Phase,
    Prepared, Side, Transmit,
};

use super::credits::Credits;
use super::error::WebSocketError;

pub(crate) struct Layers {
    connection: Connection,
    /// Boxed, so that a connection without them pays a pointer.
    credits: Option<Box<Credits>>,
}

impl Layers {
    /// What an opening handshake has agreed on. `offered` are the application's protocols, which a client asked for;
    /// `seed` makes a client's masking keys.
    pub(crate) fn new(
        side: Side,
        config: impl Into<Arc<Config>>,
        credits: Option<credit::Config>,
        agreed: &Agreed,
        offered: &[String],
        seed: [u8; 32],
    ) -> Self {
        if !agreed.credits {
            return Self { connection: Connection::new(side, config, agreed.deflate, seed), credits: None };
        }
        let (credits, config) = credits.unwrap_or_default().above(Arc::unwrap_or_clone(config.into()));
        let connection = Connection::new(side, config, agreed.deflate, seed);
        let credits = Credits::new(side, credits, &agreed.protocol, offered, agreed.deflate.is_some());
        Self { connection, credits: Some(Box::new(credits)) }
    }

    // The world in.

    pub(crate) fn handle_input(&mut self, bytes: &[u8]) -> usize {
        self.connection.handle_input(bytes)
    }

    #[inline]
    pub(crate) fn input_buffer(&mut self) -> &mut Vec<u8> {
        self.connection.input_buffer()
    }

    #[inline]
    pub(crate) fn direct_buffer(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        self.connection.direct_buffer()
    }

    #[inline]
    pub(crate) fn handle_direct(&mut self, read: usize) {
        self.connection.handle_direct(read);
    }

    #[inline]
    pub(crate) fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.connection.lend_buffer(buffer);
    }

    #[inline]
    pub(crate) fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        self.connection.reclaim_buffer()
    }

    #[inline]
    pub(crate) fn allow_inflating(&mut self, bytes: usize) -> bool {
        self.connection.allow_inflating(bytes)
    }

    pub(crate) fn handle_eof(&mut self) {
        self.connection.handle_eof();
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), Failure> {
        match &mut self.credits {
            None => self.connection.handle_timeout(now),
            Some(credits) => {
                credits.handle_timeout(&mut self.connection, now);
                Ok(())
            }
        }
    }

    // The application in.

    #[inline]
    pub(crate) fn send(&mut self, message: Message) -> Result<(), ApiMisuse> {
        match &mut self.credits {
            None => self.connection.send(message),
            Some(credits) => credits.send(message),
        }
    }

    /// Queues a message that is like most. By credit none is.
    #[inline]
    pub(crate) fn send_small(&mut self, message: &Message) -> bool {
        self.credits.is_none() && self.connection.send_small(message)
    }

    #[inline]
    pub(crate) fn send_prepared(&mut self, message: &Prepared) -> Result<(), ApiMisuse> {
        match &mut self.credits {
            None => self.connection.send_prepared(message),
            Some(credits) => credits.send_prepared(message),
        }
    }

    pub(crate) fn begin_message(&mut self, kind: MessageKind, len: Option<u64>) -> Result<(), ApiMisuse> {
        match &mut self.credits {
            None => self.connection.begin_message(kind, len),
            Some(credits) => credits.begin_message(kind, len),
        }
    }

    pub(crate) fn send_part(&mut self, part: Bytes) -> Result<(), ApiMisuse> {
        match &mut self.credits {
            None => self.connection.send_part(part),
            Some(credits) => credits.send_part(part),
        }
    }

    pub(crate) fn finish_message(&mut self) -> Result<(), ApiMisuse> {
        match &mut self.credits {
            None => self.connection.finish_message(),
            Some(credits) => credits.finish_message(),
        }
    }

    pub(crate) fn abandon_message(&mut self) {
        match &mut self.credits {
            None => self.connection.abandon_message(),
            Some(credits) => credits.abandon_message(),
        }
    }

    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<(), ApiMisuse> {
        self.connection.ping(payload)
    }

    /// Starts the closing handshake, by an END first where there are credits.
    pub(crate) fn close(&mut self, close_code: Option<CloseCode>, reason: &str) -> Result<(), ApiMisuse> {
        match &mut self.credits {
            None => self.connection.close(close_code, reason),
            Some(credits) => credits.close(close_code, reason),
        }
    }

    /// Fails the connection from this end, and lets go of what it holds.
    pub(crate) fn give_up(&mut self, close_code: CloseCode, reason: &str) {
        self.connection.give_up(close_code, reason);
        if let Some(credits) = &mut self.credits {
            credits.drop_all();
        }
    }

    pub(crate) fn discard_transmit(&mut self) -> usize {
        let unsent = self.credits.as_ref().map_or(0, |credits| credits.queued_bytes());
        self.connection.discard_transmit() + unsent
    }

    pub(crate) fn postpone_timeout(&mut self) {
        self.connection.postpone_timeout();
    }

    pub(crate) fn park(&mut self) {
        self.connection.park();
    }

    // Out.

    #[inline]
    pub(crate) fn poll_transmit(&mut self) -> Option<&mut Transmit> {
        if let Some(credits) = &mut self.credits {
            credits.pump(&mut self.connection);
        }
        self.connection.poll_transmit()
    }

    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Result<Event, Failure>> {
        match &mut self.credits {
            None => self.connection.poll_event(),
            Some(credits) => credits.poll_event(&mut self.connection),
        }
    }

    /// A message that is like most, if it has come.
    #[inline]
    pub(crate) fn poll_whole_message(&mut self) -> Option<Message> {
        match &mut self.credits {
            None => self.connection.poll_whole_message(),
            Some(credits) => credits.poll_message(&mut self.connection),
        }
    }

    /// As `poll_event`, in stretches of messages; by credit these are whole.
    pub(crate) fn poll_chunk(&mut self) -> Option<Result<Event, Failure>> {
        match &mut self.credits {
            None => self.connection.poll_chunk(),
            Some(credits) => credits.poll_chunk(&mut self.connection),
        }
    }

    pub(crate) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        match &mut self.credits {
            None => self.connection.poll_timeout(now),
            Some(credits) => credits.poll_timeout(&mut self.connection, now),
        }
    }

    // Questions.

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        let phase = self.connection.phase();
        match &self.credits {
            Some(credits) if phase == Phase::Open && credits.is_ending() => Phase::Closing,
            _ => phase,
        }
    }

    /// Bytes that wait to be sent, with those that wait for credit.
    #[inline]
    pub(crate) fn queued_bytes(&self) -> usize {
        let queued = self.connection.queued_bytes();
        match &self.credits {
            None => queued,
            Some(credits) => queued + credits.queued_bytes(),
        }
    }

    /// Where the output stands, counted as [`queued_bytes`](Self::queued_bytes) is: by credit in units of credit.
    pub(crate) fn sent_bytes(&self) -> u64 {
        match &self.credits {
            None => self.connection.sent_bytes(),
            Some(credits) => credits.sent_units().saturating_sub(self.connection.queued_bytes() as u64),
        }
    }

    /// Bytes that the transport has taken.
    pub(crate) fn wire_bytes(&self) -> u64 {
        self.connection.sent_bytes()
    }

    #[inline]
    pub(crate) fn undecoded_bytes(&self) -> usize {
        self.connection.undecoded_bytes()
    }

    /// Bytes of messages that have come by credit and were not read.
    #[inline]
    pub(crate) fn ahead_bytes(&self) -> usize {
        self.credits.as_ref().map_or(0, |credits| credits.held_bytes())
    }

    /// Whether a message that has come by credit waits to be read.
    #[inline]
    pub(crate) fn has_message(&self) -> bool {
        self.credits.as_ref().is_some_and(|credits| credits.has_message())
    }

    pub(crate) fn side(&self) -> Side {
        self.connection.side()
    }

    pub(crate) fn has_unsent_ping(&self) -> bool {
        self.connection.has_unsent_ping()
    }

    pub(crate) fn unanswered_bytes(&self) -> u64 {
        self.connection.unanswered_bytes()
    }

    pub(crate) fn assembling_bytes(&self) -> usize {
        self.connection.assembling_bytes()
    }

    pub(crate) fn compression_bytes(&self) -> usize {
        self.connection.compression_bytes()
    }

    pub(crate) fn can_look_ahead(&self, max_bytes: usize) -> bool {
        self.connection.can_look_ahead(max_bytes)
    }

    pub(crate) fn close_timeout(&self) -> Duration {
        let timeout = self.connection.close_timeout();
        // A reader that stays away is no peer that is out of reach.
        self.credits.as_ref().map_or(timeout, |credits| timeout.min(credits.close_timeout()))
    }

    pub(crate) fn shuts_down_first(&self) -> bool {
        self.connection.shuts_down_first()
    }

    #[inline]
    pub(crate) fn is_streaming(&self) -> bool {
        match &self.credits {
            None => self.connection.is_streaming(),
            Some(credits) => credits.is_streaming(),
        }
    }

    /// Whether messages go by credit.
    #[inline]
    pub(crate) fn has_credits(&self) -> bool {
        self.credits.is_some()
    }
}

/// What only a link by credit asks.
impl Layers {
    /// Hands on what has come; tells whether more may.
    pub(crate) fn take_in(&mut self) -> bool {
        if let Some(credits) = &mut self.credits {
            credits.take_in(&mut self.connection);
        }
        matches!(self.connection.phase(), Phase::Open | Phase::Closing)
    }

    /// The end, if nothing lies before it that waits to be read.
    pub(crate) fn poll_end(&mut self) -> Option<Result<Event, Failure>> {
        let credits = self.credits.as_mut().filter(|credits| !credits.has_message())?;
        credits.poll_event(&mut self.connection)
    }

    /// Answers an END although up to so many bytes before it wait to be read: the reader stays away.
    pub(crate) fn answer_end(&mut self, unread_bytes: usize) {
        if let Some(credits) = &mut self.credits {
            credits.answer_end(unread_bytes);
        }
    }

    /// Whether anything came, since this was last asked, that another half may wait for.
    pub(crate) fn take_news(&mut self) -> bool {
        self.credits.as_mut().is_some_and(|credits| credits.take_news())
    }

    /// Sees to the deadlines of an open conversation, and tells the next one.
    pub(crate) fn look_after_credits(&mut self) -> Option<Instant> {
        let is_open = self.connection.phase() == Phase::Open;
        self.credits.as_mut().filter(|_| is_open)?.look()
    }

    /// Takes note that the transport has ended.
    pub(crate) fn handle_lost(&mut self) {
        if let Some(credits) = &mut self.credits {
            credits.handle_lost();
        }
    }

    /// How a conversation by credit ended, once it has, whether its messages have been read or not.
    pub(crate) fn outcome(&self) -> Option<Result<CloseInfo, WebSocketError>> {
        self.credits.as_ref()?.outcome()
    }

    /// The application's protocol of a client's conversation, once the server has greeted.
    pub(crate) fn greeting(&self) -> Option<&str> {
        self.credits.as_ref()?.greeting()
    }
}
