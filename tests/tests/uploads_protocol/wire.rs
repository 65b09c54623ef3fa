//! HTTP/1.1 as bytes: what is sent is written here, and what comes back is looked at line by line.

use tidegate_tests::raw::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    host: String,
    read: Vec<u8>,
}

/// The lines of a head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    lines: Vec<(String, String)>,
}

/// A response, and the interim ones before it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) interim: Vec<Head>,
    pub(crate) head: Head,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        Self { stream, host: address.to_owned(), read: Vec::new() }
    }

    /// A request whose head begins with `head`, as `POST /uploads`, with a body of a length that is known.
    pub(crate) async fn ask(&mut self, head: &str, fields: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let length = format!("Content-Length: {}\r\n", body.len());
        self.send_head(head, &format!("{length}{fields}")).await;
        self.send(body).await;
        self.answer(head.starts_with("HEAD ")).await
    }

    pub(crate) async fn send_head(&mut self, head: &str, fields: &str) {
        let text = format!("{head} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.host);
        self.send(text.as_bytes()).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A server that refuses reads no further; what it answers is what counts.
        let _ = soon(self.stream.write_all(bytes)).await;
    }

    /// One chunk of a body whose length is not known.
    pub(crate) async fn send_chunk(&mut self, bytes: &[u8]) {
        let framed = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.send(&framed).await;
    }

    pub(crate) async fn answer(&mut self, is_to_head: bool) -> Answer {
        let mut interim = Vec::new();
        let head = loop {
            let head = self.head().await;
            if !(100..200).contains(&head.status) {
                break head;
            }
            interim.push(head);
        };
        let length = head.get("content-length").map_or(0, |length| length.parse().unwrap());
        let has_body = !is_to_head && head.status != 204;
        let body = if has_body { self.take(length).await } else { Vec::new() };
        Answer { status: head.status, interim, head, body }
    }

    pub(crate) async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await;
        };
        let text = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let lines = lines.map(|line| line.split_once(": ").unwrap());
        let lines = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        Head { status, lines: lines.collect() }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            self.more().await;
        }
        self.read.drain(..length).collect()
    }

    async fn more(&mut self) {
        let read = soon(self.stream.read_buf(&mut self.read)).await.unwrap();
        assert!(read > 0, "the connection ended amid {:?}", String::from_utf8_lossy(&self.read));
    }
}

impl Head {
    /// The value of a field that stands there once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values =
            self.lines.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands there twice: {self:?}");
        value
    }
}

impl Answer {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.head.get(name).unwrap_or_else(|| panic!("there is no {name}: {self:?}"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.head.get(name).is_some()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.head, String::from_utf8_lossy(&self.body));
        self
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The problem (RFC 9457), and the last part of its type.
    pub(crate) fn problem(&self) -> (String, serde_json::Value) {
        assert_eq!(self.get("content-type"), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let (base, name) = problem["type"].as_str().unwrap().split_once('#').unwrap();
        assert_eq!(base, "https://iana.org/assignments/http-problem-types");
        (name.to_owned(), problem)
    }
}
