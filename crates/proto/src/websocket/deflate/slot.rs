//! What one direction of a connection keeps: a zlib state during a message, and the last bytes between two.

use std::sync::atomic::{AtomicU64, Ordering};

use super::history::History;
use super::pool::{Pooled, Tag};

/// One direction of a connection.
pub(super) struct Slot<S: Pooled> {
    shape: S::Shape,
    /// There is one from the first byte of a message to its end.
    state: Option<Box<S>>,
    history: History,
    /// What the state was marked with when it went to the pool after the last message; `None` without context
    /// takeover.
    tag: Option<Tag>,
}

impl<S: Pooled> Slot<S> {
    /// A slot that takes states of this `shape`. With `takeover` a message may refer back to as many as `window`
    /// bytes before it; without, only within itself.
    pub(super) fn new(shape: S::Shape, window: usize, takeover: bool) -> Self {
        let owner = NEXT_OWNER.fetch_add(1, Ordering::Relaxed);
        let tag = takeover.then_some(Tag { owner, messages: 0 });
        Self { shape, state: None, history: History::new(window), tag }
    }

    /// Whether a message may refer back to those before it.
    pub(super) fn has_takeover(&self) -> bool {
        self.tag.is_some()
    }

    /// The state for a message that begins or goes on, and the bytes that it knows.
    pub(super) fn enter(&mut self) -> (&mut S, &mut History) {
        let state = self.state.get_or_insert_with(|| S::take(self.shape, self.tag, &mut self.history));
        (state, &mut self.history)
    }

    /// The state of the message that has begun, if any.
    pub(super) fn entered(&mut self) -> Option<&mut S> {
        self.state.as_deref_mut()
    }

    /// Ends the message: the state goes to the pool, and may be back for the next one.
    pub(super) fn leave(&mut self) {
        match &mut self.tag {
            Some(tag) => tag.messages += 1,
            None => self.history.clear(),
        }
        if let Some(state) = self.state.take() {
            state.give(self.tag);
        }
    }

    /// Gives up the room beside the history.
    pub(super) fn park(&mut self) {
        self.history.shrink();
    }

    /// Drops everything: no message will come any more.
    pub(super) fn discard(&mut self) {
        self.state = None;
        self.history.clear();
    }

    /// Bytes held behind this slot; an estimate during a message.
    pub(super) fn memory(&self) -> usize {
        self.history.memory() + self.state.as_ref().map_or(0, |state| state.memory())
    }
}

/// Tells slots apart, whatever thread they come to.
static NEXT_OWNER: AtomicU64 = AtomicU64::new(0);
