//! The limits of one HTTP/2 connection, each at its edge.

use std::time::Duration;

use http::Method;
use tidegate::{Acceptor, Cause, Connections, Http2};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::abuse::{PREFACE, frame, told_off};
use crate::frames::Raw;
use crate::rig::{BOTH, Layer, Server, echo, open, pool, soon, text};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

/// POST https://a/ by the static table; the stream stays open.
fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[0x83, 0x87, 0x84, 0x41, 1, b'a'])
}

/// A client that has sent its preface, and reads frames.
struct Client(TcpStream);

impl Client {
    async fn connect(server: &Server) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
        Self(stream)
    }

    async fn sends(&mut self, bytes: &[u8]) {
        soon(self.0.write_all(bytes)).await.unwrap();
    }

    /// The next frame: kind, flags, stream, payload; `None` when the connection has ended.
    async fn receives(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        soon(self.0.read_exact(&mut head)).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        soon(self.0.read_exact(&mut payload)).await.ok()?;
        Some((head[3], head[4], u32::from_be_bytes(head[5..9].try_into().unwrap()), payload))
    }

    /// The code with which this stream is reset, or with which the connection is closed instead.
    async fn is_reset(&mut self, stream: u32) -> Result<u32, u32> {
        loop {
            match self.receives().await.expect("the connection goes on, or ends with a GOAWAY") {
                (RST_STREAM, _, number, payload) if number == stream => return Ok(code(&payload)),
                (GOAWAY, _, _, payload) => return Err(code(&payload[4..])),
                _ => {}
            }
        }
    }

    /// The codes of all resets up to the answer to a ping.
    async fn resets_until_ping(&mut self) -> Vec<u32> {
        self.sends(&frame(PING, 0, 0, b"and now?")).await;
        let mut codes = Vec::new();
        loop {
            match self.receives().await.expect("the connection goes on") {
                (PING, ACK, _, payload) if payload == b"and now?" => return codes,
                (RST_STREAM, _, _, payload) => codes.push(code(&payload)),
                (GOAWAY, _, _, payload) => panic!("GOAWAY with {}", code(&payload[4..])),
                _ => {}
            }
        }
    }
}

fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_connection_at_its_header() {
    for (http2, limit) in [(Http2::default(), 16_384), (Http2::default().max_frame(20_000), 20_000)] {
        let server = Server::start_as_is(Layer::Plain, Acceptor::new().http2(http2), echo).await;
        // Nothing but the header of the frame comes.
        let too_long = frame(DATA, 0, 1, &vec![0; limit + 1])[..9].to_vec();
        assert_eq!(told_off(&server, [post(1), too_long].concat()).await, FRAME_SIZE_ERROR);
        let mut client = Client::connect(&server).await;
        client.sends(&[post(1), frame(DATA, 0, 1, &vec![0; limit])].concat()).await;
        client.resets_until_ping().await;
    }
}

/// An overflowing window breaks a rule on a stream alone: the stream is reset, the connection goes on, but not for ever.
#[tokio::test]
async fn streams_that_break_a_rule_are_reset_and_too_many_end_the_connection() {
    let acceptor = Acceptor::new().http2(Http2::default().max_error_resets(3));
    let strict = Server::start_as_is(Layer::Plain, acceptor, echo).await;
    let default = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    for (server, allowed) in [(&strict, 3), (&default, 1024)] {
        let mut client = Client::connect(server).await;
        let mut reset = 0;
        let end = loop {
            let stream = 2 * reset + 1;
            let grow = frame(WINDOW_UPDATE, 0, stream, &i32::MAX.to_be_bytes());
            client.sends(&[post(stream), grow].concat()).await;
            match client.is_reset(stream).await {
                Ok(3) => reset += 1,
                Ok(code) => panic!("stream {stream} was reset with {code}"),
                Err(code) => break code,
            }
        };
        assert_eq!((reset, end), (allowed, ENHANCE_YOUR_CALM));
    }
}

/// What comes late for a stream that was reset here is let go while the stream is remembered.
#[tokio::test]
async fn late_frames_are_let_go_as_long_as_the_reset_is_remembered() {
    for (remembered, answer) in [(64, vec![]), (0, vec![STREAM_CLOSED])] {
        let http2 = Http2::default().max_remembered_resets(remembered);
        let server = Server::start_as_is(Layer::Plain, Acceptor::new().http2(http2), echo).await;
        let mut client = Client::connect(&server).await;
        let grow = frame(WINDOW_UPDATE, 0, 1, &i32::MAX.to_be_bytes());
        client.sends(&[post(1), grow].concat()).await;
        assert_eq!(client.is_reset(1).await, Ok(3));
        client.sends(&frame(DATA, 0, 1, b"late")).await;
        assert_eq!(client.resets_until_ping().await, answer, "{remembered} remembered");
    }
}

/// A whole connection beyond the limit is told why, in the words of HTTP, and then to go away.
#[tokio::test]
async fn a_connection_beyond_the_limit_gets_503_and_is_sent_away() {
    for layer in BOTH {
        let connections = Connections::new();
        // A place for a connection, and one for a socket on it.
        let acceptor = Acceptor::new().max_connections(2).connections(connections.clone());
        let http2 = Http2::default().idle_timeout(Duration::from_millis(50));
        let server = Server::start_as_is(layer, acceptor.http2(http2), echo).await;
        let first = pool();
        let (socket, mut opened) = open(server.client(&first)).await;
        assert_eq!(connections.count(), 2);

        let second = pool();
        let refused = server.client(&second).connect().unwrap();
        let error = soon(refused.opened()).await.err().unwrap();
        let told = format!("{:?}", error.cause());
        assert!(matches!(error.cause(), Cause::Handshake(_)) && told.contains("503"), "{told}");
        opened.writable.write("undisturbed").await.unwrap();
        assert_eq!(text(&mut opened).await, "undisturbed");
        soon(async {
            while second.connections() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(connections.count(), 2, "who is refused takes no place");

        // A place that is left is taken again, by the same pool.
        drop((socket, opened, first));
        soon(async {
            loop {
                if let Ok(mut opened) = server.client(&second).connect().unwrap().opened().await {
                    opened.writable.write("a place at last").await.unwrap();
                    return assert_eq!(text(&mut opened).await, "a place at last");
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn the_refusal_of_a_connection_says_why_and_when_to_come_again() {
    let server = Server::start(Layer::Plain, Acceptor::new().max_connections(1), echo).await;
    let _held = Raw::connect(&server).await;
    let mut raw = Raw::connect(&server).await;
    let (response, mut stream) = raw.ask(raw.handshake(&[])).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    let reason = String::from_utf8(stream.body().await).unwrap();
    assert_eq!(reason, "every connection that this server may have is taken: try again later\n");
    assert!(raw.ask(raw.request(Method::GET, &[])).await.is_err(), "it was told to go away");
}

#[tokio::test]
async fn an_address_beyond_its_share_gets_429() {
    let server = Server::start(Layer::Plain, Acceptor::new().max_connections_per_ip(1), echo).await;
    let _held = Raw::connect(&server).await;
    let mut raw = Raw::connect(&server).await;
    let (response, _) = raw.ask(raw.handshake(&[])).await.unwrap();
    assert_eq!(response.status(), 429);
}
