//! A session as the byte stream of a WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_proto::websocket::Side;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::feed::Feed;
use super::flow::Flow;
use super::outlet::{Outlet, Sent};

/// The peer of a link, in this process. Without compression, and with `tidegate.v1` agreed on.
///
/// A write waits while the session keeps as much as it may. The link's pings are answered here, and so is its Close, as
/// by a peer that has nothing to add. A session that ends without one is the end of the stream.
pub(crate) struct Loopback<F: Flow> {
    flow: Arc<F>,
    outlet: Outlet,
    feed: Feed,
    /// Whoever reads, for what does not come from the flow.
    reader: Option<Waker>,
    is_shut_down: bool,
}

impl<F: Flow> Loopback<F> {
    /// The stream of a link at this end.
    pub(crate) fn new(link: Side, flow: Arc<F>) -> Self {
        Self { flow, outlet: Outlet::default(), feed: Feed::new(link), reader: None, is_shut_down: false }
    }

    fn take(&mut self, sent: Sent) {
        match sent {
            Sent::Frame(frame) => return self.flow.send(frame),
            Sent::Ping(payload) => self.feed.pong(payload),
            Sent::Close(payload) => {
                self.flow.finish(&payload);
                self.feed.close(payload);
            }
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<F: Flow> AsyncRead for Loopback<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        while buffer.remaining() > 0 {
            if !self.feed.prepare() {
                if self.feed.is_closed() || self.is_shut_down {
                    return Poll::Ready(Ok(()));
                }
                match self.flow.poll_frame(cx) {
                    Poll::Ready(Some(frame)) => self.feed.frame(frame),
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending => break,
                }
            }
            self.feed.read(buffer);
        }
        if buffer.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<F: Flow> AsyncWrite for Loopback<F> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.outlet.begins_frame() && self.flow.poll_room(cx).is_pending() {
                let taken = bytes.len() - rest.len();
                return if taken > 0 { Poll::Ready(Ok(taken)) } else { Poll::Pending };
            }
            if let Some(sent) = self.outlet.take(&mut rest) {
                self.take(sent);
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut_down = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: Flow> Drop for Loopback<F> {
    fn drop(&mut self) {
        self.flow.leave();
    }
}
