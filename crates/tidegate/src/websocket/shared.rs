//! What the halves of one WebSocketStream and its driver share.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tidegate_proto::websocket::{ApiMisuse, Chunk, Connection, Message, Prepared, READ_BUFFER_BYTES};
use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::CloseOptions;
use super::error::WebSocketError;
use super::link::{Ending, Link};
use super::stats::Stats;
use super::tuning::Tuning;
use super::waiting::Waiting;
use crate::http::Io;

pub(crate) struct Shared {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
    /// Wakes whoever is in `waiting`: the only waker that the transport ever sees.
    io_waker: Waker,
    /// How the connection ended, for everyone who awaits `closed`.
    pub(crate) ending: Arc<SetOnce<Ending>>,
    pub(crate) protocol: Box<str>,
    pub(crate) extensions: Box<str>,
    high_water_mark: usize,
}

pub(crate) struct State {
    pub(crate) link: Link,
    pub(crate) reader: Reader,
    /// Whether anything was written since the reader last came or the driver last flushed.
    has_written: bool,
    /// Since when a write waits.
    waiting_since: Option<Instant>,
    /// Whether the driver has been asked to flush, and has not done so yet.
    flush_is_due: bool,
    /// Which of the three handles are still held.
    held: [bool; 3],
}

/// What is known of whoever reads.
#[derive(Default)]
pub(crate) struct Reader {
    /// Waits for a message right now, so that it turns the wheel itself.
    pub(crate) is_parked: bool,
    /// Took a message since the driver last looked.
    pub(crate) was_active: bool,
    /// Has not come for a while: the driver decodes ahead, so that pings and a Close are seen.
    pub(crate) is_away: bool,
    /// Never comes again: messages are dropped.
    pub(crate) is_gone: bool,
}

/// The three things that a user can hold of one connection.
#[derive(Clone, Copy)]
pub(crate) enum Handle {
    Socket = 0,
    Readable = 1,
    Writable = 2,
}

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
    /// A connection whose opening handshake is done. It needs a [driver](super::driver::spawn).
    pub(crate) fn new(
        io: Box<dyn Io>,
        connection: Connection,
        names: (String, String),
        tuning: &Tuning,
        ending: Arc<SetOnce<Ending>>,
    ) -> Self {
        let waiting = Arc::new(Waiting { is_watched: true.into(), ..Waiting::default() });
        let reader = Reader { was_active: true, ..Reader::default() };
        let state = State {
            link: Link::new(io, connection, tuning.budget.share()),
            reader,
            has_written: false,
            waiting_since: None,
            flush_is_due: false,
            held: [true; 3],
        };
        Self {
            state: Mutex::new(state),
            io_waker: Waker::from(waiting.clone()),
            waiting,
            ending,
            protocol: names.0.into(),
            extensions: names.1.into(),
            high_water_mark: tuning.high_water_mark,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock is a bug of ours, but every step leaves the state usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn io_context(&self) -> Context<'_> {
        Context::from_waker(&self.io_waker)
    }

    pub(crate) fn wake_driver(&self) {
        self.waiting.driver.wake();
    }

    pub(crate) fn register_driver(&self, waker: &Waker) {
        self.waiting.driver.register(waker);
    }

    /// Tells how the connection has ended, once that is known.
    pub(crate) fn tell_ending(&self, state: &State) {
        if let Some(ending) = &state.link.ending
            && !self.ending.initialized()
        {
            // Only the driver sets it, so this cannot fail.
            let _ = self.ending.set(ending.clone());
            self.wake_halves();
        }
    }

    /// Wakes everyone: the connection has ended, or a half of it.
    pub(crate) fn wake_halves(&self) {
        self.waiting.reader.wake();
        self.waiting.writer.wake();
    }

    /// Awaits [`poll_read`](Self::poll_read); may be dropped at any time.
    #[inline]
    pub(crate) async fn read(&self) -> Result<Option<Message>, WebSocketError> {
        if let Some(message) = self.message_at_hand() {
            return Ok(Some(message));
        }
        let guard = StopWaiting { shared: self };
        let result = poll_fn(|cx| self.poll_read(cx)).await;
        // Done, so there is no waiting to stop.
        std::mem::forget(guard);
        result
    }

    /// Awaits [`poll_chunk`](Self::poll_chunk); may be dropped at any time.
    pub(crate) async fn read_chunk(&self) -> Result<Option<Chunk>, WebSocketError> {
        let guard = StopWaiting { shared: self };
        let result = poll_fn(|cx| self.poll_chunk(cx)).await;
        std::mem::forget(guard);
        result
    }

    /// The next message, if it has come already and is like most: within a batch nobody has to wait, nor to be woken.
    fn message_at_hand(&self) -> Option<Message> {
        let mut state = self.lock();
        state.has_written = false;
        let message = state.link.message_at_hand()?;
        self.has_read(&mut state);
        Some(message)
    }

    /// Takes note that the reader was here and has got something.
    #[inline]
    fn has_read(&self, state: &mut State) {
        if state.reader.is_parked {
            self.unpark(state);
        }
        state.reader.is_away = false;
        state.reader.was_active = true;
        self.watch();
        // A pong may have been made on the way.
        if state.link.connection.queued_bytes() > 0 {
            self.flush_soon(state);
        }
    }

    /// The next message, or `None` at a clean end.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, WebSocketError>> {
        self.poll_take(cx, Link::poll_message)
    }

    /// The next stretch of a message, or `None` at a clean end.
    pub(crate) fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunk>, WebSocketError>> {
        self.poll_take(cx, Link::poll_chunk)
    }

    fn poll_take<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl Fn(&mut Link, &mut Context<'_>) -> Poll<Option<T>>,
    ) -> Poll<Result<Option<T>, WebSocketError>> {
        let mut state = self.lock();
        state.has_written = false;
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
        match &state.link.incoming_end {
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            _ => Poll::Ready(Ok(None)),
        }
    }

    /// Takes note that nobody awaits a message any more: from now on the driver hears of what comes.
    fn stop_waiting_to_read(&self) {
        let mut state = self.lock();
        if state.reader.is_parked {
            self.unpark(&mut state);
            self.watch();
        }
    }

    /// Has the driver look after the reader before long, unless it does so anyway.
    fn watch(&self) {
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

    fn unpark(&self, state: &mut State) {
        self.waiting.reader.take();
        state.reader.is_parked = false;
        state.reader.is_away = false;
    }

    /// Awaits [`poll_ready`](Self::poll_ready); may be dropped at any time.
    pub(crate) async fn ready(&self) -> Result<(), WebSocketError> {
        let guard = StopWriting { shared: self };
        let result = poll_fn(|cx| self.poll_ready(cx)).await;
        std::mem::forget(guard);
        result
    }

    /// Takes note that nobody waits to write any more.
    fn stop_waiting_to_write(&self) {
        let mut state = self.lock();
        if let Some(since) = state.waiting_since.take() {
            state.link.counted.write_waited += since.elapsed();
        }
    }

    /// Whether a message may be written now; waits below the high water mark.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let mut state = self.lock();
        let mut result = self.has_room(&mut state.link);
        match result {
            // The common case, without a look at the waiting.
            Some(result) if state.waiting_since.is_none() => return Poll::Ready(result),
            Some(_) => {}
            None => {
                self.waiting.writer.register(cx.waker());
                let _ = state.link.poll_flush(&mut self.io_context());
                result = self.has_room(&mut state.link);
            }
        }
        match result {
            Some(result) => {
                self.waiting.writer.take();
                if let Some(since) = state.waiting_since.take() {
                    state.link.counted.write_waited += since.elapsed();
                }
                Poll::Ready(result)
            }
            None => {
                self.watch_budget(&state);
                if state.waiting_since.is_none() {
                    state.waiting_since = Some(Instant::now());
                    state.link.counted.write_waits += 1;
                    // It keeps the deadline for a peer that takes nothing.
                    self.wake_driver();
                }
                Poll::Pending
            }
        }
    }

    /// Whether there is room below the high water mark, or never will be.
    fn has_room(&self, link: &mut Link) -> Option<Result<(), WebSocketError>> {
        match link.write_refusal() {
            Some(error) => Some(Err(error)),
            None => link.has_room(self.high_water_mark, &mut self.io_context()).then_some(Ok(())),
        }
    }

    fn is_below_mark(&self, link: &Link) -> bool {
        link.connection.queued_bytes() < self.high_water_mark
    }

    /// Queues a message as [`send`](Self::send) does, if nothing stands in the way; gives it back otherwise.
    pub(crate) fn send_at_once(&self, message: Message) -> Result<(), Message> {
        let mut state = self.lock();
        let is_free = state.waiting_since.is_none()
            && state.link.has_room(self.high_water_mark, &mut self.io_context());
        if !is_free || !state.link.is_writable() || state.link.connection.is_streaming() {
            return Err(message);
        }
        // Nothing refuses it, as was just seen.
        if state.link.connection.send(message).is_ok() {
            state.link.counted.messages_written += 1;
        }
        self.after_send(&mut state);
        Ok(())
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
            link.room_wakers.push(waker.clone());
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
    fn after_send(&self, state: &mut State) {
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
    fn watch_budget(&self, state: &State) {
        if state.link.share.is_open() {
            self.watch();
        }
    }

    /// Has the driver flush, at the latest when the task at hand yields.
    #[inline]
    fn flush_soon(&self, state: &mut State) {
        if !std::mem::replace(&mut state.flush_is_due, true) {
            self.wake_driver();
        }
    }

    /// Waits until all that was written has gone to the transport.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let mut state = self.lock();
        self.waiting.writer.register(cx.waker());
        if state.link.poll_flush(&mut self.io_context()).is_pending() {
            return Poll::Pending;
        }
        self.waiting.writer.take();
        match state.link.write_error() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Bytes that the transport has taken.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.lock().link.connection.sent_bytes()
    }

    /// Where the output ends, counted as [`sent_bytes`](Self::sent_bytes) is.
    pub(crate) fn output_end(&self) -> u64 {
        let connection = &self.lock().link.connection;
        connection.sent_bytes() + connection.queued_bytes() as u64
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().link.stats()
    }

    /// Starts the closing handshake; nothing happens when one is under way.
    pub(crate) fn close(&self, options: &CloseOptions) -> Result<(), ApiMisuse> {
        let mut state = self.lock();
        state.link.close(options)?;
        state.reader.is_away = true;
        self.waiting.writer.wake();
        self.wake_driver();
        Ok(())
    }

    /// Has the driver look for the end of the connection while somebody awaits it.
    pub(crate) fn attend(&self) {
        self.lock().reader.is_away = true;
        self.wake_driver();
    }

    /// Drops messages from now on.
    pub(crate) fn stop_reading(&self) {
        self.lock().reader.is_gone = true;
        self.wake_driver();
    }

    /// Bytes that may still be written below the high water mark; negative above it.
    pub(crate) fn desired_size(&self) -> isize {
        let queued = self.lock().link.connection.queued_bytes();
        // Both are sizes of things in memory, which fit an isize.
        self.high_water_mark as isize - queued as isize
    }

    /// A handle was dropped. When the reader is, messages are; when the last handle is, the connection closes.
    pub(crate) fn release(&self, handle: Handle) {
        let mut state = self.lock();
        state.held[handle as usize] = false;
        if matches!(handle, Handle::Readable) {
            self.unpark(&mut state);
            state.reader.is_gone = true;
        }
        if state.held == [false; 3] {
            // An empty Close may always be sent.
            let _ = state.link.close(&CloseOptions::default());
        }
        drop(state);
        self.wake_driver();
    }
}

impl State {
    /// Takes note that the driver flushes now.
    pub(crate) fn begin_flush(&mut self) {
        self.flush_is_due = false;
        self.has_written = false;
    }
}

/// Tells the shared state when a `read` is dropped halfway, so that nobody wakes a task that no longer cares.
struct StopWaiting<'a> {
    shared: &'a Shared,
}

impl Drop for StopWaiting<'_> {
    fn drop(&mut self) {
        self.shared.stop_waiting_to_read();
    }
}

/// Tells the shared state when a `write` is dropped while it waits, so that its waiting is not counted on.
struct StopWriting<'a> {
    shared: &'a Shared,
}

impl Drop for StopWriting<'_> {
    fn drop(&mut self) {
        self.shared.stop_waiting_to_write();
    }
}
