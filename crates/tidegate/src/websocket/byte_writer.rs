//! A stream of bytes as messages.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_sink::Sink;
use tokio::io::AsyncWrite;

use super::error::WebSocketError;
use super::writable::Writable;

/// Bytes that leave as binary messages, from [`Writable::into_async_write`].
///
/// Each write that takes anything becomes one message, of at most 64 KiB; so wrap it into a
/// [`BufWriter`](tokio::io::BufWriter) where writes are small. A write waits while the high water mark is reached, as
/// [`Writable::write`] does; a flush waits until the transport has taken everything. A shutdown sends an empty Close
/// behind all of it, and is done when that has left; [`closed`](super::WebSocketStream::closed) tells the end.
///
/// Errors are of the kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) once the connection takes no more, and hold the
/// [`WebSocketError`].
///
/// A write that is dropped while it waits has sent nothing. Dropping this is dropping the [`Writable`]: what was taken
/// is sent, and the connection stays open as long as another half of it is held.
pub struct ByteWriter {
    writable: Writable,
}

/// The most that one write takes, since it is copied.
const MESSAGE_BYTES: usize = 64 * 1024;

impl Writable {
    /// Takes bytes, each write as one binary message, for whoever wants an [`AsyncWrite`].
    #[must_use]
    pub fn into_async_write(self) -> ByteWriter {
        ByteWriter { writable: self }
    }
}

impl ByteWriter {
    /// The writable again. Nothing of what was written here is held back.
    #[must_use]
    pub fn into_inner(self) -> Writable {
        self.writable
    }
}

impl AsyncWrite for ByteWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut writable = Pin::new(&mut self.writable);
        ready!(writable.as_mut().poll_ready(cx)).map_err(broken_pipe)?;
        let portion = &bytes[..bytes.len().min(MESSAGE_BYTES)];
        if !portion.is_empty() {
            writable.start_send(Bytes::copy_from_slice(portion).into()).map_err(broken_pipe)?;
        }
        Poll::Ready(Ok(portion.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writable).poll_flush(cx).map_err(broken_pipe)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writable).poll_close(cx).map_err(broken_pipe)
    }
}

fn broken_pipe(error: WebSocketError) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}
