//! Peers that mean harm: each is told off, or merely costs itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::h2::Reason;
use http::Method;
use tidegate::{Acceptor, Http2};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frames::Raw;
use crate::rig::{Layer, Server, echo, open, pool, soon};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends what a peer sends, and returns the code of the GOAWAY that ends the connection.
pub(crate) async fn told_off(server: &Server, frames: Vec<u8>) -> u32 {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    // The server may close before it has read all.
    let write = tokio::spawn(async move { drop(writer.write_all(&frames).await) });
    let mut head = [0; 9];
    loop {
        soon(reader.read_exact(&mut head)).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        soon(reader.read_exact(&mut payload)).await.unwrap();
        if head[3] == 7 {
            write.abort();
            return u32::from_be_bytes(payload[4..8].try_into().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_and_resetting_runs_few_handlers() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (running.clone(), most.clone());
    let server = Server::start(Layer::Plain, Acceptor::new(), move |socket| {
        let (running, most) = counters.clone();
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _ = socket.closed().await;
            // Slow to notice.
            tokio::time::sleep(Duration::from_secs(1)).await;
            running.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let mut raw = Raw::connect(&server).await;
    for _ in 0..5_000 {
        let Ok(mut stream) = raw.begin(raw.handshake(&[])).await else { break };
        stream.send_reset(Reason::CANCEL);
        tokio::task::yield_now().await;
    }
    assert!(most.load(Ordering::SeqCst) <= 512, "{most:?}");
    let echoing = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    open(echoing.client(&pool())).await;
}

#[tokio::test]
async fn a_header_that_never_ends_ends_the_connection() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    // HEADERS without END_HEADERS, then CONTINUATION after CONTINUATION (CVE-2024-27316).
    let mut frames = frame(1, 0, 1, &[0x82]);
    for _ in 0..10_000 {
        frames.extend(frame(9, 0, 1, &[0x40, 1, b'a', 1, b'b']));
    }
    let code = told_off(&server, frames).await;
    assert!(code == 11 || code == 1, "ENHANCE_YOUR_CALM or PROTOCOL_ERROR: {code}");
}

#[tokio::test]
async fn empty_frames_without_end_end_the_connection() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    // POST https://a/ by the static table, then DATA of no bytes.
    let mut frames = frame(1, 4, 1, &[0x83, 0x87, 0x84, 0x41, 1, b'a']);
    for _ in 0..10_000 {
        frames.extend(frame(0, 0, 1, &[]));
    }
    told_off(&server, frames).await;
}

#[tokio::test]
async fn a_frame_beyond_the_window_ends_no_other_connection() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    let pool = pool();
    let (_socket, mut opened) = open(server.client(&pool)).await;
    // More than the connection's window, on a stream that does not exist.
    told_off(&server, frame(0, 0, 7, &[0; 16_384])).await;
    opened.writable.write("still here").await.unwrap();
    assert_eq!(crate::rig::text(&mut opened).await, "still here");
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_the_others_go_on() {
    let acceptor = Acceptor::new().http2(Http2::default().max_streams(2));
    let server = Server::start_as_is(Layer::Plain, acceptor, echo).await;
    let mut frames = Vec::new();
    // Three extended CONNECTs cannot be made from the static table alone; plain GETs that do not end are streams too.
    for stream in [1, 3, 5] {
        frames.extend(frame(1, 4, stream, &[0x83, 0x87, 0x84, 0x41, 1, b'a']));
    }
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    stream.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &frames].concat()).await.unwrap();
    let refused = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            stream.read_exact(&mut payload).await.unwrap();
            if head[3] == 3 && payload == [0, 0, 0, 7] {
                return u32::from_be_bytes(head[5..9].try_into().unwrap());
            }
        }
    };
    assert_eq!(soon(refused).await, 5);
}

#[tokio::test]
async fn a_client_that_begins_and_says_no_more_is_let_go() {
    let http2 = Http2::default().idle_timeout(Duration::from_millis(50));
    let acceptor = Acceptor::new().http2(http2).handshake_timeout(Duration::from_millis(100));
    let server = Server::start_as_is(Layer::Plain, acceptor, echo).await;
    // Half a preface; a preface alone.
    for bytes in [&PREFACE[..10], PREFACE] {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon(stream.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn a_client_that_takes_no_answer_holds_no_stream_for_long() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    let mut builder = ::h2::client::Builder::new();
    builder.initial_window_size(0);
    let mut raw = Raw::connect_with(&server, &builder).await;
    let (response, stream) = raw.ask(raw.request(Method::GET, &[])).await.unwrap();
    assert_eq!(response.status(), 405);
    // The body finds no room, and after a while the stream is reset.
    let mut receive = stream.receive;
    let error = soon(receive.data()).await.unwrap().unwrap_err();
    assert!(error.is_reset(), "{error:?}");
}
