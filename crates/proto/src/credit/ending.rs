//! How far the end of a conversation has come.

use std::time::Instant;

use super::failure::Failure;
use crate::websocket::CloseInfo;

/// How far the end has come.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) own: OwnEnd,
    /// The application was told the peer's END, or a failure.
    pub(super) is_told: bool,
    pub(super) failure: Option<Failure>,
    /// What to close the WebSocket with, once what is to be sent before is sent.
    pub(super) close: Option<CloseInfo>,
    /// The WebSocket is being closed, or has ended.
    pub(super) is_over: bool,
    pub(super) started_at: Instant,
    pub(super) deadline: Option<Deadline>,
    /// Counts what shows that the peer is at work.
    pub(super) progress: u64,
}

/// Our own END.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OwnEnd {
    None,
    /// It goes behind all that waits.
    Queued(CloseInfo),
    Sent(CloseInfo),
}

/// Until when the peer's END, or the end of the WebSocket, may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// No later than this.
    pub(super) last: Instant,
    pub(super) progress: u64,
    /// When to see whether anybody reads, and how much was read before.
    pub(super) look_at: Instant,
    pub(super) messages_read: u64,
}

impl Ending {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            own: OwnEnd::None,
            is_told: false,
            failure: None,
            close: None,
            is_over: false,
            started_at: now,
            deadline: None,
            progress: 0,
        }
    }

    /// Whether nothing that comes matters any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over || self.failure.is_some()
    }
}
