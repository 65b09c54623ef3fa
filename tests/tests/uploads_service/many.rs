//! Very many uploads that wait.

use crate::server::{PATCH, Server, bytes};

/// What the goal is about.
const UPLOADS: usize = 1000;

/// The most that they may take together.
const MOST: u64 = 64 << 20;

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// How many files this process may open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

/// A body of which part has come, and then nothing, costs little; the client's end and the test's are counted here too.
#[tokio::test]
async fn stalled_uploads_cost_little() {
    let count = UPLOADS.min(open_files().saturating_sub(200) / 5);
    let server = Server::start().await;
    // The first ones pay for what all share.
    let _warm = stall(&server, 20).await;
    let before = resident_bytes();
    let held = stall(&server, count).await;
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let more = after.saturating_sub(before);
        println!("{count} stalled uploads: {} KiB together, {} bytes each", more >> 10, more / count as u64);
        assert!(more < MOST * count as u64 / UPLOADS as u64 * 2, "{more} bytes");
    }
    // One beside them goes through.
    let path = server.create(1_000_000).await;
    assert_eq!(server.patch(&path, 0, &bytes(1_000_000)).await.status, 204);
    drop(held);
}

async fn stall(server: &Server, count: usize) -> Vec<crate::peer::Peer> {
    let mut held = Vec::new();
    let piece = bytes(40_000);
    for _ in 0..count {
        let path = server.create(1_000_000).await;
        let mut peer = server.peer().await;
        peer.head("PATCH", &path, &format!("{PATCH}upload-offset: 0\r\ncontent-length: 1000000\r\n")).await;
        peer.send(&piece).await;
        held.push((peer, path));
    }
    for (_, path) in &held {
        let id = tidegate_gateway::upload::store::UploadId::parse(path.rsplit('/').next().unwrap()).unwrap();
        while server.uploads.peek(&id.owner(), &id).await.unwrap().offset < piece.len() as u64 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    held.into_iter().map(|(peer, _)| peer).collect()
}
