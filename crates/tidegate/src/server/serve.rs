//! Accepting from a listener, one task a connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::acceptor::{AcceptError, Acceptor};
use super::http2::Begun;
use crate::http::tune;
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
pub(super) const PAUSE: Duration = Duration::from_millis(50);

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
        let handshakes = Arc::new(Semaphore::new(self.settings.max_handshakes.min(Semaphore::MAX_PERMITS)));
        loop {
            let Ok(handshake) = handshakes.clone().acquire_owned().await else {
                return io::Error::other("the semaphore was closed, which nobody does");
            };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if is_fatal(&error) => return error,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (acceptor, handler, more) = (self.clone(), handler.clone(), tasks.clone());
            tasks.spawn(async move {
                let begun = acceptor.begin_one(stream, peer).await;
                drop(handshake);
                match begun {
                    // In a task of its own, since that of the handshake is many times as large.
                    Some(Begun::Http1(socket, driver)) => {
                        let attending = Attending::new(driver);
                        let handling = handler(socket);
                        drop(more.spawn(attending.beside(handling)));
                    }
                    Some(Begun::Http2(connection)) => {
                        // The client has been told, as far as there was anybody to tell.
                        // Boxed, since it would make every handshake as large as itself.
                        let _ = Box::pin(acceptor.serve_http2(*connection, handler, &more)).await;
                    }
                    None => {}
                }
            });
        }
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

/// Whether accepting can never succeed again.
pub(super) fn is_fatal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported
    )
}
