//! Uploads that have expired go.

use std::sync::{Arc, Weak};

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::super::store::UploadId;
use super::clock::has_expired;
use super::{Inner, Uploads};

/// How many uploads are looked at before others get their turn.
const STRIDE: usize = 64;

impl Uploads {
    /// Removes what has expired and is not in use, and tells how many uploads that were. It is called by itself now and
    /// then, once there was an upload.
    pub async fn sweep(&self) -> usize {
        let mut expired: Vec<UploadId> = Vec::new();
        {
            let mut list = self.0.store.list(None);
            let mut looked = 0;
            while let Some(stored) = list.next().await {
                // What cannot be read now is looked at the next time.
                if let Ok(stored) = stored
                    && has_expired(&stored.record)
                {
                    expired.push(stored.record.id);
                }
                looked += 1;
                if looked % STRIDE == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        let mut removed = 0;
        for id in expired {
            let Some(turn) = self.0.seats.take_unused(&id) else { continue };
            if matches!(self.remove_stored(&turn).await, Ok(true)) {
                removed += 1;
            }
        }
        self.0.ledger.sweep();
        removed
    }

    /// Ends all bodies that are on their way, and waits until what came is durable: for an orderly end of the process.
    /// Those that begin afterwards are let in. All end beside each other, so that none waits for another one's disk.
    pub async fn settle(&self) {
        let end = |id| async move { drop(self.0.seats.take(&id).await) };
        join_all(self.0.seats.in_use().into_iter().map(end)).await;
    }

    /// Sweeps now and then, for as long as anybody has these uploads.
    pub(super) fn tend(&self) {
        self.0.sweeper.get_or_init(|| {
            tokio::spawn(keep_sweeping(Arc::downgrade(&self.0), self.0.limits.sweep));
        });
    }
}

async fn keep_sweeping(uploads: Weak<Inner>, pause: std::time::Duration) {
    loop {
        sleep(pause).await;
        let Some(inner) = uploads.upgrade() else { return };
        Uploads(inner).sweep().await;
    }
}
