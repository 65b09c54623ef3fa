//! What is only counted of a connection.

use std::time::Duration;

use tokio::time::Instant;

/// Counters, for statistics and deadlines.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) bytes_read: u64,
    pub(crate) messages_read: u64,
    pub(crate) messages_written: u64,
    waits: Option<Box<Waits>>,
}

/// How often writes have waited.
#[derive(Default)]
struct Waits {
    count: u64,
    time: Duration,
    /// Since when one waits now.
    since: Option<Instant>,
}

impl Counted {
    /// Whether a write waits.
    #[inline]
    pub(crate) fn is_write_waiting(&self) -> bool {
        self.waits.as_ref().is_some_and(|waits| waits.since.is_some())
    }

    /// How often writes have waited, and how long altogether.
    pub(crate) fn write_waits(&self) -> (u64, Duration) {
        self.waits.as_deref().map(|waits| (waits.count, waits.time)).unwrap_or_default()
    }

    pub(crate) fn begin_write_wait(&mut self) {
        let waits = self.waits.get_or_insert_default();
        waits.count += 1;
        waits.since = Some(Instant::now());
    }

    pub(crate) fn end_write_wait(&mut self) {
        if let Some(waits) = &mut self.waits
            && let Some(since) = waits.since.take()
        {
            waits.time += since.elapsed();
        }
    }
}
