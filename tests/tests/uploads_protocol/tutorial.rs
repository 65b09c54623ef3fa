//! The tutorial's scheme, in the requests that its page sends.

use crate::rig::{Server, file};
use crate::wire::{Answer, Client};

/// A page of the tutorial: a file, and the cookie that the server has given.
struct Page {
    client: Client,
    address: String,
    cookie: String,
    id: Vec<u8>,
}

impl Page {
    async fn open(server: &Server, id: impl AsRef<[u8]>) -> Self {
        let (address, cookie) = (server.address.clone(), String::new());
        Self { client: server.client().await, address, cookie, id: id.as_ref().to_vec() }
    }

    async fn status(&mut self) -> u64 {
        self.send("GET /status", "").await;
        let answer = self.answer().await.is(200);
        assert_eq!(answer.get("cache-control"), "no-store");
        answer.text().parse().unwrap()
    }

    /// How much there is of a POST that was begun, once the server has seen it.
    async fn status_of_begun(&mut self) -> u64 {
        loop {
            self.send("GET /status", "").await;
            let answer = self.answer().await.is(200);
            if answer.has("location") {
                return answer.text().parse().unwrap();
            }
        }
    }

    async fn upload(&mut self, start: u64, body: &[u8]) -> Answer {
        let fields = format!("X-Start-Byte: {start}\r\nContent-Length: {}\r\n", body.len());
        self.send("POST /upload", &fields).await;
        self.client.send(body).await;
        self.answer().await
    }

    /// Begins a POST that does not come to its end.
    async fn begin(&mut self, start: u64, body: &[u8], announced: usize) {
        let fields = format!("X-Start-Byte: {start}\r\nContent-Length: {announced}\r\n");
        self.send("POST /upload", &fields).await;
        self.client.send(body).await;
    }

    /// The id is bytes, which no text holds.
    async fn send(&mut self, head: &str, fields: &str) {
        let cookie =
            if self.cookie.is_empty() { String::new() } else { format!("Cookie: {}\r\n", self.cookie) };
        let begin = format!("{head} HTTP/1.1\r\nHost: h\r\n{cookie}{fields}X-File-Id: ");
        self.client.send(&[begin.as_bytes(), &self.id, b"\r\n\r\n"].concat()).await;
    }

    async fn answer(&mut self) -> Answer {
        let answer = self.client.answer(false).await;
        if let Some(cookie) = answer.head.get("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        if answer.head.get("connection") == Some("close") {
            self.client = Client::connect(&self.address).await;
        }
        answer
    }

    async fn reconnect(&mut self, server: &Server) {
        self.client = server.client().await;
    }
}

#[tokio::test]
async fn an_upload_that_broke_off_goes_on_and_is_complete_at_the_end_of_its_post() {
    let server = Server::start().await;
    let file = file(1, 300_000);
    let mut page = Page::open(&server, "a.bin-300000-1").await;
    assert_eq!(page.status().await, 0, "nobody knows it");
    page.begin(0, &file[..100_000], file.len()).await;
    // As `stop()` does: the request is gone, and the next one asks at once.
    page.reconnect(&server).await;
    let there = page.status_of_begun().await;
    assert!(there <= 100_000);
    let answer = page.upload(there, &file[there as usize..]).await.is(200);
    assert_eq!(answer.text(), "300000");
    assert_eq!(page.status().await, 300_000);
    // What it is, any protocol can tell, at its own place.
    let place = answer.get("location").to_owned();
    assert_eq!(server.ask(&format!("GET {place}"), "", "").await.is(200).body, file);
}

#[tokio::test]
async fn a_repeat_after_the_end_is_fine() {
    let server = Server::start().await;
    let mut page = Page::open(&server, "a-3-1").await;
    page.upload(0, b"abc").await.is(200);
    assert_eq!(page.status().await, 3);
    assert_eq!(page.upload(3, b"").await.is(200).text(), "3");
    assert_eq!(page.upload(3, b"d").await.is(400).text(), "the upload has 3 bytes, as was said before\n");
    // From 0 on it begins anew.
    let place = page.upload(0, b"xyzw").await.is(200).get("location").to_owned();
    assert_eq!(page.status().await, 4);
    assert_eq!(server.ask(&format!("GET {place}"), "", "").await.is(200).body, b"xyzw");
}

#[tokio::test]
async fn a_file_without_bytes_is_complete() {
    let server = Server::start().await;
    let mut page = Page::open(&server, "nothing-0-1").await;
    let place = page.upload(0, b"").await.is(200).get("location").to_owned();
    assert_eq!(page.status().await, 0);
    page.upload(0, b"").await.is(200);
    let head = server.ask(&format!("HEAD {place}"), "Tus-Resumable: 1.0.0\r\n", "").await.is(200);
    assert_eq!((head.get("upload-offset"), head.get("upload-length")), ("0", "0"));
}

#[tokio::test]
async fn a_wrong_start_byte_is_told_why() {
    let server = Server::start().await;
    let mut page = Page::open(&server, "a-10-1").await;
    let refused = page.upload(5, b"fghij").await.is(409);
    assert_eq!(refused.text(), "wrong start byte: the upload ends at byte 0, not at 5\n");
    page.begin(0, b"abc", 10).await;
    page.reconnect(&server).await;
    let there = page.status_of_begun().await;
    let refused = page.upload(there + 1, b"efghij").await.is(409);
    let reason = format!("wrong start byte: the upload ends at byte {there}, not at {}\n", there + 1);
    assert_eq!(refused.text(), reason);
    assert_eq!(page.status().await, there, "nothing was taken");
}

#[tokio::test]
async fn the_id_is_bytes_and_each_visitors_own() {
    let server = Server::start().await;
    let mut page = Page::open(&server, b"caf\xe9.png-3-1").await;
    page.upload(0, b"abc").await.is(200);
    assert_eq!(page.status().await, 3);
    // Another name that is the same text for whoever takes bytes for UTF-8.
    let mut other = Page::open(&server, b"caf\xe8.png-3-1").await;
    other.cookie = page.cookie.clone();
    assert_eq!(other.status().await, 0);
    // Somebody who guesses the id.
    let mut stranger = Page::open(&server, b"caf\xe9.png-3-1").await;
    assert_eq!(stranger.status().await, 0);
    stranger.upload(0, b"evil").await.is(200);
    assert_eq!(page.status().await, 3);
}

#[tokio::test]
async fn an_id_is_never_a_path() {
    let server = Server::start().await;
    for id in ["../../etc/passwd-3-1", "/abs-3-1", "a/b-3-1", "..", "%2e%2e-3-1"] {
        let mut page = Page::open(&server, id).await;
        let place = page.upload(0, b"abc").await.is(200).get("location").to_owned();
        let name = place.strip_prefix("/uploads/").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{name}");
    }
}

#[tokio::test]
async fn heads_that_are_none_of_it_are_refused() {
    let server = Server::start().await;
    assert_eq!(server.ask("GET /status", "", "").await.is(400).text(), "no X-File-Id\n");
    assert_eq!(server.ask("POST /upload", "", "a").await.is(400).text(), "no X-File-Id\n");
    let bad = server.ask("POST /upload", "X-File-Id: a\r\nX-Start-Byte: x\r\n", "a").await.is(400);
    assert_eq!(bad.text(), "bad X-Start-Byte\n");
    assert_eq!(server.ask("DELETE /upload", "X-File-Id: a\r\n", "").await.is(405).get("allow"), "POST");
    assert_eq!(server.ask("POST /status", "X-File-Id: a\r\n", "").await.is(405).get("allow"), "GET, HEAD");
}

#[tokio::test]
async fn it_goes_on_after_the_server_was_started_again() {
    let mut server = Server::start().await;
    let file = file(2, 100_000);
    let mut page = Page::open(&server, "a-100000-1").await;
    assert_eq!(page.status().await, 0);
    page.begin(0, &file[..60_000], file.len()).await;
    page.reconnect(&server).await;
    let there = page.status_of_begun().await;
    let cookie = page.cookie.clone();
    drop(page);
    server.restart().await;
    let mut page = Page::open(&server, "a-100000-1").await;
    page.cookie = cookie;
    assert_eq!(page.status().await, there, "what was told is there");
    page.upload(there, &file[there as usize..]).await.is(200);
    assert_eq!(page.status().await, 100_000);
}
