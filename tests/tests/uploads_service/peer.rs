//! A client of HTTP/1.1, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    address: String,
    ahead: Vec<u8>,
    /// The request asked for a head alone.
    is_head: bool,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The interim ones before it, 100 left out.
    pub(crate) interims: Vec<String>,
}

/// So that a test that hangs ends. Nothing is timed by it.
const GUARD: Duration = Duration::from_secs(60);

impl Peer {
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self { stream, address: address.to_owned(), ahead: Vec::new(), is_head: false }
    }

    /// A whole request, whose body has its length.
    pub(crate) async fn request(&mut self, method: &str, path: &str, lines: &str, body: &[u8]) {
        let length = if body.is_empty() && !["POST", "PATCH"].contains(&method) {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        self.head(method, path, &format!("{lines}{length}")).await;
        self.send(body).await;
    }

    /// The head of a request alone.
    pub(crate) async fn head(&mut self, method: &str, path: &str, lines: &str) {
        self.is_head = method == "HEAD";
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n{lines}\r\n", self.address);
        self.send(head.as_bytes()).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next response, and the interim ones before it.
    pub(crate) async fn answer(&mut self) -> Answer {
        timeout(GUARD, self.read_answer()).await.expect("an answer")
    }

    async fn read_answer(&mut self) -> Answer {
        let mut interims = Vec::new();
        loop {
            let head = self.read_head().await;
            let mut lines = head.lines();
            let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            if status == 100 {
                continue;
            }
            if status < 200 {
                interims.push(head);
                continue;
            }
            let headers = lines.filter_map(|line| line.split_once(": "));
            let headers: Vec<_> =
                headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
            let mut answer = Answer { status, headers, body: Vec::new(), interims };
            let length = answer.find("content-length").map_or(0, |length| length.parse().unwrap());
            if !self.is_head {
                while self.ahead.len() < length {
                    assert!(self.fill().await > 0, "the body ends early: {answer:?}");
                }
                answer.body = self.ahead.drain(..length).collect();
            }
            return answer;
        }
    }

    async fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.ahead.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.fill().await > 0, "the connection ends early: {:?}", self.ahead);
        }
    }

    async fn fill(&mut self) -> usize {
        let mut buffer = vec![0; 64 * 1024];
        let length = self.stream.read(&mut buffer).await.unwrap();
        self.ahead.extend_from_slice(&buffer[..length]);
        length
    }

    /// Waits for the end of the connection; tells whether it came in order, and without another byte.
    pub(crate) async fn ends(&mut self) -> bool {
        let mut byte = [0];
        matches!(timeout(GUARD, self.stream.read(&mut byte)).await, Ok(Ok(0))) && self.ahead.is_empty()
    }
}

impl Answer {
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap().trim_end()
    }
}
