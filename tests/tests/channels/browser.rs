//! The plainest HTTP client that keeps cookies and its connection; and one that reads without an end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Only a test that hangs ever waits this long.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// A page of a browser: its cookies, its address, its connection.
pub(crate) struct Browser {
    address: String,
    connection: Option<BufReader<TcpStream>>,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) referer: Option<String>,
    /// How many connections there were.
    pub(crate) connections: usize,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The body of a response that has no end.
pub(crate) struct Stream {
    pub(crate) reader: BufReader<TcpStream>,
    pub(crate) head: String,
}

/// One event of an event stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Option<String>,
}

impl Browser {
    pub(crate) fn new(address: &str) -> Self {
        let (cookies, address) = (BTreeMap::new(), address.to_owned());
        Self { address, connection: None, cookies, referer: None, connections: 0 }
    }

    /// Sends a request with these further header lines, and reads the response.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, lines: &str, body: &str) -> Answer {
        self.send(method, path, lines, body).await;
        self.answer(method).await
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, lines: &str, body: &str) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n{lines}", self.address);
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request += &format!("cookie: {}\r\n", pairs.join("; "));
        }
        if let Some(referer) = &self.referer {
            request += &format!("referer: {referer}\r\n");
        }
        if !body.is_empty() {
            request += &format!("content-length: {}\r\n", body.len());
        }
        request += &format!("\r\n{body}");
        if self.connection.is_none() {
            self.connections += 1;
            self.connection = Some(BufReader::new(TcpStream::connect(&self.address).await.unwrap()));
        }
        self.connection.as_mut().unwrap().write_all(request.as_bytes()).await.unwrap();
    }

    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let reader = self.connection.as_mut().unwrap();
        let mut answer = Answer { status: 0, head: read_head(reader).await, body: String::new() };
        answer.status = answer.head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
        match length {
            Some(length) if method != "HEAD" => {
                let mut body = vec![0; length];
                timeout(GUARD, reader.read_exact(&mut body)).await.unwrap().unwrap();
                answer.body = String::from_utf8(body).unwrap();
            }
            _ => assert!(method == "HEAD" || answer.status == 204, "{answer:?}"),
        }
        for line in answer.head.lines() {
            let Some(("set-cookie", cookie)) = line.split_once(": ") else { continue };
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if answer.header("connection") == Some("close") {
            self.connection = None;
        }
        answer
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// Its lines of NDJSON.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Stream {
    pub(crate) async fn open(address: &str, path: &str, lines: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reader = BufReader::new(stream);
        let head = read_head(&mut reader).await;
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        Self { reader, head }
    }

    /// The next line, without its end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(GUARD, self.reader.read_line(&mut line)).await.expect("a line comes").unwrap();
        assert!(line.ends_with('\n'), "the stream has ended: {line:?}");
        line.pop();
        line
    }

    /// The next line of NDJSON that is not empty.
    pub(crate) async fn record(&mut self) -> Value {
        loop {
            let line = self.line().await;
            if !line.is_empty() {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    /// The next event that an event source would tell of.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            let event = self.block().await;
            if event.data.is_some() {
                return event;
            }
        }
    }

    /// The lines up to the next blank one.
    pub(crate) async fn block(&mut self) -> Event {
        let mut event = Event::default();
        loop {
            let line = self.line().await;
            match line.split_once(": ").unwrap_or((&line, "")) {
                ("", _) => return event,
                ("id", id) => id.clone_into(&mut event.id),
                ("event", kind) => kind.clone_into(&mut event.kind),
                ("data", data) => {
                    let so_far = event.data.take().map(|so_far| so_far + "\n").unwrap_or_default();
                    event.data = Some(so_far + data);
                }
                _ => {}
            }
        }
    }
}

/// The head of a response, in lower case but for the values of cookies and positions, which have none.
async fn read_head(reader: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = timeout(GUARD, reader.read_line(&mut head)).await.expect("a head comes").unwrap();
        assert!(read > 0, "the connection has ended: {head:?}");
    }
    let lines = head.lines().map(|line| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
        None => line.to_ascii_lowercase(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(other, _)| *other == name).map(|(_, value)| value)
}
