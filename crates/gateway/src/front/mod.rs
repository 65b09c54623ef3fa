//! The front: HTTP/1.1 on accepted connections, made for very many of them that wait.
//!
//! ```text
//! listen → connection (reads heads) → a Site's answer → reply, body, carry, upgrade → incoming → client → head
//! ```
//!
//! A connection is one small task. It owns a buffer only while the head of a request has come in part, so one that
//! waits for its next request, or that a site holds until there is something to say, costs little more than an idle
//! socket. An HTTP library keeps its buffers for each connection (some 10 KiB); see docs/decisions/0006.

mod blocks;
mod body;
mod body_error;
mod carry;
mod chunks;
mod client;
mod connection;
mod crew;
mod date;
mod head;
mod incoming;
mod kept;
mod places;
mod reply;
mod site;
mod upgrade;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use body::read as read_body;
pub(crate) use body_error::BodyError;
pub(crate) use carry::carry;
pub(crate) use client::Client;
use crew::Crew;
pub(crate) use date::date_line;
#[cfg(test)]
pub(crate) use head::with_head;
pub(crate) use head::{Framing, Head};
pub(crate) use incoming::{Incoming, Outbox};
use places::Places;
pub(crate) use reply::{Reply, send, send_head};
pub(crate) use site::{Handling, Leaving, Site};
pub(crate) use upgrade::open;

/// How long accepting rests when the process has no file descriptor left, or the like.
const PAUSE: Duration = Duration::from_millis(50);

/// How long those that are there have to come to their end when the server goes away.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// Serves `site`, at most `max_connections` at a time, until `signal` is ready; further clients wait in the listener's
/// queue. Then accepting stops, what is held is answered, and everybody has [`DRAIN`] to come to an end. Connections
/// that rest between two requests end with the process.
///
/// # Errors
///
/// When the listener itself fails. A lack of file descriptors is waited out, and so is a client that went away.
///
/// # Cancellation
///
/// Dropping the future stops accepting, and the draining; connections go on.
pub(crate) async fn listen<S: Site>(
    listener: TcpListener,
    site: Arc<S>,
    max_connections: usize,
    signal: impl Future<Output = ()>,
) -> io::Result<()> {
    let places = Arc::new(Places::new(max_connections));
    // In a task, which a worker of the runtime runs, as it does what becomes of a connection. Whoever awaits this may
    // be a thread that only waits (`block_on`): then each connection would wake that one, and that one a worker.
    let mut accepting = JoinSet::new();
    accepting.spawn(accept(listener, site.clone(), places.clone()));
    tokio::select! {
        biased;
        () = signal => {}
        ended = accepting.join_next() => return Err(match ended {
            Some(Ok(error)) => error,
            Some(Err(error)) => io::Error::other(error),
            None => io::ErrorKind::Other.into(),
        }),
    }
    // With the task goes the listener. Whoever comes from now on is turned away by the system, and may try another
    // server.
    accepting.shutdown().await;
    places.leave();
    let left = async { tokio::join!(site.leave(), places.rested()) };
    // Who needs longer was promised no more.
    let _ = timeout(DRAIN, left).await;
    Ok(())
}

async fn accept<S: Site>(listener: TcpListener, site: Arc<S>, places: Arc<Places>) -> io::Error {
    let crew = Arc::new(Crew::new());
    loop {
        let place = places.enter().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without these options the connection still works.
                let _ = tidegate::tune(&stream);
                if let Err(client) = crew.give(Client::new(stream, place)) {
                    tokio::spawn(connection::serve(site.clone(), client, Arc::downgrade(&crew)));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return error,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
