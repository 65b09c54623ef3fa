//! The channels by name.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::hub::Channel;
use super::ring::Ring;

/// What the channels may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many channels there may be.
    pub(crate) channels: usize,
    /// How many publications a channel keeps.
    pub(crate) publications: usize,
    /// How many bytes a channel keeps, encodings included.
    pub(crate) bytes: usize,
    /// How many bytes all channels keep together; see [`Budget`].
    pub(crate) total_bytes: usize,
    /// How long a channel is kept that nobody uses.
    pub(crate) retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            channels: 10_000,
            publications: 4096,
            bytes: 1 << 20,
            total_bytes: 256 << 20,
            retention: Duration::from_secs(600),
        }
    }
}

/// The channels. One is made when it is first named.
pub(crate) struct Directory {
    channels: Mutex<Table>,
    limits: Limits,
    budget: Arc<Budget>,
}

struct Table {
    by_name: HashMap<Box<str>, Arc<Channel>>,
    swept: Instant,
}

/// There are as many channels as there may be, all of them in use.
#[derive(Debug)]
pub(crate) struct Full;

/// How often channels are looked for that nobody uses.
const SWEEP: Duration = Duration::from_secs(10);

impl Directory {
    pub(crate) fn new(limits: Limits) -> Self {
        let table = Table { by_name: HashMap::new(), swept: Instant::now() };
        Self { channels: Mutex::new(table), limits, budget: Arc::new(Budget::new(limits.total_bytes)) }
    }

    /// The channel of this name.
    pub(crate) fn open(&self, name: &str) -> Result<Arc<Channel>, Full> {
        let mut table = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = table.by_name.get(name) {
            return Ok(channel.clone());
        }
        let is_full = table.by_name.len() >= self.limits.channels;
        if is_full || table.swept.elapsed() >= SWEEP {
            table.sweep(self.limits.retention);
            if table.by_name.len() >= self.limits.channels {
                return Err(Full);
            }
        }
        let Limits { publications, bytes, .. } = self.limits;
        let ring = Ring::new(random(), publications, bytes, self.budget.clone());
        let channel = Arc::new(Channel::new(ring));
        table.by_name.insert(name.into(), channel.clone());
        Ok(channel)
    }
}

impl Directory {
    /// Wakes the readers of all channels.
    pub(crate) fn call_readers(&self) {
        let table = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        table.by_name.values().for_each(Channel::call_readers);
    }
}

impl Table {
    fn sweep(&mut self, retention: Duration) {
        // Whoever uses a channel got it from this table, whose lock is held.
        self.by_name.retain(|_, channel| {
            Arc::strong_count(channel) > 1 || channel.idle_since().elapsed() < retention
        });
        self.swept = Instant::now();
    }
}

/// A number that another process, or another history, does not have.
fn random() -> u32 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    // The upper half, of 64 bits.
    (hasher.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::super::ring::Publication;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn channels_that_nobody_uses_make_room() {
        let limits = Limits { channels: 2, retention: Duration::from_secs(60), ..Limits::default() };
        let directory = Directory::new(limits);
        directory.open("a").unwrap().publish(Publication::new("hi"));
        let reading = directory.open("b").unwrap().read_last(0);
        assert!(directory.open("c").is_err());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(directory.open("a").unwrap().end().offset, 1);
        directory.open("c").unwrap();
        assert_eq!(directory.open("b").unwrap().end(), reading.position());
        assert!(directory.open("a").is_err(), "c was made just now");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(directory.open("a").unwrap().end().offset, 0);
    }
}
