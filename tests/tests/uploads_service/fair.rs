//! Large uploads share, and a small one is not starved by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidegate_gateway::upload::Limits;

use crate::server::{PATCH, Server, bytes};

const BULK: usize = 8;

/// The ratios are printed; what is judged is that nobody stands still, and that all is right in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_uploads_share_and_a_small_one_gets_through() {
    let server = Arc::new(Server::with(Limits::default()).await);
    let small = bytes(1_000_000);
    let alone = time_small(&server, &small).await;
    let piece: Arc<[u8]> = bytes(1_000_000).into();
    let counts: Arc<[AtomicU64]> = (0..BULK).map(|_| AtomicU64::new(0)).collect();
    let mut tasks = Vec::new();
    for index in 0..BULK {
        let path = server.create(4 << 30).await;
        let mut peer = server.peer().await;
        let lines = format!("{PATCH}upload-offset: 0\r\ncontent-length: {}\r\n", 4_u64 << 30);
        peer.head("PATCH", &path, &lines).await;
        let (piece, counts) = (piece.clone(), counts.clone());
        let task = tokio::spawn(async move {
            loop {
                peer.send(&piece).await;
                counts[index].fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        });
        tasks.push((task, path));
    }
    let mut beside = Vec::new();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        beside.push(time_small(&server, &small).await);
    }
    beside.sort();
    let sent: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    for (task, _) in &tasks {
        task.abort();
    }
    let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
    println!(
        "bulk: {} to {} MB each, most/least {:.2}; small: alone {alone:?}, beside them median {:?}, max {:?} of {}",
        least / 1_000_000,
        most / 1_000_000,
        *most as f64 / (*least).max(1) as f64,
        beside[beside.len() / 2],
        beside[beside.len() - 1],
        beside.len(),
    );
    assert!(*least > 0 && !beside.is_empty());
    for (task, path) in tasks {
        let _ = task.await;
        // Where it stopped, it goes on.
        let offset = server.offset(&path).await;
        let at = usize::try_from(offset % 1_000_000).unwrap();
        assert_eq!(server.patch(&path, offset, &piece[at..]).await.status, 204);
        assert_eq!(server.ask("DELETE", &path, crate::server::TUS, b"").await.status, 204);
    }
}

async fn time_small(server: &Server, content: &[u8]) -> Duration {
    let began = Instant::now();
    let path = server.create(content.len() as u64).await;
    assert_eq!(server.patch(&path, 0, content).await.status, 204);
    began.elapsed()
}
