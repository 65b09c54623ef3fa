//! HTTP as it should be, and as it should not.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::browser::GUARD;
use crate::server::Server;

/// A connection, byte by byte.
pub(crate) struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub(crate) async fn open(server: &Server) -> Self {
        Self { stream: server.tcp().await }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(GUARD, self.stream.read_u8()).await.expect("a head comes").unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// The next response with its body.
    pub(crate) async fn answer(&mut self) -> String {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        timeout(GUARD, self.stream.read_exact(&mut body)).await.unwrap().unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }

    pub(crate) async fn ask(&mut self, bytes: &[u8]) -> String {
        self.send(bytes).await;
        self.answer().await
    }

    /// All that comes until the end.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        timeout(GUARD, self.stream.read_to_string(&mut rest)).await.expect("the connection ends").unwrap();
        rest
    }
}

const GET: &[u8] = b"GET /channels/a HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn requests_may_come_in_one_piece_or_in_many() {
    let server = Server::start().await;
    let mut raw = Raw::open(&server).await;
    let post = b"POST /channels/a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";
    raw.send(&[&post[..], GET, post, GET].concat()).await;
    for (status, body) in [(200, "-1\n"), (200, "hi\n"), (200, "-2\n"), (200, "hi\nhi\n")] {
        let answer = raw.answer().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(body), "{answer}");
    }
    for byte in GET {
        raw.send(&[*byte]).await;
    }
    assert!(raw.answer().await.ends_with("hi\nhi\n"));
}

/// What is sent behind a poll that is held is answered when that is.
#[tokio::test]
async fn a_request_behind_a_held_one_waits_for_it() {
    let server = Server::start().await;
    let mut raw = Raw::open(&server).await;
    raw.send(b"GET /channels/a HTTP/1.1\r\nhost: x\r\nprefer: wait=50\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    raw.send(b"GET /channels/a HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.publish("/channels/a", "hi").await;
    assert!(raw.answer().await.ends_with("\r\n\r\nhi\n"));
    assert!(raw.answer().await.ends_with("\r\n\r\nhi\n"));
}

#[tokio::test]
async fn what_is_not_http_is_told_so_and_hung_up_on() {
    let server = Server::start().await;
    let long = [b"GET / HTTP/1.1\r\nhost: x\r\nx: ".to_vec(), vec![b'x'; 17 * 1024]].concat();
    for (request, status) in [
        (&b"GET / HTTP/1.1\nhost: x\r\n\r\n"[..], 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nhost: x\r\n\r\n", 505),
        (b"POST /channels/a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /channels/a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", 501),
        (&long, 431),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(request).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("Connection: close\r\n") && answer.lines().last().unwrap().len() > 10, "{answer}");
    }
}

#[tokio::test]
async fn http_1_0_is_spoken_as_proxies_do() {
    let server = Server::start().await;
    server.publish("/channels/a", "hi").await;
    let mut raw = Raw::open(&server).await;
    raw.send(b"GET /channels/a HTTP/1.0\r\n\r\n").await;
    let answer = raw.rest().await;
    assert!(answer.contains("Connection: close\r\n") && answer.ends_with("\r\n\r\nhi\n"), "{answer}");
    let mut raw = Raw::open(&server).await;
    for _ in 0..2 {
        let answer = raw.ask(b"GET /channels/a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
        assert!(answer.contains("Connection: keep-alive\r\n") && answer.ends_with("hi\n"), "{answer}");
    }
}

/// Whoever goes while its request is held is noticed: its place is free again.
#[tokio::test]
async fn a_held_client_that_goes_leaves_its_place() {
    let server = Server::with(tidegate_gateway::Settings::new().max_connections(2)).await;
    for _ in 0..5 {
        let mut held = Vec::new();
        for lines in ["prefer: wait=55\r\n", "accept: text/event-stream\r\n"] {
            let mut raw = Raw::open(&server).await;
            raw.send(format!("GET /channels/a HTTP/1.1\r\nhost: x\r\n{lines}\r\n").as_bytes()).await;
            held.push(raw);
        }
        assert!(held[1].head().await.starts_with("HTTP/1.1 200 "));
        // Both places are taken; one of those who wait goes, and this comes through.
        let mut waits = Raw::open(&server).await;
        waits.send(GET).await;
        drop(held);
        assert!(waits.answer().await.starts_with("HTTP/1.1 204 "));
    }
}
