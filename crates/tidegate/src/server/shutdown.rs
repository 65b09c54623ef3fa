//! Serving until a signal, and leaving in order.

use std::future::Future;
use std::io;

use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::acceptor::Acceptor;
use super::connections::Drained;
use crate::websocket::WebSocketStream;

impl Acceptor {
    /// As [`serve`](Self::serve), until `signal` is ready. Then accepting stops, and everybody gets what was written
    /// and a Close with 1001, by [`Connections::shut_down`](crate::Connections::shut_down). The future is ready when
    /// all connections have ended and all handlers have returned, at the latest after
    /// [`drain_timeout`](Self::drain_timeout): what is open then is cut off, and handlers that still run go on.
    ///
    /// What other listeners and HTTP servers have opened with the same [`Connections`](crate::Connections) ends too.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
    /// let signal = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    /// let drained = tidegate::Acceptor::new()
    ///     .serve_until(
    ///         listener,
    ///         |socket| async move {
    ///             let Ok(tidegate::Opened { readable, writable, .. }) = socket.opened().await else { return };
    ///             let _ = readable.pipe_to(writable).await;
    ///         },
    ///         signal,
    ///     )
    ///     .await?;
    /// println!("{} closed, {} cut off", drained.closed, drained.cut_off);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve), before the signal; connections go on then.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops accepting, and the draining: connections that have been asked to close go on doing
    /// so.
    pub async fn serve_until<H, F>(
        &self,
        listener: TcpListener,
        handler: H,
        signal: impl Future<Output = ()>,
    ) -> io::Result<Drained>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = TaskTracker::new();
        tokio::select! {
            biased;
            () = signal => {}
            error = self.accept_all(&listener, handler, &tasks) => return Err(error),
        }
        // Whoever comes from now on is turned away by the system, and may try another server.
        drop(listener);
        Ok(self.drain(&tasks).await)
    }

    /// Ends all connections in order, and waits for what runs in `tasks`, which get no more.
    pub(super) async fn drain(&self, tasks: &TaskTracker) -> Drained {
        tasks.close();
        let drain = self.settings.drain_timeout;
        let deadline = Instant::now() + drain;
        let drained = self.settings.connections.shut_down(drain).await;
        // Handlers that take longer were promised no more than this.
        let _ = timeout_at(deadline, tasks.wait()).await;
        drained
    }
}
