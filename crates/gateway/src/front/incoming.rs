//! The body of a request, piece by piece: what is not asked for is not read.

use std::cell::RefCell;
use std::io::IoSlice;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;

use super::blocks::{BLOCK_BYTES, Block};
use super::body_error::BodyError;
use super::chunks::Chunks;
use super::client::Client;
use super::head::Framing;

/// The body of a request on its way. It owns nothing while nothing comes, but part of a line between chunks.
pub(crate) struct Incoming<'a> {
    client: &'a Client,
    outbox: &'a Outbox<'a>,
    /// What was read with the head, or with a line.
    ahead: Bytes,
    left: Left,
    /// The client waits for a word before it sends.
    expects_continue: bool,
    trailers: Option<HeaderMap>,
}

/// How much of a body is still to come.
enum Left {
    Length(u64),
    Chunks(Chunks),
}

/// Interim responses on their way. They never wait: what the client does not take at once goes out before what is read
/// next, and more than a little of it is dropped.
pub(crate) struct Outbox<'a> {
    client: &'a Client,
    pending: Mutex<Vec<u8>>,
}

/// How much is read at once between chunks. It may be the head of the next request, which has to fit into a buffer.
const LINE_BYTES: usize = 4 * 1024;

/// A piece that is shorter is copied, and does not keep the buffer that it was read into: whoever counts the bytes that
/// wait counts memory, but for an eighth.
const COPY_BYTES: usize = BLOCK_BYTES / 8 * 7;

/// How many bytes of interim responses wait at most.
const MAX_PENDING: usize = 4 * 1024;

thread_local! {
    /// What the next piece is read into, whosever it is.
    static BLOCK: RefCell<Option<Block>> = const { RefCell::new(None) };
}

impl<'a> Incoming<'a> {
    /// The body that follows the head just read. What was read ahead of it is taken; see [`finish`](Self::finish).
    pub(crate) fn new(client: &'a Client, ahead: Vec<u8>, outbox: &'a Outbox<'a>, framing: Framing) -> Self {
        let left = match framing {
            Framing::None => Left::Length(0),
            Framing::Length(length) => Left::Length(length),
            Framing::Chunked => Left::Chunks(Chunks::default()),
        };
        let expects_continue = client.expects_continue;
        Self { client, outbox, ahead: ahead.into(), left, expects_continue, trailers: None }
    }

    /// How many bytes are still to come, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.left {
            Left::Length(left) => Some(*left),
            Left::Chunks(_) => None,
        }
    }

    /// The trailers, once the body has come whole.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// What was read behind the body, if it has come whole.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        let is_whole = match &self.left {
            Left::Length(left) => *left == 0,
            Left::Chunks(chunks) => chunks.is_over(),
        };
        is_whole.then(|| self.ahead.into())
    }

    /// The next piece, of at most 256 KiB; `None` behind the last one.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            match &mut self.left {
                Left::Length(0) => return Poll::Ready(Ok(None)),
                Left::Length(left) if !self.ahead.is_empty() => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(self.ahead.len());
                    *left -= length as u64;
                    return Poll::Ready(Ok(Some(self.ahead.split_to(length))));
                }
                Left::Length(left) => {
                    let most = *left;
                    let piece = ready!(self.poll_read(cx, most))?;
                    if let Left::Length(left) = &mut self.left {
                        *left -= piece.len() as u64;
                    }
                    return Poll::Ready(Ok(Some(piece)));
                }
                Left::Chunks(chunks) if chunks.is_over() => {
                    self.trailers.get_or_insert_with(|| chunks.trailers());
                    return Poll::Ready(Ok(None));
                }
                Left::Chunks(chunks) if self.ahead.is_empty() && chunks.data() > 0 => {
                    let most = chunks.data();
                    let piece = ready!(self.poll_read(cx, most))?;
                    if let Left::Chunks(chunks) = &mut self.left {
                        chunks.took(piece.len() as u64);
                    }
                    return Poll::Ready(Ok(Some(piece)));
                }
                Left::Chunks(chunks) => {
                    let found = chunks.advance(&self.ahead)?;
                    let piece = self.ahead.slice(found.data.clone());
                    self.ahead.advance(found.used);
                    if !piece.is_empty() {
                        return Poll::Ready(Ok(Some(piece)));
                    }
                    // What is left is part of a line.
                    if !chunks.is_over() && chunks.data() == 0 {
                        let more = ready!(self.poll_read(cx, LINE_BYTES as u64))?;
                        self.ahead = if self.ahead.is_empty() {
                            more
                        } else {
                            [&self.ahead[..], &more].concat().into()
                        };
                    }
                }
            }
        }
    }

    /// Reads once, at most so many bytes.
    fn poll_read(&mut self, cx: &mut Context<'_>, most: u64) -> Poll<Result<Bytes, BodyError>> {
        if std::mem::take(&mut self.expects_continue) {
            self.outbox.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if self.outbox.poll_flush(cx).is_err() {
            return Poll::Ready(Err(BodyError::Gone));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        BLOCK.with_borrow_mut(|next| {
            let mut block = next.take().unwrap_or_else(Block::take);
            let read = self.client.poll_read(cx, &mut block.bytes()[..most]);
            if let Poll::Ready(Ok(length @ COPY_BYTES..)) = read {
                return Poll::Ready(Ok(block.freeze(length)));
            }
            let block = next.insert(block);
            match ready!(read) {
                Ok(0) | Err(_) => Poll::Ready(Err(BodyError::Gone)),
                Ok(length) => Poll::Ready(Ok(Bytes::copy_from_slice(&block.bytes()[..length]))),
            }
        })
    }
}

impl<'a> Outbox<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client, pending: Mutex::default() }
    }

    /// Whether the client knows interim responses.
    pub(crate) fn is_open(&self) -> bool {
        self.client.is_http11
    }

    /// Sends bytes, which are whole interim responses, now or later.
    pub(crate) fn send(&self, bytes: &[u8]) {
        {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.len() + bytes.len() > MAX_PENDING {
                return;
            }
            pending.extend_from_slice(bytes);
        }
        // An error shows again when something is read. What is not taken now needs no waker: there is a next time.
        let _ = self.poll_flush(&mut Context::from_waker(std::task::Waker::noop()));
    }

    /// Writes what waits, if the client takes it.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        while !pending.is_empty() {
            match self.client.poll_write(cx, &[IoSlice::new(&pending)]) {
                Poll::Ready(Ok(length @ 1..)) => drop(pending.drain(..length)),
                Poll::Ready(_) => return Err(BodyError::Gone),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// What has not gone out yet, which has to before anything else.
    pub(crate) fn into_pending(self) -> Vec<u8> {
        self.pending.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
