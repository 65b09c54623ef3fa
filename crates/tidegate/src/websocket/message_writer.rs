//! A message that is written in parts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::error::WebSocketError;
use super::shared::Shared;

/// A message under way, from [`Writable::begin`](super::Writable::begin).
///
/// Also an [`AsyncWrite`], whose shutdown finishes the message. When it is dropped unfinished, the connection ends:
/// the peer could not be told where the message would have ended.
#[must_use = "a message that is dropped unfinished ends the connection"]
pub struct MessageWriter<'a> {
    shared: &'a Shared,
    is_finished: bool,
}

/// The most that one `poll_write` takes: what a caller's buffer holds is copied, so it is taken in portions.
const PORTION_BYTES: usize = 64 * 1024;

impl<'a> MessageWriter<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self { shared, is_finished: false }
    }

    /// Waits until fewer bytes than the high water mark wait to be sent, then accepts the next part, whatever its
    /// size.
    ///
    /// May be dropped at any await: then the part was not accepted.
    ///
    /// # Errors
    ///
    /// More than the announced length, text that is not UTF-8, and whatever ends the connection. After the former
    /// two the message can go on.
    pub async fn write(&mut self, part: impl Into<Bytes>) -> Result<(), WebSocketError> {
        self.shared.ready().await?;
        let part = part.into();
        self.shared.queue(|link| link.connection.send_part(part))
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// A message that lacks bytes of its announced length, or a text that ends inside a character: either ends the
    /// connection, as a drop does.
    pub fn finish(mut self) -> Result<(), WebSocketError> {
        self.try_finish()
    }

    fn try_finish(&mut self) -> Result<(), WebSocketError> {
        self.shared.queue(|link| {
            link.connection.finish_message()?;
            link.counted.messages_written += 1;
            Ok(())
        })?;
        self.is_finished = true;
        Ok(())
    }
}

impl AsyncWrite for MessageWriter<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.shared.poll_ready(cx)).map_err(io::Error::other)?;
        let portion = &bytes[..bytes.len().min(PORTION_BYTES)];
        let part = Bytes::copy_from_slice(portion);
        let result = self.shared.queue(|link| link.connection.send_part(part));
        Poll::Ready(result.map(|()| portion.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_flush(cx).map_err(io::Error::other)
    }

    /// Finishes the message, and flushes it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_finished {
            self.try_finish().map_err(io::Error::other)?;
        }
        self.poll_flush(cx)
    }
}

impl Drop for MessageWriter<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.shared.abandon_message();
        }
    }
}
