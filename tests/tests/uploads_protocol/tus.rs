//! tus 1.0.0: the core protocol and creation, by the sections of its text.

use tidegate_gateway::upload::Limits;

use crate::rig::{Server, file};
use crate::wire::Answer;

pub(crate) const TUS: &str = "Tus-Resumable: 1.0.0\r\n";
pub(crate) const BYTES: &str = "Content-Type: application/offset+octet-stream\r\n";

/// A new upload of a length; its place.
pub(crate) async fn create(server: &Server, length: usize) -> String {
    let answer = server.ask("POST /uploads", &format!("{TUS}Upload-Length: {length}\r\n"), "").await.is(201);
    assert_eq!(answer.get("tus-resumable"), "1.0.0");
    answer.get("location").to_owned()
}

pub(crate) async fn patch(server: &Server, place: &str, offset: usize, body: &[u8]) -> Answer {
    let fields = format!("{TUS}{BYTES}Upload-Offset: {offset}\r\n");
    server.ask(&format!("PATCH {place}"), &fields, body).await
}

pub(crate) async fn look(server: &Server, place: &str) -> Answer {
    server.ask(&format!("HEAD {place}"), TUS, "").await
}

pub(crate) async fn offset(server: &Server, place: &str) -> usize {
    look(server, place).await.is(200).get("upload-offset").parse().unwrap()
}

/// The file, as it is given back.
pub(crate) async fn content(server: &Server, place: &str) -> Vec<u8> {
    server.ask(&format!("GET {place}"), "", "").await.is(200).body
}

#[tokio::test]
async fn head_tells_offset_and_length_and_is_not_stored() {
    let server = Server::start().await;
    let place = create(&server, 100).await;
    patch(&server, &place, 0, &[7; 70]).await.is(204);
    let head = look(&server, &place).await.is(200);
    assert_eq!((head.get("upload-offset"), head.get("upload-length")), ("70", "100"));
    assert_eq!((head.get("cache-control"), head.get("tus-resumable")), ("no-store", "1.0.0"));
    assert!(!head.has("upload-defer-length") && !head.has("upload-concat") && !head.has("upload-metadata"));
    let gone = look(&server, "/uploads/0123456789abcdef-00000000000000000000000000000000").await.is(404);
    assert!(!gone.has("upload-offset"));
    look(&server, "/uploads/..").await.is(404);
}

#[tokio::test]
async fn patch_moves_the_offset_to_the_end_of_the_file() {
    let server = Server::start().await;
    let file = file(3, 250_000);
    let place = create(&server, file.len()).await;
    let mut at = 0;
    for len in [1, 65_536, 0, 100_000, 84_463] {
        let answer = patch(&server, &place, at, &file[at..at + len]).await.is(204);
        at += len;
        assert_eq!((answer.get("upload-offset"), answer.get("tus-resumable")), (&*at.to_string(), "1.0.0"));
    }
    assert_eq!(content(&server, &place).await, file);
    // A repeat of the last request's end.
    patch(&server, &place, at, b"").await.is(204);
}

#[tokio::test]
async fn patch_with_another_offset_is_a_conflict_and_changes_nothing() {
    let server = Server::start().await;
    let place = create(&server, 10).await;
    patch(&server, &place, 0, b"abcd").await.is(204);
    for wrong in [0, 3, 5, 10] {
        assert_eq!(patch(&server, &place, wrong, b"xx").await.is(409).get("upload-offset"), "4");
    }
    assert_eq!(offset(&server, &place).await, 4);
}

#[tokio::test]
async fn patch_needs_its_media_type() {
    let server = Server::start().await;
    let place = create(&server, 10).await;
    for media_type in ["", "Content-Type: application/octet-stream\r\n"] {
        let fields = format!("{TUS}{media_type}Upload-Offset: 0\r\n");
        server.ask(&format!("PATCH {place}"), &fields, "abc").await.is(415);
    }
    server.ask(&format!("PATCH {place}"), &format!("{TUS}{BYTES}"), "abc").await.is(400);
    assert_eq!(offset(&server, &place).await, 0);
}

#[tokio::test]
async fn another_version_is_refused_with_the_ones_there_are() {
    let server = Server::start().await;
    let place = create(&server, 10).await;
    let old = "Tus-Resumable: 0.2.2\r\n";
    for (head, fields) in [
        ("POST /uploads".to_owned(), format!("{old}Upload-Length: 1\r\n")),
        (format!("HEAD {place}"), old.to_owned()),
        (format!("PATCH {place}"), format!("{old}{BYTES}Upload-Offset: 0\r\n")),
        (format!("DELETE {place}"), old.to_owned()),
        // Forgotten.
        ("POST /uploads".to_owned(), "Upload-Length: 1\r\n".to_owned()),
        (format!("PATCH {place}"), format!("{BYTES}Upload-Offset: 0\r\n")),
    ] {
        let refused = server.ask(&head, &fields, "").await.is(412);
        assert_eq!(refused.get("tus-version"), "1.0.0", "{head}");
    }
    assert_eq!(offset(&server, &place).await, 0);
}

#[tokio::test]
async fn options_tells_what_there_is() {
    let server = Server::with(Limits { max_bytes: 1 << 20, ..Limits::default() }, |settings| settings).await;
    let place = create(&server, 1).await;
    for path in ["/uploads", &place] {
        let answer = server.ask(&format!("OPTIONS {path}"), "", "").await.is(204);
        assert_eq!((answer.get("tus-version"), answer.get("tus-max-size")), ("1.0.0", "1048576"));
        let extensions: Vec<&str> = answer.get("tus-extension").split(',').collect();
        let expected = [
            "creation",
            "creation-with-upload",
            "creation-defer-length",
            "expiration",
            "checksum",
            "checksum-trailer",
            "termination",
            "concatenation",
        ];
        assert_eq!(extensions, expected);
        assert_eq!(answer.get("tus-checksum-algorithm"), "sha1,sha256,sha512,md5,crc32c");
    }
}

#[tokio::test]
async fn the_method_may_stand_in_a_field() {
    let server = Server::start().await;
    let place = create(&server, 4).await;
    let post = format!("POST {place}");
    let fields = format!("{TUS}{BYTES}Upload-Offset: 0\r\nX-HTTP-Method-Override: PATCH\r\n");
    assert_eq!(server.ask(&post, &fields, "abcd").await.is(204).get("upload-offset"), "4");
    server.ask(&post, &format!("{TUS}X-HTTP-Method-Override: DELETE\r\n"), "").await.is(204);
    look(&server, &place).await.is(404);
}

#[tokio::test]
async fn creation_tells_what_is_wrong_with_it() {
    let server = Server::with(Limits { max_bytes: 100, ..Limits::default() }, |settings| settings).await;
    let post = |fields: &'static str| {
        let server = &server;
        async move { server.ask("POST /uploads", &format!("{TUS}{fields}"), "").await }
    };
    post("").await.is(400);
    post("Upload-Length: -1\r\n").await.is(400);
    post("Upload-Length: 1\r\nUpload-Defer-Length: 1\r\n").await.is(400);
    post("Upload-Defer-Length: 2\r\n").await.is(400);
    post("Upload-Length: 1\r\nUpload-Metadata: a b c\r\n").await.is(400);
    post("Upload-Length: 101\r\n").await.is(413);
    post("Upload-Length: 100\r\n").await.is(201);
    server.ask("PUT /uploads", TUS, "").await.is(405);
    // No length and no more than may be.
    let place = post("Upload-Defer-Length: 1\r\n").await.is(201).get("location").to_owned();
    patch(&server, &place, 0, &[0; 101]).await.is(413);
    patch(&server, &place, 0, &[0; 100]).await.is(204);
    patch(&server, &place, 100, &[0; 1]).await.is(413);
}

#[tokio::test]
async fn an_upload_of_no_bytes_is_complete_when_it_is_created() {
    let server = Server::start().await;
    let place = create(&server, 0).await;
    assert_eq!(look(&server, &place).await.is(200).get("upload-length"), "0");
    assert_eq!(content(&server, &place).await, b"");
}

#[tokio::test]
async fn more_than_the_length_is_refused_and_the_upload_goes_on() {
    let server = Server::start().await;
    let place = create(&server, 5).await;
    patch(&server, &place, 0, b"abcdef").await.is(413);
    // A body whose length is not told before: what is too much is found when it comes.
    let mut client = server.client().await;
    let fields = format!("{TUS}{BYTES}Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n");
    client.send_head(&format!("PATCH {place}"), &fields).await;
    client.send_chunk(b"abcdef").await;
    client.send_chunk(b"").await;
    client.answer(false).await.is(413);
    let at = offset(&server, &place).await;
    patch(&server, &place, at, &b"abcde"[at..]).await.is(204);
    assert_eq!(content(&server, &place).await, b"abcde");
}

#[tokio::test]
async fn what_came_before_the_connection_broke_is_kept() {
    let server = Server::start().await;
    let file = file(4, 400_000);
    let place = create(&server, file.len()).await;
    let mut client = server.client().await;
    let fields = format!("{TUS}{BYTES}Upload-Offset: 0\r\nContent-Length: {}\r\n", file.len());
    client.send_head(&format!("PATCH {place}"), &fields).await;
    client.send(&file[..300_000]).await;
    // All of it is read before the end is: what is lost is lost by the network alone.
    drop(client);
    let mut at = offset(&server, &place).await;
    while at < file.len() {
        at += patch_some(&server, &place, at, &file).await;
    }
    assert_eq!(content(&server, &place).await, file);
}

async fn patch_some(server: &Server, place: &str, at: usize, file: &[u8]) -> usize {
    let len = (file.len() - at).min(70_000);
    patch(server, place, at, &file[at..at + len]).await.is(204);
    len
}

#[tokio::test]
async fn a_newer_request_ends_one_whose_client_is_frozen() {
    let server = Server::start().await;
    let file = file(5, 200_000);
    let place = create(&server, file.len()).await;
    let mut frozen = server.client().await;
    let fields = format!("{TUS}{BYTES}Upload-Offset: 0\r\nContent-Length: {}\r\n", file.len());
    frozen.send_head(&format!("PATCH {place}"), &fields).await;
    frozen.send(&file[..100_000]).await;
    // It neither sends nor goes. The next one is told an offset that it can use, and goes on.
    let at = offset(&server, &place).await;
    patch(&server, &place, at, &file[at..]).await.is(204);
    // The older one, should it still be there, is told how far its bytes came.
    let told = frozen.answer(false).await.is(409);
    assert_eq!(told.get("upload-offset").parse::<usize>().unwrap(), at);
    assert_eq!(content(&server, &place).await, file);
}
