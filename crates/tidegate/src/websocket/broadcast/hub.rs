//! What those who send, those who subscribe and the fan-out share.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use super::ring::Ring;
use crate::websocket::shared::Shared;

/// What a subscription has lost, until it is told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) missed: Mutex<Option<Range<u64>>>,
    pub(super) news: Notify,
}

pub(super) struct Hub {
    pub(super) state: Mutex<State>,
    /// The fan-out, when it has nothing to do.
    pub(super) fanout: AtomicWaker,
    /// Those who wait to send.
    pub(super) room: Notify,
    pub(super) grace: Duration,
}

pub(super) struct State {
    pub(super) ring: Ring,
    /// Before this position, nobody who is waited for needs anything.
    pub(super) needed_from: u64,
    /// How many wait to send.
    pub(super) senders: usize,
    pub(super) next_id: u64,
    pub(super) joined: Vec<Joined>,
    pub(super) left: Vec<u64>,
    /// Subscriptions whose connection has room again.
    pub(super) ready: Vec<u64>,
    pub(super) is_running: bool,
}

/// A subscription that the fan-out has not taken over yet.
pub(super) struct Joined {
    pub(super) id: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) position: u64,
    pub(super) told: Arc<Told>,
}

impl Hub {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every step under this lock leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Range<u64>>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, missed: Range<u64>) {
        let mut known = self.lock();
        let start = known.as_ref().map_or(missed.start, |known| known.start);
        *known = Some(start..missed.end);
        drop(known);
        self.news.notify_one();
    }
}
