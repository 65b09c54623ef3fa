//! What comes: messages put together, held until they are read, and the credit that reading gives.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::config::Config;
use super::frame::{FrameType, MESSAGE_COST};
use super::violation::Violation;
use crate::varint::MAX_NUMBER;
use crate::websocket::{CloseInfo, Message, TextBuilder};

/// The direction from the peer.
#[derive(Debug)]
pub(super) struct Incoming {
    max_message: u64,
    window: u64,
    max_window: u64,
    /// What has been announced.
    limit: u64,
    /// The cost of all that has come.
    received: u64,
    /// The cost of all that was read.
    read: u64,
    messages_read: u64,
    assembling: Option<Assembling>,
    apart: Apart,
    queue: VecDeque<Message>,
    /// When the last grant became due; before the first, when the greeting was sent.
    granted_at: Instant,
    grant_is_due: bool,
    last_credit: Instant,
    acked: u64,
    /// How many limits have been announced.
    announced: u64,
    /// How many BLOCKED have come, and at which limit the last.
    blocked: u64,
    blocked_at: Option<u64>,
    end: Option<CloseInfo>,
    is_discarding: bool,
}

/// What a WebSocket message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apart {
    /// A batch.
    No,
    /// A message of the application, the first.
    First,
    /// A message of the application, or the end of them.
    More,
}

/// A message of which not all has come.
#[derive(Debug)]
enum Assembling {
    Text(TextBuilder),
    Binary(Vec<u8>),
}

/// What a CREDIT tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) limit: u64,
    pub(super) ack: u64,
}

/// How old the last CREDIT may be when a message is read while the peer waits for our END.
const ACK_INTERVAL: Duration = Duration::from_secs(1);

/// A grant that is due so soon after the one before doubles the window, however short the round trip: a reader that
/// takes half a window in this time would wait whenever either end is busy for as long.
const GROW_WITHIN: Duration = Duration::from_millis(50);

impl Incoming {
    pub(super) fn new(now: Instant, config: &Config) -> Self {
        Self {
            max_message: config.max_message,
            window: config.window,
            max_window: config.max_window,
            limit: config.window,
            received: 0,
            read: 0,
            messages_read: 0,
            assembling: None,
            apart: Apart::No,
            queue: VecDeque::new(),
            granted_at: now,
            grant_is_due: false,
            last_credit: now,
            acked: 0,
            announced: 1,
            blocked: 0,
            blocked_at: None,
            end: None,
            is_discarding: false,
        }
    }

    /// Takes a frame of a message. `payload` is a part of `batch`.
    pub(super) fn take_frame(
        &mut self,
        frame_type: FrameType,
        payload: &[u8],
        batch: &Bytes,
    ) -> Result<Option<Message>, Violation> {
        self.check(frame_type, payload)?;
        if self.is_apart() {
            self.apart = Apart::More;
        }
        self.received += payload.len() as u64;
        if frame_type.starts_message() {
            self.received += MESSAGE_COST;
        }
        match frame_type {
            FrameType::Text => return Ok(Some(text(payload)?.to_owned().into())),
            FrameType::Binary => return Ok(Some(Message::Binary(own(payload, batch)))),
            FrameType::TextStart => self.assembling = Some(Assembling::Text(TextBuilder::default())),
            FrameType::BinaryStart => self.assembling = Some(Assembling::Binary(Vec::new())),
            _ => {}
        }
        match &mut self.assembling {
            Some(Assembling::Text(text)) => text.push(payload).map_err(|_| Violation::NotUtf8)?,
            Some(Assembling::Binary(bytes)) => bytes.extend_from_slice(payload),
            None => {}
        }
        if !frame_type.ends_message() {
            return Ok(None);
        }
        self.assembling.take().map(Assembling::finish).transpose()
    }

    /// From the next WebSocket message on each is one of the application.
    pub(super) fn begin_apart(&mut self, payload: &[u8]) -> Result<(), Violation> {
        if !payload.is_empty() {
            return Err(Violation::BadControlFrame);
        }
        if self.end.is_some() {
            return Err(Violation::MessageAfterEnd);
        }
        self.apart = Apart::First;
        Ok(())
    }

    /// From the next WebSocket message on each is a batch.
    pub(super) fn end_apart(&mut self) -> Result<(), Violation> {
        if self.apart == Apart::First {
            return Err(Violation::BadApart);
        }
        self.apart = Apart::No;
        Ok(())
    }

    pub(super) fn is_apart(&self) -> bool {
        self.apart != Apart::No
    }

    fn check(&self, frame_type: FrameType, payload: &[u8]) -> Result<(), Violation> {
        if self.end.is_some() {
            return Err(Violation::MessageAfterEnd);
        }
        match (&self.assembling, frame_type.starts_message()) {
            (Some(_), true) => return Err(Violation::MessageInsideMessage),
            (None, false) => return Err(Violation::PartOfNothing),
            (None, true) if self.received >= self.limit => return Err(Violation::NoCredit),
            _ => {}
        }
        let may_be_empty = frame_type.ends_message();
        if payload.is_empty() && !may_be_empty {
            return Err(Violation::EmptyPart);
        }
        if self.assembling_bytes() as u64 + payload.len() as u64 > self.max_message {
            return Err(Violation::MessageTooLarge);
        }
        Ok(())
    }

    /// Holds a message until it is read.
    pub(super) fn hold(&mut self, message: Message, now: Instant, round_trip: Option<Duration>) {
        if self.is_discarding {
            self.count_read(&message, now, round_trip);
        } else {
            self.queue.push_back(message);
        }
    }

    /// The next message, which counts as read.
    pub(super) fn read(&mut self, now: Instant, round_trip: Option<Duration>) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.count_read(&message, now, round_trip);
        Some(message)
    }

    fn count_read(&mut self, message: &Message, now: Instant, round_trip: Option<Duration>) {
        self.read += message.len() as u64 + MESSAGE_COST;
        self.messages_read += 1;
        let ahead = (self.read + self.window).saturating_sub(self.limit);
        if self.grant_is_due || 2 * ahead < self.window {
            return;
        }
        self.grant_is_due = true;
        let since = now.saturating_duration_since(self.granted_at);
        if since < GROW_WITHIN.max(2 * round_trip.unwrap_or_default()) {
            self.window = (self.window * 2).min(self.max_window).max(self.window);
        }
        self.granted_at = now;
    }

    /// What to grant now, if anything.
    pub(super) fn take_grant(&mut self, now: Instant) -> Option<Grant> {
        let shows_progress = self.end.is_some()
            && self.messages_read > self.acked
            && now.saturating_duration_since(self.last_credit) >= ACK_INTERVAL;
        if self.grant_is_due {
            self.announced += 1;
            self.limit = (self.read + self.window).min(MAX_NUMBER).max(self.limit);
        } else if !shows_progress {
            return None;
        }
        self.grant_is_due = false;
        self.last_credit = now;
        self.acked = self.messages_read;
        Some(Grant { limit: self.limit, ack: self.acked })
    }

    /// A BLOCKED of the peer.
    pub(super) fn take_blocked(&mut self, at: u64) -> Result<(), Violation> {
        let is_news = self.blocked_at.is_none_or(|last| at > last);
        if at > self.limit || !is_news || self.blocked == self.announced {
            return Err(Violation::BadBlocked);
        }
        self.blocked += 1;
        self.blocked_at = Some(at);
        Ok(())
    }

    /// The peer's END.
    pub(super) fn take_end(&mut self, info: CloseInfo) -> Result<(), Violation> {
        if self.end.is_some() {
            return Err(Violation::SecondEnd);
        }
        // These end what cannot be finished: a failure, or a message that was given up.
        let may_cut = matches!(info.close_code.get(), 1002 | 1007 | 1009 | 1011);
        if self.assembling.is_some() && !may_cut {
            return Err(Violation::EndInsideMessage);
        }
        self.assembling = None;
        self.end = Some(info);
        Ok(())
    }

    /// The peer's END, if it has come.
    pub(super) fn end(&self) -> Option<&CloseInfo> {
        self.end.as_ref()
    }

    /// From now on nobody reads: what comes counts as read.
    pub(super) fn discard(&mut self, now: Instant, round_trip: Option<Duration>) {
        self.is_discarding = true;
        while self.read(now, round_trip).is_some() {}
    }

    pub(super) fn has_message(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn messages_read(&self) -> u64 {
        self.messages_read
    }

    /// What has been granted, as a total.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// The cost of what has come and was not read.
    pub(super) fn held(&self) -> u64 {
        self.received - self.read
    }

    fn assembling_bytes(&self) -> usize {
        match &self.assembling {
            Some(Assembling::Text(text)) => text.len(),
            Some(Assembling::Binary(bytes)) => bytes.len(),
            None => 0,
        }
    }
}

impl Assembling {
    fn finish(self) -> Result<Message, Violation> {
        Ok(match self {
            Self::Text(text) => text.finish().map_err(|_| Violation::NotUtf8)?.into(),
            Self::Binary(bytes) => bytes.into(),
        })
    }
}

fn text(payload: &[u8]) -> Result<&str, Violation> {
    simdutf8::basic::from_utf8(payload).map_err(|_| Violation::NotUtf8)
}

/// A payload of its own. One that is most of its batch is not copied, and a small one does not keep a large batch.
fn own(payload: &[u8], batch: &Bytes) -> Bytes {
    if payload.len() >= batch.len() / 2 { batch.slice_ref(payload) } else { Bytes::copy_from_slice(payload) }
}
