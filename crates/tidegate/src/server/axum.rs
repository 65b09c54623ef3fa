//! An axum extractor: `tidegate::axum::Upgrade`.
//!
//! ```
//! use axum::{Router, response::IntoResponse, routing::any};
//! use tidegate::{Opened, axum::Upgrade};
//!
//! async fn echo(upgrade: Upgrade) -> impl IntoResponse {
//!     upgrade
//!         .on_upgrade(|socket| async move {
//!             let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
//!             let _ = readable.pipe_to(writable).await;
//!         })
//!         .await
//! }
//! // `any`, since over HTTP/2 a WebSocket opens with CONNECT.
//! let routes: Router = Router::new().route("/echo", any(echo));
//! ```

#[cfg(feature = "sessions")]
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::LazyLock;

use axum_core::body::Body;
#[cfg(feature = "sessions")]
use axum_core::extract::FromRequest;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::upgrade::OnUpgrade;
use tidegate_proto::websocket::Config;
use tidegate_proto::websocket::handshake::Refusal;

use super::acceptor::Acceptor;
use super::origin::OriginPolicy;
#[cfg(feature = "sessions")]
use crate::connection::Connection;
use crate::websocket::WebSocketStream;

/// A request that may open a WebSocket, as an argument of an axum handler.
///
/// It is judged by an [`Acceptor`]: the one given to [`acceptor`](Self::acceptor), or else the one in the extensions
/// of the request (`Router::layer(Extension(acceptor))`), or else one with every default for the whole process. So
/// the origin must be the host's own unless something else is said, and there are at most as many connections as
/// the acceptor's limits. Share one acceptor between requests: the limits count what one acceptor and its clones
/// have opened. The limit per address needs [`Acceptor::peer_ip`], here by axum's `ConnectInfo`.
///
/// It works over HTTP/1.1, and over HTTP/2 where the server allows extended CONNECT, as `axum::serve` does with the
/// feature `http2` of axum; see
/// [`Acceptor::upgrade`].
#[must_use = "the WebSocket opens with the response of `on_upgrade`"]
pub struct Upgrade {
    acceptor: Acceptor,
    request: Request<()>,
    pending: OnUpgrade,
}

/// Why a request does not open a WebSocket; its response is the [`Refusal`]'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection(pub Refusal);

/// One for the whole process, so that its limits mean something.
static DEFAULT: LazyLock<Acceptor> = LazyLock::new(Acceptor::new);

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let pending = parts.extensions.remove::<OnUpgrade>();
        let mut request = Request::from_parts(parts.clone(), ());
        super::hyper::translate(&mut request);
        // The request line and the headers are looked at now, so that a handler runs for no other request.
        tidegate_proto::websocket::handshake::receive(&request).map_err(Rejection)?;
        let Some(pending) = pending else {
            // Only a server or middleware that keeps the upgrade to itself comes here.
            let reason = "this connection cannot be upgraded";
            return Err(Rejection(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, reason)));
        };
        let acceptor = parts.extensions.get::<Acceptor>().unwrap_or(&DEFAULT).clone();
        Ok(Self { acceptor, request, pending })
    }
}

impl Upgrade {
    /// Judges the request by this acceptor, which replaces what was set before.
    pub fn acceptor(mut self, acceptor: &Acceptor) -> Self {
        self.acceptor = acceptor.clone();
        self
    }

    /// The subprotocols that are spoken here, as [`Acceptor::protocols`].
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.acceptor = self.acceptor.protocols(protocols);
        self
    }

    /// The limits of the connection, as [`Acceptor::config`].
    pub fn config(mut self, config: Config) -> Self {
        self.acceptor = self.acceptor.config(config);
        self
    }

    /// Which pages may connect, as [`Acceptor::origins`].
    pub fn origins(mut self, origins: OriginPolicy) -> Self {
        self.acceptor = self.acceptor.origins(origins);
        self
    }

    /// The request, without its body.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Judges the request, and makes the response: the one that opens the WebSocket, for which `handler` then runs in
    /// a task of its own, or a refusal.
    ///
    /// Dropping the future opens nothing.
    pub async fn on_upgrade<F>(self, handler: impl FnOnce(WebSocketStream) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self.acceptor.upgrade_head(self.request, self.pending).await {
            Ok((response, upgrading)) => {
                tokio::spawn(upgrading.handle(handler));
                response.map(|()| Body::empty())
            }
            Err(refusal) => Rejection(refusal).into_response(),
        }
    }
}

/// A request of a [`Connection`], whatever carries it, as an argument of an axum handler on the connection's URL.
///
/// It is judged as [`Upgrade`] is. The route must take every method: `any(chat)`.
///
/// ```
/// use axum::{Router, response::IntoResponse, routing::any};
/// use tidegate::{Opened, axum::ConnectionRequest};
///
/// async fn echo(request: ConnectionRequest) -> impl IntoResponse {
///     request
///         .on_connection(|connection| async move {
///             let Ok(Opened { readable, writable, .. }) = connection.opened().await else { return };
///             let _ = readable.pipe_to(writable).await;
///         })
///         .await
/// }
/// let routes: Router = Router::new().route("/echo", any(echo));
/// ```
#[cfg(feature = "sessions")]
#[must_use = "the request is answered by the response of `on_connection`"]
pub struct ConnectionRequest {
    acceptor: Acceptor,
    request: axum_core::extract::Request,
}

#[cfg(feature = "sessions")]
impl<S: Sync> FromRequest<S> for ConnectionRequest {
    type Rejection = Infallible;

    async fn from_request(request: axum_core::extract::Request, _: &S) -> Result<Self, Infallible> {
        let acceptor = request.extensions().get::<Acceptor>().unwrap_or(&DEFAULT).clone();
        Ok(Self { acceptor, request })
    }
}

#[cfg(feature = "sessions")]
impl ConnectionRequest {
    /// Judges the request by this acceptor. All requests of a connection must come to the same one, or to its clones.
    pub fn acceptor(mut self, acceptor: &Acceptor) -> Self {
        self.acceptor = acceptor.clone();
        self
    }

    /// Answers the request, and runs `handler`, in a task of its own, when that opens a connection.
    ///
    /// Dropping the future answers nothing.
    pub async fn on_connection<F>(
        self,
        handler: impl Fn(Connection) -> F + Clone + Send + Sync + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.acceptor.respond(self.request, &handler).await.map(Body::new)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.into_response().map(Body::from)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Rejection {}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("request", &self.request).finish_non_exhaustive()
    }
}
