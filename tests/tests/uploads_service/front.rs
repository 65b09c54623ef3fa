//! The gateway's own front: bodies as they come, interim responses, and what becomes of the connection.

use crate::server::{PATCH, Server, bytes};

/// Whatever the pieces, and whatever tells the length, request follows request on one connection.
#[tokio::test]
async fn a_connection_serves_the_next_request_when_the_body_was_read() {
    let server = Server::start().await;
    let content = bytes(600_000);
    let path = server.create(content.len() as u64).await;
    let mut peer = server.peer().await;
    let mut offset = 0;
    for (step, piece) in [(1usize, 100), (7, 5_000), (1000, 94_900), (70_000, 500_000)] {
        let part = &content[offset..offset + piece];
        if step % 2 == 1 {
            peer.head(
                "PATCH",
                &path,
                &format!("{PATCH}upload-offset: {offset}\r\ntransfer-encoding: chunked\r\n"),
            )
            .await;
            for chunk in part.chunks(step) {
                let mut wire = format!("{:x};ext=1\r\n", chunk.len()).into_bytes();
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
                peer.send(&wire).await;
            }
            peer.send(b"0\r\n\r\n").await;
        } else {
            peer.request("PATCH", &path, &format!("{PATCH}upload-offset: {offset}\r\n"), part).await;
        }
        offset += piece;
        let answer = peer.answer().await;
        assert_eq!((answer.status, answer.header("upload-offset")), (204, &*offset.to_string()));
        assert!(answer.find("connection").is_none());
    }
    // Three requests in one write: the second is not taken for a part of the first one's body.
    let path = server.create(6).await;
    let patch = |offset: u64, body: &str| {
        let length = body.len();
        format!(
            "PATCH {path} HTTP/1.1\r\nhost: x\r\n{PATCH}upload-offset: {offset}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let chunked = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\n{PATCH}upload-offset: 2\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\ncd\r\n0\r\n\r\n"
    );
    peer.send(format!("{}{chunked}{}", patch(0, "ab"), patch(4, "ef")).as_bytes()).await;
    for offset in ["2", "4", "6"] {
        assert_eq!(peer.answer().await.header("upload-offset"), offset);
    }
    peer.request("GET", &path, "", b"").await;
    assert_eq!(peer.answer().await.body, b"abcdef");
}

/// A client that sends on and on reads why it need not, and not a reset.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_still_sends() {
    let server = Server::start().await;
    let path = server.create(50_000_000).await;
    for (offset, length, status) in [(7, 20_000_000, 409), (0, 50_000_001, 413)] {
        let mut peer = server.peer().await;
        let lines = format!("{PATCH}upload-offset: {offset}\r\ncontent-length: {length}\r\n");
        peer.head("PATCH", &path, &lines).await;
        // It looks for an answer only when it has sent everything.
        for _ in 0..20 {
            peer.send(&bytes(1_000_000)).await;
        }
        let answer = peer.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (status, "close"));
        tokio::io::AsyncWriteExt::shutdown(&mut peer.stream).await.unwrap();
        assert!(peer.ends().await);
    }
    assert_eq!(server.offset(&path).await, 0);
}

/// The word to go on comes when the body is wanted, and not where it is refused.
#[tokio::test]
async fn a_body_that_is_not_wanted_is_not_asked_for() {
    let server = Server::start().await;
    let path = server.create(5).await;
    let mut peer = server.peer().await;
    let expect = "content-length: 5\r\nexpect: 100-continue\r\n";
    peer.head("PATCH", &path, &format!("{PATCH}upload-offset: 3\r\n{expect}")).await;
    let mut first = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 409");
    let mut peer = server.peer().await;
    peer.head("PATCH", &path, &format!("{PATCH}upload-offset: 0\r\n{expect}")).await;
    let mut word = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut word).await.unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    peer.send(b"hello").await;
    assert_eq!(peer.answer().await.status, 204);
}

/// The IETF draft: where the upload is comes before its bytes do, and how far it is while they come.
#[tokio::test]
async fn interim_responses_come_while_the_body_does() {
    let server = Server::start().await;
    let content = bytes(1_000_000);
    let mut peer = server.peer().await;
    let lines = "upload-draft-interop-version: 8\r\nupload-complete: ?1\r\ncontent-length: 1000000\r\n";
    peer.head("POST", "/uploads", lines).await;
    let mut first = vec![0; 4096];
    let length = tokio::io::AsyncReadExt::read(&mut peer.stream, &mut first).await.unwrap();
    let first = String::from_utf8(first[..length].to_vec()).unwrap();
    assert!(first.starts_with("HTTP/1.1 104 "), "{first}");
    let location = first.to_lowercase();
    let location = location.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned();
    for part in content.chunks(100_000) {
        peer.send(part).await;
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }
    let answer = peer.answer().await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let offsets: Vec<u64> = answer
        .interims
        .iter()
        .filter_map(|interim| {
            interim.to_lowercase().lines().find_map(|l| l.strip_prefix("upload-offset: ")?.parse().ok())
        })
        .collect();
    println!("{offsets:?}");
    assert!(offsets.is_sorted() && offsets.iter().all(|offset| *offset <= 1_000_000));
    assert_eq!(server.download(&location).await, content);
    // One that speaks HTTP/1.0 gets none.
    let mut old = server.peer().await;
    old.send(b"POST /uploads HTTP/1.0\r\nupload-draft-interop-version: 8\r\nupload-complete: ?1\r\ncontent-length: 1\r\n\r\nx")
        .await;
    let answer = old.answer().await;
    assert!((200..300).contains(&answer.status) && answer.interims.is_empty(), "{answer:?}");
}

/// Framing that breaks the grammar ends the body there; what came before it is kept.
#[tokio::test]
async fn broken_chunks_end_the_body() {
    let server = Server::start().await;
    let path = server.create(100).await;
    let mut peer = server.peer().await;
    peer.head("PATCH", &path, &format!("{PATCH}upload-offset: 0\r\ntransfer-encoding: chunked\r\n")).await;
    peer.send(b"5\r\nhello\r\nzz\r\n").await;
    let answer = peer.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (400, "close"));
    assert_eq!(server.offset(&path).await, 5);
}
