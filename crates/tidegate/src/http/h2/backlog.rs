//! What has come on the streams of a connection and was not read yet.
//!
//! h2 keeps every DATA frame by itself until it is read, some 300 bytes beside its payload, and ends the connection
//! when too many small ones wait. So one absent reader of small messages would end all its siblings. Here the
//! connection's task, once a turn, copies what absent readers have left into one buffer a stream. Their windows are
//! not touched by that: only what is read makes room for more (RFC 9113 §5.2.1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ::h2::RecvStream;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::ReadBuf;

use super::error::Http2Error;

/// The streams of one connection that have something in h2.
#[derive(Default)]
pub(super) struct Backlog {
    /// `None` once the connection has ended.
    listed: Mutex<Option<Vec<Arc<Intake>>>>,
}

/// The incoming half of a stream.
pub(super) struct Intake {
    inbox: Mutex<Inbox>,
    reader: AtomicWaker,
    is_listed: AtomicBool,
    /// Whether h2 holds something that nobody has taken.
    is_unread: AtomicBool,
    backlog: Arc<Backlog>,
}

struct Inbox {
    /// Taken when the stream is dropped: h2 holds a waker that leads here, and a stream would hold itself.
    stream: Option<RecvStream>,
    /// A frame of which a part was read; older than `stash`.
    frame: Bytes,
    stash: BytesMut,
    end: Option<Result<(), Http2Error>>,
}

impl Backlog {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { listed: Mutex::new(Some(Vec::new())) })
    }

    fn listed(&self) -> MutexGuard<'_, Option<Vec<Arc<Intake>>>> {
        // Nothing panics under this lock.
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what no reader has taken since the last turn.
    pub(super) fn stash(&self) {
        let listed = self.listed().as_mut().map(std::mem::take).unwrap_or_default();
        for intake in listed {
            intake.is_listed.store(false, Ordering::Release);
            if intake.is_unread.load(Ordering::Acquire) {
                intake.stash();
            }
        }
    }

    /// The connection has ended, so that nothing comes any more.
    pub(super) fn close(&self) {
        let listed = self.listed().take();
        // Dropped outside of the lock.
        drop(listed);
    }
}

impl Intake {
    pub(super) fn new(stream: RecvStream, backlog: Arc<Backlog>) -> Arc<Self> {
        let inbox = Inbox { stream: Some(stream), frame: Bytes::new(), stash: BytesMut::new(), end: None };
        let intake = Arc::new(Self {
            inbox: Mutex::new(inbox),
            reader: AtomicWaker::new(),
            is_listed: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
            backlog,
        });
        // What has come with the head may wait in h2 already.
        intake.list();
        intake
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing panics under this lock but h2, whose own lock is poisoned then.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads as much as there is, and grants the peer as much again. Nothing read is the end.
    pub(super) fn poll_read(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Http2Error>> {
        let waker = Waker::from(self.clone());
        let mut inbox = self.inbox();
        // Registered before h2 is asked, which wakes from another thread at any time.
        self.reader.register(cx.waker());
        let before = buffer.filled().len();
        let mut is_dry = false;
        loop {
            inbox.copy(buffer);
            if buffer.remaining() == 0 || inbox.end.is_some() {
                break;
            }
            self.is_unread.store(false, Ordering::Release);
            match inbox.poll_frame(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(frame)) => inbox.frame = frame,
                Poll::Ready(None) => {}
                Poll::Pending => {
                    is_dry = true;
                    break;
                }
            }
        }
        if !is_dry && inbox.end.is_none() {
            self.list();
        }
        let read = buffer.filled().len() - before;
        if read > 0 {
            inbox.release(read);
            return Poll::Ready(Ok(()));
        }
        match inbox.end.as_mut() {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(error)) => Poll::Ready(Err(std::mem::replace(error, Http2Error::Ended))),
            None if buffer.remaining() == 0 => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    /// The stream is dropped. Tells whether the peer has ended it in order.
    pub(super) fn leave(&self) -> bool {
        let mut inbox = self.inbox();
        let unread = inbox.frame.len() + inbox.stash.len();
        // h2 grants back only what it still holds itself.
        inbox.release(unread);
        inbox.frame = Bytes::new();
        inbox.stash = BytesMut::new();
        let stream = inbox.stream.take();
        let has_ended = matches!(inbox.end, Some(Ok(())))
            || (inbox.end.is_none() && stream.as_ref().is_some_and(RecvStream::is_end_stream));
        drop(inbox);
        drop(stream);
        has_ended
    }

    fn stash(self: &Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut inbox = self.inbox();
        self.is_unread.store(false, Ordering::Release);
        while inbox.end.is_none() {
            match inbox.poll_frame(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(frame)) => inbox.stash.extend_from_slice(&frame),
                Poll::Ready(None) => {}
                Poll::Pending => return,
            }
        }
    }

    /// Takes note that h2 may hold something.
    fn list(self: &Arc<Self>) {
        self.is_unread.store(true, Ordering::Release);
        if !self.is_listed.swap(true, Ordering::AcqRel)
            && let Some(listed) = self.backlog.listed().as_mut()
        {
            listed.push(self.clone());
        }
    }
}

/// Called by h2 under its own lock: takes no lock here under which h2 is called.
impl Wake for Intake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list();
        self.reader.wake();
    }
}

impl Inbox {
    /// The next frame of h2, or `None` once the end is noted.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(stream) = self.stream.as_mut() else {
            self.end.get_or_insert(Err(Http2Error::Ended));
            return Poll::Ready(None);
        };
        stream.poll_data(cx).map(|next| match next {
            Some(Ok(frame)) => Some(frame),
            Some(Err(error)) => {
                self.end = Some(Err(error.into()));
                None
            }
            None => {
                self.end = Some(Ok(()));
                None
            }
        })
    }

    fn copy(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = buffer.remaining().min(self.frame.len());
        buffer.put_slice(&self.frame[..length]);
        self.frame.advance(length);
        let length = buffer.remaining().min(self.stash.len());
        buffer.put_slice(&self.stash[..length]);
        self.stash.advance(length);
        if self.stash.is_empty() {
            // An idle stream owns no buffer.
            self.stash = BytesMut::new();
        }
    }

    /// Lets the peer send this much more.
    fn release(&mut self, bytes: usize) {
        if let (1.., Some(stream)) = (bytes, self.stream.as_mut()) {
            // Not more than has come, so this cannot fail but on a stream that h2 has forgotten.
            let _ = stream.flow_control().release_capacity(bytes);
        }
    }
}
