//! Tidegate's gateway: channels, each of them a URL, open by five plain doors; and what `tidegate demo` serves.
//!
//! ```text
//! routes → uploading → upload ─▶ store      a file goes up, and goes on after whatever cuts it off
//! routes → doors ─▶ room → chat ─▶ channel      one history, one position per reader, no queue per reader
//!        │    └────────────▶ front              HTTP for very many connections that wait
//!        → firehose ─▶ meters                   how much each hose has pushed
//!        → hello, echo, assets
//! ```

mod assets;
mod channel;
mod chat;
mod doors;
mod echo;
mod firehose;
mod front;
mod hello;
mod origins;
mod routes;
mod settings;
pub mod upload;
mod uploading;

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

use routes::{Demo, Gateway};
pub use settings::Settings;

/// How many connections the demo has at a time, WebSockets included. Further clients wait in the listener's queue.
const DEMO_CONNECTIONS: usize = 1024;

/// Serves channels below `/channels/`: by WebSocket, event stream, NDJSON, long polling and polling. A page on `/` says
/// how.
///
/// Every connection runs in a task of its own, so this must be called on a tokio runtime. Dropping the future stops
/// accepting; connections go on.
///
/// # Errors
///
/// When the listener itself fails. A lack of file descriptors is waited out, and so is a client that went away.
pub async fn serve(listener: TcpListener, settings: Settings) -> io::Result<()> {
    serve_until(listener, settings, std::future::pending()).await
}

/// As [`serve`], until `signal` is ready. Then accepting stops, polls that are held are answered as if their time had
/// come, streams end behind what was published, and WebSockets get a Close with 1001. The future is ready when all
/// that is done, at most 5 s later; what is still open then ends with the process.
///
/// # Errors
///
/// As [`serve`], before the signal.
///
/// # Cancellation
///
/// Dropping the future stops accepting, and the draining.
pub async fn serve_until(
    listener: TcpListener,
    settings: Settings,
    signal: impl Future<Output = ()>,
) -> io::Result<()> {
    let max_connections = settings.max_connections;
    front::listen(listener, Arc::new(Gateway::new(settings)), max_connections, signal).await
}

/// Serves the demo: the page on `/`, the WebSocket paths `/hello`, `/firehose` and `/echo`, and channels, of which
/// `chat` is a chat with the further doors `/chat`, `/subscribe` and `/publish`. Only pages of the same origin and
/// programs outside browsers may come in.
///
/// Every connection runs in a task of its own, so this must be called on a tokio runtime. At most 1,024 connections
/// are open at a time. Dropping the future stops accepting; connections go on.
///
/// # Errors
///
/// As [`serve`].
pub async fn demo(listener: TcpListener) -> io::Result<()> {
    demo_until(listener, Settings::new(), std::future::pending()).await
}

/// As [`demo`], with these settings, but never more than 1,024 connections, until `signal` is ready; then as
/// [`serve_until`].
///
/// # Errors
///
/// As [`serve`], before the signal.
///
/// # Cancellation
///
/// As [`serve_until`].
pub async fn demo_until(
    listener: TcpListener,
    settings: Settings,
    signal: impl Future<Output = ()>,
) -> io::Result<()> {
    let max_connections = settings.max_connections.min(DEMO_CONNECTIONS);
    let settings = settings.max_connections(max_connections);
    front::listen(listener, Arc::new(Demo::new(settings)), max_connections, signal).await
}
