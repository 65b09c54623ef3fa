//! A scripted peer on a byte stream: what it sends are bytes, what it receives are bytes.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use http::{Request, Response};
use tidegate::{Acceptor, ClientBuilder, Opened, WebSocketStream};
use tidegate_proto::websocket::handshake::{Answer, receive};
use tidegate_proto::websocket::{FrameHeader, apply_mask};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

/// Only a test that hangs ever waits this long.
const GUARD: Duration = Duration::from_secs(60);

pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First bytes of frames.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// Which end of the connection the library has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

pub const BOTH: [Role; 2] = [Role::Server, Role::Client];

/// The other end of the library's.
pub struct Raw<S = TcpStream> {
    pub io: S,
    /// Whether this is the client, which masks.
    pub masks: bool,
}

/// One frame as it stood on the wire, its payload unmasked.
#[derive(PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.payload[..self.payload.len().min(130)];
        write!(f, "{:#04x} {} bytes {:?}", self.first, self.payload.len(), String::from_utf8_lossy(shown))
    }
}

/// Fails the test if `future` hangs.
#[track_caller]
pub fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let at = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(GUARD, future).await {
            Ok(output) => output,
            Err(_) => panic!("still waiting after {GUARD:?} at {at}"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub fn client(io: S) -> Self {
        Self { io, masks: true }
    }

    pub fn server(io: S) -> Self {
        Self { io, masks: false }
    }

    /// Sends bytes as they are.
    pub async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.io.write_all(bytes.as_ref())).await.expect("the stream takes bytes");
        soon(self.io.flush()).await.expect("the stream takes bytes");
    }

    pub async fn sends_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let frame = self.frame(first, payload);
        self.sends(frame).await;
    }

    /// A frame as this end sends it.
    pub fn frame(&self, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
        frame(first, payload.as_ref(), self.masks)
    }

    pub fn close_frame(&self, code: u16, reason: &str) -> Vec<u8> {
        self.frame(CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
    }

    /// The bytes up to a blank line.
    pub async fn receives_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(self.io.read_u8()).await.expect("a whole head comes"));
        }
        String::from_utf8(head).expect("a head is ASCII")
    }

    /// The next frame. It must be masked if and only if it comes from a client.
    pub async fn receives_frame(&mut self) -> Frame {
        let mut bytes = Vec::new();
        let header = loop {
            match FrameHeader::parse(&bytes).expect("frames of ours are right") {
                Some((header, _)) => break header,
                None => bytes.push(soon(self.io.read_u8()).await.expect("a whole frame comes")),
            }
        };
        assert_eq!(header.masking_key.is_some(), !self.masks, "clients mask, and servers do not");
        let mut payload = vec![0; header.payload_len as usize];
        soon(self.io.read_exact(&mut payload)).await.expect("a whole frame comes");
        if let Some(key) = header.masking_key {
            apply_mask(key, 0, &mut payload);
        }
        Frame { first: bytes[0], payload }
    }

    #[track_caller]
    pub fn receives(&mut self, first: u8, payload: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let expected = Frame { first, payload: payload.as_ref().to_vec() };
        let at = std::panic::Location::caller();
        async move {
            let frame = self.receives_frame().await;
            assert!(frame == expected, "{frame:?} instead of {expected:?} at {at}");
        }
    }

    /// A Close with this code comes, whatever its reason.
    pub async fn receives_close(&mut self, code: u16, about: &str) {
        let frame = self.receives_frame().await;
        let is_it = frame.first == CLOSE && frame.payload.starts_with(&code.to_be_bytes());
        assert!(is_it, "{about}: {frame:?} instead of a Close with {code}");
    }

    /// The stream ends in order: neither bytes nor a reset.
    pub async fn sees_the_end(&mut self, about: &str) {
        let mut rest = [0; 64];
        match soon(self.io.read(&mut rest)).await {
            Ok(0) => {}
            Ok(len) => panic!("{about}: {:x?} instead of the end", &rest[..len]),
            Err(error) => panic!("{about}: {error} instead of the end"),
        }
    }

    /// All that comes until the stream ends.
    pub async fn receives_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        soon(self.io.read_to_end(&mut rest)).await.expect("the stream ends in order");
        rest
    }

    /// Opens the connection as a client, with further header lines; gives the server's head.
    pub async fn asks(&mut self, lines: &str) -> String {
        self.sends(request(lines)).await;
        self.receives_head().await
    }

    /// Opens the connection as a server that accepts what is offered, after `change` to the response.
    pub async fn answers(&mut self, answer: Answer, change: impl FnOnce(&mut Response<()>)) {
        let head = self.receives_head().await;
        let offer = receive(&parse_request(&head)).expect("requests of ours are right");
        let (mut response, _) = offer.accept(answer).expect("the answer fits");
        change(&mut response);
        let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
        for (name, value) in response.headers() {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        self.sends(bytes).await;
    }
}

/// The request of a client, with further header lines, each ended by CR LF.
pub fn request(lines: &str) -> String {
    format!(
        "GET /x HTTP/1.1\r\nHost: h.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

pub fn without_deflate() -> Answer {
    Answer { deflate: None, ..Answer::default() }
}

/// A connection over TCP, the library's end in `role`, without compression unless both ends have it.
pub async fn open_with(
    role: Role,
    acceptor: Acceptor,
    change: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Raw, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    match role {
        Role::Server => {
            let mut peer = Raw::client(TcpStream::connect(address).await.expect("it listens"));
            let (stream, _) = listener.accept().await.expect("it has connected");
            tidegate::tune(&stream).expect("the peer is there");
            let (socket, head) = tokio::join!(acceptor.accept(stream), peer.asks(""));
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            (peer, socket.expect("the request is right"))
        }
        Role::Client => {
            let socket = change(WebSocketStream::builder(format!("ws://{address}/x")))
                .connect()
                .expect("the URL is right");
            let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
            peer.answers(without_deflate(), |_| ()).await;
            (peer, socket)
        }
    }
}

pub async fn open(role: Role) -> (Raw, WebSocketStream) {
    open_with(role, Acceptor::new(), |builder| builder).await
}

/// A server's connection over a pipe of `bytes`, which a paused clock can go with.
pub async fn open_pipe(acceptor: Acceptor, bytes: usize) -> (Raw<DuplexStream>, WebSocketStream) {
    let (near, far) = tokio::io::duplex(bytes);
    let mut peer = Raw::client(far);
    let (socket, head) = tokio::join!(acceptor.accept(near), peer.asks(""));
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (peer, socket.expect("the request is right"))
}

/// As [`open_pipe`], the library's end in `role`, with every default.
pub async fn open_pipe_as(role: Role, bytes: usize) -> (Raw<DuplexStream>, WebSocketStream) {
    match role {
        Role::Server => open_pipe(Acceptor::new(), bytes).await,
        Role::Client => {
            let (near, far) = tokio::io::duplex(bytes);
            let builder = WebSocketStream::builder("ws://h.example/x");
            let socket = builder.connect_over(near).expect("the URL is right");
            let mut peer = Raw::server(far);
            peer.answers(without_deflate(), |_| ()).await;
            (peer, socket)
        }
    }
}

/// The halves of an open socket.
pub async fn halves(socket: &WebSocketStream) -> Opened {
    soon(socket.opened()).await.expect("it opens")
}

pub fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mask_bit = if is_masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask_bit | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let start = frame.len() + if is_masked { 4 } else { 0 };
    if is_masked {
        frame.extend(KEY);
    }
    frame.extend_from_slice(payload);
    if is_masked {
        apply_mask(KEY, 0, &mut frame[start..]);
    }
    frame
}

fn parse_request(head: &str) -> Request<()> {
    let mut request = Request::builder().method("GET").uri("/x");
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a header line");
        request = request.header(name, value);
    }
    request.body(()).expect("a request")
}
