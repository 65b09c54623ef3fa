//! What a loopback stands for.

use std::task::{Context, Poll};

use bytes::Bytes;

/// One end of a session, as the conversation on top of it sees it: two flows of whole frames.
pub(crate) trait Flow: Send + Sync + 'static {
    /// Whether a further frame may be sent; when not, the waker is called once it may.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Takes a frame for the other end. Ask for room first.
    fn send(&self, frame: Bytes);

    /// The next frame of the other end, or `None` when the session has ended.
    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// The conversation is over: the payload of the Close that would end its WebSocket.
    fn finish(&self, close: &[u8]);

    /// The conversation is gone, with or without [`finish`](Self::finish) before.
    fn leave(&self);
}
