//! Accepting from a listener, one task a connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::acceptor::{AcceptError, Accepted, Acceptor};
use super::crew::Crew;
use super::http2::Begun;
use crate::http::{Asked, tune};
use crate::websocket::{Attending, WebSocketStream};

/// Accepts one WebSocketStream from any byte stream, with the default policy. [`Acceptor`] has all the settings.
///
/// Dropping the future closes `io`.
///
/// # Errors
///
/// As [`Acceptor::accept`].
pub async fn accept(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<WebSocketStream, AcceptError> {
    Acceptor::default().accept(io).await
}

/// How long accepting rests when the process has no file descriptor left, or the like.
const PAUSE: Duration = Duration::from_millis(50);

/// How long an opening handshake may still take once the server goes away: enough for the 503 to a client that is
/// heard already.
pub(super) const LAST_HANDSHAKES: Duration = Duration::from_secs(1);

impl Acceptor {
    /// Accepts WebSocketStreams from a listener, and runs `handler` for each in a task of its own, once it is open.
    /// Clients that are refused never reach it. When the handler drops the stream and its halves, the connection
    /// closes. With [`http2`](Self::http2), many of them may come over one TCP connection.
    ///
    /// At most [`max_handshakes`](Self::max_handshakes) and [`max_connections`](Self::max_connections) are there at
    /// a time. Dropping the future stops accepting; connections go on.
    /// [`serve_until`](Self::serve_until) ends them in order.
    ///
    /// # Errors
    ///
    /// When the listener itself fails. A lack of file descriptors is waited out, and so is a client that went away.
    pub async fn serve<H, F>(&self, listener: TcpListener, handler: H) -> io::Result<()>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Err(self.accept_all(&listener, handler, &TaskTracker::new()).await)
    }

    /// Accepts until the listener fails, each connection in one of the `tasks`.
    pub(super) async fn accept_all<H, F>(
        &self,
        listener: &TcpListener,
        handler: H,
        tasks: &TaskTracker,
    ) -> io::Error
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let crew = Crew::new();
        let handshakes = self.handshakes();
        loop {
            let client = match next_client(listener, &handshakes).await {
                Ok(client) => client,
                Err(error) => return error,
            };
            let Err((mut job, rest)) = crew.give(client) else { continue };
            let (acceptor, handler, more) = (self.clone(), handler.clone(), tasks.clone());
            tasks.spawn(async move {
                loop {
                    let (stream, peer, handshake) = job;
                    let begun = acceptor.begin_one(stream, peer).await;
                    drop(handshake);
                    if let Some(begun) = begun {
                        acceptor.go_on(begun, &handler, &more);
                    }
                    let Some(next) = rest.next().await else { return };
                    job = next;
                }
            });
        }
    }

    /// Runs what an opening handshake has come to, in a task of its own.
    fn go_on<H, F>(&self, begun: Begun, handler: &Arc<H>, tasks: &TaskTracker)
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        match begun {
            Begun::Http1(socket, driver) => {
                let scope = driver.scope();
                let attending = Attending::new(driver);
                let handling = scope.call(|| handler(socket));
                drop(tasks.spawn(attending.beside(handling)));
            }
            Begun::Http2(connection) => {
                let (acceptor, handler, more) = (self.clone(), handler.clone(), tasks.clone());
                tasks.spawn(async move {
                    // The client has been told, as far as there was anybody to tell.
                    let _ = acceptor.serve_http2(*connection, handler, &more).await;
                });
            }
        }
    }

    /// Places for the handshakes that may be under way at a time.
    pub(super) fn handshakes(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.settings.max_handshakes.min(Semaphore::MAX_PERMITS)))
    }

    async fn begin_one(&self, stream: TcpStream, peer: SocketAddr) -> Option<Begun> {
        // Without these options the connection still works.
        let _ = tune(&stream);
        tokio::select! {
            biased;
            () = self.settings.connections.gone(LAST_HANDSHAKES) => None,
            begun = self.begin(stream, Some(peer)) => begun.ok(),
        }
    }
}

impl Accepted {
    /// As [`start`](Self::start), and runs `handler` for the connection in a task of its own. Both are one task, which
    /// takes less memory than two. When the handler drops the stream and its halves, the connection closes. Must be
    /// called on a tokio runtime.
    pub fn run<F>(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        already_read: impl Into<Bytes>,
        handler: impl FnOnce(WebSocketStream) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (socket, driver) = self.judged.start(io, already_read.into(), Asked::request_of(self.request));
        let scope = driver.scope();
        let attending = Attending::new(driver);
        let handling = scope.call(|| handler(socket));
        drop(tokio::spawn(attending.beside(handling)));
    }
}

/// The next client of a listener, once there is a place among the handshakes under way. A lack of file descriptors is
/// waited out, and so is a client that went away.
pub(super) async fn next_client(
    listener: &TcpListener,
    handshakes: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let closed = |_| io::Error::other("the semaphore was closed, which nobody does");
    let handshake = handshakes.clone().acquire_owned().await.map_err(closed)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((stream, peer, handshake)),
            Err(error) if is_fatal(&error) => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether accepting can never succeed again.
fn is_fatal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported
    )
}
