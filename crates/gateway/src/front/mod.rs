//! The front: HTTP/1.1 on accepted connections, made for very many of them that wait.
//!
//! ```text
//! listen → connection (reads heads) → a Site's answer → reply, body, incoming, upgrade → client → head
//! ```
//!
//! A connection is one small task. It owns a buffer only while the head of a request has come in part, so one that
//! waits for its next request, or that a site holds until there is something to say, costs little more than an idle
//! socket. An HTTP library keeps its buffers for each connection (some 10 KiB); see docs/decisions/0006.

mod body;
mod chunks;
mod client;
mod connection;
mod date;
mod head;
mod incoming;
mod reply;
mod site;
mod upgrade;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub(crate) use body::{BodyError, read as read_body};
pub(crate) use client::Client;
pub(crate) use date::date_line;
#[cfg(test)]
pub(crate) use head::with_head;
pub(crate) use head::{Framing, Head};
pub(crate) use incoming::{Incoming, Outbox};
pub(crate) use reply::{Reply, send, send_head};
pub(crate) use site::{Handling, Site};
pub(crate) use upgrade::open;

/// How long accepting rests when the process has no file descriptor left, or the like.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `site`, at most `max_connections` at a time; further clients wait in the listener's queue. Dropping the
/// future stops accepting; connections go on.
///
/// # Errors
///
/// When the listener itself fails. A lack of file descriptors is waited out, and so is a client that went away.
pub(crate) async fn listen<S: Site>(
    listener: TcpListener,
    site: Arc<S>,
    max_connections: usize,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without these options the connection still works.
                let _ = tidegate::tune(&stream);
                tokio::spawn(connection::serve(site.clone(), Client::new(stream, slot)));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
