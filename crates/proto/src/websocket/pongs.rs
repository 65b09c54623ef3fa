//! What is owed to a peer that pings.

use bytes::Bytes;

/// What the peer's pongs tell of how far it has read.
#[derive(Default)]
pub(crate) struct PeerProgress {
    /// What was accepted for the peer so far, by what it costs to hold: wire bytes would not tell, since compressed ones
    /// grow.
    pub(crate) accepted: u64,
    /// The newest ping of ours.
    pub(crate) ping: Option<Box<Ping>>,
    /// What was accepted up to here has been seen by the peer: it answered a ping behind it.
    pub(crate) answered_until: u64,
}

/// A ping that was queued.
pub(crate) struct Ping {
    pub(crate) payload: Bytes,
    /// What was accepted before it.
    pub(crate) accepted: u64,
    /// Where it ends in the output.
    pub(crate) ends_at: u64,
}

impl PeerProgress {
    /// Takes note of payload that was accepted, or of another message's overhead.
    #[inline]
    pub(crate) fn accept(&mut self, bytes: usize) {
        self.accepted += bytes as u64;
    }

    pub(crate) fn take_pong(&mut self, payload: &Bytes) {
        if let Some(ping) = self.ping.take_if(|ping| ping.payload == payload) {
            self.answered_until = ping.accepted;
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
