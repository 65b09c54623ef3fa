//! Serving connections from a listener, whatever carries them.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::acceptor::{AcceptError, Acceptor};
use super::connections::{Drained, Slot};
use super::http2::Http2Connection;
use super::refuse::{refuse, response_to};
use super::respond::opens_websocket;
use super::serve::{LAST_HANDSHAKES, next_client};
use crate::connection::Connection;
use crate::http::h1::{self, FirstHead, HeadReader};
use crate::http::tls::Alpn;
use crate::http::{Asked, Io, PeerAddress, Rejoined, tune};
use crate::websocket::write_all;

/// How long an HTTP connection may rest between two requests: longer than browsers and proxies mostly keep one.
const REST: Duration = Duration::from_secs(75);

/// How much of an answer may wait beside the session that it is taken from.
const RESPONSE_BYTES: usize = 16 * 1024;

/// Accepts [`Connection`]s from a listener, whatever carries them, with the default policy, and runs `handler` for each
/// in a task of its own. [`Acceptor::serve_any`] takes settings. Dropping the future stops accepting; connections go on.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
/// tidegate::serve(listener, |connection| async move {
///     let Ok(tidegate::Opened { readable, writable, .. }) = connection.opened().await else { return };
///     let _ = readable.pipe_to(writable).await; // an echo, with backpressure
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// As [`Acceptor::serve_any`].
pub async fn serve<H, F>(listener: TcpListener, handler: H) -> io::Result<()>
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Acceptor::default().serve_any(listener, handler).await
}

/// What a TCP connection has begun with, where that did not see to everything.
enum Begun {
    /// A request that opens no WebSocket, which is to be read again.
    Http1(Rejoined<Box<dyn Io>>, Slot),
    Http2(Box<Http2Connection>),
}

impl Acceptor {
    /// Accepts [`Connection`]s from a listener, whatever carries them, and runs `handler` for each in a task of its own,
    /// once it is open. Every path is a connection's URL. A plain WebSocket is served as by [`serve`](Self::serve), at
    /// no other cost.
    ///
    /// At most [`max_handshakes`](Self::max_handshakes) and [`max_connections`](Self::max_connections) are there at
    /// a time: an HTTP connection that carries other requests counts as one, and so does each session. Dropping the
    /// future stops accepting; connections go on. [`serve_any_until`](Self::serve_any_until) ends them in order.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_any<H, F>(&self, listener: TcpListener, handler: H) -> io::Result<()>
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Err(self.accept_any(&listener, shared(handler), &TaskTracker::new()).await)
    }

    /// As [`serve_any`](Self::serve_any), until `signal` is ready; then as [`serve_until`](Self::serve_until).
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve), before the signal; connections go on then.
    ///
    /// # Cancellation
    ///
    /// As [`serve_until`](Self::serve_until): dropping the future stops accepting, and the draining.
    pub async fn serve_any_until<H, F>(
        &self,
        listener: TcpListener,
        handler: H,
        signal: impl Future<Output = ()>,
    ) -> io::Result<Drained>
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = TaskTracker::new();
        tokio::select! {
            biased;
            () = signal => {}
            error = self.accept_any(&listener, shared(handler), &tasks) => return Err(error),
        }
        // Whoever comes from now on is turned away by the system, and may try another server.
        drop(listener);
        Ok(self.drain(&tasks).await)
    }

    async fn accept_any<H, F>(&self, listener: &TcpListener, handler: H, tasks: &TaskTracker) -> io::Error
    where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let handshakes = self.handshakes();
        loop {
            let (stream, peer, handshake) = match next_client(listener, &handshakes).await {
                Ok(client) => client,
                Err(error) => return error,
            };
            let (acceptor, handler, tasks) = (self.clone(), handler.clone(), tasks.clone());
            tokio::spawn(async move { acceptor.attend(stream, peer, &handler, &tasks, handshake).await });
        }
    }

    /// Serves one TCP connection up to its end, or until its WebSocket is open.
    async fn attend<H, F>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        handler: &H,
        tasks: &TaskTracker,
        handshake: OwnedSemaphorePermit,
    ) where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        // Without these options the connection still works.
        let _ = tune(&stream);
        let limit = self.settings.handshake_timeout;
        let beginning = timeout_at(Instant::now() + limit, self.begin_any(stream, peer, handler, tasks));
        let begun = tokio::select! {
            biased;
            () = self.settings.connections.gone(LAST_HANDSHAKES) => return,
            begun = beginning => begun.unwrap_or(Err(AcceptError::HandshakeTimedOut(limit))),
        };
        drop(handshake);
        let begun = match begun {
            Ok(Some(begun)) => begun,
            Ok(None) => return,
            Err(error) => return error.observe(Some(peer)),
        };
        // In a task of its own, since that of the beginning is many times as large.
        let (acceptor, handler, tasks) = (self.clone(), handler.clone(), tasks.clone());
        tokio::spawn(async move {
            match begun {
                Begun::Http1(io, slot) => acceptor.serve_http1(io, peer, &handler, &tasks, slot).await,
                Begun::Http2(connection) => {
                    // The client has been told, as far as there was anybody to tell. Boxed, since it is larger.
                    let _ = Box::pin(acceptor.serve_any_http2(*connection, &handler, &tasks)).await;
                }
            }
        });
    }

    /// Reads the first request. One that opens a WebSocket is answered here; any other is to be read again.
    async fn begin_any<H, F>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        handler: &H,
        tasks: &TaskTracker,
    ) -> Result<Option<Begun>, AcceptError>
    where
        H: Fn(Connection) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut io = match self.settings.http2 {
            None => self.secure(stream, Alpn::Http1).await?.0,
            Some(http2) => {
                let deadline = Instant::now() + self.settings.handshake_timeout;
                let (io, is_http2) = self.look(stream).await?;
                if is_http2 {
                    let begun = self.begin_http2(io, http2, Some(peer), deadline).await?;
                    return Ok(Some(Begun::Http2(begun)));
                }
                Box::new(io)
            }
        };
        let FirstHead { request, head, rest } =
            match HeadReader::new(&mut io, self.settings.head_limits).first_head().await {
                Ok(first) => first,
                Err(error) => {
                    if let Some(response) = response_to(&error) {
                        refuse(&mut io, response).await;
                    }
                    return Err(error.into());
                }
            };
        let peer = PeerAddress(peer);
        let Some(mut request) = request.filter(opens_websocket) else {
            let slot = self.settings.connections.enter(self.settings.limits, Some(peer.0.ip()));
            return match slot {
                Ok(slot) => Ok(Some(Begun::Http1(Rejoined::new([&head, &rest[..]].concat(), io), slot))),
                Err(refusal) => {
                    refuse(&mut io, refusal.clone().into_response()).await;
                    Err(AcceptError::Refused(refusal))
                }
            };
        };
        request.extensions_mut().insert(peer);
        match self.judge_websocket(&request).await {
            Ok((response, handover)) => {
                write_all(&mut io, &h1::encode_response(&response, b"")).await?;
                let asked = Asked::head(head, Some(peer));
                handover.start(self, io, Bytes::from(rest), asked, handler, tasks);
                Ok(None)
            }
            Err(refusal) => {
                refuse(&mut io, refusal.clone().into_response()).await;
                Err(AcceptError::Refused(refusal))
            }
        }
    }

    /// Serves requests until the client or the server goes away.
    async fn serve_http1<H, F>(
        &self,
        io: Rejoined<Box<dyn Io>>,
        peer: SocketAddr,
        handler: &H,
        tasks: &TaskTracker,
        slot: Slot,
    ) where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        // Boxed, so that a connection has room for one only while it answers.
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer));
            Box::pin(async move { Ok::<_, Infallible>(self.respond_among(request, handler, tasks).await) })
        });
        let buffer = self.settings.head_limits.byte_limit().max(RESPONSE_BYTES);
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REST)
            .max_buf_size(buffer)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut serving = pin!(serving);
        // How it ends is the client's affair.
        tokio::select! {
            _ = serving.as_mut() => {}
            () = self.departed() => {
                serving.as_mut().graceful_shutdown();
                let _ = serving.await;
            }
        }
        drop(slot);
    }
}

/// A handler that many tasks can have.
fn shared<H, F>(handler: H) -> impl Fn(Connection) -> F + Clone + Send + Sync + 'static
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
{
    let handler = Arc::new(handler);
    move |connection| handler(connection)
}
