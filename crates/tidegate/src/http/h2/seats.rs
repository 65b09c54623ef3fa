//! How many streams of a connection are in use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Counts the streams of one connection.
pub(super) struct Seats {
    taken: watch::Sender<usize>,
    /// Told when a seat becomes free; one at a time waits for it.
    freed: Arc<Notify>,
}

/// One stream in use, until this is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
}

impl Seats {
    pub(super) fn new(freed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { taken: watch::Sender::new(0), freed })
    }

    /// Takes a seat, unless `limit` are taken.
    pub(super) fn take(self: &Arc<Self>, limit: usize) -> Option<Seat> {
        let is_taken = self.taken.send_if_modified(|taken| {
            let is_free = *taken < limit;
            *taken += usize::from(is_free);
            is_free
        });
        is_taken.then(|| Seat { seats: self.clone() })
    }

    pub(super) fn are_all_free(&self) -> bool {
        *self.taken.borrow() == 0
    }

    /// Waits until no seat has been taken for this long.
    pub(super) async fn free_for(&self, time: Duration) {
        let mut taken = self.taken.subscribe();
        loop {
            // The sender is `self`, so it is there.
            let _ = taken.wait_for(|taken| *taken == 0).await;
            if timeout(time, taken.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.send_modify(|taken| *taken -= 1);
        self.seats.freed.notify_one();
    }
}
