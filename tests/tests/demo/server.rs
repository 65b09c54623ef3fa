//! A demo of its own for each test, and the plainest HTTP client there is.

use tidegate::{Opened, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running demo, which stops accepting when this is dropped.
pub(crate) struct Demo {
    pub(crate) address: String,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Demo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { address, task: tokio::spawn(tidegate_gateway::demo(listener)) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub(crate) async fn open(&self, path: &str) -> (WebSocketStream, Opened) {
        let socket = WebSocketStream::connect(self.url(path)).unwrap();
        let opened = socket.opened().await.unwrap();
        (socket, opened)
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path, "").await
    }

    /// Sends a request with these further header lines, each with its line ending.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &str) -> Response {
        let mut stream = self.tcp().await;
        let close = if headers.contains("upgrade") { "" } else { "connection: close\r\n" };
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n{close}{headers}\r\n", self.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        if close.is_empty() {
            stream.shutdown().await.unwrap();
        }
        stream.read_to_end(&mut bytes).await.unwrap();
        Response::parse(&bytes)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a header section") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The header lines of an opening handshake.
pub(crate) fn upgrade(origin: &str) -> String {
    format!(
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\norigin: {origin}\r\n"
    )
}
