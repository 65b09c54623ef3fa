//! Accepting from a listener, one task a connection.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::acceptor::{AcceptError, Acceptor};
use crate::http::tune;
use crate::websocket::WebSocketStream;

/// Accepts one WebSocketStream from any byte stream, with the default policy. [`Acceptor`] has all the settings.
///
/// # Errors
///
/// As [`Acceptor::accept`].
pub async fn accept(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<WebSocketStream, AcceptError> {
    Acceptor::default().accept(io).await
}

/// Accepts WebSocketStreams from a listener, with the default policy, and runs `handler` for each in a task of its
/// own. [`Acceptor::serve`] takes settings.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
/// tidegate::serve(listener, |socket| async move {
///     let Ok(tidegate::Opened { readable, writable, .. }) = socket.opened().await else { return };
///     let _ = readable.pipe_to(writable).await; // an echo, with backpressure
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// As [`Acceptor::serve`].
pub async fn serve<H, F>(listener: TcpListener, handler: H) -> io::Result<()>
where
    H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    Acceptor::default().serve(listener, handler).await
}

/// How long accepting rests when the process has no file descriptor left, or the like.
const PAUSE: Duration = Duration::from_millis(50);

impl Acceptor {
    /// Accepts WebSocketStreams from a listener, and runs `handler` for each in a task of its own, once it is open.
    /// Clients that are refused never reach it. When the handler drops the stream and its halves, the connection
    /// closes.
    ///
    /// Dropping the future stops accepting; connections go on.
    ///
    /// # Errors
    ///
    /// When the listener itself fails. A lack of file descriptors is waited out, and so is a client that went away.
    pub async fn serve<H, F>(&self, listener: TcpListener, handler: H) -> io::Result<()>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send,
    {
        let handler = Arc::new(handler);
        let slots = Arc::new(Semaphore::new(self.settings.max_connections));
        loop {
            // The semaphore is never closed.
            let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) if is_fatal(&error) => return Err(error),
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (acceptor, handler) = (self.clone(), handler.clone());
            tokio::spawn(async move {
                acceptor.serve_one(stream, &*handler).await;
                drop(slot);
            });
        }
    }

    async fn serve_one<H, F>(&self, stream: TcpStream, handler: &H)
    where
        H: Fn(WebSocketStream) -> F,
        F: Future<Output = ()>,
    {
        // Without these options the connection still works.
        let _ = tune(&stream);
        let Ok(socket) = self.accept(stream).await else { return };
        let ending = socket.ending();
        handler(socket).await;
        // The slot is taken until the connection is over, which may be after the handler.
        ending.wait().await;
    }
}

/// Whether accepting can never succeed again.
fn is_fatal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported
    )
}
