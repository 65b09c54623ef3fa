//! The extensions of tus 1.0.0, by their sections.

use std::time::Duration;

use sha1::{Digest, Sha1};
use tidegate_gateway::upload::Limits;

use crate::rig::Server;
use crate::tus::{BYTES, TUS, content, create, look, offset, patch};
use crate::wire::Answer;

async fn post(server: &Server, fields: &str, body: impl AsRef<[u8]>) -> Answer {
    server.ask("POST /uploads", &format!("{TUS}{fields}"), body).await
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[tokio::test]
async fn metadata_comes_back_as_it_was_sent() {
    let server = Server::start().await;
    let metadata = "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential";
    let fields = format!("Upload-Length: 3\r\nUpload-Metadata: {metadata}\r\n");
    let place = post(&server, &fields, "").await.is(201).get("location").to_owned();
    assert_eq!(look(&server, &place).await.is(200).get("upload-metadata"), metadata);
    patch(&server, &place, 0, b"abc").await.is(204);
    let file = server.ask(&format!("GET {place}"), "", "").await.is(200);
    let disposition = "attachment; filename*=UTF-8''world_domination_plan.pdf";
    assert_eq!(file.get("content-disposition"), disposition);
    assert_eq!((file.get("x-content-type-options"), file.body.as_slice()), ("nosniff", &b"abc"[..]));
    // tuspy sends it empty.
    let place = post(&server, "Upload-Length: 3\r\nUpload-Metadata: \r\n", "")
        .await
        .is(201)
        .get("location")
        .to_owned();
    assert!(!look(&server, &place).await.has("upload-metadata"));
}

#[tokio::test]
async fn creation_defer_length() {
    let server = Server::start().await;
    let place = post(&server, "Upload-Defer-Length: 1\r\n", "").await.is(201).get("location").to_owned();
    let head = look(&server, &place).await.is(200);
    assert_eq!((head.get("upload-defer-length"), head.has("upload-length")), ("1", false));
    patch(&server, &place, 0, b"abc").await.is(204);
    let told = |offset: usize, length: usize| {
        format!("{TUS}{BYTES}Upload-Offset: {offset}\r\nUpload-Length: {length}\r\n")
    };
    let head = format!("PATCH {place}");
    server.ask(&head, &told(3, 2), "").await.is(400);
    server.ask(&head, &told(3, 5), "d").await.is(204);
    server.ask(&head, &told(4, 6), "e").await.is(400);
    assert_eq!(look(&server, &place).await.get("upload-length"), "5");
    server.ask(&head, &told(4, 5), "e").await.is(204);
    assert_eq!(content(&server, &place).await, b"abcde");
}

#[tokio::test]
async fn creation_with_upload() {
    let server = Server::start().await;
    let answer = post(&server, &format!("{BYTES}Upload-Length: 10\r\n"), "hello").await.is(201);
    assert_eq!(answer.get("upload-offset"), "5");
    let place = answer.get("location").to_owned();
    patch(&server, &place, 5, b"world").await.is(204);
    assert_eq!(content(&server, &place).await, b"helloworld");
    let all = post(&server, &format!("{BYTES}Upload-Length: 5\r\n"), "hello").await.is(201);
    assert_eq!(content(&server, all.get("location")).await, b"hello");
    post(&server, "Upload-Length: 10\r\n", "hello").await.is(415);
    post(&server, &format!("{BYTES}Upload-Length: 4\r\n"), "hello").await.is(413);
}

#[tokio::test]
async fn expiration() {
    let day = Duration::from_secs(24 * 3600);
    let server = Server::with(Limits { expiry: day, ..Limits::default() }, |settings| settings).await;
    let answer = post(&server, "Upload-Length: 10\r\n", "").await.is(201);
    let is_date = |text: &str| text.len() == 29 && text.ends_with(" GMT");
    assert!(is_date(answer.get("upload-expires")), "{answer:?}");
    let place = answer.get("location").to_owned();
    assert!(is_date(patch(&server, &place, 0, b"hello").await.is(204).get("upload-expires")));
    assert!(is_date(look(&server, &place).await.get("upload-expires")));
    // It is about uploads that are not complete.
    assert!(!patch(&server, &place, 5, b"world").await.is(204).has("upload-expires"));
}

#[tokio::test]
async fn an_upload_that_has_expired_is_gone() {
    let server =
        Server::with(Limits { expiry: Duration::ZERO, ..Limits::default() }, |settings| settings).await;
    let place = create(&server, 10).await;
    // The clock of expiry has milliseconds, and one has to pass.
    tokio::time::sleep(Duration::from_millis(5)).await;
    look(&server, &place).await.is(410);
    patch(&server, &place, 0, b"a").await.is(410);
}

#[tokio::test]
async fn a_chunk_counts_only_if_its_checksum_is_right() {
    let server = Server::start().await;
    let place = create(&server, 11).await;
    let with = |checksum: String| {
        let (server, place) = (&server, &place);
        async move {
            let at = offset(server, place).await;
            let fields = format!("{TUS}{BYTES}Upload-Offset: {at}\r\nUpload-Checksum: {checksum}\r\n");
            server.ask(&format!("PATCH {place}"), &fields, &b"hello world"[at..]).await
        }
    };
    let wrong = format!("sha1 {}", base64(&Sha1::digest(b"hello w0rld")));
    assert_eq!(with(wrong).await.is(460).get("upload-offset"), "0");
    with("crc32 AAAAAA==".to_owned()).await.is(400);
    with("sha1 AAAA".to_owned()).await.is(400);
    assert_eq!(offset(&server, &place).await, 0, "the chunk is gone");
    // The example of the text.
    with("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".to_owned()).await.is(204);
    assert_eq!(content(&server, &place).await, b"hello world");
}

#[tokio::test]
async fn every_algorithm_is_computed() {
    let server = Server::start().await;
    // Of `hello world`, by other programs.
    for checksum in [
        "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        "md5 XrY7u+Ae7tCTyyK7j1rNww==",
        "crc32c yZRlqg==",
    ] {
        let place = create(&server, 11).await;
        let fields = format!("{TUS}{BYTES}Upload-Offset: 0\r\nUpload-Checksum: {checksum}\r\n");
        let head = format!("PATCH {place}");
        server.ask(&head, &fields, "hello w0rld").await.is(460);
        server.ask(&head, &fields, "hello world").await.is(204);
    }
}

#[tokio::test]
async fn checksum_trailer() {
    let server = Server::start().await;
    for (trailer, status) in [
        ("Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\r\n", 204),
        ("Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n", 460),
        ("", 460),
    ] {
        let place = create(&server, 11).await;
        let mut client = server.client().await;
        let fields = format!(
            "{TUS}{BYTES}Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\nTrailer: Upload-Checksum\r\n"
        );
        client.send_head(&format!("PATCH {place}"), &fields).await;
        client.send_chunk(b"hello ").await;
        client.send_chunk(b"world").await;
        client.send(format!("0\r\n{trailer}\r\n").as_bytes()).await;
        client.answer(false).await.is(status);
        assert_eq!(offset(&server, &place).await, if status == 204 { 11 } else { 0 });
    }
}

#[tokio::test]
async fn bytes_whose_checksum_cannot_be_told_any_more_are_gone() {
    let server = Server::start().await;
    let place = create(&server, 11).await;
    let mut client = server.client().await;
    let checksum = "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\r\n";
    let fields = format!("{TUS}{BYTES}{checksum}Upload-Offset: 0\r\nContent-Length: 11\r\n");
    client.send_head(&format!("PATCH {place}"), &fields).await;
    client.send(b"hello ").await;
    drop(client);
    assert_eq!(offset(&server, &place).await, 0);
}

#[tokio::test]
async fn termination() {
    let server = Server::start().await;
    for bytes in [&b"ab"[..], b"abcde"] {
        let place = create(&server, 5).await;
        patch(&server, &place, 0, bytes).await.is(204);
        server.ask(&format!("DELETE {place}"), TUS, "").await.is(204);
        look(&server, &place).await.is(404);
        patch(&server, &place, bytes.len(), b"").await.is(404);
        server.ask(&format!("GET {place}"), "", "").await.is(404);
        server.ask(&format!("DELETE {place}"), TUS, "").await.is(404);
    }
}

#[tokio::test]
async fn concatenation() {
    let server = Server::start().await;
    let mut parts = Vec::new();
    for bytes in [&b"hello"[..], b" world"] {
        let fields = format!("Upload-Concat: partial\r\nUpload-Length: {}\r\n", bytes.len());
        let place = post(&server, &fields, "").await.is(201).get("location").to_owned();
        patch(&server, &place, 0, bytes).await.is(204);
        assert_eq!(look(&server, &place).await.get("upload-concat"), "partial");
        parts.push(place);
    }
    // URLs may be absolute, and a part may stand there twice.
    let list = format!("{} {} {}", parts[0], server.url(&parts[1]), parts[0]);
    let fields = format!("Upload-Concat: final;{list}\r\nUpload-Metadata: filename YQ==\r\n");
    let place = post(&server, &fields, "").await.is(201).get("location").to_owned();
    let head = look(&server, &place).await.is(200);
    assert_eq!((head.get("upload-offset"), head.get("upload-length")), ("16", "16"));
    assert_eq!(head.get("upload-concat"), format!("final;{list}"));
    assert_eq!(head.get("upload-metadata"), "filename YQ==");
    assert_eq!(content(&server, &place).await, b"hello worldhello");
    patch(&server, &place, 16, b"x").await.is(403);
    patch(&server, &place, 0, b"").await.is(403);
    // The parts may go; the whole stays, and the list of what it was made of.
    server.ask(&format!("DELETE {}", parts[0]), TUS, "").await.is(204);
    assert_eq!(look(&server, &place).await.get("upload-concat"), format!("final;{list}"));
    assert_eq!(content(&server, &place).await, b"hello worldhello");
}

#[tokio::test]
async fn only_complete_parts_that_are_there_can_be_joined() {
    let server = Server::start().await;
    let part = async |fields: &str| post(&server, fields, "").await.is(201).get("location").to_owned();
    let incomplete = part("Upload-Concat: partial\r\nUpload-Length: 5\r\n").await;
    let whole = part("Upload-Length: 0\r\n").await;
    let gone = "/uploads/0123456789abcdef-00000000000000000000000000000000".to_owned();
    for (place, status) in [(&incomplete, 400), (&whole, 400), (&gone, 404)] {
        post(&server, &format!("Upload-Concat: final;{place}\r\n"), "").await.is(status);
    }
    for list in ["../../etc/passwd", "/uploads/", "/uploads/%2e%2e"] {
        post(&server, &format!("Upload-Concat: final;{list}\r\n"), "").await.is(404);
    }
    post(&server, &format!("Upload-Concat: final;{whole}\r\nUpload-Length: 0\r\n"), "").await.is(400);
    post(&server, "Upload-Concat: final;\r\n", "").await.is(400);
}
