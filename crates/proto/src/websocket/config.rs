//! The limits of one connection.

use std::time::Duration;

use super::deflate::DeflateConfig;

/// Limits and timeouts of a connection, each finite and safe for the open Internet by default.
///
/// The memory that a peer can make one connection hold is at most [`max_message_bytes`](Self::max_message_bytes)
/// (twice that while a message arrives in pieces), plus one read buffer of [`READ_BUFFER_BYTES`], plus what the
/// application queues itself, plus the compression state of [`DeflateConfig`].
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) max_frame_bytes: u64,
    pub(crate) max_message_bytes: u64,
    pub(crate) max_fragments: u32,
    pub(crate) fragment_bytes: usize,
    pub(crate) close_timeout: Duration,
    pub(crate) deflate: Option<DeflateConfig>,
}

/// The most bytes that wait undecoded in a connection: 64 KiB of payload, and the headers of the frames around it.
pub const READ_BUFFER_BYTES: usize = 72 * 1024;

/// What each fragment beyond the first counts against [`Config::max_message_bytes`], so that a message of empty
/// fragments has an end.
pub const FRAGMENT_OVERHEAD: u64 = 16;

/// What a message costs to hold, beside its payload.
pub const MESSAGE_OVERHEAD: usize = 32;

impl Default for Config {
    fn default() -> Self {
        Self {
            max_frame_bytes: 32 << 20,
            max_message_bytes: 16 << 20,
            max_fragments: 16_384,
            fragment_bytes: usize::MAX,
            close_timeout: Duration::from_secs(10),
            deflate: Some(DeflateConfig::default()),
        }
    }
}

impl Config {
    /// The longest frame payload to take, in bytes as they come; 32 MiB by default, since what does not compress
    /// grows when it is compressed. A longer one is answered with 1009 as soon as its header has come.
    #[must_use]
    pub fn max_frame_bytes(mut self, bytes: u64) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// The longest message to take, in bytes after inflating; 16 MiB by default. A longer one is answered with
    /// 1009. Each fragment beyond the first counts [`FRAGMENT_OVERHEAD`] bytes on top of its payload.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: u64) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// The most fragments that one message may have; 16,384 by default. One more is answered with 1009.
    #[must_use]
    pub fn max_fragments(mut self, fragments: u32) -> Self {
        self.max_fragments = fragments;
        self
    }

    /// The longest payload of a frame to send; unlimited by default. A longer message leaves in fragments.
    /// Zero counts as one.
    #[must_use]
    pub fn fragment_bytes(mut self, bytes: usize) -> Self {
        self.fragment_bytes = bytes.max(1);
        self
    }

    /// How long the closing handshake may take, and how long a failed connection lingers for its Close to arrive;
    /// 10 s by default. A clean connection lingers 2 s at most. While what was written before still goes out, or
    /// what came before is still read, the time is counted anew, up to six times.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// What to offer or accept of permessage-deflate; `None` for no compression.
    #[must_use]
    pub fn deflate(mut self, deflate: Option<DeflateConfig>) -> Self {
        self.deflate = deflate;
        self
    }

    /// From which size on a message is compressed, where compression was agreed on.
    pub(crate) fn min_deflated_bytes(&self) -> usize {
        self.deflate.map_or(usize::MAX, |deflate| deflate.min_bytes)
    }

    /// What is offered or accepted of permessage-deflate.
    #[must_use]
    pub fn deflate_config(&self) -> Option<&DeflateConfig> {
        self.deflate.as_ref()
    }
}
