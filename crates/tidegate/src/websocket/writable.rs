//! The outgoing half.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_sink::Sink;
use tidegate_proto::websocket::{ApiMisuse, Message, MessageKind};

use super::CloseOptions;
use super::error::WebSocketError;
use super::message_writer::MessageWriter;
use super::shared::{Handle, Shared};

/// The messages that go to the peer, each accepted when there is room for it.
///
/// What was accepted is sent, in order, or its loss is reported by `closed`. It leaves at once, or together with the
/// messages written right after it, and at the latest when the writing task yields. Dropping this half sends
/// nothing: the connection closes when the readable, the writable and the socket are all dropped.
///
/// Also a [`Sink`].
pub struct Writable {
    shared: Arc<Shared>,
}

impl Writable {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Waits until fewer bytes than the high water mark wait to be sent, then accepts the message, whatever its
    /// size.
    ///
    /// May be dropped at any await: then the message was not accepted.
    ///
    /// # Errors
    ///
    /// When the peer has closed, when the connection has failed, and after `close`.
    pub fn write(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), WebSocketError>> {
        self.shared.write(message.into())
    }

    /// Begins a message that is written in parts, once there is room.
    ///
    /// With a length it goes out as one frame, lazily, and uncompressed; no pong and no Close can leave before its
    /// last byte, so a long message that is written slowly looks like silence to the peer. Without a length it goes
    /// out in fragments, compressed where that was agreed on.
    ///
    /// May be dropped at any await: then no message was begun.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn begin(
        &mut self,
        kind: MessageKind,
        len: impl Into<Option<u64>>,
    ) -> Result<MessageWriter<'_>, WebSocketError> {
        self.ready().await?;
        let len = len.into();
        self.shared.queue(|link| link.connection.begin_message(kind, len))?;
        Ok(MessageWriter::new(&self.shared))
    }

    /// Waits until a write would be accepted at once.
    ///
    /// May be dropped at any await, and called again.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn ready(&mut self) -> Result<(), WebSocketError> {
        self.shared.ready().await
    }

    /// Waits until the transport has taken all that was accepted. Needed only before something outside depends on
    /// it, as the end of the process.
    ///
    /// May be dropped at any await, and called again: what was accepted leaves all the same.
    ///
    /// # Errors
    ///
    /// When accepted bytes could not be sent.
    pub async fn flush(&mut self) -> Result<(), WebSocketError> {
        poll_fn(|cx| self.shared.poll_flush(cx)).await
    }

    /// How many bytes may be written before a write waits; negative when one would wait by more than that.
    #[must_use]
    pub fn desired_size(&self) -> isize {
        self.shared.desired_size()
    }

    /// Sends a ping of at most 125 bytes. The answer is not told; it keeps middleboxes from forgetting the
    /// connection.
    ///
    /// # Errors
    ///
    /// A payload that is too long, and as [`write`](Self::write).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), WebSocketError> {
        self.shared.queue(|link| link.connection.ping(payload))
    }

    /// Sends all that was accepted, then an empty Close, and waits for the peer's.
    ///
    /// May be dropped at any await: closing begins with the first poll, and goes on by itself. A future that was
    /// never polled has closed nothing; it drops the writable.
    ///
    /// # Errors
    ///
    /// When the connection does not end cleanly.
    pub async fn close(self) -> Result<(), WebSocketError> {
        self.shared.close(&CloseOptions::default()).map_err(WebSocketError::without_code)?;
        self.shared.ended().await.map(drop)
    }

    /// Closes the connection. Messages that were accepted but not sent yet are still sent before the Close.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes; then nothing is sent.
    pub fn abort(self, options: impl Into<CloseOptions>) -> Result<(), ApiMisuse> {
        self.shared.close(&options.into())
    }
}

impl Sink<Message> for Writable {
    type Error = WebSocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.shared.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), WebSocketError> {
        self.shared.send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.shared.poll_flush(cx)
    }

    /// Sends what was accepted, then an empty Close, and is ready once that has left. `closed` tells the end.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        if let Err(misuse) = self.shared.close(&CloseOptions::default()) {
            return Poll::Ready(Err(WebSocketError::without_code(misuse)));
        }
        self.shared.poll_flush(cx)
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        self.shared.release(Handle::Writable);
    }
}
