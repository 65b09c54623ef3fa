//! What goes: messages cut into frames, that wait for credit.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frame::{FrameType, MAX_BATCH_BYTES, MESSAGE_COST};
use super::greeting::Greeting;
use super::violation::Violation;
use crate::websocket::{ApiMisuse, Message, MessageKind, TextBuilder};

/// What goes into one WebSocket message, of the binary kind: `head`, and behind it `tail`, which is large and was not
/// copied, or empty. Both are empty where a batch follows messages that went apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Frames, or frames and the start of one.
    pub head: Vec<u8>,
    /// The payload that the last frame of `head` begins, or a message apart.
    pub tail: Bytes,
}

impl Batch {
    /// Bytes of the whole batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch in one piece.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.head.is_empty() {
            return self.tail;
        }
        self.head.extend_from_slice(&self.tail);
        self.head.into()
    }
}

/// The direction to the peer.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    queue: VecDeque<Frame>,
    queued_bytes: usize,
    /// What the peer has granted.
    limit: u64,
    /// The longest message that the peer takes, once it is known.
    max_message: Option<u64>,
    /// From which length on the peer wants binary messages apart.
    apart_from: Option<u64>,
    /// Whether each WebSocket message is now a message of the application.
    is_apart: bool,
    /// The cost of all that was sent.
    sent: u64,
    /// Frames of messages that were sent.
    frames: u64,
    /// Messages that were sent whole.
    messages: u64,
    acked: u64,
    credits: u64,
    /// The limit that the last BLOCKED told.
    blocked_at: Option<u64>,
    streaming: Option<Streaming>,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) frame_type: FrameType,
    pub(super) payload: Bytes,
}

/// A message that is written in parts.
#[derive(Debug)]
struct Streaming {
    kind: MessageKind,
    has_begun: bool,
    len: u64,
    text: Option<TextBuilder>,
}

/// The longest part of a message in one frame.
pub(super) const PART_BYTES: usize = 64 << 10;

/// How many CREDITs may come beyond the frames that account for them.
const FREE_CREDITS: u64 = 64;

impl Outgoing {
    /// The peer's greeting has come.
    pub(super) fn greeted(&mut self, greeting: &Greeting) {
        self.limit = greeting.limit;
        self.max_message = Some(greeting.max_message);
        self.apart_from = greeting.apart;
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.max_message.is_some()
    }

    /// Whether a message waits that is longer than the peer turned out to take.
    pub(super) fn has_oversize(&self) -> bool {
        let Some(max) = self.max_message else { return false };
        let mut len = 0;
        self.queue.iter().any(|frame| {
            len = frame.payload.len() as u64 + if frame.frame_type.starts_message() { 0 } else { len };
            len > max
        })
    }

    /// Queues a message, in parts when it is long.
    pub(super) fn send(&mut self, message: Message) -> Result<(), ApiMisuse> {
        if self.streaming.is_some() {
            return Err(ApiMisuse::UnfinishedMessage);
        }
        self.check_len(message.len() as u64)?;
        let kind = message.kind();
        let payload = message.into_bytes();
        let fits_apart = self.wants_apart(whole(kind), payload.len()) && payload.len() <= MAX_BATCH_BYTES;
        if payload.len() <= PART_BYTES || fits_apart {
            self.push(whole(kind), payload);
        } else {
            self.push_parts(start(kind), payload, FrameType::LastPart);
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, kind: MessageKind) -> Result<(), ApiMisuse> {
        if self.streaming.is_some() {
            return Err(ApiMisuse::UnfinishedMessage);
        }
        let text = (kind == MessageKind::Text).then(TextBuilder::default);
        self.streaming = Some(Streaming { kind, has_begun: false, len: 0, text });
        Ok(())
    }

    pub(super) fn send_part(&mut self, part: Bytes) -> Result<(), ApiMisuse> {
        let streaming = self.streaming.as_ref().ok_or(ApiMisuse::NoMessage)?;
        let len = streaming.len + part.len() as u64;
        self.check_len(len)?;
        let Some(streaming) = &mut self.streaming else { return Err(ApiMisuse::NoMessage) };
        if let Some(text) = &mut streaming.text {
            let mut checked = text.clone();
            checked.push(&part).map_err(|_| ApiMisuse::InvalidUtf8)?;
            checked.take();
            *text = checked;
        }
        if part.is_empty() {
            return Ok(());
        }
        streaming.len = len;
        let has_begun = std::mem::replace(&mut streaming.has_begun, true);
        let first = if has_begun { FrameType::Part } else { start(streaming.kind) };
        self.push_parts(first, part, FrameType::Part);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), ApiMisuse> {
        let streaming = self.streaming.as_ref().ok_or(ApiMisuse::NoMessage)?;
        if streaming.text.as_ref().is_some_and(|text| text.len() > 0) {
            return Err(ApiMisuse::InvalidUtf8);
        }
        let last = if streaming.has_begun { FrameType::LastPart } else { whole(streaming.kind) };
        self.streaming = None;
        self.push(last, Bytes::new());
        Ok(())
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.streaming.is_some()
    }

    pub(super) fn takes(&self, len: u64) -> bool {
        self.check_len(len).is_ok()
    }

    fn check_len(&self, len: u64) -> Result<(), ApiMisuse> {
        match self.max_message {
            Some(limit) if len > limit => Err(ApiMisuse::OverPeerLimit { len, limit }),
            _ => Ok(()),
        }
    }

    fn push_parts(&mut self, first: FrameType, mut payload: Bytes, last: FrameType) {
        let mut frame_type = first;
        while payload.len() > PART_BYTES {
            self.push(frame_type, payload.split_to(PART_BYTES));
            frame_type = FrameType::Part;
        }
        // What was short enough for one frame is the first and not the last.
        let is_first = frame_type == first;
        self.push(if is_first { first } else { last }, payload);
    }

    fn push(&mut self, frame_type: FrameType, payload: Bytes) {
        self.queued_bytes += queued_cost(frame_type, &payload);
        self.queue.push_back(Frame { frame_type, payload });
    }

    /// The next frame, if it may go.
    pub(super) fn front(&self) -> Option<&Frame> {
        let may_start = self.is_greeted() && self.sent < self.limit;
        self.queue.front().filter(|frame| may_start || !frame.frame_type.starts_message())
    }

    /// Takes the next frame, which goes now.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.front()?;
        let frame = self.queue.pop_front()?;
        self.queued_bytes -= queued_cost(frame.frame_type, &frame.payload);
        self.sent += frame.payload.len() as u64;
        if frame.frame_type.starts_message() {
            self.sent += MESSAGE_COST;
        }
        self.frames += 1;
        self.messages += u64::from(frame.frame_type.ends_message());
        Some(frame)
    }

    fn wants_apart(&self, frame_type: FrameType, len: usize) -> bool {
        frame_type == FrameType::Binary && self.apart_from.is_some_and(|from| len as u64 >= from)
    }

    /// Whether this is a message that goes without a frame.
    pub(super) fn goes_apart(&self, frame: &Frame) -> bool {
        self.wants_apart(frame.frame_type, frame.payload.len())
    }

    /// Takes the next message, where it goes apart and now.
    pub(super) fn pop_apart(&mut self) -> Option<Batch> {
        self.front().filter(|frame| self.goes_apart(frame))?;
        let frame = self.pop()?;
        Some(Batch { head: Vec::new(), tail: frame.payload })
    }

    /// Whether the next message goes apart, and waits for credit.
    pub(super) fn waits_apart(&self) -> bool {
        self.front().is_none() && self.queue.front().is_some_and(|frame| self.goes_apart(frame))
    }

    pub(super) fn is_apart(&self) -> bool {
        self.is_apart
    }

    pub(super) fn set_apart(&mut self, is_apart: bool) {
        self.is_apart = is_apart;
    }

    /// The limit at which a message waits, to be told once.
    pub(super) fn take_blocked(&mut self) -> Option<u64> {
        let is_blocked = self.is_greeted() && !self.queue.is_empty() && self.front().is_none();
        let is_news = self.blocked_at.is_none_or(|at| at < self.limit);
        if !is_blocked || !is_news {
            return None;
        }
        self.blocked_at = Some(self.limit);
        self.blocked_at
    }

    /// A CREDIT of the peer.
    pub(super) fn take_credit(&mut self, limit: u64, ack: u64) -> Result<(), Violation> {
        if limit < self.limit {
            return Err(Violation::LimitShrunk);
        }
        if ack < self.acked {
            return Err(Violation::AckShrunk);
        }
        if ack > self.messages {
            return Err(Violation::AckOfUnsent);
        }
        if limit == self.limit && ack == self.acked {
            return Err(Violation::IdleCredit);
        }
        if self.credits >= self.frames + FREE_CREDITS {
            return Err(Violation::TooManyCredits);
        }
        self.credits += 1;
        self.limit = limit;
        self.acked = ack;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.streaming.is_none()
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether the peer has granted more than was sent.
    pub(super) fn has_credit(&self) -> bool {
        self.is_greeted() && self.sent < self.limit
    }

    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.streaming = None;
    }
}

fn whole(kind: MessageKind) -> FrameType {
    match kind {
        MessageKind::Text => FrameType::Text,
        MessageKind::Binary => FrameType::Binary,
    }
}

fn start(kind: MessageKind) -> FrameType {
    match kind {
        MessageKind::Text => FrameType::TextStart,
        MessageKind::Binary => FrameType::BinaryStart,
    }
}

/// What a frame counts while it waits: as much as it will cost, so that empty messages count too.
fn queued_cost(frame_type: FrameType, payload: &Bytes) -> usize {
    payload.len() + if frame_type.starts_message() { MESSAGE_COST as usize } else { 0 }
}
