//! Messages as one stream of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::readable::Readable;

/// The payloads of all messages, one behind the other, from [`Readable::into_async_read`].
///
/// Text counts as its bytes in UTF-8, and where one message ends and the next one begins cannot be seen; empty messages
/// leave no trace. Each payload is given out while it arrives, so at most some 512 KiB of a message of any size are
/// held, and no limit on the size of frames and messages applies. Nothing is read from the peer before somebody asks:
/// backpressure is that of [`Readable`].
///
/// The stream ends when the peer closes; when the connection ends uncleanly, reading fails with an error of the kind
/// [`Other`](io::ErrorKind::Other) that holds the [`WebSocketError`](super::WebSocketError), behind all that came
/// before. A peer that closes between two fragments of a message ends the stream in the same way as behind a message.
///
/// A read that is dropped loses nothing. Dropping this is dropping the [`Readable`].
pub struct ByteReader {
    readable: Readable,
    /// What has come and was not taken yet.
    rest: Bytes,
}

impl Readable {
    /// The payloads of all messages as one stream of bytes, for whoever takes an [`AsyncRead`].
    #[must_use]
    pub fn into_async_read(self) -> ByteReader {
        ByteReader { readable: self, rest: Bytes::new() }
    }
}

impl ByteReader {
    /// The readable again, and the bytes of a message that were taken from it and not read here. What has not come of
    /// that message is skipped by `read`.
    #[must_use]
    pub fn into_inner(self) -> (Readable, Bytes) {
        (self.readable, self.rest)
    }

    /// Waits until there is something to give out, or nothing will come.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.readable.poll_chunk(cx)).map_err(io::Error::other)? {
                Some(chunk) => self.rest = chunk.bytes,
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ByteReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_rest(cx))?;
        let len = self.rest.len().min(out.remaining());
        out.put_slice(&self.rest[..len]);
        self.rest.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for ByteReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        Poll::Ready(Ok(&this.rest))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.rest.advance(amount);
    }
}
