//! A peer that is frozen never stands in the way of the next.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

use crate::peer::Peer;
use crate::server::{PATCH, Server, bytes};

/// A body that stops in its midst, its connection open: what a laptop that was shut leaves behind.
async fn frozen(server: &Server, path: &str, offset: u64, announced: u64, sent: &[u8]) -> Peer {
    let mut peer = server.peer().await;
    let lines = format!("{PATCH}upload-offset: {offset}\r\ncontent-length: {announced}\r\n");
    peer.head("PATCH", path, &lines).await;
    peer.send(sent).await;
    peer
}

/// Waits until the server has all of it, which HEAD must not be asked for.
async fn arrived(server: &Server, path: &str, offset: u64) {
    let id = tidegate_gateway::upload::store::UploadId::parse(path.rsplit('/').next().unwrap()).unwrap();
    while server.uploads.peek(&id.owner(), &id).await.unwrap().offset < offset {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_next_one_goes_on_where_a_frozen_peer_stopped() {
    let server = Server::start().await;
    let content = bytes(3_000_000);
    let path = server.create(content.len() as u64).await;
    let mut old = frozen(&server, &path, 0, content.len() as u64, &content[..1_000_000]).await;
    arrived(&server, &path, 1_000_000).await;
    assert_eq!(server.offset(&path).await, 1_000_000);
    // The older one is told, if it ever wakes up, and its connection ends in order.
    let told = old.answer().await;
    assert_eq!((told.status, told.header("upload-offset")), (409, "1000000"));
    assert_eq!(told.header("connection"), "close");
    let answer = server.patch(&path, 1_000_000, &content[1_000_000..]).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (204, "3000000"));
    assert_eq!(server.download(&path).await, content);
}

/// A PATCH, and a DELETE, take the turn as a HEAD does.
#[tokio::test]
async fn every_newer_request_takes_over() {
    let server = Server::start().await;
    let content = bytes(200_000);
    let path = server.create(content.len() as u64).await;
    let mut old = frozen(&server, &path, 0, 200_000, &content[..100_000]).await;
    arrived(&server, &path, 100_000).await;
    let answer = server.patch(&path, 100_000, &content[100_000..150_000]).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (204, "150000"));
    assert_eq!(old.answer().await.status, 409);
    let mut old = frozen(&server, &path, 150_000, 50_000, &content[150_000..160_000]).await;
    arrived(&server, &path, 160_000).await;
    let answer = server.ask("DELETE", &path, "tus-resumable: 1.0.0\r\n", b"").await;
    assert_eq!(answer.status, 204);
    assert_eq!(old.answer().await.status, 409);
    assert_eq!(server.ask("HEAD", &path, "tus-resumable: 1.0.0\r\n", b"").await.status, 404);
}

/// Of many that come at once for the same bytes, one writes, and nothing is mixed up.
#[tokio::test]
async fn of_a_crowd_one_writes() {
    let server = Server::start().await;
    let content = bytes(500_000);
    let path = server.create(content.len() as u64).await;
    let crowd = (0..20).map(|_| server.patch(&path, 0, &content));
    let answers = futures_util::future::join_all(crowd).await;
    let mut offset = server.offset(&path).await;
    if offset < 500_000 {
        let answer = server.patch(&path, offset, &content[usize::try_from(offset).unwrap()..]).await;
        assert_eq!(answer.status, 204);
        offset = server.offset(&path).await;
    }
    let good = answers.iter().filter(|answer| answer.status == 204).count();
    assert!(answers.iter().all(|answer| [204, 403, 409].contains(&answer.status)), "{answers:?}");
    assert!(good <= 1, "{good} have written the same bytes");
    assert_eq!(offset, 500_000);
    assert_eq!(server.download(&path).await, content);
}

/// How long a usable offset takes. The times are printed and not judged: the machine may be busy. What is judged is that
/// each is usable.
#[tokio::test]
async fn a_usable_offset_comes_soon() {
    const ROUNDS: usize = 40;
    let server = Server::start().await;
    let piece = bytes(300_000);
    let path = server.create((ROUNDS * piece.len()) as u64).await;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let begin = (round * piece.len()) as u64;
        let announced = ((ROUNDS - round) * piece.len()) as u64;
        let _old = frozen(&server, &path, begin, announced, &piece).await;
        arrived(&server, &path, begin + 1).await;
        let asked = Instant::now();
        let mut offset = server.offset(&path).await;
        times.push(asked.elapsed());
        if offset < begin + piece.len() as u64 {
            // Not all had come when the newer one did: that is what the offset is for.
            let rest = &piece[usize::try_from(offset - begin).unwrap()..];
            let answer = server.patch(&path, offset, rest).await;
            assert_eq!(answer.status, 204);
            offset = answer.header("upload-offset").parse().unwrap();
        }
        assert_eq!(offset, begin + piece.len() as u64);
    }
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "usable offset after: median {:?}, p90 {:?}, p99 {:?}, max {:?}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    assert_eq!(server.download(&path).await, piece.repeat(ROUNDS));
}

/// A client that was stopped as a whole, by the kernel, in the midst of its body.
#[cfg(unix)]
#[tokio::test]
async fn a_process_that_was_stopped_is_no_hindrance() {
    use std::process::{Command, Stdio};
    let server = Server::start().await;
    let path = server.create(1 << 30).await;
    let url = format!("http://{}{path}", server.address);
    let curl = Command::new("curl")
        .args(["-s", "-X", "PATCH", "-H", "tus-resumable: 1.0.0", "-H", "upload-offset: 0", "-H"])
        .args(["content-type: application/offset+octet-stream", "-T", "-", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let Ok(mut curl) = curl else {
        println!("skipped: there is no curl");
        return;
    };
    std::io::Write::write_all(curl.stdin.as_mut().unwrap(), &bytes(1_000_000)).unwrap();
    arrived(&server, &path, 500_000).await;
    let signal = |name: &str| Command::new("kill").args([name, &curl.id().to_string()]).status().unwrap();
    assert!(signal("-STOP").success());
    let asked = Instant::now();
    let offset = server.offset(&path).await;
    println!("usable offset after {:?}", asked.elapsed());
    let answer = server.patch(&path, offset, b"goes on").await;
    assert_eq!((answer.status, answer.header("upload-offset")), (204, &*(offset + 7).to_string()));
    signal("-KILL");
    curl.wait().unwrap();
}

/// A client that vanishes loses nothing of what came.
#[tokio::test]
async fn what_came_of_a_client_that_vanished_is_kept() {
    let server = Server::start().await;
    let content = bytes(700_000);
    for is_reset in [false, true] {
        let path = server.create(content.len() as u64).await;
        let old = frozen(&server, &path, 0, content.len() as u64, &content[..400_000]).await;
        arrived(&server, &path, 400_000).await;
        if is_reset {
            // With this, closing is a reset.
            old.stream.set_zero_linger().unwrap();
            drop(old);
        } else {
            let mut stream = old.stream;
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        assert_eq!(server.offset(&path).await, 400_000);
        let answer = server.patch(&path, 400_000, &content[400_000..]).await;
        assert_eq!(answer.status, 204);
        assert_eq!(server.download(&path).await, content);
    }
}
