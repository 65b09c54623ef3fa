//! WebSockets from a hyper server of one's own.

use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, Version};
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tidegate_proto::websocket::handshake::{ConnectProtocol, Refusal};
use tokio::net::TcpStream;

use super::acceptor::{Accepted, Acceptor};
use crate::http::tune;
use crate::websocket::WebSocketStream;
use crate::websocket::observe::Scope;

/// A WebSocket that opens as soon as hyper has sent the response.
///
/// It holds a place among the connections, which is free again when this is dropped.
#[must_use = "the WebSocket opens when `open` is awaited"]
pub struct Upgrading {
    accepted: Accepted,
    pending: OnUpgrade,
}

/// The client went away before it had the response, or the server does not allow upgrades.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP connection was not handed over: {0}")]
pub struct UpgradeError(#[from] hyper::Error);

impl Acceptor {
    /// Judges a request to a hyper server (hyper 1.x, or what stands on it): the response to send, and the WebSocket
    /// that follows it. The body of the request is left alone.
    ///
    /// Over HTTP/1.1 the connection must be served `with_upgrades()`. Over HTTP/2 the server must
    /// `enable_connect_protocol()` (RFC 8441); mind that hyper's default windows let one socket that is not read
    /// hold up those beside it.
    ///
    /// ```no_run
    /// # use http_body_util::Full;
    /// # async fn example(acceptor: tidegate::Acceptor, mut request: hyper::Request<hyper::body::Incoming>)
    /// # -> hyper::Response<Full<bytes::Bytes>> {
    /// match acceptor.upgrade(&mut request).await {
    ///     Ok((response, upgrading)) => {
    ///         tokio::spawn(async move {
    ///             let Ok(socket) = upgrading.open().await else { return };
    ///             // read and write
    ///         });
    ///         response.map(|()| Full::default())
    ///     }
    ///     Err(refusal) => refusal.into_response().map(Full::from),
    /// }
    /// # }
    /// ```
    ///
    /// May be dropped at any await: nothing opens then, and the place that the request took is free again.
    ///
    /// # Errors
    ///
    /// The refusal to send instead, by [`Refusal::into_response`]: for a request that opens no WebSocket, too.
    pub async fn upgrade<B>(&self, request: &mut Request<B>) -> Result<(Response<()>, Upgrading), Refusal> {
        let pending = hyper::upgrade::on(&mut *request);
        let head = head(request);
        self.upgrade_head(head, pending).await
    }

    /// As [`upgrade`](Self::upgrade), from the parts that it takes.
    pub(super) async fn upgrade_head(
        &self,
        mut head: Request<()>,
        pending: OnUpgrade,
    ) -> Result<(Response<()>, Upgrading), Refusal> {
        translate(&mut head);
        let (response, accepted) = self.answer(head).await?;
        Ok((response, Upgrading { accepted, pending }))
    }
}

impl Upgrading {
    /// Waits until hyper has sent the response, and opens the WebSocket: on the bare TCP stream where there is one,
    /// so that nothing of the HTTP server stays in between. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// When hyper does not hand the connection over.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection.
    pub async fn open(self) -> Result<WebSocketStream, UpgradeError> {
        self.open_scoped().await.map(|(socket, _)| socket)
    }

    /// As [`open`](Self::open), and tells what a handler runs in.
    async fn open_scoped(self) -> Result<(WebSocketStream, Scope), UpgradeError> {
        let Self { accepted, pending } = self;
        Ok(match bare(pending.await?) {
            Ok((stream, already_read)) => {
                // Without these options the connection still works.
                let _ = tune(&stream);
                accepted.start_scoped(stream, already_read)
            }
            Err(upgraded) => accepted.start_scoped(TokioIo::new(upgraded), bytes::Bytes::new()),
        })
    }

    /// Opens the WebSocket, and runs the handler.
    #[cfg(any(feature = "tower", feature = "axum"))]
    pub(super) async fn handle<F: Future<Output = ()>>(self, handler: impl FnOnce(WebSocketStream) -> F) {
        // A client that went away before it had the response needs no socket.
        let Ok((socket, scope)) = self.open_scoped().await else { return };
        scope.call(|| handler(socket)).await;
    }
}

/// The TCP stream below hyper, or below hyper-util's server for both versions of HTTP, and what was read of it.
pub(super) fn bare(upgraded: Upgraded) -> Result<(TcpStream, bytes::Bytes), Upgraded> {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let parts = auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded)?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

/// What hyper says of an extended CONNECT, as the handshake wants to hear it.
pub(super) fn translate(head: &mut Request<()>) {
    if let Some(protocol) = head.extensions_mut().remove::<Protocol>() {
        head.extensions_mut().insert(ConnectProtocol::new(protocol.as_str()));
    }
    // HTTP/2 names the host in :authority, and the origin is compared to `Host` (RFC 9113 §8.3.1 has them equal).
    let authority =
        head.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let is_authority_alone = head.method() == Method::CONNECT || head.version() == Version::HTTP_2;
    if let (true, Some(authority)) = (is_authority_alone, authority) {
        head.headers_mut().entry(HOST).or_insert(authority);
    }
}

/// Everything of a request but its body.
fn head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    head.method_mut().clone_from(request.method());
    head.uri_mut().clone_from(request.uri());
    *head.version_mut() = request.version();
    head.headers_mut().clone_from(request.headers());
    head.extensions_mut().clone_from(request.extensions());
    head
}
