//! A request over HTTP/2 that is no WebSocket: a body in, a body out.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::h2::server::SendResponse;
use bytes::Bytes;
use http::Response;
use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::io::{AsyncWriteExt, ReadBuf};

use super::backlog::Intake;
use super::error::Http2Error;
use super::io::Http2Io;
use super::seats::Seat;

/// The body of a request. What is read of it makes room for more.
pub(crate) struct RequestBody {
    intake: Arc<Intake>,
}

/// A request whose body was taken, and that waits for its answer.
pub(crate) struct Exchange {
    pub(super) respond: SendResponse<Bytes>,
    pub(super) intake: Arc<Intake>,
    pub(super) is_head: bool,
    pub(super) seat: Seat,
}

/// How much of a body is read at a time.
const READ_BYTES: usize = 16 * 1024;

impl RequestBody {
    pub(super) fn new(intake: Arc<Intake>) -> Self {
        Self { intake }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Http2Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Http2Error>>> {
        let mut bytes = vec![0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        if let Err(error) = ready!(self.intake.poll_read(cx, &mut buffer)) {
            return Poll::Ready(Some(Err(error)));
        }
        let length = buffer.filled().len();
        bytes.truncate(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(bytes.into()))))
    }
}

impl Exchange {
    /// Waits until the client wants no answer any more.
    pub(crate) async fn given_up(&mut self) {
        // Whatever it was, the stream is over.
        let _ = poll_fn(|cx| self.respond.poll_reset(cx)).await;
    }

    /// Answers, with a body that is asked for more only when the client has granted room for it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future resets the stream.
    pub(crate) async fn answer<B>(mut self, response: Response<B>)
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (mut head, mut body) = response.into_parts();
        for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING] {
            // HTTP/2 has no such headers (RFC 9113 §8.2.2).
            head.headers.remove(name);
        }
        let has_no_body = self.is_head || body.is_end_stream();
        let head = Response::from_parts(head, ());
        // Where the client has reset the stream already, nobody is left to tell.
        let Ok(outgoing) = self.respond.send_response(head, has_no_body) else { return };
        if has_no_body {
            self.intake.leave();
            return;
        }
        let mut io = Http2Io::answering(self.intake, outgoing, self.seat);
        loop {
            let piece = tokio::select! {
                piece = body.frame() => piece,
                () = io.given_up() => return,
            };
            let written = match piece {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => io.write_all(&data).await,
                    Err(_) => Ok(()),
                },
                Some(Err(_)) => return,
                None => {
                    // The client has all of it, or is gone.
                    let _ = io.shutdown().await;
                    return;
                }
            };
            if written.is_err() {
                return;
            }
        }
    }
}
