//! Offsets, lengths, limits, checksums, expiry.

use std::time::Duration;

use tidegate_gateway::upload::Limits;

use crate::server::{PATCH, Server, TUS, bytes};

#[tokio::test]
async fn a_wrong_offset_is_told_the_right_one() {
    let server = Server::start().await;
    let path = server.create(1000).await;
    assert_eq!(server.patch(&path, 0, &bytes(400)).await.status, 204);
    for wrong in [0, 399, 401, 1000] {
        let answer = server.patch(&path, wrong, b"x").await;
        assert_eq!((answer.status, answer.header("upload-offset")), (409, "400"), "{wrong}");
    }
    assert_eq!(server.offset(&path).await, 400);
}

/// Whether the length of the body is announced or not, no byte beyond the upload's length is taken.
#[tokio::test]
async fn more_than_the_length_is_refused() {
    let server = Server::start().await;
    let path = server.create(1000).await;
    assert_eq!(server.patch(&path, 0, &bytes(1001)).await.status, 413);
    assert_eq!(server.offset(&path).await, 0);
    let lines = format!("{PATCH}upload-offset: 0\r\ntransfer-encoding: chunked\r\n");
    let mut peer = server.peer().await;
    peer.head("PATCH", &path, &lines).await;
    peer.send(b"3e8\r\n").await;
    peer.send(&bytes(1000)).await;
    peer.send(b"\r\n1\r\nx\r\n0\r\n\r\n").await;
    assert_eq!(peer.answer().await.status, 413);
    assert_eq!(server.download(&path).await, bytes(1000));
}

#[tokio::test]
async fn an_upload_has_a_limit_and_so_have_all_of_an_owner() {
    let limits = Limits { max_bytes: 1000, owner_bytes: 2500, owner_uploads: 4, ..Limits::default() };
    let server = Server::with(limits).await;
    let create = async |length: u64| {
        server.ask("POST", "/uploads", &format!("{TUS}upload-length: {length}\r\n"), b"").await
    };
    assert_eq!(create(1001).await.status, 413);
    let first = create(1000).await;
    assert_eq!(first.status, 201);
    assert_eq!(create(1000).await.status, 201);
    assert_eq!(create(501).await.status, 413);
    assert_eq!(create(500).await.status, 201);
    assert_eq!(create(1).await.status, 413);
    assert_eq!(create(0).await.status, 201);
    // Four are as many as there may be, also where they are small.
    assert_eq!(create(0).await.status, 413);
    let gone = server.ask("DELETE", first.header("location"), TUS, b"").await;
    assert_eq!(gone.status, 204);
    assert_eq!(create(1000).await.status, 201);
}

/// Bytes of an upload whose length nobody knows are counted as they come.
#[tokio::test]
async fn a_length_that_is_not_known_has_limits_too() {
    let limits = Limits { max_bytes: 500_000, owner_bytes: 700_000, ..Limits::default() };
    let server = Server::with(limits).await;
    let defer = format!("{TUS}upload-defer-length: 1\r\n");
    let mut paths = Vec::new();
    for _ in 0..2 {
        let answer = server.ask("POST", "/uploads", &defer, b"").await;
        assert_eq!(answer.status, 201);
        paths.push(answer.header("location").to_owned());
    }
    assert_eq!(server.patch(&paths[0], 0, &bytes(400_000)).await.status, 204);
    assert_eq!(server.patch(&paths[0], 400_000, &bytes(100_001)).await.status, 413);
    assert_eq!(server.offset(&paths[0]).await, 400_000);
    let refused = server.patch(&paths[1], 0, &bytes(300_001)).await;
    assert_eq!(refused.status, 413);
    let had = server.offset(&paths[1]).await;
    assert!(had <= 300_000, "{had}");
    // What did not fit was given back.
    let rest = 300_000 - had;
    assert_eq!(server.patch(&paths[1], had, &bytes(usize::try_from(rest).unwrap())).await.status, 204);
    assert_eq!(server.patch(&paths[1], 300_000, b"x").await.status, 413);
}

#[tokio::test]
async fn a_chunk_counts_when_its_checksum_is_right() {
    let server = Server::start().await;
    let path = server.create(11).await;
    let chunk =
        |offset: u64, sum: &str| format!("{PATCH}upload-offset: {offset}\r\nupload-checksum: {sum}\r\n");
    let sent =
        server.ask("PATCH", &path, &chunk(0, "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="), b"hello world").await;
    assert_eq!((sent.status, sent.header("upload-offset")), (204, "11"));
    let path = server.create(11).await;
    for wrong in ["sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "crc32c AAAAAA==", "md5 AAAAAAAAAAAAAAAAAAAAAA=="] {
        let answer = server.ask("PATCH", &path, &chunk(0, wrong), b"hello world").await;
        assert_eq!(answer.status, 460, "{wrong}");
        assert_eq!(server.offset(&path).await, 0);
    }
    let unknown = server.ask("PATCH", &path, &chunk(0, "sha7 AAAA"), b"hello world").await;
    assert_eq!(unknown.status, 400);
    let sha256 = chunk(0, "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=");
    assert_eq!(server.ask("PATCH", &path, &sha256, b"hello world").await.status, 204);
    assert_eq!(server.download(&path).await, b"hello world");
}

/// A body that breaks off before its checksum came leaves nothing behind.
#[tokio::test]
async fn half_a_chunk_counts_for_nothing() {
    let server = Server::start().await;
    let path = server.create(2_000_000).await;
    let lines = format!(
        "{PATCH}upload-offset: 0\r\nupload-checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\r\ncontent-length: 2000000\r\n"
    );
    let mut peer = server.peer().await;
    peer.head("PATCH", &path, &lines).await;
    peer.send(&bytes(1_500_000)).await;
    drop(peer);
    assert_eq!(server.offset(&path).await, 0);
    assert_eq!(server.patch(&path, 0, &bytes(2_000_000)).await.status, 204);
    assert_eq!(server.download(&path).await, bytes(2_000_000));
}

#[tokio::test]
async fn a_checksum_may_come_behind_the_body() {
    let server = Server::start().await;
    for (sum, status) in
        [("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", 204), ("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", 460)]
    {
        let path = server.create(11).await;
        let lines =
            format!("{PATCH}upload-offset: 0\r\ntrailer: Upload-Checksum\r\ntransfer-encoding: chunked\r\n");
        let mut peer = server.peer().await;
        peer.head("PATCH", &path, &lines).await;
        peer.send(format!("b\r\nhello world\r\n0\r\nUpload-Checksum: {sum}\r\n\r\n").as_bytes()).await;
        assert_eq!(peer.answer().await.status, status, "{sum}");
        // The connection goes on behind the trailers.
        peer.request("HEAD", &path, TUS, b"").await;
        let expected = if status == 204 { "11" } else { "0" };
        assert_eq!(peer.answer().await.header("upload-offset"), expected);
    }
}

#[tokio::test]
async fn what_has_expired_is_gone_and_makes_room() {
    let limits = Limits { expiry: Duration::from_millis(300), owner_uploads: 2, ..Limits::default() };
    let server = Server::with(limits).await;
    let old = server.create(10).await;
    let complete = server.create(0).await;
    assert_eq!(server.ask("POST", "/uploads", &format!("{TUS}upload-length: 1\r\n"), b"").await.status, 413);
    while server.ask("HEAD", &old, TUS, b"").await.status == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.ask("HEAD", &old, TUS, b"").await.status, 410);
    assert_eq!(server.patch(&old, 0, b"x").await.status, 410);
    assert_eq!(server.uploads.sweep().await, 1);
    assert_eq!(server.ask("HEAD", &old, TUS, b"").await.status, 404);
    // What is complete is kept.
    assert_eq!(server.ask("HEAD", &complete, TUS, b"").await.status, 200);
    server.create(1).await;
}

/// A client that drips a byte now and then does not hold its place for ever, and nobody else waits for it.
#[tokio::test]
async fn a_drip_is_not_waited_for() {
    let limits = Limits { idle: Duration::from_millis(500), min_bytes: 100, ..Limits::default() };
    let server = Server::with(limits).await;
    let path = server.create(1_000_000).await;
    let mut slow = server.peer().await;
    let lines = format!("{PATCH}upload-offset: 0\r\ncontent-length: 1000000\r\n");
    slow.head("PATCH", &path, &lines).await;
    let mut sent = 0;
    let dripping = async {
        while slow.stream.try_read(&mut [0; 1]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock) {
            if tokio::io::AsyncWriteExt::write_all(&mut slow.stream, b"x").await.is_err() {
                break;
            }
            sent += 1;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let other = async {
        let path = server.create(100_000).await;
        assert_eq!(server.patch(&path, 0, &bytes(100_000)).await.status, 204);
    };
    tokio::join!(dripping, other);
    let offset = server.offset(&path).await;
    println!("{sent} bytes dripped, {offset} kept");
    assert!(offset > 0 && offset <= sent);
}

/// As many bodies as may be on their way: one more is told to come again, and can when one has ended.
#[tokio::test]
async fn there_are_only_so_many_at_a_time() {
    let server = Server::with(Limits { in_flight: 2, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let path = server.create(10).await;
        let mut peer = server.peer().await;
        let lines = format!("{PATCH}upload-offset: 0\r\ncontent-length: 10\r\nexpect: 100-continue\r\n");
        peer.head("PATCH", &path, &lines).await;
        // Asked to go on, it has its place.
        let mut word = [0; 25];
        tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut word).await.unwrap();
        assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
        held.push(peer);
    }
    let path = server.create(10).await;
    let answer = server.patch(&path, 0, &bytes(10)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.find("retry-after").is_some());
    let mut first = held.remove(0);
    first.send(&bytes(10)).await;
    assert_eq!(first.answer().await.status, 204);
    assert_eq!(server.patch(&path, 0, &bytes(10)).await.status, 204);
}
