//! What is owed to a peer that pings.

use bytes::Bytes;

/// Pongs owed. However many pings come, a peer that does not read costs this much.
#[derive(Default)]
pub(crate) struct Pongs {
    /// Bytes of pongs queued since all of them were last sent.
    pub(crate) queued_bytes: usize,
    /// The position in the output behind the last queued pong.
    pub(crate) queued_until: u64,
    /// The newest ping that has no pong yet: it alone needs one (RFC 6455 §5.5.3).
    pub(crate) owed: Option<Bytes>,
}

/// The most bytes of pongs that may wait in the queue before only the newest ping is answered.
pub(crate) const MAX_QUEUED_PONG_BYTES: usize = 4096;
