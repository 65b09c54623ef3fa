//! A link within its budget: what it holds is counted, and it waits for room.

use std::task::{Context, Poll};

use tidegate_proto::websocket::{CloseCode, READ_BUFFER_BYTES};
use tokio::time::Instant;

use super::super::budget::FLOOR_BYTES;
use super::super::error::{Cause, WebSocketError};
use super::Link;

/// Undecoded bytes from which on they keep a whole read buffer from going back.
const PINNING_BYTES: usize = 256;

impl Link {
    /// What waits in user space.
    fn held_bytes(&self) -> usize {
        let input = match self.connection.undecoded_bytes() {
            few @ 0..=PINNING_BYTES => few,
            _ => READ_BUFFER_BYTES,
        };
        let ahead = self.ahead_bytes() + self.connection.ahead_bytes();
        input + self.connection.assembling_bytes() + ahead + self.connection.queued_bytes()
    }

    /// Counts what is left after a message was taken; mostly nothing.
    #[inline]
    pub(super) fn settle_input(&mut self, cx: &Context<'_>) {
        if self.share.is_open() || self.connection.undecoded_bytes() > PINNING_BYTES {
            self.share.settle(self.held_bytes(), cx);
        }
    }

    /// Counts what waits to be sent; mostly little.
    #[inline]
    pub(super) fn settle_output(&mut self, cx: &Context<'_>) {
        if self.share.is_open() || self.connection.queued_bytes() > FLOOR_BYTES {
            self.share.settle(self.held_bytes(), cx);
        }
    }

    /// How much may be read, once anything may.
    #[inline]
    pub(super) fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let held = self.held_bytes();
        if held > FLOOR_BYTES || self.share.is_open() {
            self.share.settle(held, cx);
        }
        let allowance = self.share.poll_room(held, cx);
        if allowance.is_pending() {
            // The peer's silence proves nothing now.
            self.is_dry = false;
            self.give_back_buffer();
        }
        allowance
    }

    /// Whether the queue has room for a message; if it is the budget that has none, the wait for it begins.
    #[inline]
    pub(crate) fn has_room(&mut self, high_water_mark: usize, cx: &mut Context<'_>) -> bool {
        let queued = self.connection.queued_bytes();
        queued < high_water_mark && (queued < FLOOR_BYTES || self.has_room_above_floor(cx))
    }

    fn has_room_above_floor(&mut self, cx: &mut Context<'_>) -> bool {
        self.share.poll_room(self.held_bytes(), cx).is_ready()
    }

    /// To be called once in a while, as [`Share::look`](super::super::budget::Share::look).
    pub(crate) fn look_at_budget(&mut self, now: Instant) -> bool {
        self.share.is_open() && self.share.look(self.held_bytes(), now)
    }

    /// Fails the connection if it was chosen for that, and tells so.
    #[inline]
    pub(crate) fn obey_budget(&mut self) -> bool {
        let is_doomed = self.share.is_doomed() && self.incoming_end().is_none();
        if is_doomed {
            self.give_up();
        }
        is_doomed
    }

    #[cold]
    fn give_up(&mut self) {
        self.end(&WebSocketError::abnormal(Cause::BudgetExhausted(self.share.limit())));
        self.connection.give_up(CloseCode::TRY_AGAIN_LATER, "out of memory");
        if self.connection.queued_bytes() > FLOOR_BYTES {
            // The Close would have to wait behind just what is to be let go of.
            self.finish();
        }
        self.share.close();
    }
}
