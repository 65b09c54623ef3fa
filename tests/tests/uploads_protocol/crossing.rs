//! One upload, several protocols: what begins in one is looked at and finished in another.

use crate::rig::{Server, file};
use crate::tus::{BYTES, TUS, content, look, patch};

const PARTIAL: &str = "Content-Type: application/partial-upload\r\n";

#[tokio::test]
async fn begun_as_tus_and_finished_as_the_draft() {
    let server = Server::start().await;
    let file = file(20, 100_000);
    let place = crate::tus::create(&server, file.len()).await;
    patch(&server, &place, 0, &file[..40_000]).await.is(204);
    let head = server.ask(&format!("HEAD {place}"), "", "").await.is(204);
    assert_eq!((head.get("upload-offset"), head.get("upload-length")), ("40000", "100000"));
    assert_eq!(head.get("upload-complete"), "?0");
    let fields = format!("{PARTIAL}Upload-Offset: 40000\r\nUpload-Complete: ?1\r\n");
    server.ask(&format!("PATCH {place}"), &fields, &file[40_000..]).await.is(201);
    assert_eq!(look(&server, &place).await.is(200).get("upload-offset"), "100000");
    assert_eq!(content(&server, &place).await, file);
}

#[tokio::test]
async fn begun_as_the_draft_and_finished_as_tus() {
    let server = Server::start().await;
    let fields = "Upload-Complete: ?0\r\nContent-Disposition: inline; filename=\"a.txt\"\r\n";
    let place = server.ask("POST /uploads", fields, "abc").await.is(201).get("location").to_owned();
    let head = look(&server, &place).await.is(200);
    assert_eq!((head.get("upload-offset"), head.get("upload-defer-length")), ("3", "1"));
    assert_eq!(head.get("upload-metadata"), "filename YS50eHQ=");
    let fields = format!("{TUS}{BYTES}Upload-Offset: 3\r\nUpload-Length: 6\r\n");
    server.ask(&format!("PATCH {place}"), &fields, "def").await.is(204);
    assert_eq!(content(&server, &place).await, b"abcdef");
}

#[tokio::test]
async fn begun_by_the_tutorial_and_finished_as_tus_and_seen_by_the_tutorial() {
    let server = Server::start().await;
    let file = file(21, 60_000);
    let id = "X-File-Id: a.bin-60000-1\r\n";
    let mut client = server.client().await;
    client.send_head("POST /upload", &format!("{id}Content-Length: {}\r\n", file.len())).await;
    client.send(&file[..30_000]).await;
    // The visitor's cookie comes with an answer, and this one is taken over before it has any: the server gives it to
    // a request that it answers.
    let refused = server.ask("POST /upload", &format!("{id}X-Start-Byte: x\r\n"), "").await.is(400);
    let cookie = format!("Cookie: {}\r\n", refused.get("set-cookie").split(';').next().unwrap());
    drop(client);
    let mut client = server.client().await;
    client.send_head("POST /upload", &format!("{id}{cookie}Content-Length: {}\r\n", file.len())).await;
    client.send(&file[..30_000]).await;
    let place = loop {
        // It is there as soon as its head has been read.
        let status = server.ask("GET /status", &format!("{id}{cookie}"), "").await.is(200);
        if let Some(place) = status.head.get("location") {
            break place.to_owned();
        }
    };
    let head = look(&server, &place).await.is(200);
    let at: usize = head.get("upload-offset").parse().unwrap();
    assert_eq!(head.get("upload-length"), "60000", "of its Content-Length");
    patch(&server, &place, at, &file[at..]).await.is(204);
    assert_eq!(server.ask("GET /status", &format!("{id}{cookie}"), "").await.is(200).text(), "60000");
    assert_eq!(content(&server, &place).await, file);
}

#[tokio::test]
async fn what_a_draft_client_did_not_finish_is_finished_by_a_look_of_tus() {
    let server = Server::start().await;
    let fields = "Upload-Complete: ?0\r\nUpload-Length: 3\r\n";
    let place = server.ask("POST /uploads", fields, "abc").await.is(201).get("location").to_owned();
    assert_eq!(server.ask(&format!("HEAD {place}"), "", "").await.is(204).get("upload-complete"), "?0");
    // By tus all bytes are all there is to it.
    assert_eq!(look(&server, &place).await.is(200).get("upload-offset"), "3");
    assert_eq!(server.ask(&format!("HEAD {place}"), "", "").await.is(204).get("upload-complete"), "?1");
}

#[tokio::test]
async fn all_of_it_survives_that_the_server_is_started_again() {
    let mut server = Server::start().await;
    let file = file(22, 200_000);
    let metadata = "Upload-Metadata: filename YQ==\r\n";
    let fields = format!("{TUS}{metadata}Upload-Length: {}\r\n", file.len());
    let place = server.ask("POST /uploads", &fields, "").await.is(201).get("location").to_owned();
    let mut at = 0;
    for len in [70_000, 1, 60_000] {
        patch(&server, &place, at, &file[at..at + len]).await.is(204);
        at += len;
        server.restart().await;
        let head = look(&server, &place).await.is(200);
        assert_eq!(
            (head.get("upload-offset"), head.get("upload-metadata")),
            (&*at.to_string(), "filename YQ==")
        );
    }
    patch(&server, &place, at, &file[at..]).await.is(204);
    server.restart().await;
    assert_eq!(content(&server, &place).await, file);
}
