//! The incoming half.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tidegate_proto::websocket::{ApiMisuse, Chunk, Message};

use super::CloseOptions;
use super::error::WebSocketError;
use super::message_reader::MessageReader;
use super::shared::{Handle, Shared};
use super::writable::Writable;

/// The messages that the peer sends, pulled one at a time.
///
/// Nothing is decoded, and beyond 72 KiB nothing is read from the transport, before somebody asks; that is what
/// makes the peer wait. (A reader that stays away for a second has at most 16 KiB and one message decoded ahead, so
/// that a ping or a Close behind them is seen.) Dropping this half drops messages from then on; the connection
/// stays open for the writer.
///
/// Also a [`Stream`], which ends after the last message or the first error.
pub struct Readable {
    shared: Arc<Shared>,
}

impl Readable {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The next message, or `None` once the peer has closed and every message before its Close has been read.
    ///
    /// May be dropped at any await: a message that was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// When the connection ended uncleanly, after all messages that came before that; the same error again on every
    /// further call.
    pub fn read(&mut self) -> impl Future<Output = Result<Option<Message>, WebSocketError>> {
        self.shared.read()
    }

    /// The next message, to be read while it arrives, or `None` at a clean end. No limit on the size of frames and
    /// messages applies, and whatever the size, at most some 512 KiB of it are held.
    ///
    /// May be dropped at any await. A message whose reader is dropped before its end is skipped.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn read_message(&mut self) -> Result<Option<MessageReader<'_>>, WebSocketError> {
        loop {
            match self.shared.read_chunk().await? {
                Some(chunk) if chunk.starts => return Ok(Some(MessageReader::new(&self.shared, chunk))),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunk>, WebSocketError>> {
        self.shared.poll_chunk(cx)
    }

    /// Gives up reading, and closes the connection: unread messages are dropped.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes; then nothing is sent, and the connection stays open
    /// without a reader.
    pub fn cancel(self, options: impl Into<CloseOptions>) -> Result<(), ApiMisuse> {
        self.shared.stop_reading();
        self.shared.close(&options.into())
    }

    /// Writes every message to `writable`, at the pace at which that takes them, until this half ends; then closes
    /// `writable`, and waits for its end.
    ///
    /// Dropping the future drops both halves, and with them the one message that may lie between: read, and not
    /// accepted by `writable` yet. What was accepted is sent.
    ///
    /// # Errors
    ///
    /// The error of either half. The other one is told: a failed reader aborts `writable`, a failed writer cancels
    /// this half.
    pub async fn pipe_to(mut self, mut writable: Writable) -> Result<(), WebSocketError> {
        loop {
            match self.read().await {
                Ok(Some(message)) => {
                    if let Err(error) = writable.write(message).await {
                        // An empty Close is always allowed.
                        let _ = self.cancel(());
                        return Err(error);
                    }
                }
                Ok(None) if Arc::ptr_eq(&self.shared, &writable.shared()) => return Ok(()),
                Ok(None) => return writable.close().await,
                Err(error) => {
                    let _ = writable.abort(());
                    return Err(error);
                }
            }
        }
    }
}

impl Stream for Readable {
    type Item = Result<Message, WebSocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.poll_read(cx).map(|result| match result {
            Ok(message) => message.map(Ok),
            // `read` gives it on every call, a stream once.
            Err(error) => self.shared.begin_stream_end().then_some(Err(error)),
        })
    }
}

impl Drop for Readable {
    fn drop(&mut self) {
        self.shared.release(Handle::Readable);
    }
}
