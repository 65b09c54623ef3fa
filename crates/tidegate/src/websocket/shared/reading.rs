//! The reader's steps.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tidegate_proto::websocket::{Chunk, Message};

use super::super::error::WebSocketError;
use super::super::link::Link;
use super::{Shared, State};

impl Shared {
    /// Awaits [`poll_read`](Self::poll_read); may be dropped at any time.
    #[inline]
    pub(crate) fn read(&self) -> Read<'_> {
        Read { shared: self, is_waiting: false }
    }

    /// Awaits [`poll_chunk`](Self::poll_chunk); may be dropped at any time.
    pub(crate) async fn read_chunk(&self) -> Result<Option<Chunk>, WebSocketError> {
        let guard = StopWaiting { shared: self };
        let result = poll_fn(|cx| self.poll_chunk(cx)).await;
        std::mem::forget(guard);
        result
    }

    /// Takes note that the reader was here and has got something.
    #[inline]
    pub(super) fn has_read(&self, state: &mut State) {
        if state.reader.is_parked {
            self.unpark(state);
        }
        state.reader.is_away = false;
        state.reader.was_active = true;
        self.watch();
        // A pong may have been made on the way.
        if state.link.connection.queued_bytes() > 0 || state.link.connection.has_credits() {
            self.flush_soon(state);
        }
    }

    /// The next message, or `None` at a clean end. Within a batch, nobody has to wait, nor to be woken.
    // Into the user's loop with all that is common: left to itself, the compiler makes calls of it (5 % more instructions).
    #[inline(always)]
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, WebSocketError>> {
        let mut state = self.lock();
        state.has_written = false;
        if let Some(message) = state.link.message_at_hand() {
            self.has_read(&mut state);
            return Poll::Ready(Ok(Some(message)));
        }
        self.poll_take(state, cx, Link::poll_message)
    }

    /// Takes note that a stream's last item tells how it ended: false when one did before.
    pub(crate) fn begin_stream_end(&self) -> bool {
        !std::mem::replace(&mut self.lock().reader.has_stream_ended, true)
    }

    /// The next stretch of a message, or `None` at a clean end.
    pub(crate) fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunk>, WebSocketError>> {
        let mut state = self.lock();
        state.has_written = false;
        self.poll_take(state, cx, Link::poll_chunk)
    }

    fn poll_take<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        cx: &mut Context<'_>,
        poll: impl Fn(&mut Link, &mut Context<'_>) -> Poll<Option<T>>,
    ) -> Poll<Result<Option<T>, WebSocketError>> {
        // Registered before the transport is asked: its wake-up comes from another thread at any time.
        self.waiting.is_called.store(false, Ordering::Release);
        self.waiting.reader.register(cx.waker());
        state.reader.is_parked = true;
        let Poll::Ready(item) = poll(&mut state.link, &mut self.io_context()) else {
            self.watch_budget(&state);
            return Poll::Pending;
        };
        if item.is_some() {
            self.has_read(&mut state);
            return Poll::Ready(Ok(item));
        }
        self.unpark(&mut state);
        self.wake_driver();
        match state.link.incoming_end() {
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            _ => Poll::Ready(Ok(None)),
        }
    }

    /// Takes note that nobody awaits a message any more: from now on the driver hears of what comes.
    pub(super) fn stop_waiting_to_read(&self) {
        let mut state = self.lock();
        if state.reader.is_parked {
            self.unpark(&mut state);
            self.watch();
        }
    }

    /// Has the driver look after the reader before long, unless it does so anyway.
    pub(super) fn watch(&self) {
        if !self.is_watched() && !self.waiting.is_watched.swap(true, Ordering::AcqRel) {
            self.wake_driver();
        }
    }

    /// Whether the driver is to look after the reader before long.
    pub(crate) fn is_watched(&self) -> bool {
        self.waiting.is_watched.load(Ordering::Acquire)
    }

    /// Ends a watch: from now on the first call to the reader is told to the driver.
    pub(crate) fn stop_watching(&self) {
        self.waiting.is_watched.store(false, Ordering::Release);
    }

    /// Whether the reader waits and will come when it is called: it was not called in vain before.
    pub(crate) fn is_attentive(&self, state: &State) -> bool {
        state.reader.is_parked && !self.waiting.is_called.load(Ordering::Acquire)
    }

    pub(super) fn unpark(&self, state: &mut State) {
        self.waiting.reader.take();
        state.reader.is_parked = false;
        state.reader.is_away = false;
    }
}

/// A message that is awaited. Written out, since it is polled for every message, and an idle reader stays in it.
pub(crate) struct Read<'a> {
    shared: &'a Shared,
    is_waiting: bool,
}

impl Future for Read<'_> {
    type Output = Result<Option<Message>, WebSocketError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.shared.poll_read(cx);
        self.is_waiting = result.is_pending();
        result
    }
}

impl Drop for Read<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting {
            self.shared.stop_waiting_to_read();
        }
    }
}

/// Tells the shared state when a `read_chunk` is dropped halfway, so that nobody wakes a task that no longer cares.
struct StopWaiting<'a> {
    shared: &'a Shared,
}

impl Drop for StopWaiting<'_> {
    fn drop(&mut self) {
        self.shared.stop_waiting_to_read();
    }
}
