//! WebSockets from a tower stack.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::header::UPGRADE;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::ext::Protocol;
use tidegate_proto::websocket::handshake::Refusal;
use tower_layer::Layer;
use tower_service::Service;

use super::acceptor::Acceptor;
#[cfg(feature = "sessions")]
use crate::connection::Connection;
use crate::websocket::WebSocketStream;

/// A service that opens WebSockets, and passes every other request on to an inner one.
///
/// The response's body is that of the inner service, or the refusal's text. Each handler runs in a task of its own,
/// so requests must be served on a tokio runtime, by hyper or what stands on it; see [`Acceptor::upgrade`] for what
/// the server must allow.
#[derive(Clone)]
pub struct WebSocketService<S, H> {
    acceptor: Acceptor,
    handler: H,
    inner: S,
}

/// Puts a [`WebSocketService`] before a service.
#[derive(Clone)]
pub struct WebSocketLayer<H> {
    acceptor: Acceptor,
    handler: H,
}

/// The inner service of [`Acceptor::into_service`]: tells every request that this is a WebSocket, with 426 and the
/// like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refuse;

impl Acceptor {
    /// A tower service that opens a WebSocket for each request, runs `handler` for it, and refuses requests that
    /// open none.
    pub fn into_service<H>(self, handler: H) -> WebSocketService<Refuse, H> {
        WebSocketService { acceptor: self, handler, inner: Refuse }
    }

    /// A tower layer: requests that open a WebSocket are judged here, and `handler` runs for each that is let in; all
    /// others go to the inner service. A request opens one if it is a GET with `Upgrade: websocket`, or an extended
    /// CONNECT for `websocket`.
    pub fn layer<H>(self, handler: H) -> WebSocketLayer<H> {
        WebSocketLayer { acceptor: self, handler }
    }
}

/// A tower service for [`Connection`]s, whatever carries them: it answers every request, by [`Acceptor::respond`], which
/// tells what the server must allow.
#[cfg(feature = "sessions")]
#[derive(Clone)]
pub struct ConnectionService<H> {
    acceptor: Acceptor,
    handler: H,
}

#[cfg(feature = "sessions")]
impl Acceptor {
    /// A tower service that answers every request of connections, and runs `handler` for each that opens; for the
    /// connections' one URL in a router.
    pub fn connection_service<H>(self, handler: H) -> ConnectionService<H> {
        ConnectionService { acceptor: self, handler }
    }
}

#[cfg(feature = "sessions")]
impl<H, F, B> Service<Request<B>> for ConnectionService<H>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    type Response = Response<crate::transport::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (acceptor, handler) = (self.acceptor.clone(), self.handler.clone());
        Box::pin(async move { Ok(acceptor.respond(request, &handler).await) })
    }
}

impl<S, H: Clone> Layer<S> for WebSocketLayer<H> {
    type Service = WebSocketService<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        WebSocketService { acceptor: self.acceptor.clone(), handler: self.handler.clone(), inner }
    }
}

impl<S, H, F, B, R> Service<Request<B>> for WebSocketService<S, H>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    H: Fn(WebSocketStream) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
    R: Body<Data = Bytes>,
{
    type Response = Response<Either<R, Full<Bytes>>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !opens_websocket(&request) {
            let response = self.inner.call(request);
            return Box::pin(async move { Ok(response.await?.map(Either::Left)) });
        }
        let pending = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let (acceptor, handler) = (self.acceptor.clone(), self.handler.clone());
        Box::pin(async move {
            let response = match acceptor.upgrade_head(head, pending).await {
                Ok((response, upgrading)) => {
                    tokio::spawn(upgrading.handle(handler));
                    response.map(|()| Full::default())
                }
                Err(refusal) => refusal.into_response().map(Full::from),
            };
            Ok(response.map(Either::Right))
        })
    }
}

impl<B> Service<Request<B>> for Refuse {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // What passes as an opening handshake does not come here, but for a method that none has.
        let refusal = tidegate_proto::websocket::handshake::receive(&request).err();
        let refusal = refusal.unwrap_or(Refusal::NotAnUpgrade);
        ready(Ok(refusal.into_response().map(Full::from)))
    }
}

fn opens_websocket<B>(request: &Request<B>) -> bool {
    if *request.method() == Method::CONNECT {
        let protocol = request.extensions().get::<Protocol>();
        return protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case("websocket"));
    }
    let lines = request.headers().get_all(UPGRADE).into_iter();
    let mut offered = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    *request.method() == Method::GET
        && offered.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}
