//! The receiving half of a flow: each frame once, in order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// How much may wait for the layer above. It takes at once what comes, so this is for the moments between.
const MAX_WAITING_BYTES: usize = 256 << 10;

/// How much is received before an acknowledgement is due, and how long anything may go without one.
const ACK_BYTES: u64 = 64 << 10;
const ACK_DELAY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// How far it has come.
    at: Mark,
    /// How far the other end has been told.
    acknowledged: Mark,
    /// When the first frame came that is not acknowledged.
    since: Option<Instant>,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
}

/// A place in the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Frames before it.
    pub(super) position: u64,
    /// Their bytes.
    bytes: u64,
}

impl Incoming {
    pub(super) fn position(&self) -> u64 {
        self.at.position
    }

    pub(super) fn mark(&self) -> Mark {
        self.at
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes < MAX_WAITING_BYTES
    }

    /// The next frame of the flow.
    pub(super) fn push(&mut self, now: Instant, frame: Bytes) {
        self.at.position += 1;
        self.at.bytes += frame.len() as u64;
        self.since.get_or_insert(now);
        self.waiting_bytes += frame.len();
        self.waiting.push_back(frame);
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let frame = self.waiting.pop_front()?;
        self.waiting_bytes -= frame.len();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(frame)
    }

    /// Whether so much has come that the sender should be told.
    pub(super) fn is_much_unacknowledged(&self) -> bool {
        self.at.bytes - self.acknowledged.bytes >= ACK_BYTES
    }

    /// Whether enough has come, or long enough ago, that the sender should be told.
    pub(super) fn is_ack_due(&self, now: Instant) -> bool {
        self.is_much_unacknowledged() || self.ack_at().is_some_and(|at| now >= at)
    }

    /// When an acknowledgement is due, whatever else comes.
    pub(super) fn ack_at(&self) -> Option<Instant> {
        self.since.map(|since| since + ACK_DELAY)
    }

    /// The position, which now is told.
    pub(super) fn acknowledge(&mut self) -> u64 {
        self.acknowledged_to(self.at);
        self.at.position
    }

    /// The other end has been told so much, at some time.
    pub(super) fn acknowledged_to(&mut self, mark: Mark) {
        if mark.position > self.acknowledged.position {
            self.acknowledged = mark;
        }
        if self.acknowledged == self.at {
            self.since = None;
        }
    }
}
