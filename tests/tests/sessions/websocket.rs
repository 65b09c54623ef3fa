//! Sessions over WebSocket, and plain WebSockets beside them (docs/sessions.md, sections 2, 3 and 5).

use http::StatusCode;
use tidegate::{Connection, Opened, Transport};
use tidegate_tests::raw::{BINARY, CLOSE, Raw, TEXT as TEXT_MESSAGE};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::client::{Client, ask, get};
use super::frames::{self, ACK, ATTACHED, DETACHED, Frame, TEXT, WELCOME};
use super::rig::{Server, acceptor};

struct Socket {
    raw: Raw,
    frames: Vec<Frame>,
}

impl Socket {
    /// Opens a WebSocket that offers `tidegate.v1`.
    async fn open(server: &Server, target: &str) -> Self {
        let (head, raw) = handshake(server, target, "tidegate.v1").await;
        assert!(head.starts_with("HTTP/1.1 101") && head.contains("tidegate.v1"), "{head}");
        Self { raw, frames: Vec::new() }
    }

    async fn sends(&mut self, frames: &[u8]) {
        self.raw.sends_frame(BINARY, frames).await;
    }

    async fn next(&mut self) -> Frame {
        while self.frames.is_empty() {
            let message = self.raw.receives_frame().await;
            assert_eq!(message.first, BINARY, "{message:?}");
            let mut bytes = message.payload;
            self.frames = frames::take(&mut bytes);
            assert!(bytes.is_empty(), "a message ends inside a frame");
        }
        self.frames.remove(0)
    }

    async fn next_of(&mut self, code: u8) -> Frame {
        loop {
            let frame = self.next().await;
            if frame.code == code {
                return frame;
            }
        }
    }
}

async fn handshake(server: &Server, target: &str, protocols: &str) -> (String, Raw) {
    let stream = TcpStream::connect(server.address).await.expect("the server listens");
    let mut raw = Raw::client(stream);
    let offer =
        if protocols.is_empty() { String::new() } else { format!("sec-websocket-protocol: {protocols}\r\n") };
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    raw.sends(request).await;
    (raw.receives_head().await, raw)
}

#[tokio::test]
async fn a_websocket_carries_both_flows_and_acknowledges() {
    let server = Server::echo().await;
    let mut socket = Socket::open(&server, "/echo?transport=websocket").await;
    // The client need not wait to open.
    socket.sends(&[frames::hello(1 << 18), frames::text("at once")].concat()).await;
    let attached = socket.next().await;
    let client = Client::attached(&server, &attached);
    assert_eq!(socket.next().await.code, WELCOME);
    assert_eq!(socket.next_of(TEXT).await.text(), "at once");
    // Without anything else to say it acknowledges after a while, and at once after 64 KiB.
    assert_eq!(socket.next_of(ACK).await.number(), 2);
    let large = "x".repeat(40_000);
    socket.sends(&frames::text(&large)).await;
    socket.sends(&frames::text(&large)).await;
    assert_eq!(socket.next_of(ACK).await.number(), 4);
    drop(socket);
    // And it may go on by another transport.
    let answer = ask(server.address, get(&client.target("poll"))).await;
    assert_eq!(answer.frames()[0].parameter_number(2), Some(4));
}

#[tokio::test]
async fn a_session_moves_to_a_websocket_and_away() {
    let (tell, mut told) = mpsc::channel(8);
    let server = Server::start(acceptor(), move |connection: Connection| {
        let tell = tell.clone();
        async move {
            let Ok(Opened { mut readable, mut writable, .. }) = connection.opened().await else { return };
            while let Ok(Some(message)) = readable.read().await {
                tell.send(connection.transport()).await.expect("somebody listens");
                if writable.write(message).await.is_err() {
                    break;
                }
            }
        }
    })
    .await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    client.post(&frames::text("one")).await;
    while stream.next().await.code != TEXT {
        client.received += 1;
    }
    client.received += 1;
    let mut socket = Socket::open(&server, &client.target("websocket")).await;
    let attached = socket.next().await;
    assert_eq!((attached.code, attached.parameter_number(2)), (ATTACHED, Some(client.sent)));
    while stream.next().await.code != DETACHED {}
    socket.sends(&frames::text("two")).await;
    assert_eq!(socket.next_of(TEXT).await.text(), "two");
    // The newest wins, also over a WebSocket.
    client.sent += 1;
    let mut stream = client.attach().await;
    assert_eq!(stream.next().await.parameter_number(2), Some(client.sent));
    assert_eq!(socket.next_of(DETACHED).await.number(), 1);
    socket.raw.receives_close(4409, "a newer attachment").await;
    // It was not acknowledged, so it comes again.
    assert_eq!(stream.next_message().await.text(), "two");
    client.post(&frames::text("three")).await;
    assert_eq!(stream.next_message().await.text(), "three");
    let expected = [Transport::Stream, Transport::WebSocket, Transport::Stream];
    for transport in expected {
        assert_eq!(told.recv().await, Some(Some(transport)));
    }
}

#[tokio::test]
async fn what_cannot_be_resumed_is_told_by_the_close() {
    let server = Server::echo().await;
    let (client, stream) = Client::open(&server, "/echo", 1 << 18).await;
    drop(stream);
    let cases = [
        ("/?transport=websocket&session=nobody&after=0".to_owned(), 4404),
        (format!("/?transport=websocket&session={}&after=1000", client.id), 4410),
        (format!("/?transport=websocket&session={}", client.id), 4400),
        (format!("/?transport=websocket&session={}&after=x", client.id), 4400),
    ];
    for (target, code) in cases {
        let mut socket = Socket::open(&server, &target).await;
        socket.raw.receives_close(code, &target).await;
    }
    let mut socket = Socket::open(&server, &client.target("websocket")).await;
    assert_eq!(socket.next().await.code, ATTACHED);
    // A broken rule ends the attachment alone.
    socket.sends(&[0x10, 9]).await;
    loop {
        let message = socket.raw.receives_frame().await;
        if message.first == CLOSE {
            assert_eq!(message.payload, [&4400_u16.to_be_bytes()[..], b"cut frame"].concat());
            break;
        }
    }
    assert_eq!(client.attach().await.next().await.code, ATTACHED);
}

#[tokio::test]
async fn it_ends_with_detached_and_the_close_of_its_end() {
    let server = Server::start(acceptor(), |connection: Connection| async move {
        let _ = connection.close((4000, "enough"));
        let _ = connection.closed().await;
    })
    .await;
    let mut socket = Socket::open(&server, "/?transport=websocket").await;
    socket.sends(&frames::hello(1 << 18)).await;
    let end = socket.next_of(frames::END).await;
    assert_eq!(end.payload, [&4000_u16.to_be_bytes()[..], b"enough"].concat());
    socket.sends(&frames::end(4000, "enough")).await;
    assert_eq!(socket.next_of(DETACHED).await.number(), 3);
    let close = socket.raw.receives_frame().await;
    assert_eq!((close.first, close.payload), (CLOSE, end.payload));
}

#[tokio::test]
async fn a_plain_websocket_is_what_it_was() {
    let (tell, mut told) = mpsc::channel(8);
    let server = Server::start(acceptor(), move |connection: Connection| {
        let tell = tell.clone();
        async move {
            tell.send((connection.is_session(), connection.transport())).await.expect("somebody listens");
            super::rig::echo(connection).await;
        }
    })
    .await;
    let (head, mut raw) = handshake(&server, "/echo?after=mine&transportation=x", "").await;
    assert!(
        head.starts_with("HTTP/1.1 101") && !head.to_lowercase().contains("sec-websocket-protocol"),
        "{head}"
    );
    raw.sends_frame(TEXT_MESSAGE, "hi").await;
    raw.receives(TEXT_MESSAGE, "hi").await;
    raw.sends_frame(CLOSE, 1000_u16.to_be_bytes()).await;
    raw.receives_close(1000, "as it came").await;
    assert_eq!(told.recv().await, Some((false, Some(Transport::WebSocket))));
    // By credit, but without a session.
    let mut socket = Socket::open(&server, "/echo").await;
    socket.sends(&[frames::hello(1 << 18), frames::text("by credit")].concat()).await;
    assert_eq!(socket.next().await.code, WELCOME);
    assert_eq!(socket.next_of(TEXT).await.text(), "by credit");
    assert_eq!(told.recv().await, Some((false, Some(Transport::WebSocket))));
}

#[tokio::test]
async fn a_websocket_may_come_on_a_connection_that_was_used_before() {
    let server = Server::echo().await;
    let stream = TcpStream::connect(server.address).await.expect("the server listens");
    let mut raw = Raw::client(stream);
    raw.sends("POST /?session=nobody&from=0 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await;
    let head = raw.receives_head().await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    for _ in 0.."no such session\n".len() {
        tokio::io::AsyncReadExt::read_u8(&mut raw.io).await.expect("the reason");
    }
    raw.sends(
        "GET /echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await;
    assert!(raw.receives_head().await.starts_with("HTTP/1.1 101"));
    raw.sends_frame(TEXT_MESSAGE, "late").await;
    raw.receives(TEXT_MESSAGE, "late").await;
}

#[tokio::test]
async fn a_session_over_websocket_needs_its_token() {
    let server = Server::echo().await;
    let (head, _) = handshake(&server, "/echo?transport=websocket", "").await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let answer = ask(server.address, get("/echo?transport=websocket")).await;
    assert_eq!(answer.status, StatusCode::UPGRADE_REQUIRED);
}
