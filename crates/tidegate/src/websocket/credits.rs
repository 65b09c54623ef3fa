//! What is different by credit: the end of a conversation on top of a connection.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_proto::credit::{self, Batch, Endpoint};
use tidegate_proto::websocket::{
    ApiMisuse, Chunk, CloseCode, CloseInfo, Connection, Event, Failure, Message, MessageKind, Phase,
    Prepared, Side,
};

use super::error::{Cause, WebSocketError};

/// The end of a conversation by credit, on top of a connection.
pub(super) struct Credits {
    endpoint: Endpoint,
    /// Whether the connection compresses, for which a batch has to be in one piece.
    compresses: bool,
    /// What is missing of a message that is written in parts, where its length was announced.
    announced: Option<u64>,
    /// Whether anything came that another half may wait for.
    has_news: bool,
    /// Why the connection beneath ended, if it failed.
    failure: Option<Failure>,
}

/// How much waits in the connection, where a CREDIT or a PONG cannot overtake it any more.
const PUMP_BYTES: usize = 64 * 1024;

impl Credits {
    pub(super) fn new(
        side: Side,
        config: credit::Config,
        protocol: &str,
        offered: &[String],
        compresses: bool,
    ) -> Self {
        let endpoint = match side {
            Side::Client => Endpoint::client(now(), config, offered.to_vec()),
            Side::Server => Endpoint::server(now(), config, protocol),
        };
        Self { endpoint, compresses, announced: None, has_news: false, failure: None }
    }

    /// Hands on what has come, whether anybody reads or not: the peer sends no more than it has credit for.
    pub(super) fn take_in(&mut self, connection: &mut Connection) {
        while let Some(event) = connection.poll_event() {
            self.has_news = true;
            match event {
                Ok(Event::Message(Message::Binary(batch))) => self.endpoint.handle_batch(now(), &batch),
                Ok(Event::Message(Message::Text(_))) => self.endpoint.handle_text(),
                Ok(Event::Close(info)) => self.endpoint.handle_close(Some(info)),
                Ok(Event::Chunk(_)) => {}
                Err(failure) => {
                    self.failure = Some(failure);
                    self.endpoint.handle_close(None);
                }
            }
        }
    }

    /// Moves what may go to the connection, a bounded amount.
    pub(super) fn pump(&mut self, connection: &mut Connection) {
        while connection.phase() == Phase::Open && connection.queued_bytes() < PUMP_BYTES {
            let Some(batch) = self.endpoint.poll_transmit(now()) else { break };
            // The connection is open, so it takes everything.
            let _ = self.send_batch(connection, batch);
        }
        if let Some(CloseInfo { close_code, reason }) = self.endpoint.poll_close() {
            let close_code = (close_code != CloseCode::NO_STATUS).then_some(close_code);
            // It is one that was received, or validated when it was given.
            let _ = connection.close(close_code, &reason);
        }
    }

    fn send_batch(&self, connection: &mut Connection, batch: Batch) -> Result<(), ApiMisuse> {
        if batch.tail.is_empty() || self.compresses {
            return connection.send(Message::Binary(batch.into_bytes()));
        }
        // So that a large payload is not copied.
        connection.begin_message(MessageKind::Binary, Some(batch.len() as u64))?;
        connection.send_part(batch.head.into())?;
        connection.send_part(batch.tail)?;
        connection.finish_message()
    }

    pub(super) fn poll_event(&mut self, connection: &mut Connection) -> Option<Result<Event, Failure>> {
        if !self.endpoint.has_message() {
            self.take_in(connection);
        }
        Some(match self.endpoint.poll_event(now())? {
            Ok(credit::Event::Message(message)) => Ok(Event::Message(message)),
            Ok(credit::Event::End(info)) => Ok(Event::Close(info)),
            // `outcome` tells more.
            Err(_) => Err(Failure::Lost),
        })
    }

    pub(super) fn poll_message(&mut self, connection: &mut Connection) -> Option<Message> {
        if !self.endpoint.has_message() {
            self.take_in(connection);
        }
        if !self.endpoint.has_message() {
            return None;
        }
        match self.endpoint.poll_event(now()) {
            Some(Ok(credit::Event::Message(message))) => Some(message),
            _ => None,
        }
    }

    pub(super) fn poll_chunk(&mut self, connection: &mut Connection) -> Option<Result<Event, Failure>> {
        Some(match self.poll_event(connection)? {
            Ok(Event::Message(message)) => {
                let kind = message.kind();
                Ok(Event::Chunk(Chunk { kind, bytes: message.into_bytes(), starts: true, ends: true }))
            }
            other => other,
        })
    }

    pub(super) fn handle_timeout(&mut self, connection: &mut Connection, now: Instant) {
        self.endpoint.handle_timeout(now);
        if connection.phase() != Phase::Open && connection.handle_timeout(now).is_err() {
            self.endpoint.handle_close(None);
        }
    }

    pub(super) fn poll_timeout(&mut self, connection: &mut Connection, now: Instant) -> Option<Instant> {
        [self.endpoint.poll_timeout(now), connection.poll_timeout(now)].into_iter().flatten().min()
    }

    pub(super) fn send(&mut self, message: Message) -> Result<(), ApiMisuse> {
        self.endpoint.send(message)
    }

    /// One that is longer than the peer takes ends the conversation: nobody is there to be told, and a gap would be a
    /// silent loss.
    pub(super) fn send_prepared(&mut self, message: &Prepared) -> Result<(), ApiMisuse> {
        let message_of = match message.kind() {
            MessageKind::Binary => Message::Binary(message.payload()),
            MessageKind::Text => {
                let text =
                    String::from_utf8(message.payload().to_vec()).map_err(|_| ApiMisuse::InvalidUtf8)?;
                Message::Text(text)
            }
        };
        let sent = self.endpoint.send(message_of);
        if matches!(sent, Err(ApiMisuse::OverPeerLimit { .. })) {
            self.endpoint.close(Some(CloseCode::TOO_BIG), "a message is longer than you take")?;
        }
        sent
    }

    pub(super) fn begin_message(&mut self, kind: MessageKind, len: Option<u64>) -> Result<(), ApiMisuse> {
        self.endpoint.begin_message(kind)?;
        self.announced = len;
        Ok(())
    }

    pub(super) fn send_part(&mut self, part: Bytes) -> Result<(), ApiMisuse> {
        let len = part.len() as u64;
        if let Some(room) = self.announced.filter(|room| *room < len) {
            return Err(ApiMisuse::LongMessage(len - room));
        }
        self.endpoint.send_part(part)?;
        self.announced = self.announced.map(|room| room - len);
        Ok(())
    }

    pub(super) fn finish_message(&mut self) -> Result<(), ApiMisuse> {
        match self.announced {
            Some(missing @ 1..) if self.endpoint.is_streaming() => Err(ApiMisuse::ShortMessage(missing)),
            _ => self.endpoint.finish_message(),
        }
    }

    pub(super) fn abandon_message(&mut self) {
        self.endpoint.abandon_message();
    }

    pub(super) fn close(&mut self, close_code: Option<CloseCode>, reason: &str) -> Result<(), ApiMisuse> {
        self.endpoint.close(close_code, reason)
    }

    /// Answers an END although up to so many bytes before it wait to be read.
    pub(super) fn answer_end(&mut self, unread_bytes: usize) {
        if self.held_bytes() <= unread_bytes {
            self.endpoint.answer_end();
        }
    }

    /// Sees to the deadlines of an open conversation, and tells the next one.
    pub(super) fn look(&mut self) -> Option<Instant> {
        let now = now();
        let was_over = self.endpoint.outcome().is_some();
        self.endpoint.handle_timeout(now);
        self.has_news |= !was_over && self.endpoint.outcome().is_some();
        self.endpoint.poll_timeout(now)
    }

    /// How long the end may take, without what is added for a peer that is out of reach.
    pub(super) fn close_timeout(&self) -> Duration {
        self.endpoint.close_timeout()
    }

    /// Lets go of everything: the connection was failed.
    pub(super) fn drop_all(&mut self) {
        self.endpoint.handle_close(None);
        self.endpoint.discard(now());
    }

    /// Takes note that the transport has ended.
    pub(super) fn handle_lost(&mut self) {
        self.endpoint.handle_close(None);
    }

    pub(super) fn has_message(&self) -> bool {
        self.endpoint.has_message()
    }

    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// The application's protocol, once the peer has greeted.
    pub(super) fn greeting(&self) -> Option<&str> {
        self.endpoint.is_greeted().then(|| self.endpoint.protocol())
    }

    pub(super) fn is_ending(&self) -> bool {
        self.endpoint.is_ending()
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.endpoint.is_streaming()
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.endpoint.queued_bytes()
    }

    pub(super) fn sent_units(&self) -> u64 {
        self.endpoint.sent_units()
    }

    pub(super) fn held_bytes(&self) -> usize {
        // As much as is in memory.
        self.endpoint.held_bytes() as usize
    }

    /// How it ended, once it has, whether anybody was told or not.
    pub(super) fn outcome(&self) -> Option<Result<CloseInfo, WebSocketError>> {
        let failure = match self.endpoint.outcome()? {
            Ok(info) => return Some(Ok(info)),
            Err(failure) => failure,
        };
        Some(Err(match failure {
            credit::Failure::Violation(violation) => WebSocketError::abnormal(Cause::BrokeCredits(violation)),
            credit::Failure::Ended(Some(info)) => WebSocketError::after_close(info, Cause::NoEnd),
            credit::Failure::Unsent(info) => WebSocketError::after_close(info, Cause::Unsent),
            credit::Failure::CloseTimedOut => WebSocketError::abnormal(Cause::CloseTimedOut),
            credit::Failure::Abandoned => WebSocketError::abnormal(ApiMisuse::AbandonedMessage),
            _ => WebSocketError::abnormal(self.failure.clone().map_or(Cause::Lost(None), Cause::from)),
        }))
    }
}

/// The time as tokio sees it, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
