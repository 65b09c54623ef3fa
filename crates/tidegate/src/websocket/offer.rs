//! Messages that are encoded already, for whoever sends the same ones to many connections in a way of its own.

use std::task::{Context, Poll};

use tidegate_proto::websocket::Prepared;

use super::error::WebSocketError;
use super::shared::Offered;
use super::writable::Writable;

impl Writable {
    /// Takes of these messages as many as there is room for, sends them in one write if the transport has room, and
    /// tells how many it took. Pending when there is room for none; then the task is woken when there is again.
    ///
    /// [`Broadcast`](crate::Broadcast) does this for its subscriptions; here the caller keeps the messages, and each
    /// connection's place among them. Like those they go out uncompressed, whatever was agreed on. With no messages
    /// it is ready at once.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn poll_offer(
        &mut self,
        cx: &mut Context<'_>,
        messages: &[Prepared],
    ) -> Poll<Result<usize, WebSocketError>> {
        let shared = self.shared();
        match shared.offer(messages.iter().map(Some), cx.waker()) {
            (taken, Offered::Taken) => Poll::Ready(Ok(taken)),
            (0, Offered::Blocked) => Poll::Pending,
            // The waker is called once there is room, and finds the caller there or not.
            (taken, Offered::Blocked) => Poll::Ready(Ok(taken)),
            // It becomes ready with what the connection ended with.
            (_, Offered::Over) => shared.poll_ready(cx).map(|over| over.map(|()| 0)),
        }
    }
}
