//! A message that is read while it arrives.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tidegate_proto::websocket::{Chunk, MessageKind};
use tokio::io::{AsyncRead, ReadBuf};

use super::error::{Cause, WebSocketError};
use super::shared::Shared;

/// A message under way, from [`Readable::read_message`](super::Readable::read_message).
///
/// Also an [`AsyncRead`]. When it is dropped before its end, the rest of the message is dropped as it comes, and the
/// next read gives the next message.
pub struct MessageReader<'a> {
    shared: &'a Shared,
    kind: MessageKind,
    /// What has come and was not taken yet.
    rest: Bytes,
    has_ended: bool,
}

impl<'a> MessageReader<'a> {
    pub(crate) fn new(shared: &'a Shared, first: Chunk) -> Self {
        Self { shared, kind: first.kind, rest: first.bytes, has_ended: first.ends }
    }

    /// Whether the message is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The next bytes of the message, at most some 512 KiB, or `None` at its end. Of a text message these are whole
    /// characters.
    ///
    /// May be dropped at any await: bytes that were not returned are returned by the next call.
    ///
    /// # Errors
    ///
    /// What ends the connection before the message; bytes that came before are out by then.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, WebSocketError> {
        loop {
            if !self.rest.is_empty() {
                return Ok(Some(std::mem::take(&mut self.rest)));
            }
            if self.has_ended {
                return Ok(None);
            }
            let chunk = self.shared.read_chunk().await?;
            self.take(chunk)?;
        }
    }

    /// A peer may close between two fragments, but then this is not the message that it meant to send.
    fn take(&mut self, chunk: Option<Chunk>) -> Result<(), WebSocketError> {
        let Chunk { bytes, ends, .. } = chunk.ok_or_else(|| WebSocketError::without_code(Cause::CutOff))?;
        self.rest = bytes;
        self.has_ended = ends;
        Ok(())
    }
}

impl AsyncRead for MessageReader<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() && !self.has_ended {
            let chunk = ready!(self.shared.poll_chunk(cx)).map_err(io::Error::other)?;
            self.take(chunk).map_err(io::Error::other)?;
        }
        let len = self.rest.len().min(out.remaining());
        out.put_slice(&self.rest[..len]);
        self.rest.advance(len);
        Poll::Ready(Ok(()))
    }
}
