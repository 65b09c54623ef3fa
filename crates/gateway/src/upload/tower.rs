//! Uploads from a tower stack: whatever speaks `http` and `http-body`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::call::{Broken, Source};
use super::reception::{Content, Reception};
use super::store::{MAX_PUSH, StoreError};

/// A tower service that answers every request of uploads, and 404 to all else. It needs nothing of the gateway.
///
/// It goes under the paths of [`Reception::paths`] in a router that leaves them as they are (with axum `route_service`,
/// for the uploads' path and for `{id}` below it), by HTTP/1.1 and HTTP/2, on a tokio runtime. The server must hand over
/// bodies as they come, and must not limit their length or their time. hyper sends no interim responses, so clients of
/// the IETF draft are not told where their upload is before it has come: they have to create it empty first, and then
/// append.
#[derive(Clone)]
pub struct UploadService {
    reception: Reception,
}

/// The body of an answer.
pub struct UploadBody {
    content: Content,
    left: u64,
}

impl Reception {
    /// A tower service that answers what comes in here.
    #[must_use]
    pub fn into_service(self) -> UploadService {
        UploadService { reception: self }
    }
}

impl<B> Service<Request<B>> for UploadService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<UploadBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reception = self.reception.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let mut body = Pulled { body: Box::pin(body), rest: Bytes::new(), trailers: None };
            let response = reception.answer(&head, &mut body, None).await;
            Ok(response.map(UploadBody::new))
        })
    }
}

/// The body of a request.
struct Pulled<B> {
    body: Pin<Box<B>>,
    /// What is left of a frame that is too long for one piece.
    rest: Bytes,
    trailers: Option<HeaderMap>,
}

impl<B> Source for Pulled<B>
where
    B: Body + Send,
    B::Data: Send,
{
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        while self.rest.is_empty() {
            let frame = match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(_)) => return Poll::Ready(Err(Broken::Gone)),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(mut data) => self.rest = data.copy_to_bytes(data.remaining()),
                Err(frame) => self.trailers = frame.into_trailers().ok().or(self.trailers.take()),
            }
        }
        let length = self.rest.len().min(MAX_PUSH);
        Poll::Ready(Ok(Some(self.rest.split_to(length))))
    }

    fn length(&self) -> Option<u64> {
        self.body.size_hint().exact().map(|length| length + self.rest.len() as u64)
    }

    fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }
}

impl UploadBody {
    fn new(content: Content) -> Self {
        let left = match &content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { length, .. } => *length,
        };
        Self { content, left }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut self.content {
            Content::Bytes(bytes) => std::mem::take(bytes),
            Content::File { pieces, .. } => match ready!(pieces.poll_recv(cx)) {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(Some(Err(StoreError::Missing))),
            },
        };
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
