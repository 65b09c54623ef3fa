//! What all connections of a process may hold together.
//!
//! ```text
//!   0 ───────────────── mark (3/4) ─────────── limit
//!      nobody waits      │ who holds more than the floor waits; one at a time │ if nothing moves for long, the
//!                        │ is admitted beyond the mark, so that it can finish │ holder of the most is failed
//! ```

mod pool;
mod share;

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use self::pool::Pool;
pub(crate) use self::share::{FLOOR_BYTES, Share};

/// How many bytes the connections that share this may hold together, beside a floor of 16 KiB each. Cheap to clone;
/// clones are one budget.
///
/// Every connection of the process shares [`Budget::process`], unless [`Acceptor::budget`](crate::Acceptor::budget)
/// or [`ClientBuilder::budget`](crate::ClientBuilder::budget) gives it another one. It counts what waits in user
/// space: undecoded input, messages of which not all has come, messages ahead of a reader, and queued output. Each
/// connection's first 16 KiB are free, so that those with small messages never wait for those with large ones; for
/// as many connections as there may be, these come on top. A payload that several connections have queued by
/// reference counts for each of them.
///
/// Up to three quarters of the limit, the mark, nothing happens. Beyond it, a connection that holds more than the
/// floor is not read any further, and its writers wait as above the high water mark, until there is room; those who
/// wait come in turn. One of them at a time may go on beyond the mark, so that messages get finished; when it stands
/// still for a second, its turn is over. Only when the limit is reached and nobody could go on for as long as
/// [`patience`](Self::with_patience), the connection that holds the most fails with
/// [`Cause::BudgetExhausted`](crate::Cause::BudgetExhausted), and its peer is told by 1013 (try again later).
///
/// The mark leaves a quarter of the limit to whoever is admitted, so a limit should be at least four times
/// [`Config::max_message_bytes`](crate::Config::max_message_bytes).
///
/// ```
/// use tidegate::{Acceptor, Budget};
///
/// let budget = Budget::new(64 << 20);
/// let acceptor = Acceptor::new().budget(&budget);
/// assert_eq!((budget.limit(), budget.used(), budget.waiting()), (64 << 20, 0, 0));
/// ```
#[derive(Clone)]
pub struct Budget {
    pool: Arc<Pool>,
}

/// A look at a [`Budget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStats {
    /// Bytes that may be held.
    pub limit: usize,
    /// Bytes from which on connections wait.
    pub mark: usize,
    /// Bytes that are held beyond each connection's floor, or about to be; counted in steps of at most 4 KiB.
    pub used: usize,
    /// Connections that wait for room.
    pub waiting: usize,
    /// Connections that were failed for the others' sake, since the budget was made.
    pub failed: u64,
}

/// The limit of [`Budget::process`].
const PROCESS_BYTES: usize = 256 << 20;

/// The least limit: with less, not even small connections would be served well.
const MIN_BYTES: usize = 1 << 20;

/// How long nobody may go on before a connection is failed.
const PATIENCE: Duration = Duration::from_secs(10);

static PROCESS: LazyLock<Budget> = LazyLock::new(|| Budget::new(PROCESS_BYTES));

impl Budget {
    /// A budget of this many bytes, at least 1 MiB.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::with_patience(limit, PATIENCE)
    }

    /// As [`new`](Self::new), with another patience than 10 s: how long nobody may have been able to go on at the
    /// limit before a connection is failed. It is looked at once a second.
    #[must_use]
    pub fn with_patience(limit: usize, patience: Duration) -> Self {
        Self { pool: Arc::new(Pool::new(limit.max(MIN_BYTES), patience)) }
    }

    /// The budget of every connection that was given none: 256 MiB.
    #[must_use]
    pub fn process() -> Self {
        PROCESS.clone()
    }

    /// Bytes that may be held.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.pool.limit
    }

    /// Bytes that are held beyond each connection's floor, or about to be; counted in steps of at most 4 KiB.
    #[must_use]
    pub fn used(&self) -> usize {
        self.pool.used()
    }

    /// How many connections wait for room.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    /// All of it at once.
    #[must_use]
    pub fn stats(&self) -> BudgetStats {
        BudgetStats {
            limit: self.pool.limit,
            mark: self.pool.mark,
            used: self.pool.used(),
            waiting: self.pool.waiting(),
            failed: self.pool.failed(),
        }
    }

    /// A connection's part in it, nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share::new(self.pool.clone())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::process()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

#[cfg(test)]
mod tests;
