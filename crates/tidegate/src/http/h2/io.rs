//! One stream of HTTP/2 as a byte stream (RFC 8441 §5).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::h2::{Reason, RecvStream, SendStream};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::backlog::{Backlog, Intake};
use super::error::Http2Error;
use super::seats::Seat;

/// Bytes of one DATA frame at most: what every peer takes (RFC 9113 §4.2).
const FRAME_BYTES: usize = 16 * 1024;

/// The two halves of a stream.
///
/// Reading grants the peer as much again as was read. A write waits until the peer has granted room and the stream
/// has less than its send buffer waiting; a flush does not wait for those bytes, as little as that of a TCP stream
/// waits for the kernel's. Shutting down sends END_STREAM. Dropping ends the stream in the same way where the peer has
/// ended it already, and resets it with CANCEL elsewhere (RFC 8441 §5).
pub(crate) struct Http2Io {
    intake: Arc<Intake>,
    outlet: SendStream<Bytes>,
    is_shut_down: bool,
    _seat: Option<Seat>,
}

impl Http2Io {
    pub(super) fn new(
        incoming: RecvStream,
        outgoing: SendStream<Bytes>,
        backlog: Arc<Backlog>,
        seat: Option<Seat>,
    ) -> Self {
        let intake = Intake::new(incoming, backlog);
        Self { intake, outlet: outgoing, is_shut_down: false, _seat: seat }
    }

    /// The stream of a request whose body was read, or is not wanted any more.
    #[cfg(feature = "sessions")]
    pub(super) fn answering(intake: Arc<Intake>, outgoing: SendStream<Bytes>, seat: Seat) -> Self {
        Self { intake, outlet: outgoing, is_shut_down: false, _seat: Some(seat) }
    }

    /// Waits until the peer has reset the stream.
    #[cfg(feature = "sessions")]
    pub(super) async fn given_up(&mut self) {
        // Whatever it was, the stream is over.
        let _ = std::future::poll_fn(|cx| self.outlet.poll_reset(cx)).await;
    }

    /// Waits for room for at most `wanted` bytes, which is not 0.
    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Http2Error>> {
        if self.is_shut_down {
            return Poll::Ready(Err(Http2Error::Ended));
        }
        let wanted = wanted.min(FRAME_BYTES);
        self.outlet.reserve_capacity(wanted);
        loop {
            // Room that was granted before is not told again.
            match self.outlet.capacity() {
                0 => {}
                room => return Poll::Ready(Ok(room.min(wanted))),
            }
            match ready!(self.outlet.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Err(self.why_ended(cx))),
            }
        }
    }

    fn why_ended(&mut self, cx: &mut Context<'_>) -> Http2Error {
        match self.outlet.poll_reset(cx) {
            Poll::Ready(Ok(reason)) => Http2Error::Reset { code: reason.into() },
            Poll::Ready(Err(error)) => error.into(),
            Poll::Pending => Http2Error::Ended,
        }
    }

    fn send(&mut self, bytes: Bytes) -> io::Result<usize> {
        let length = bytes.len();
        self.outlet.send_data(bytes, false).map_err(Http2Error::from)?;
        Ok(length)
    }
}

impl AsyncRead for Http2Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.intake.poll_read(cx, buffer).map_err(io::Error::from)
    }
}

impl AsyncWrite for Http2Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = ready!(self.poll_room(cx, bytes.len()))?;
        Poll::Ready(self.send(Bytes::copy_from_slice(&bytes[..room])))
    }

    /// All slices that fit go into one DATA frame: a message's header and its payload.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        if wanted == 0 {
            return Poll::Ready(Ok(0));
        }
        let mut room = ready!(self.poll_room(cx, wanted))?;
        let mut frame = BytesMut::with_capacity(room);
        for slice in slices {
            let length = room.min(slice.len());
            frame.extend_from_slice(&slice[..length]);
            room -= length;
        }
        Poll::Ready(self.send(frame.freeze()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut_down {
            self.is_shut_down = true;
            self.outlet.send_data(Bytes::new(), true).map_err(Http2Error::from)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Http2Io {
    fn drop(&mut self) {
        let peer_has_ended = self.intake.leave();
        if self.is_shut_down {
            // A server that waits no longer for the client's end resets with NO_ERROR, which h2 does by itself.
        } else if peer_has_ended {
            // An error means that the stream is gone, which is what is wanted.
            let _ = self.outlet.send_data(Bytes::new(), true);
        } else {
            self.outlet.send_reset(Reason::CANCEL);
        }
    }
}
