//! What the halves do for credit.

use std::task::Waker;

use super::{Shared, State};

impl Shared {
    /// By credit, room may come with what the peer sends, which nobody else may be there to take in. `waker` is called
    /// when there is room.
    pub(super) fn seek_credit(&self, state: &mut State, waker: &Waker) {
        let link = &mut state.link;
        if !link.connection.has_credits() {
            return;
        }
        link.call_when_room(waker);
        link.poll_take_in(&mut self.io_context());
        if link.connection.take_news() {
            self.call_halves();
        }
    }

    /// Has the halves look at what has come.
    pub(crate) fn call_halves(&self) {
        self.io_waker.wake_by_ref();
    }
}
