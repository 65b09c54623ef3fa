//! How long to wait before the next try.

use std::time::Duration;

/// Waiting times that double, each a random part of what it could be, so that clients that lost one server do not come
/// back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    most: Duration,
}

/// The most that the first wait may take.
const FIRST: Duration = Duration::from_millis(500);

/// The most that any wait may take.
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    pub(super) fn new() -> Self {
        Self { most: FIRST }
    }

    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let most = self.most;
        self.most = (most * 2).min(LONGEST);
        jitter(most)
    }

    /// Something has worked.
    pub(super) fn reset(&mut self) {
        self.most = FIRST;
    }

    /// Whether something has worked since the last wait.
    pub(super) fn is_fresh(&self) -> bool {
        self.most == FIRST
    }
}

/// A random part of `most`.
pub(super) fn jitter(most: Duration) -> Duration {
    let mut random = [0; 4];
    // Without random bytes nothing else works either; then all of it.
    if getrandom::fill(&mut random).is_err() {
        return most;
    }
    most.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_anew() {
        let mut backoff = Backoff::new();
        for most in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            assert!(backoff.next() <= Duration::from_millis(most));
        }
        assert!(!backoff.is_fresh());
        backoff.reset();
        assert!(backoff.is_fresh() && backoff.next() <= FIRST);
    }

    #[test]
    fn no_two_clients_wait_alike() {
        let waits: std::collections::HashSet<_> = (0..64).map(|_| jitter(LONGEST)).collect();
        assert!(waits.len() > 60);
        assert!(waits.iter().any(|wait| *wait < LONGEST / 2) && waits.iter().any(|wait| *wait > LONGEST / 2));
    }
}
