//! What carries a session at present.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tidegate_proto::session::{AttachError, Attachment, Violation, Why};

use super::carrier::Transport;
use super::live::Session;

/// One request or WebSocket that carries a session, detached when this is dropped.
pub(crate) struct Attached {
    session: Arc<Session>,
    /// Locked before the session is, and by one task.
    attachment: Mutex<Attachment>,
}

impl Attached {
    /// Attaches behind this position, and ends the attachment before.
    ///
    /// # Errors
    ///
    /// A position that is not there.
    pub(crate) fn to(session: Arc<Session>, transport: Transport, after: u64) -> Result<Self, AttachError> {
        let attachment = Mutex::new(session.attach(transport, after)?);
        Ok(Self { session, attachment })
    }

    fn lock(&self) -> MutexGuard<'_, Attachment> {
        self.attachment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// What to send next: whole frames in one piece of at most `max_bytes`, or one frame. `None` in the end, which
    /// [`ended`](Self::ended) explains. What is taken here is kept until the client acknowledges it.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>, max_bytes: usize) -> Poll<Option<Bytes>> {
        self.session.poll_transmit(cx, &mut self.lock(), max_bytes)
    }

    /// As [`poll_next`](Self::poll_next).
    pub(crate) async fn next(&self, max_bytes: usize) -> Option<Bytes> {
        poll_fn(|cx| self.poll_next(cx, max_bytes)).await
    }

    /// What there is to send now, if anything.
    pub(crate) fn try_next(&self, max_bytes: usize) -> Option<Bytes> {
        match self.poll_next(&mut Context::from_waker(Waker::noop()), max_bytes) {
            Poll::Ready(next) => next,
            Poll::Pending => None,
        }
    }

    /// How many frames of the server's flow lie behind what was sent here.
    pub(crate) fn position(&self) -> u64 {
        self.lock().sent()
    }

    /// Why the session has ended the attachment, once it has.
    pub(crate) fn ended(&self) -> Option<Why> {
        self.lock().ended()
    }

    /// Takes whole frames that came on a WebSocket.
    ///
    /// # Errors
    ///
    /// A rule that the client broke. The frames before were taken.
    pub(crate) fn handle_batch(&self, batch: &Bytes) -> Result<(), Violation> {
        self.session.handle_batch(&mut self.lock(), batch)
    }

    /// Waits until frames may be taken.
    pub(crate) async fn room(&self) {
        self.session.room().await;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.session.detach(&self.lock());
    }
}
