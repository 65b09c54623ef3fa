//! Peers that go away, or do not.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};

use super::peer::Peer;
use super::{crowd, failed};
use crate::raw::{BINARY, frame};

/// By default a server pings after 30 s of silence, and gives up 30 s later.
const GIVEN_UP: Duration = Duration::from_secs(75);

/// What the echoes alone cost.
pub(crate) async fn nobody() -> io::Result<String> {
    sleep(Duration::from_secs(10)).await;
    Ok("the three clients alone".to_owned())
}

/// A few ordinary connections.
pub(crate) async fn warm_up(address: SocketAddr) -> io::Result<()> {
    for _ in 0..4 {
        Peer::open(address, "").await?.sends(&frame(BINARY, &[0; 16 * 1024], true)).await?;
    }
    Ok(())
}

/// Resets after 32 KiB of a frame of 1 MiB.
pub(crate) async fn within_a_frame(address: SocketAddr) -> io::Result<String> {
    let bytes = frame(BINARY, &vec![0; 1 << 20], true)[..32 * 1024].to_vec();
    crowd(200, |_| {
        let bytes = bytes.clone();
        async move {
            let mut peer = Peer::open(address, "").await?;
            peer.sends(&bytes).await?;
            sleep(Duration::from_millis(200)).await;
            peer.vanishes()
        }
    })
    .await?;
    Ok("all let go".to_owned())
}

/// Opens, and is gone at once, with a reset.
pub(crate) async fn vanish(address: SocketAddr) -> io::Result<String> {
    crowd(200, |_| async move { Peer::open(address, "").await?.vanishes() }).await?;
    Ok("all let go".to_owned())
}

/// Every other connection asks for a WebSocket before it is dropped.
pub(crate) async fn connects_and_drops(address: SocketAddr) -> io::Result<String> {
    for _ in 0..100 {
        crowd(100, |number| async move {
            let peer =
                if number % 2 == 0 { Peer::connect(address).await? } else { Peer::open(address, "").await? };
            drop(peer);
            Ok(())
        })
        .await?;
    }
    Ok("half of them opened a WebSocket".to_owned())
}

/// Opens, and says nothing any more, not even a pong.
pub(crate) async fn silent(address: SocketAddr) -> io::Result<String> {
    let times = crowd(200, |_| async move {
        let mut peer = Peer::open(address, "").await?;
        let began = Instant::now();
        let mut all = Vec::new();
        match timeout(GIVEN_UP, peer.io.read_to_end(&mut all)).await {
            // How the stream ends is the server's affair.
            Ok(_) => Ok(began.elapsed()),
            Err(_) => failed(format!("a silent peer is still there after {GIVEN_UP:?}")),
        }
    });
    let times = times.await?;
    let first = times.iter().min().map_or(0.0, Duration::as_secs_f64);
    let last = times.iter().max().map_or(0.0, Duration::as_secs_f64);
    Ok(format!("all given up after {first:.0} to {last:.0} s"))
}
