//! A disk that is slow, or fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tidegate::WebSocketStream;
use tidegate_gateway::Settings;
use tidegate_gateway::upload::{Limits, Uploads};
use tidegate_tests::storage::faulty::{Failure, Fault};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::peer::Peer;
use crate::server::{PATCH, Server, TUS, bytes, files};

/// The sender is as fast as the disk, and what waits for it has a bound.
#[tokio::test]
async fn a_slow_disk_slows_the_sender() {
    const RATE: u64 = 5_000_000;
    let fault = Fault::slow(RATE);
    let seen = fault.seen();
    let server = Server::over(Limits::default(), |files| fault.around(files)).await;
    let content = bytes(12_000_000);
    let path = server.create(content.len() as u64).await;
    let began = Instant::now();
    let answer = server.patch(&path, 0, &content).await;
    let took = began.elapsed();
    assert_eq!(answer.status, 204);
    let rate = content.len() as f64 / took.as_secs_f64();
    let queued = seen.most_queued.load(Ordering::Relaxed);
    println!("{:.2} MB/s over a disk of 5 MB/s; at most {queued} bytes not durable", rate / 1e6);
    // It cannot have been faster than the disk, but for the first piece and the last.
    assert!(rate < RATE as f64 * 1.1, "{rate}");
    // What is pushed and not durable: one interval of checkpoints, and the queue. Nothing like the file.
    assert!(queued < 8_000_000, "{queued}");
    assert_eq!(server.download(&path).await, content);
}

/// 507 the first time, and never a word of success later.
#[tokio::test]
async fn a_full_disk_ends_the_upload() {
    let (status, later) = fails(Failure::Full).await;
    assert_eq!((status, later), (507, 410));
}

/// After a failed sync nobody knows what is on the disk (fsyncgate): the upload is given up.
#[tokio::test]
async fn a_sync_that_fails_ends_the_upload() {
    let (status, later) = fails(Failure::Sync).await;
    assert_eq!((status, later), (500, 410));
}

/// What a client is told whose disk fails amid its body, and what it is told later, also by another process.
async fn fails(how: Failure) -> (u16, u16) {
    let folder = crate::server::Folder::new();
    let store = files(folder.path()).await;
    let fault = Fault::failing(2_000_000, how);
    let server = Server::over(Limits::default(), |_| fault.around(store.clone())).await;
    let content = bytes(6_000_000);
    let path = server.create(content.len() as u64).await;
    let first = server.patch(&path, 0, &content).await;
    assert!(first.find("upload-offset").is_none(), "{first:?}");
    let later = server.ask("HEAD", &path, TUS, b"").await.status;
    for offset in [0, 2_000_000, 6_000_000] {
        let again = server.patch(&path, offset, b"x").await;
        assert_eq!(again.status, 410, "{again:?}");
    }
    // Not by another service on the same folder either, whose disk is well.
    let uploads = Uploads::new(Arc::clone(&store), Limits::default());
    let id = tidegate_gateway::upload::store::UploadId::parse(path.rsplit('/').next().unwrap()).unwrap();
    assert!(uploads.look(&id.owner(), &id).await.is_err());
    assert_eq!(server.ask("DELETE", &path, TUS, b"").await.status, 204);
    (first.status, later)
}

/// When the server goes away, an upload that cannot be made durable keeps nobody else from a Close.
#[tokio::test]
async fn a_disk_that_hangs_keeps_no_channel_from_its_end() {
    let folder = crate::server::Folder::new();
    let fault = Fault::failing(1, Failure::Hang);
    let (seen, store) = (fault.seen(), fault.around(files(folder.path()).await));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let settings = Settings::new().uploads(Uploads::new(store, Limits::default()));
    let (end, wish) = oneshot::channel::<()>();
    let wished = async move { wish.await.unwrap_or_default() };
    let server = tokio::spawn(tidegate_gateway::serve_until(listener, settings, wished));
    let socket = WebSocketStream::connect(format!("ws://{address}/channels/tides")).unwrap();
    let _opened = socket.opened().await.unwrap();
    let mut peer = Peer::connect(&address).await;
    peer.request("POST", "/uploads", &format!("{TUS}upload-length: 1000000\r\n"), b"").await;
    let path = peer.answer().await.header("location").to_owned();
    peer.head("PATCH", &path, &format!("{PATCH}upload-offset: 0\r\ncontent-length: 1000000\r\n")).await;
    peer.send(&bytes(100_000)).await;
    while seen.pushed.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    end.send(()).unwrap();
    let info = timeout(Duration::from_secs(60), socket.closed()).await.expect("a Close").unwrap();
    assert_eq!(info.close_code, 1001);
    server.await.unwrap().unwrap();
}

/// A real disk that is really full: eight megabytes of memory, mounted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_small_disk_runs_full() {
    use std::process::Command;
    let folder = crate::server::Folder::new();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: mounting is not allowed here");
        return;
    }
    let store = files(folder.path()).await;
    let server = Server::over(Limits::default(), |_| store).await;
    let small = server.create(100_000).await;
    assert_eq!(server.patch(&small, 0, &bytes(100_000)).await.status, 204);
    let large = server.ask("POST", "/uploads", &format!("{TUS}upload-length: 20000000\r\n"), b"").await;
    let status = if large.status == 201 {
        server.patch(large.header("location"), 0, &bytes(20_000_000)).await.status
    } else {
        large.status
    };
    println!("20 MB to a disk of 8 MB: {} at creation, {status} in the end", large.status);
    assert_eq!(status, 507);
    // What was there before is still there.
    assert_eq!(server.download(&small).await, bytes(100_000));
    drop(server);
    let _ = Command::new("umount").arg("-l").arg(folder.path()).status();
}

/// The next request does not wait for a peer that was slowed down, and what it finds can be used.
#[tokio::test]
async fn a_slow_disk_does_not_hold_the_next_one_up() {
    let fault = Fault::slow(2_000_000);
    let server = Server::over(Limits::default(), |files| fault.around(files)).await;
    let content = bytes(40_000_000);
    let path = server.create(content.len() as u64).await;
    let mut old = server.peer().await;
    old.head("PATCH", &path, &format!("{PATCH}upload-offset: 0\r\ncontent-length: 40000000\r\n")).await;
    // As much as fits between here and the disk.
    let sending = timeout(Duration::from_millis(700), old.send(&content)).await;
    assert!(sending.is_err(), "40 MB in no time");
    let asked = Instant::now();
    let offset = server.offset(&path).await;
    println!("usable offset {offset} after {:?}", asked.elapsed());
    assert!(offset > 0);
    let from = usize::try_from(offset).unwrap();
    let answer = server.patch(&path, offset, &content[from..from + 100_000]).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (204, &*(offset + 100_000).to_string()));
}
