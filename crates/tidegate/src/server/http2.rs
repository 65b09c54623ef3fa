//! HTTP/2 beside HTTP/1.1, on the same port (RFC 8441).

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, StatusCode};
use tidegate_proto::websocket::handshake::Refusal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::acceptor::{AcceptError, Acceptor};
use super::connections::Slot;
use crate::http::h2::{self, Http2, Responder};
use crate::http::tls::Alpn;
use crate::http::{Io, PeerAddress, Rejoined};
use crate::websocket::{Driver, WebSocketStream, observe};

/// A client that has begun to speak.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives for a moment; with tracing or metrics the driver is large"
)]
pub(super) enum Begun {
    /// HTTP/1.1: its WebSocket is open, and its driver has to run.
    Http1(WebSocketStream, Driver),
    Http2(Box<Http2Connection>),
}

/// A connection over HTTP/2 that has said nothing but so.
pub(super) struct Http2Connection {
    pub(super) io: Rejoined<Box<dyn Io>>,
    pub(super) http2: Http2,
    pub(super) peer: Option<SocketAddr>,
    /// Until when the client must have sent its settings.
    pub(super) deadline: Instant,
    pub(super) _slot: Slot,
}

impl Acceptor {
    /// Serves one byte stream, over HTTP/2 where [`http2`](Self::http2) is set and the client speaks it, else over
    /// HTTP/1.1, and runs `handler` for each WebSocket on it. `peer` is the address of the client where it is known,
    /// which the hooks then see as [`PeerAddress`].
    ///
    /// Returns when the HTTP/2 connection has ended, or the handler of the one WebSocket of HTTP/1.1. On a TCP stream,
    /// call [`tune`](crate::tune) before.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and when a connection over HTTP/2 did not end in order. What a single stream
    /// of it was refused for is told to the client alone.
    ///
    /// # Cancellation
    ///
    /// Dropping the future breaks the WebSockets over HTTP/2 off; their handlers run on, and see that. Over HTTP/1.1
    /// it closes `io` before the WebSocket is open, and drops the handler after that.
    pub async fn serve_connection<H, F>(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: impl Into<Option<SocketAddr>>,
        handler: H,
    ) -> Result<(), AcceptError>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        match self.begin(io, peer.into()).await? {
            Begun::Http1(socket, driver) => {
                let scope = driver.scope();
                tokio::spawn(driver);
                scope.call(|| handler(socket)).await;
                Ok(())
            }
            Begun::Http2(connection) => {
                self.serve_http2(*connection, Arc::new(handler), &TaskTracker::new()).await
            }
        }
    }

    /// Makes the TLS handshake, finds out which HTTP is spoken (over TLS by ALPN, else by the first bytes), and for
    /// HTTP/1.1 makes the opening handshake too.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes `io`.
    pub(super) async fn begin(&self, io: impl Io, peer: Option<SocketAddr>) -> Result<Begun, AcceptError> {
        let settings = &self.settings;
        let Some(http2) = settings.http2 else {
            let (socket, driver) = self.accept_undriven(io, peer).await?;
            return Ok(Begun::Http1(socket, driver));
        };
        let deadline = Instant::now() + settings.handshake_timeout;
        let looking = timeout_at(deadline, self.look(io)).await;
        let timed_out = |_| AcceptError::HandshakeTimedOut(settings.handshake_timeout);
        let looked = looking.map_err(timed_out).flatten();
        let (io, is_http2) = looked.inspect_err(|error| error.observe(peer))?;
        if !is_http2 {
            let (socket, driver) = self.accept_secured(io, peer, deadline).await?;
            return Ok(Begun::Http1(socket, driver));
        }
        let begun = self.begin_http2(io, http2, peer, deadline).await?;
        Ok(Begun::Http2(begun))
    }

    /// Gives a connection over HTTP/2 its place.
    pub(super) async fn begin_http2(
        &self,
        io: Rejoined<Box<dyn Io>>,
        http2: Http2,
        peer: Option<SocketAddr>,
        deadline: Instant,
    ) -> Result<Box<Http2Connection>, AcceptError> {
        let settings = &self.settings;
        match settings.connections.enter(settings.limits, peer.map(|peer| peer.ip())) {
            Ok(slot) => Ok(Box::new(Http2Connection { io, http2, peer, deadline, _slot: slot })),
            Err(refusal) => {
                observe::refused(refusal.status(), &refusal);
                self.refuse_connection(io, &http2, deadline, &refusal).await;
                Err(AcceptError::Refused(refusal))
            }
        }
    }

    /// Tells a client that there is no place for why, by the answer to its first request, and sends it away with a
    /// GOAWAY. A client that asks nothing by the deadline is dropped.
    async fn refuse_connection(&self, io: impl Io, http2: &Http2, deadline: Instant, refusal: &Refusal) {
        let answered = CancellationToken::new();
        let on_request = |_, responder: Responder| {
            let (response, guard) = (refusal.clone().into_response(), answered.clone().drop_guard());
            tokio::spawn(async move {
                responder.refuse(response).await;
                drop(guard);
            });
        };
        let http2 = http2.max_streams(1);
        let header_bytes = self.settings.head_limits.byte_limit();
        let left = deadline.saturating_duration_since(Instant::now());
        let serving = h2::serve(io, &http2, header_bytes, left, answered.cancelled(), on_request);
        // The client is refused, whether it hears why or not.
        let _ = timeout_at(deadline, serving).await;
    }

    pub(super) async fn look(&self, io: impl Io) -> Result<(Rejoined<Box<dyn Io>>, bool), AcceptError> {
        let (io, is_http2) = self.secure(io, Alpn::Http2).await?;
        if self.settings.tls.is_some() {
            Ok((Rejoined::new(Bytes::new(), io), is_http2))
        } else {
            Ok(h2::is_http2(io).await?)
        }
    }

    /// Runs the handler for each WebSocket of a connection over HTTP/2, each in one of the `tasks`.
    pub(super) async fn serve_http2<H, F>(
        &self,
        connection: Http2Connection,
        handler: Arc<H>,
        tasks: &TaskTracker,
    ) -> Result<(), AcceptError>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Http2Connection { io, http2, peer, deadline, _slot } = connection;
        let header_bytes = self.settings.head_limits.byte_limit();
        let left = deadline.saturating_duration_since(Instant::now());
        let on_request = |mut request: Request<()>, responder| {
            if let Some(peer) = peer {
                request.extensions_mut().insert(PeerAddress(peer));
            }
            let (acceptor, handler) = (self.clone(), handler.clone());
            tasks.spawn(async move { acceptor.serve_stream(request, responder, &*handler).await });
        };
        let gone = self.settings.connections.gone(Duration::ZERO);
        Ok(h2::serve(io, &http2, header_bytes, left, gone, on_request).await?)
    }

    /// Answers one request over HTTP/2, and runs the handler where that opens a WebSocket.
    async fn serve_stream<H, F>(&self, request: Request<()>, responder: Responder, handler: &H)
    where
        H: Fn(WebSocketStream) -> F,
        F: Future<Output = ()>,
    {
        if request.method() != Method::CONNECT {
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, NOT_A_PAGE);
            let mut response = refusal.into_response();
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("CONNECT"));
            return responder.refuse(response).await;
        }
        let too_many = request.headers().len() > self.settings.head_limits.header_limit();
        let answer = if too_many {
            Err(Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers"))
        } else {
            self.answer(request).await
        };
        match answer {
            Ok((response, accepted)) => {
                // Where the client has reset the stream already, nobody is left to tell.
                if let Ok((io, _seat)) = responder.accept(response) {
                    let (socket, scope) = accepted.start_scoped(io, bytes::Bytes::new());
                    let shared = socket.shared().cloned();
                    scope.call(|| handler(socket)).await;
                    // The seat is taken until the stream is over, which may be after the handler.
                    if let Some(shared) = shared {
                        let _ = shared.ended().await;
                    }
                }
            }
            Err(refusal) => responder.refuse(refusal.into_response()).await,
        }
    }
}

const NOT_A_PAGE: &str = "this is a WebSocket: over HTTP/2 it opens with an extended CONNECT (RFC 8441 §4)";
