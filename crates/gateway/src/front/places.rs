//! The places of a front: how many connections there may be, how many requests are being answered, and whether the
//! server goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore};

/// What all connections of a front share.
pub(crate) struct Places {
    free: Semaphore,
    /// Requests that are being answered.
    busy: AtomicUsize,
    is_leaving: AtomicBool,
    /// Told when the last of them has been answered.
    rested: Notify,
}

/// A connection's place, free again when this is dropped.
pub(crate) struct Place(Arc<Places>);

/// A request that is being answered.
pub(super) struct Busy(Arc<Places>);

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Semaphore::new(count.min(Semaphore::MAX_PERMITS)),
            busy: AtomicUsize::new(0),
            is_leaving: AtomicBool::new(false),
            rested: Notify::new(),
        }
    }

    /// Waits for a place.
    pub(super) async fn enter(self: &Arc<Self>) -> Place {
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        // The semaphore is never closed.
        Place(self.clone())
    }

    /// From now on everybody is to come to an end.
    pub(super) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    /// Waits until no request is being answered.
    pub(super) async fn rested(&self) {
        loop {
            let rested = self.rested.notified();
            if self.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            rested.await;
        }
    }
}

impl Place {
    /// Whether the server goes away.
    pub(super) fn is_leaving(&self) -> bool {
        self.0.is_leaving.load(Ordering::Acquire)
    }

    /// A request of this connection is being answered from now on.
    pub(super) fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::AcqRel);
        Busy(self.0.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.free.add_permits(1);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.rested.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_place_is_free_again_and_rest_comes_when_all_is_answered() {
        let places = Arc::new(Places::new(1));
        let place = places.enter().await;
        assert!(places.enter().now_or_never().is_none());
        let (one, other) = (place.busy(), place.busy());
        places.leave();
        assert!(place.is_leaving());
        let mut rested = std::pin::pin!(places.rested());
        drop(one);
        assert!(rested.as_mut().now_or_never().is_none());
        drop(other);
        assert!(rested.now_or_never().is_some());
        drop(place);
        assert!(places.enter().now_or_never().is_some());
    }
}
