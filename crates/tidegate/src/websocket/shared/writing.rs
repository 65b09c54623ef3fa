//! The writer's steps, and when what is written leaves.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tidegate_proto::websocket::{ApiMisuse, Message, Prepared, READ_BUFFER_BYTES};

use super::super::error::WebSocketError;
use super::super::link::Link;
use super::{Shared, State};

/// What became of messages that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// All were taken.
    Taken,
    /// There was no room for more.
    Blocked,
    /// Nothing can be written any more.
    Over,
}

/// Queued bytes from which a write is not deferred any longer: what one read brought, so its echo is one write.
const FLUSH_BYTES: usize = READ_BUFFER_BYTES;

impl Shared {
    /// Awaits [`poll_ready`](Self::poll_ready); may be dropped at any time.
    pub(crate) async fn ready(&self) -> Result<(), WebSocketError> {
        let guard = StopWriting { shared: self };
        let result = poll_fn(|cx| self.poll_ready(cx)).await;
        std::mem::forget(guard);
        result
    }

    /// Takes note that nobody waits to write any more.
    pub(super) fn stop_waiting_to_write(&self) {
        let mut state = self.lock();
        state.link.counted.end_write_wait();
    }

    /// Whether a message may be written now; waits below the high water mark.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let mut state = self.lock();
        let mut result = self.has_room(&mut state.link);
        match result {
            // The common case, without a look at the waiting.
            Some(result) if !state.link.counted.is_write_waiting() => return Poll::Ready(result),
            Some(_) => {}
            None => {
                self.waiting.writer.register(cx.waker());
                self.seek_credit(&mut state, cx.waker());
                let _ = state.link.poll_flush(&mut self.io_context());
                result = self.has_room(&mut state.link);
            }
        }
        match result {
            Some(result) => {
                self.waiting.writer.take();
                state.link.counted.end_write_wait();
                Poll::Ready(result)
            }
            None => {
                self.watch_budget(&state);
                if !state.link.counted.is_write_waiting() {
                    state.link.counted.begin_write_wait();
                    // It keeps the deadline for a peer that takes nothing.
                    self.wake_driver();
                }
                Poll::Pending
            }
        }
    }

    /// Whether there is room below the high water mark, or never will be.
    pub(super) fn has_room(&self, link: &mut Link) -> Option<Result<(), WebSocketError>> {
        match link.write_refusal() {
            Some(error) => Some(Err(error)),
            None => link.has_room(self.high_water_mark, &mut self.io_context()).then_some(Ok(())),
        }
    }

    pub(super) fn is_below_mark(&self, link: &Link) -> bool {
        link.connection.queued_bytes() < self.high_water_mark
    }

    /// Awaits room for a message and queues it; may be dropped at any time.
    #[inline]
    pub(crate) fn write(&self, message: Message) -> Write<'_> {
        Write { shared: self, message: Some(message), is_waiting: false }
    }

    /// Queues a message as [`send`](Self::send) does, if it is like most and nothing stands in its way.
    // As `poll_read`.
    #[inline(always)]
    fn send_at_once(&self, message: &Message) -> bool {
        let mut state = self.lock();
        if state.link.counted.is_write_waiting()
            || !state.link.send_small(message, self.high_water_mark, &mut self.io_context())
        {
            return false;
        }
        self.after_send(&mut state);
        true
    }

    /// Queues a message and sends it, at once or with those that follow.
    pub(crate) fn send(&self, message: Message) -> Result<(), WebSocketError> {
        self.queue(|link| {
            link.connection.send(message)?;
            link.counted.messages_written += 1;
            Ok(())
        })
    }

    /// Sends messages while there is room, `None` standing for one to leave out, and tells how many it took. `waker` is
    /// called when there is room again.
    pub(crate) fn offer<'a>(
        &self,
        messages: impl Iterator<Item = Option<&'a Prepared>>,
        waker: &Waker,
    ) -> (usize, Offered) {
        let mut state = self.lock();
        let State { link, .. } = &mut *state;
        let (mut taken, mut offered) = (0, Offered::Taken);
        for message in messages {
            if let Some(message) = message {
                if !self.is_below_mark(link) {
                    let _ = link.poll_flush(&mut self.io_context());
                }
                if !link.is_writable() {
                    offered = Offered::Over;
                    break;
                }
                // A message that is written in parts has to end first.
                if !self.is_below_mark(link) || link.connection.send_prepared(message).is_err() {
                    offered = Offered::Blocked;
                    break;
                }
                link.counted.messages_written += 1;
            }
            taken += 1;
        }
        let _ = link.poll_flush(&mut self.io_context());
        if offered == Offered::Blocked {
            link.call_when_room(waker);
        }
        (taken, offered)
    }

    /// Has the connection queue something, and sends it, at once or with what follows.
    pub(crate) fn queue(
        &self,
        step: impl FnOnce(&mut Link) -> Result<(), ApiMisuse>,
    ) -> Result<(), WebSocketError> {
        let mut state = self.lock();
        if !state.link.is_writable()
            && let Some(error) = state.link.write_refusal()
        {
            return Err(error);
        }
        step(&mut state.link)?;
        self.after_send(&mut state);
        Ok(())
    }

    /// A streamed message was dropped; if it is unfinished, so is the connection.
    pub(crate) fn abandon_message(&self) {
        self.lock().link.abandon_message();
        self.wake_driver();
    }

    /// The first write after a read leaves at once, unless more messages wait to be read: then its answer is likely
    /// one of many, and all of them leave together. So do writes that follow each other. In either case the driver
    /// is asked to flush, and it runs at the latest when the writing task yields.
    #[inline]
    pub(super) fn after_send(&self, state: &mut State) {
        let is_first = !std::mem::replace(&mut state.has_written, true);
        let is_full = state.link.connection.queued_bytes() >= FLUSH_BYTES;
        if is_full || (is_first && !state.link.has_backlog()) {
            let _ = state.link.poll_flush(&mut self.io_context());
        } else {
            self.flush_soon(state);
        }
        self.watch_budget(state);
    }

    /// Has the driver look after what is held beyond the floor, or waited for.
    pub(super) fn watch_budget(&self, state: &State) {
        if state.link.share.is_open() {
            self.watch();
        }
    }

    /// Has the driver flush, at the latest when the task at hand yields.
    #[inline]
    pub(super) fn flush_soon(&self, state: &mut State) {
        if !std::mem::replace(&mut state.flush_is_due, true) {
            self.wake_driver();
        }
    }

    /// Waits until all that was written has gone to the transport.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let mut state = self.lock();
        self.waiting.writer.register(cx.waker());
        self.seek_credit(&mut state, cx.waker());
        if state.link.poll_flush(&mut self.io_context()).is_pending() || state.link.awaits_credit() {
            return Poll::Pending;
        }
        self.waiting.writer.take();
        match state.link.write_error() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A message that is to be written. Written out, since it is polled for every message.
pub(crate) struct Write<'a> {
    shared: &'a Shared,
    /// Until it was accepted.
    message: Option<Message>,
    is_waiting: bool,
}

impl Future for Write<'_> {
    type Output = Result<(), WebSocketError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.is_waiting && this.message.as_ref().is_some_and(|message| this.shared.send_at_once(message))
        {
            this.message = None;
            return Poll::Ready(Ok(()));
        }
        let ready = this.shared.poll_ready(cx);
        this.is_waiting = ready.is_pending();
        ready!(ready)?;
        Poll::Ready(this.message.take().map_or(Ok(()), |message| this.shared.send(message)))
    }
}

impl Drop for Write<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting {
            self.shared.stop_waiting_to_write();
        }
    }
}

/// Tells the shared state when a `ready` is dropped while it waits, so that its waiting is not counted on.
struct StopWriting<'a> {
    shared: &'a Shared,
}

impl Drop for StopWriting<'_> {
    fn drop(&mut self) {
        self.shared.stop_waiting_to_write();
    }
}
