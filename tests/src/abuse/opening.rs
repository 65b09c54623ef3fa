//! Misbehaviour before the WebSocket is open.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::peer::Peer;
use super::{crowd, failed};
use crate::random::Random;
use crate::raw::request;

/// Between two bytes of a slow handshake.
const SLOWLY: Duration = Duration::from_millis(100);

/// The server's limit is 10 s.
const SLOWEST: Duration = Duration::from_secs(15);

/// One header byte in 100 ms, until the server has had enough and says so.
pub(crate) async fn slow(address: SocketAddr) -> io::Result<String> {
    let times = crowd(200, |_| slow_one(address)).await?;
    let slowest = times.iter().max().map_or(0.0, Duration::as_secs_f64);
    Ok(format!("all answered with 408, the last after {slowest:.1} s"))
}

async fn slow_one(address: SocketAddr) -> io::Result<Duration> {
    let mut peer = Peer::connect(address).await?;
    let began = Instant::now();
    let head = request(&format!("X-Padding: {}\r\n", "x".repeat(8192)));
    for byte in head.bytes() {
        peer.io.write_all(&[byte]).await?;
        tokio::select! {
            readable = peer.io.readable() => {
                readable?;
                break;
            }
            () = sleep(SLOWLY) => {}
        }
        if began.elapsed() > SLOWEST {
            return failed(format!("a handshake may still go on after {SLOWEST:?}"));
        }
    }
    match peer.status().await? {
        Some(408) => Ok(began.elapsed()),
        other => failed(format!("a slow handshake was answered with {other:?}")),
    }
}

/// What is no HTTP at all.
pub(crate) async fn garbage(address: SocketAddr) -> io::Result<String> {
    let statuses = crowd(200, |number| async move {
        let mut peer = Peer::connect(address).await?;
        // The server may well end the connection before it has all.
        let _ = peer.sends(&Random::new(number as u64).bytes(20 * 1024)).await;
        peer.status().await
    });
    told(&statuses.await?, 400)
}

/// Heads that are right, and longer than the limit of 16 KiB.
pub(crate) async fn too_long(address: SocketAddr) -> io::Result<String> {
    let head = request(&format!("X-Padding: {}\r\n", "x".repeat(17 * 1024)));
    let statuses = crowd(100, |_| {
        let head = head.clone();
        async move {
            let mut peer = Peer::connect(address).await?;
            peer.sends(head.as_bytes()).await?;
            peer.status().await
        }
    });
    let statuses = statuses.await?;
    if statuses.iter().any(|status| *status != Some(431)) {
        return failed("a header section over the limit was not answered with 431");
    }
    told(&statuses, 431)
}

fn told(statuses: &[Option<u16>], expected: u16) -> io::Result<String> {
    let answered = statuses.iter().filter(|status| **status == Some(expected)).count();
    let closed = statuses.iter().filter(|status| status.is_none()).count();
    if answered + closed < statuses.len() {
        return failed(format!("answers other than {expected}: {statuses:?}"));
    }
    let rest = if closed == 0 { String::new() } else { format!(", {closed} closed without an answer") };
    Ok(format!("{answered} answered with {expected}{rest}"))
}
