//! The server's end of the opening handshake, with its policy.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};
use tidegate_proto::credit;
use tidegate_proto::websocket::handshake::{Offer, Refusal};
use tidegate_proto::websocket::{Config, Side};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::connections::Connections;
use super::judged::Judged;
use super::origin::OriginPolicy;
use super::policy::Admission;
use super::settings::Settings;
use crate::http::tls::{ServerTls, TlsError};
use crate::http::{Asked, HeadError, HeadLimits, Http2, Http2Error};
use crate::websocket::observe::{self, Peer, Scope};
use crate::websocket::{Budget, Deadlines, WebSocketStream};

/// Accepts WebSocketStreams by one policy. Cheap to clone.
#[derive(Clone, Default)]
pub struct Acceptor {
    pub(super) settings: Arc<Settings>,
}

/// Why a client was not accepted. Where there was anybody to tell, the client has been told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A connection over HTTP/2 did not end in order.
    #[error(transparent)]
    Http2(#[from] Http2Error),
    /// The request could not be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The request does not open a WebSocket, or the policy is against it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The opening handshake took longer than its timeout.
    #[error("the opening handshake took longer than {0:?}")]
    HandshakeTimedOut(Duration),
    /// The stream failed.
    #[error("connection lost during the opening handshake: {0}")]
    Io(#[from] std::io::Error),
}

impl AcceptError {
    /// Tells of a request that never came to be judged; refusals are told of where they are made.
    pub(super) fn observe(&self, peer: Option<SocketAddr>) {
        let kind = match self {
            Self::Refused(_) => return,
            Self::Tls(_) => "tls",
            Self::Http2(_) => "http2",
            Self::Head(_) => "head",
            Self::HandshakeTimedOut(_) => "handshake_timed_out",
            Self::Io(_) => "lost",
        };
        observe::unopened(Side::Server, &Peer::new("", peer), kind, self);
    }
}

impl Acceptor {
    /// The default policy: same origin, no subprotocol, compression, every limit at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// The limits of each connection, and its compression.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        self.with(|settings| settings.config = Arc::new(config))
    }

    /// How far a client may send ahead by credit (`tidegate.v1`), or `None` to refuse credits; on by default. A client
    /// that does not offer them gets a plain WebSocket. A message is at most as long as this and `config` allow.
    #[must_use]
    pub fn credits(self, credits: impl Into<Option<credit::Config>>) -> Self {
        self.with(|settings| settings.credits = credits.into())
    }

    /// How long sessions are kept, and how much of each (docs/sessions.md), or `None` to have none; on by default. They
    /// need [`credits`](Self::credits).
    #[cfg(feature = "sessions")]
    #[must_use]
    pub fn sessions(self, sessions: impl Into<Option<tidegate_proto::session::Config>>) -> Self {
        self.with(|settings| settings.session = sessions.into())
    }

    /// The subprotocols that are spoken here. The first that the client offers of these is selected.
    #[must_use]
    pub fn protocols(self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|settings| settings.policy.protocols = protocols.into_iter().map(Into::into).collect())
    }

    /// Which pages may connect; those of the same origin by default. Others get 403.
    #[must_use]
    pub fn origins(self, origins: OriginPolicy) -> Self {
        self.with(|settings| settings.origins = origins)
    }

    /// Selects the protocol of each connection among those that the client offers, in place of
    /// [`protocols`](Self::protocols); one that was not offered makes the answer a 500.
    #[must_use]
    pub fn select_protocol(
        self,
        select: impl Fn(&Request<()>, &Offer) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.with(|settings| settings.policy.select_protocol = Some(Arc::new(select)))
    }

    /// A word on each request, after the origin was judged: a [`Refusal`] is sent as it is.
    #[must_use]
    pub fn authorize(
        self,
        authorize: impl Fn(&Request<()>, &Offer) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.with(|settings| settings.policy.authorize = Some(Arc::new(authorize)))
    }

    /// The last word on each request, for a judgement that has to wait, say for a database: a [`Refusal`] is sent as
    /// it is, an [`Admission`] adds headers to the 101 and may select the protocol.
    ///
    /// It may take what is left of the [`handshake_timeout`](Self::handshake_timeout), then the client gets 503. The
    /// request holds one of the [`max_connections`](Self::max_connections) meanwhile.
    ///
    /// ```
    /// use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
    /// use tidegate::{Acceptor, Admission, Refusal};
    ///
    /// let acceptor = Acceptor::new().authorize_async(|request, _offer| {
    ///     Box::pin(async move {
    ///         match request.headers().get(AUTHORIZATION) {
    ///             Some(token) if is_known(token).await => Ok(Admission::new()),
    ///             _ => Err(Refusal::new(http::StatusCode::UNAUTHORIZED, "who are you?")
    ///                 .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
    ///         }
    ///     })
    /// });
    /// # async fn is_known(_: &HeaderValue) -> bool { true }
    /// ```
    #[must_use]
    pub fn authorize_async(
        self,
        authorize: impl for<'a> Fn(&'a Request<()>, &'a Offer) -> BoxFuture<'a, Result<Admission, Refusal>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.with(|settings| settings.policy.authorize_async = Some(Arc::new(authorize)))
    }

    /// Speaks TLS before anything else: `wss`.
    #[must_use]
    pub fn tls(self, tls: ServerTls) -> Self {
        self.with(|settings| settings.tls = Some(tls))
    }

    /// Takes WebSockets over HTTP/2 too, in [`serve`](Self::serve) and
    /// [`serve_connection`](Self::serve_connection) (RFC 8441): with TLS by ALPN, without TLS from clients that begin
    /// with it. Off by default: a browser shares one connection for a page's sockets and its fetches, and a few
    /// sockets that the page does not read make all of them wait.
    ///
    /// The request of such a socket has the method CONNECT and the version HTTP/2; its path and its `Host` are where
    /// HTTP/1.1 has them. Other requests get 405. Each connection over HTTP/2 counts as one of the
    /// [`max_connections`](Self::max_connections), and each socket on it as another one.
    #[must_use]
    pub fn http2(self, http2: Http2) -> Self {
        self.with(|settings| settings.http2 = Some(http2))
    }

    /// How large the header section of a request may be; 16 KiB and 100 headers by default. Beyond: 431.
    #[must_use]
    pub fn head_limits(self, limits: HeadLimits) -> Self {
        self.with(|settings| settings.head_limits = limits)
    }

    /// How long TLS and the opening handshake may take together; 10 s by default. A client whose request has begun by
    /// then gets 408, another one no answer.
    #[must_use]
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.handshake_timeout = timeout)
    }

    /// How many bytes may wait to be sent before a write waits; 64 KiB by default. One message of any size may go
    /// beyond it.
    #[must_use]
    pub fn high_water_mark(self, bytes: usize) -> Self {
        self.with(|settings| settings.tuning.high_water_mark = bytes.max(1))
    }

    /// How long silence may last once a connection is open; see [`Deadlines`] for the defaults.
    #[must_use]
    pub fn deadlines(self, deadlines: Deadlines) -> Self {
        self.with(|settings| settings.tuning.deadlines = Arc::new(deadlines))
    }

    /// What the connections may hold together, in place of [`Budget::process`].
    #[must_use]
    pub fn budget(self, budget: &Budget) -> Self {
        self.with(|settings| settings.tuning.budget = budget.clone())
    }

    /// How many connections there may be at a time; 16,384 by default. A client beyond is refused with 503 and a
    /// `Retry-After`. Over HTTP/2 a whole connection beyond gets the same answer to its first request, then a GOAWAY.
    #[must_use]
    pub fn max_connections(self, connections: usize) -> Self {
        self.with(|settings| settings.limits.total = connections.max(1))
    }

    /// How many of them one address may have; 4,096 by default, so that a single host cannot take them all, and a
    /// reverse proxy, which is one address for all its clients, need not be told of until there are many. Beyond:
    /// 429 and a `Retry-After`.
    ///
    /// An IPv6 address counts by its first 64 bits. Without a known address, as in [`accept`](Self::accept), this
    /// does not hold; see [`PeerAddress`](crate::PeerAddress) and [`peer_ip`](Self::peer_ip).
    #[must_use]
    pub fn max_connections_per_ip(self, connections: usize) -> Self {
        self.with(|settings| settings.limits.per_ip = connections.max(1))
    }

    /// How to tell which address a request counts for, where that is not its [`PeerAddress`](crate::PeerAddress):
    /// behind a reverse proxy, say, from a header that the proxy sets and nobody else can.
    #[must_use]
    pub fn peer_ip(self, find: impl Fn(&Request<()>) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.policy.find_ip = Some(Arc::new(find)))
    }

    /// How many opening handshakes [`serve`](Self::serve) has under way at a time, refusals included; 1,024 by
    /// default. Each takes at most [`handshake_timeout`](Self::handshake_timeout), and 2 s more to tell a client that it
    /// is refused; and up to the [`head_limits`](Self::head_limits) in memory. Further clients wait in the listener's
    /// queue.
    #[must_use]
    pub fn max_handshakes(self, handshakes: usize) -> Self {
        self.with(|settings| settings.max_handshakes = handshakes.max(1))
    }

    /// Counts among these connections, which other acceptors may share; else each acceptor has its own, and its
    /// clones share it.
    #[must_use]
    pub fn connections(self, connections: Connections) -> Self {
        self.with(|settings| settings.connections = connections)
    }

    /// How long [`serve_until`](Self::serve_until) waits, after its signal, for connections and handlers to end;
    /// 10 s by default.
    #[must_use]
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.drain_timeout = timeout)
    }

    /// Reads an HTTP/1.1 request from `io` and answers it. The connection is open when this returns.
    ///
    /// On a TCP stream, call [`tune`](crate::tune) before. Dropping the future closes `io`.
    ///
    /// # Errors
    ///
    /// A request that opens no WebSocket or breaks the policy: the client has been sent the response that says why.
    pub async fn accept(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<WebSocketStream, AcceptError> {
        self.accept_from(io, None).await
    }

    /// As [`accept`](Self::accept), from a client at this address, which the hooks then see as
    /// [`PeerAddress`](crate::PeerAddress).
    ///
    /// Dropping the future closes `io`.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_from(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: impl Into<Option<SocketAddr>>,
    ) -> Result<WebSocketStream, AcceptError> {
        let (socket, driver) = self.accept_undriven(io, peer.into()).await?;
        tokio::spawn(driver);
        Ok(socket)
    }

    /// Judges a request that an HTTP server of one's own has read: the response to send, and what to
    /// [`start`](Accepted::start) on the connection behind it.
    ///
    /// May be dropped at any await: the place that the request took is free again.
    ///
    /// # Errors
    ///
    /// The refusal to send instead, by [`Refusal::into_response`].
    pub async fn answer<B>(&self, request: Request<B>) -> Result<(Response<()>, Accepted), Refusal> {
        let request = request.map(drop);
        let (response, judged) = self.judge(&request, self.settings.deadline()).await?;
        Ok((response, Accepted { judged, request }))
    }

    /// Judges a request, by the deadline.
    pub(super) async fn judge(
        &self,
        request: &Request<()>,
        deadline: Instant,
    ) -> Result<(Response<()>, Judged), Refusal> {
        let judged = Judged::weigh(&self.settings, request, deadline).await;
        judged.inspect_err(|refusal| observe::refused(refusal.status(), refusal))
    }
}

/// A request that was accepted, and waits for the byte stream behind its response. It holds a place among the
/// connections, which is free again when this is dropped or the connection has ended.
pub struct Accepted {
    pub(super) judged: Judged,
    pub(super) request: Request<()>,
}

impl Accepted {
    /// Opens the connection on `io`, once the response has been sent. `already_read` are bytes that came behind
    /// the request. Must be called on a tokio runtime.
    pub fn start(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        already_read: impl Into<Bytes>,
    ) -> WebSocketStream {
        self.start_scoped(io, already_read).0
    }

    /// As [`start`](Self::start), and tells what a handler runs in.
    pub(super) fn start_scoped(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        already_read: impl Into<Bytes>,
    ) -> (WebSocketStream, Scope) {
        let (socket, driver) = self.judged.start(io, already_read.into(), Asked::request_of(self.request));
        let scope = driver.scope();
        tokio::spawn(driver);
        (socket, scope)
    }
}
