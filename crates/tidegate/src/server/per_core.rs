//! One runtime a core, each with a listener of its own.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::acceptor::Acceptor;
use super::connections::Drained;
use crate::websocket::WebSocketStream;

/// Listeners on one address, each for a thread with a runtime of its own.
///
/// A connection stays on the thread that accepted it, so nothing is shared between cores but the count of
/// [`Connections`](crate::Connections): for many connections alike this serves more of them than one runtime of many
/// threads. The system spreads clients over the threads by their address (`SO_REUSEPORT`), whatever the threads have to
/// do, and no thread takes work from another: a few connections that are much busier than the rest are better off with
/// [`Acceptor::serve`] on a runtime of many threads.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let cores = std::thread::available_parallelism()?;
/// let listeners = tidegate::PerCore::bind("127.0.0.1:9001".parse().unwrap(), cores)?;
/// let signal = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// let drained = tidegate::Acceptor::new()
///     .serve_per_core(
///         listeners,
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
#[derive(Debug)]
pub struct PerCore {
    listeners: Vec<StdListener>,
    address: SocketAddr,
}

/// Clients that may wait for one of the threads to accept them.
const BACKLOG: i32 = 1024;

impl PerCore {
    /// Listens on `address` for this many threads. Port 0 takes a free one.
    ///
    /// Where the system cannot spread clients over several listeners, which is everywhere but on Unix, the threads take
    /// turns on one.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or somebody listens there already.
    pub fn bind(address: SocketAddr, threads: NonZeroUsize) -> io::Result<Self> {
        if threads.get() == 1 || !cfg!(unix) {
            let listener = listen(address, false)?;
            let address = listener.local_addr()?;
            let copies = (1..threads.get()).map(|_| listener.try_clone()).collect::<io::Result<Vec<_>>>()?;
            return Ok(Self { listeners: copies.into_iter().chain([listener]).collect(), address });
        }
        if address.port() != 0 {
            // Another process of this user that shares its port would else get a part of our clients, in silence.
            drop(listen(address, false)?);
        }
        let first = listen(address, true)?;
        let address = first.local_addr()?;
        let others = (1..threads.get()).map(|_| listen(address, true));
        let listeners = [Ok(first)].into_iter().chain(others).collect::<io::Result<_>>()?;
        Ok(Self { listeners, address })
    }

    /// The address that is really listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Acceptor {
    /// As [`serve_until`](Self::serve_until), on one thread for each listener of `listeners`, each with a
    /// current-thread runtime on which its connections and their handlers run. Handlers that still run when the future
    /// is ready are dropped with their threads.
    ///
    /// [`max_connections`](Self::max_connections) and the limit of an address hold for all threads together,
    /// [`max_handshakes`](Self::max_handshakes) for each.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started, or a listener fails before the signal. All threads end then, and what is open
    /// is cut off.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends all threads, and cuts off what is open.
    pub async fn serve_per_core<H, F>(
        &self,
        listeners: PerCore,
        handler: H,
        signal: impl Future<Output = ()>,
    ) -> io::Result<Drained>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let (failures, mut failed) = mpsc::channel(1);
        let team = Team { accepting: CancellationToken::new(), running: CancellationToken::new(), failures };
        let tasks = TaskTracker::new();
        // In this order they are dropped, also when this future is.
        let _running: DropGuard = team.running.clone().drop_guard();
        for (number, listener) in listeners.listeners.into_iter().enumerate() {
            let (acceptor, handler, team, tasks) =
                (self.clone(), handler.clone(), team.clone(), tasks.clone());
            thread::Builder::new().name(format!("tidegate-{number}")).spawn(move || {
                let handler = move |socket| handler(socket);
                if let Err(error) = team.work(&acceptor, listener, handler, &tasks) {
                    // One failure is enough to end all.
                    let _ = team.failures.try_send(error);
                }
            })?;
        }
        tokio::select! {
            biased;
            () = signal => {}
            Some(error) = failed.recv() => return Err(error),
        }
        team.accepting.cancel();
        Ok(self.drain(&tasks).await)
    }
}

/// What the threads have in common.
#[derive(Clone)]
struct Team {
    /// Cancelled when nobody more is to be let in.
    accepting: CancellationToken,
    /// Cancelled when the threads are to end.
    running: CancellationToken,
    failures: mpsc::Sender<io::Error>,
}

impl Team {
    /// What one thread does.
    fn work<H, F>(
        &self,
        acceptor: &Acceptor,
        listener: StdListener,
        handler: H,
        tasks: &TaskTracker,
    ) -> io::Result<()>
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let served = runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            tokio::select! {
                biased;
                () = self.running.cancelled() => {}
                () = self.accepting.cancelled() => {}
                error = acceptor.accept_all(&listener, handler, tasks) => return Err(error),
            }
            // Whoever comes from now on is turned away by the system, and may try another server.
            drop(listener);
            self.running.cancelled().await;
            Ok(())
        });
        // A handler's blocking call must not hold up the end.
        runtime.shutdown_background();
        served
    }
}

fn listen(address: SocketAddr, is_shared: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As tokio does: a server that starts anew need not wait for the connections of the last one to be forgotten.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(is_shared)?;
    #[cfg(not(unix))]
    let _ = is_shared;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
