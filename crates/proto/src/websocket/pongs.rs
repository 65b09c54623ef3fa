//! What is owed to a peer that pings.

use bytes::Bytes;

/// What the peer's pongs tell of how far it has read.
#[derive(Default)]
pub(crate) struct PeerProgress {
    /// The newest ping of ours: its payload, and where it ends in the output.
    pub(crate) ping: Option<(Bytes, u64)>,
    /// All output up to here has been read by the peer: it answered a ping that ends there.
    pub(crate) answered_until: u64,
}

impl PeerProgress {
    pub(crate) fn take_pong(&mut self, payload: &Bytes) {
        if let Some((_, end)) = self.ping.take_if(|(sent, _)| sent == payload) {
            self.answered_until = end;
        }
    }
}

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
