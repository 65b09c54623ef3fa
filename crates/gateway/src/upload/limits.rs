//! What uploads may take. All limits are finite, or say why they are not.

use std::time::Duration;

/// What uploads may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many bytes an upload may have; 16 GiB by default.
    pub max_bytes: u64,
    /// How many bytes an owner's uploads may have together, complete or not; 64 GiB by default. One whose length is
    /// known takes all of it from its creation on.
    pub owner_bytes: u64,
    /// How many uploads an owner may have, complete or not; 10,000 by default.
    pub owner_uploads: u64,
    /// How many bytes all uploads may have together. None by default: then it is the storage that sets an end. Counting
    /// them takes one pass over the whole store, at the first upload.
    pub total_bytes: Option<u64>,
    /// How long an upload that is not complete is kept when nothing comes any more; a week by default.
    pub expiry: Duration,
    /// How long a complete upload is kept. None by default, which is until somebody removes it.
    pub retention: Option<Duration>,
    /// How many bodies may be on their way at a time; 4,096 by default. Each takes at most 256 KiB beside what the store
    /// queues.
    pub in_flight: usize,
    /// How long a body may bring nearly nothing, less than [`min_bytes`](Self::min_bytes); 60 s by default. What came is
    /// kept. Time in which the store takes nothing does not count.
    pub idle: Duration,
    /// How many bytes a body has to bring in each [`idle`](Self::idle), 256 by default.
    pub min_bytes: u64,
    /// How often expired uploads are looked for; 10 minutes by default. One that has expired is gone at once for its
    /// owner, and takes room until then.
    pub sweep: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 30,
            owner_bytes: 64 << 30,
            owner_uploads: 10_000,
            total_bytes: None,
            expiry: Duration::from_secs(7 * 24 * 3600),
            retention: None,
            in_flight: 4096,
            idle: Duration::from_secs(60),
            min_bytes: 256,
            sweep: Duration::from_secs(600),
        }
    }
}
