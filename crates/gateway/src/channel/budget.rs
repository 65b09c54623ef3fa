//! What all channels may keep together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the histories of all channels hold, and how many they may.
///
/// Beyond the limit a channel that is published to keeps no more than [`FLOOR`](Self::FLOOR), and one publication at
/// least. So what there is can exceed the limit by the floor of each channel, whose number is bounded too.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    /// What a channel may keep whatever the others do.
    pub(crate) const FLOOR: usize = 16 * 1024;

    pub(crate) fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
