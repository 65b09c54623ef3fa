//! The limits of one end.

use std::time::Duration;

/// Limits and timeouts of a session, each finite by default.
///
/// The memory that a session can hold is [`max_kept`](Self::max_kept) and a batch of frames to be sent again, and as
/// much of received frames that nobody has taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) max_kept: usize,
    pub(super) keep: Duration,
    pub(super) greeting_timeout: Duration,
    pub(super) farewell_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_kept: 256 << 10,
            keep: Duration::from_secs(60),
            greeting_timeout: Duration::from_secs(10),
            farewell_timeout: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// How many bytes of frames are kept until the other end acknowledges them; 256 KiB by default, and one batch
    /// more. Beyond, the sender waits. At least 1.
    #[must_use]
    pub fn max_kept(mut self, bytes: usize) -> Self {
        self.max_kept = bytes.max(1);
        self
    }

    /// How many bytes of frames are kept at most.
    #[must_use]
    pub fn max_kept_bytes(&self) -> usize {
        self.max_kept
    }

    /// How long a session without an attachment is kept; 60 s by default.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    /// How long a session without an attachment is kept.
    #[must_use]
    pub fn keep_time(&self) -> Duration {
        self.keep
    }

    /// How long the client's first frame may take; 10 s by default.
    #[must_use]
    pub fn greeting_timeout(mut self, time: Duration) -> Self {
        self.greeting_timeout = time;
        self
    }

    /// How long a session that is over is kept for a client that has not acknowledged its end; 60 s by
    /// default. A client that is away when the end comes has this time to hear of it.
    #[must_use]
    pub fn farewell_timeout(mut self, time: Duration) -> Self {
        self.farewell_timeout = time;
        self
    }
}
