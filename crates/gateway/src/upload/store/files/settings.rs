//! How the files store works, in numbers.

use std::time::Duration;

/// Limits of the files store, with defaults that suit one disk.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) threads: usize,
    pub(super) bulk_syncs: usize,
    pub(super) queue_bytes: usize,
    pub(super) total_queue_bytes: usize,
    pub(super) checkpoint_bytes: u64,
    pub(super) checkpoint_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 8,
            bulk_syncs: 1,
            queue_bytes: 1024 * 1024,
            total_queue_bytes: 64 * 1024 * 1024,
            checkpoint_bytes: 16 * 1024 * 1024,
            checkpoint_interval: Duration::from_millis(250),
        }
    }
}

impl Settings {
    /// How many threads write and sync; 8 unless set, at least 3. Two of them are kept for uploads that are small so
    /// far. A thread costs its stack, and most of its time it waits for the disk.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(3);
        self
    }

    /// How many uploads of more than 1 MiB are synced at a time; 1 unless set, at least 1. A smaller one waits for all that
    /// the disk was given before it, so more make small uploads slow; a disk that is far away may need more to be busy.
    #[must_use]
    pub fn bulk_syncs(mut self, syncs: usize) -> Self {
        self.bulk_syncs = syncs.max(1);
        self
    }

    /// How many bytes of one upload may wait for the disk; 1 MiB unless set, at least 512 KiB.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes.max(2 * crate::upload::store::MAX_PUSH);
        self
    }

    /// How many bytes of all uploads together may wait for the disk; 64 MiB unless set, at least 1 MiB. Beyond it, an
    /// upload may still bring the one piece that it holds already.
    #[must_use]
    pub fn total_queue_bytes(mut self, bytes: usize) -> Self {
        self.total_queue_bytes = bytes.max(1024 * 1024);
        self
    }

    /// How many bytes of an upload may be written and not durable; 16 MiB unless set, at least 128 KiB. That much may
    /// have to be sent again after a loss of power. Less costs more syncs.
    #[must_use]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_bytes = bytes.max(128 * 1024);
        self
    }

    /// How long bytes may wait for their checkpoint; 250 ms unless set. Less costs more syncs for slow uploads.
    #[must_use]
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.checkpoint_interval = interval;
        self
    }
}
