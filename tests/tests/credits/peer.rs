//! Two ends of ours, or one and a scripted peer that speaks `tidegate.v1` in bytes.

use http::HeaderValue;
use tidegate::{Acceptor, ClientBuilder, Config, Credits, Opened, WebSocketStream};
use tidegate_proto::websocket::handshake::Answer;
use tidegate_tests::raw::{BINARY, CLOSE, Raw, Role, halves, soon, without_deflate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// HELLO of a peer with limit 262144 and max message 16777216.
pub(crate) const HELLO: &[u8] = &[1, 13, 1, 1, 4, 0x80, 4, 0, 0, 2, 4, 0x81, 0, 0, 0];

/// The same as WELCOME, without a protocol.
pub(crate) const WELCOME: &[u8] = &[2, 13, 1, 1, 4, 0x80, 4, 0, 0, 2, 4, 0x81, 0, 0, 0];

pub(crate) fn plain_config() -> Config {
    Config::default().deflate(None)
}

/// Both ends ours, over TCP: server and client.
pub(crate) async fn pair(
    acceptor: Acceptor,
    change: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (WebSocketStream, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let client =
        change(WebSocketStream::builder(format!("ws://{address}/x"))).connect().expect("the URL is right");
    let (stream, _) = soon(listener.accept()).await.expect("it connects");
    tidegate::tune(&stream).expect("the peer is there");
    let server = soon(acceptor.accept(stream)).await.expect("the request is right");
    (server, client)
}

/// Both ends ours, with credits by default, and their halves.
pub(crate) async fn open_pair() -> ((WebSocketStream, Opened), (WebSocketStream, Opened)) {
    let (server, client) = pair(Acceptor::new(), |builder| builder.credits(Credits::default())).await;
    let (near, far) = (halves(&server).await, halves(&client).await);
    ((server, near), (client, far))
}

/// An end of ours and a scripted peer that has greeted.
pub(crate) async fn open_raw(role: Role) -> (Raw, WebSocketStream) {
    let (mut peer, socket) = open_silent(role).await;
    match role {
        Role::Server => peer.sends_frame(BINARY, HELLO).await,
        Role::Client => peer.sends_frame(BINARY, WELCOME).await,
    }
    let greeting = match role {
        Role::Server => WELCOME,
        Role::Client => HELLO,
    };
    peer.receives(BINARY, [greeting, &[5, 1, 1]].concat()).await;
    (peer, socket)
}

/// The same before anybody has greeted.
pub(crate) async fn open_silent(role: Role) -> (Raw, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    match role {
        Role::Server => {
            let peer = Raw::client(TcpStream::connect(address).await.expect("it listens"));
            let (stream, _) = listener.accept().await.expect("it has connected");
            tidegate::tune(&stream).expect("the peer is there");
            accept(peer, stream, Acceptor::new()).await
        }
        Role::Client => {
            let socket = WebSocketStream::builder(format!("ws://{address}/x"))
                .config(plain_config())
                .credits(Credits::default())
                .connect()
                .expect("the URL is right");
            let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
            let answer = Answer { credits: true, ..without_deflate() };
            peer.answers(answer, |response| {
                let selected = response.headers().get("sec-websocket-protocol");
                assert_eq!(selected, Some(&HeaderValue::from_static("tidegate.v1")));
            })
            .await;
            (peer, socket)
        }
    }
}

/// A server's end over `stream`, whose other end `peer` has.
pub(crate) async fn accept<S, T>(mut peer: Raw<S>, stream: T, acceptor: Acceptor) -> (Raw<S>, WebSocketStream)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let acceptor = acceptor.config(plain_config());
    let (socket, head) =
        tokio::join!(acceptor.accept(stream), peer.asks("Sec-WebSocket-Protocol: tidegate.v1\r\n"));
    assert!(head.contains("\r\nSec-WebSocket-Protocol: tidegate.v1\r\n"), "{head}");
    (peer, socket.expect("the request is right"))
}

/// A frame whose payload is under 64 bytes.
pub(crate) fn frame(frame_type: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    assert!(payload.len() < 64, "only short frames here");
    [&[frame_type, payload.len() as u8], payload].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(0x10, text)
}

pub(crate) fn end(close_code: u16, reason: &str) -> Vec<u8> {
    frame(7, close(close_code, reason))
}

pub(crate) fn close(close_code: u16, reason: &str) -> Vec<u8> {
    [&close_code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A batch comes that holds this and nothing but CREDITs, PINGs and, where others are awaited, PONGs before it.
pub(crate) async fn receives_batch<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Raw<S>, expected: &[u8]) {
    loop {
        let received = peer.receives_frame().await;
        assert_eq!(received.first, BINARY, "{received:?}");
        let mut rest = &received.payload[..];
        while let Some((3 | 5 | 6, [len, payload @ ..])) = rest.split_first() {
            if rest == expected {
                break;
            }
            rest = &payload[usize::from(*len)..];
        }
        if !rest.is_empty() {
            assert_eq!(rest, expected, "in {received:?}");
            return;
        }
    }
}

/// The end of ours fails the connection: END and Close say why.
pub(crate) async fn sees_failure<S: AsyncRead + AsyncWrite + Unpin>(
    peer: &mut Raw<S>,
    close_code: u16,
    reason: &str,
) {
    receives_batch(peer, &end(close_code, reason)).await;
    peer.receives(CLOSE, close(close_code, reason)).await;
}
