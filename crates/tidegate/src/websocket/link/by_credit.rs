//! A link by credit: the peer sends no more than the reader has granted, so all that comes is taken in at once.

use std::task::Context;

use tidegate_proto::websocket::Phase;

use super::{AHEAD_BYTES, Link};

impl Link {
    /// Takes in all that comes, messages, grants and the end, whether anybody reads or not.
    ///
    /// The peer's END is for the reader to meet, even when no message lies before it any more: until the reader comes
    /// again, what it has read may still be answered. But an end that leaves nothing to answer is told at once.
    pub(crate) fn poll_take_in(&mut self, cx: &mut Context<'_>) {
        while self.connection.take_in() && self.poll_fill(cx).is_ready() {}
        if self.connection.outcome().is_some() {
            self.meet_end();
        }
    }

    fn meet_end(&mut self) {
        let end = self.connection.poll_end();
        self.take_event(end);
    }

    /// For a reader that stays away.
    pub(super) fn poll_ahead_by_credit(&mut self, cx: &mut Context<'_>) {
        self.poll_take_in(cx);
        self.meet_end();
        self.connection.answer_end(AHEAD_BYTES);
    }

    /// For a reader that never comes again. What came before the end of the transport can still be read.
    pub(super) fn poll_discard_by_credit(&mut self, cx: &mut Context<'_>) {
        self.poll_take_in(cx);
        self.meet_end();
        while self.connection.outcome().is_none() && self.next_message().is_some() {
            self.has_dropped = true;
        }
    }

    /// Whether something waits to be sent for which there is no credit.
    pub(crate) fn awaits_credit(&self) -> bool {
        let is_alive = matches!(self.connection.phase(), Phase::Open | Phase::Closing);
        is_alive && self.lost_write().is_none() && self.connection.queued_bytes() > 0
    }
}
