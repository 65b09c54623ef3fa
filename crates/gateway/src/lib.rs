//! What `tidegate demo` serves: a page to look at, and the four WebSocket paths that it uses.
//!
//! ```text
//! routes → assets
//!        → chat ─────▶ channel      one history, one position per reader, no queue per reader
//!        → firehose ─▶ meters       how much each hose has pushed
//!        → hello, echo
//! ```

mod assets;
mod channel;
mod chat;
mod echo;
mod firehose;
mod hello;
mod routes;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use routes::Routes;

/// How many connections there are at a time, WebSockets included. Further clients wait in the listener's queue.
const MAX_CONNECTIONS: usize = 1024;

/// How long accepting rests when the process has no file descriptor left, or the like.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the header section of a request may take, and how long a connection may be idle before it.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How large the header section of a request may be. Beyond: 431.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// How long a connection serves requests before it is asked to end, so that a client that never reads its
/// responses does not hold it for ever. It does not count for WebSockets.
const HTTP_LIFETIME: Duration = Duration::from_secs(120);

/// How long the last response of a connection may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves the demo: the page on `/`, and the WebSocket paths `/chat`, `/hello`, `/firehose` and `/echo`, which only
/// pages of the same origin and programs outside browsers may open.
///
/// Every connection runs in a task of its own, so this must be called on a tokio runtime. At most 1,024 connections
/// are open at a time. Dropping the future stops accepting; connections go on.
///
/// # Errors
///
/// When the listener itself fails. A lack of file descriptors is waited out, and so is a client that went away.
pub async fn demo(listener: TcpListener) -> io::Result<()> {
    let routes = Arc::new(Routes::default());
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, routes.clone(), Arc::new(slot)));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Answers the requests of one connection. The slot is taken until the last task that belongs to it is done.
async fn serve(stream: TcpStream, routes: Arc<Routes>, slot: Arc<OwnedSemaphorePermit>) {
    // Without these options the connection still works.
    let _ = tidegate::tune(&stream);
    let (routes, slot) = (&routes, &slot);
    let service =
        service_fn(
            |request| async move { Ok::<_, std::convert::Infallible>(routes.answer(request, slot).await) },
        );
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // How a connection fails is between hyper and the client, which has been told what can be told.
    if timeout(HTTP_LIFETIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(FAREWELL, connection).await;
    }
}
