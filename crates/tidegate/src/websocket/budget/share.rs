//! One connection's part in a budget.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::pool::{Account, Pool};

/// What a connection holds of a budget; all of it goes back when this is dropped. An idle connection has no account.
pub(crate) struct Share {
    pool: Arc<Pool>,
    account: Option<Arc<Account>>,
}

/// What every connection may hold without asking.
pub(crate) const FLOOR_BYTES: usize = 16 * 1024;

/// What is charged is a multiple of this.
const STEP_BYTES: usize = 4096;

/// What a connection is charged beyond what it holds before any of it is given back, so that one that goes up and
/// down does not do so in the books.
const SLACK_BYTES: usize = 64 * 1024;

impl Share {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, account: None }
    }

    pub(crate) fn limit(&self) -> usize {
        self.pool.limit
    }

    /// Whether anything may be charged, so that it matters what is held.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.account.is_some()
    }

    /// What is charged now.
    #[cfg(feature = "metrics")]
    pub(crate) fn charged(&self) -> usize {
        self.account.as_ref().map_or(0, |account| account.charged.load(Ordering::Relaxed))
    }

    /// How much more a connection that holds this much may take in, once it may take anything. The waker must be
    /// good for all that the connection does; it is called when the wait is over.
    #[inline]
    pub(crate) fn poll_room(&mut self, held: usize, cx: &mut Context<'_>) -> Poll<usize> {
        if self.pool.is_pressed() { self.poll_room_pressed(held, cx) } else { Poll::Ready(usize::MAX) }
    }

    #[cold]
    fn poll_room_pressed(&mut self, held: usize, cx: &mut Context<'_>) -> Poll<usize> {
        if let Some(room) = self.room(held) {
            return Poll::Ready(room);
        }
        let account = self.account.get_or_insert_with(|| self.pool.open_account(cx.waker().clone()));
        self.pool.enqueue(account);
        // It may have been given at once. The waker is called all the same, which does no harm.
        self.room(held).map_or(Poll::Pending, Poll::Ready)
    }

    fn room(&self, held: usize) -> Option<usize> {
        let charged = self.account.as_ref().map_or(0, |account| account.charged.load(Ordering::Relaxed));
        (FLOOR_BYTES + charged).checked_sub(held).filter(|room| *room > 0)
    }

    /// Counts what the connection holds now. Only larger changes are looked at.
    pub(crate) fn settle(&mut self, held: usize, cx: &Context<'_>) {
        let beyond = beyond_floor(held);
        if beyond == 0 && self.account.is_none() {
            return;
        }
        let account = self.account.get_or_insert_with(|| self.pool.open_account(cx.waker().clone()));
        let charged = account.charged.load(Ordering::Relaxed);
        if beyond > charged {
            // Rounded up it would make room for more, which nobody gets but by a grant while others wait.
            let beyond = if self.pool.is_pressed() { held - FLOOR_BYTES } else { beyond };
            self.pool.charge(account, beyond.saturating_sub(charged));
        } else if charged > 0 && (held < FLOOR_BYTES || charged - beyond > SLACK_BYTES) {
            self.pool.give_back(account, charged - beyond);
        }
    }

    /// To be called once in a while: looks after those that wait, gives back what is not needed, and tells whether to
    /// come again.
    pub(crate) fn look(&mut self, held: usize, now: Instant) -> bool {
        let Some(account) = &self.account else { return false };
        if account.is_waiting() {
            self.pool.look(now);
            return true;
        }
        let (beyond, charged) = (beyond_floor(held), account.charged.load(Ordering::Relaxed));
        if charged > beyond {
            self.pool.give_back(account, charged - beyond);
        }
        if beyond == 0 {
            self.close();
        }
        self.is_open()
    }

    /// Whether the connection was chosen to fail for the others' sake.
    #[inline]
    pub(crate) fn is_doomed(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.is_doomed.load(Ordering::Acquire))
    }

    /// Gives everything back.
    pub(crate) fn close(&mut self) {
        if let Some(account) = self.account.take() {
            self.pool.close_account(&account);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.close();
    }
}

fn beyond_floor(held: usize) -> usize {
    held.saturating_sub(FLOOR_BYTES).next_multiple_of(STEP_BYTES)
}
