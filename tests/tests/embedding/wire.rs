//! The plainest client there is, which sees the bytes, and servers to talk to.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate::{Acceptor, Opened, WebSocketStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Far beyond what anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The head of a response, in lower case but for its values, and a body of the announced length.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// An opening handshake with these further header lines, each with its line ending.
pub(crate) fn handshake(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: server.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// Sends a request and reads the response.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: impl AsRef<[u8]>,
) -> Response {
    stream.write_all(request.as_ref()).await.unwrap();
    tokio::time::timeout(SOON, response(stream)).await.expect("a response in time")
}

async fn response(stream: &mut (impl AsyncRead + Unpin)) -> Response {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a response"));
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = Response { status, head, body: String::new() };
    let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    response.body = String::from_utf8(body).unwrap();
    response
}

/// A text frame as a client sends it; the masking key of zeros changes nothing.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[0x81, 0x80 | length, 0, 0, 0, 0], payload.as_bytes()].concat()
}

/// Reads a short frame of a server: its first byte and its payload.
pub(crate) async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let first = stream.read_u8().await.unwrap();
    let length = stream.read_u8().await.unwrap();
    assert!(length < 126);
    let mut payload = vec![0; usize::from(length)];
    stream.read_exact(&mut payload).await.unwrap();
    (first, payload)
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves `acceptor` with an echo for as long as the test runs.
pub(crate) async fn serve(acceptor: Acceptor) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move { acceptor.serve(listener, echo).await });
    address
}

pub(crate) async fn echo(socket: WebSocketStream) {
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    let _ = readable.pipe_to(writable).await;
}

/// Connects from this address of the loopback network.
pub(crate) async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// An open WebSocket on raw bytes.
pub(crate) async fn open_raw(address: SocketAddr, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut stream, handshake("/", headers)).await;
    assert_eq!(response.status, 101, "{response:?}");
    stream
}

pub(crate) async fn open(url: impl Into<String>) -> (WebSocketStream, Opened) {
    let socket = WebSocketStream::connect(url).unwrap();
    let opened = socket.opened().await.unwrap();
    (socket, opened)
}

/// Sends a message to an echo, and waits for it to come back.
pub(crate) async fn assert_echoes(opened: &mut Opened, text: &str) {
    opened.writable.write(text).await.unwrap();
    let message = tokio::time::timeout(SOON, opened.readable.read()).await.expect("an echo in time");
    assert_eq!(message.unwrap().unwrap().as_text(), Some(text));
}

/// Looks again and again until it is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("it never became so");
}
