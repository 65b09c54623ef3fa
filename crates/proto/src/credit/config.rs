//! The limits of one endpoint.

use std::time::Duration;

use super::frame::MAX_BATCH_BYTES;
use crate::varint::MAX_NUMBER;
use crate::websocket;

/// Windows, limits and timeouts of an [`Endpoint`](super::Endpoint), each finite by default.
///
/// The memory that a peer can make an endpoint hold is at most its window at the time, so at most
/// [`max_window`](Self::max_window), and one message of [`max_message`](Self::max_message).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) window: u64,
    pub(super) max_window: u64,
    pub(super) max_message: u64,
    pub(super) apart: Option<u64>,
    pub(super) greeting_timeout: Duration,
    pub(super) close_timeout: Duration,
    pub(super) outage: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: 256 << 10,
            max_window: 4 << 20,
            max_message: 16 << 20,
            apart: None,
            greeting_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(10),
            outage: Duration::ZERO,
        }
    }
}

impl Config {
    /// These limits and those of the connection beneath, fitted to each other: no message longer than both allow, and
    /// no longer to close than the connection takes, but for an [`outage`](Self::outage); the connection then carries
    /// batches, whose size is fixed.
    #[must_use]
    pub fn above(mut self, mut connection: websocket::Config) -> (Self, websocket::Config) {
        self.max_message = self.max_message.min(connection.max_message_bytes).max(1);
        self.close_timeout = self.close_timeout.min(connection.close_timeout);
        connection.close_timeout += self.outage;
        // A margin, so that a batch that is too large is told by its name.
        let batch = 2 * MAX_BATCH_BYTES as u64;
        (self, connection.max_message_bytes(batch).max_frame_bytes(batch))
    }

    /// How much the peer may send ahead of the reader to begin with, in bytes of payload and 32 a message; 256 KiB by
    /// default. At least 1.
    #[must_use]
    pub fn window(mut self, units: u64) -> Self {
        self.window = units.clamp(1, MAX_NUMBER);
        self
    }

    /// How far the window may grow where reading is fast; 4 MiB by default. A slow reader's window never grows. A
    /// maximum below [`window`](Self::window) counts as that.
    #[must_use]
    pub fn max_window(mut self, units: u64) -> Self {
        self.max_window = units.clamp(1, MAX_NUMBER);
        self
    }

    /// The longest message to take, in bytes of payload; 16 MiB by default, and at least 1. The peer is told, and a
    /// longer one is answered with 1009.
    #[must_use]
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes.clamp(1, MAX_NUMBER);
        self
    }

    /// From which length on the peer is asked to send binary messages apart, each in a WebSocket message of its own
    /// without anything before it; by default never. At least 1. It is for receivers that would have to copy a message
    /// out of its batch, as pages have to; ours has not.
    #[must_use]
    pub fn apart(mut self, from: Option<u64>) -> Self {
        self.apart = from.map(|len| len.clamp(1, MAX_NUMBER));
        self
    }

    /// How long the peer's greeting may take; 10 s by default.
    #[must_use]
    pub fn greeting_timeout(mut self, timeout: Duration) -> Self {
        self.greeting_timeout = timeout;
        self
    }

    /// How long the peer's END may take once ours was asked for; 10 s by default. While messages and grants come, the
    /// time is counted anew, up to six times it in all.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How long the peer may be out of reach while the conversation ends, beside [`close_timeout`](Self::close_timeout);
    /// 0 by default. It is for a conversation that outlives what carries it: as long as it would go on, its end must not
    /// be given up. At most a day.
    #[must_use]
    pub fn outage(mut self, time: Duration) -> Self {
        self.outage = time.min(Duration::from_secs(24 * 60 * 60));
        self
    }
}
