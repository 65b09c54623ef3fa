//! What sockets that nobody reads cost a server over HTTP/2: as much as `docs/limits.md` says, and no more.
#![cfg(target_os = "linux")]

use ::h2::client::SendRequest;
use ::h2::ext::Protocol;
use ::h2::{RecvStream, SendStream};
use bytes::Bytes;
use http::{Method, Request};
use tokio::net::TcpStream;

use crate::process::{GUARD, Tidegate, settled};

const SOCKETS: u64 = 200;

/// The payload of a message, and how many are sent on each stream: far more than fits.
const MESSAGE_BYTES: u64 = 10_000;
const MESSAGES: usize = 60;

/// What a socket may hold by the tables of `docs/limits.md`: the stream's window, bytes undecoded, messages ahead,
/// output and one message, the stream's send buffer; and 16 KiB for a task and its small things. A quarter more is
/// what buffers that grow and an allocator that rounds up may take beside what they hold.
const ALLOWED_EACH: u64 = ((64 + 64 + 16 + 64 + 32 + 16) * 1024 + 2 * MESSAGE_BYTES) * 5 / 4;

/// A message of a client, masked with zeros.
fn message(payload: &[u8]) -> Bytes {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0x82, 0x80 | 126], &length[..], &[0; 4], payload].concat().into()
}

async fn websocket(sender: &SendRequest<Bytes>, uri: &str) -> (SendStream<Bytes>, RecvStream) {
    let request = Request::builder().method(Method::CONNECT).uri(uri).header("sec-websocket-version", "13");
    let request = request.extension(Protocol::from_static("websocket")).body(()).unwrap();
    let mut sender = sender.clone().ready().await.unwrap();
    let (response, outgoing) = sender.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    (outgoing, response.into_body())
}

/// Each socket is sent messages and never read, so the server, which echoes them, can get rid of none.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_unread_sockets_cost_no_more_than_is_documented() {
    let (server, url) = Tidegate::listen(["--echo", "--http2", "--no-compress"]);
    let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let uri = format!("http://{address}/");
    let mut builder = ::h2::client::Builder::new();
    // The window of the connection is not what holds the server up.
    builder.initial_connection_window_size(1 << 30);
    let (sender, connection) = builder.handshake(TcpStream::connect(&address).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let conversation = async {
        while !sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let (mut outgoing, mut incoming) = websocket(&sender, &uri).await;
        let before = server.resident_bytes();

        let mut unread = Vec::new();
        let frame = message(&vec![7; MESSAGE_BYTES as usize]);
        for _ in 0..SOCKETS {
            let (mut outgoing, incoming) = websocket(&sender, &uri).await;
            for _ in 0..MESSAGES {
                outgoing.send_data(frame.clone(), false).unwrap();
            }
            unread.push((outgoing, incoming));
        }
        let after = tokio::task::block_in_place(|| settled(|| server.resident_bytes()));
        let (grown, allowed) = (after.saturating_sub(before), SOCKETS * ALLOWED_EACH);
        println!("{SOCKETS} unread sockets: {} KiB grown, {} KiB allowed", grown / 1024, allowed / 1024);
        assert!(grown < allowed, "{grown} bytes grown, {allowed} allowed");
        // It is the sockets that hold it: there is no test here if the server has refused or dropped what came.
        assert!(grown > SOCKETS * 64 * 1024, "only {grown} bytes grown");

        // One more socket on the same connection is served all the same.
        for round in 0..100u8 {
            outgoing.send_data(message(&[round; 200]), false).unwrap();
            let mut echo = Vec::new();
            while echo.len() < 204 {
                let bytes = incoming.data().await.unwrap().unwrap();
                incoming.flow_control().release_capacity(bytes.len()).unwrap();
                echo.extend_from_slice(&bytes);
            }
            assert_eq!(echo, [&[0x82, 126, 0, 200][..], &[round; 200]].concat());
        }
        drop(unread);
    };
    tokio::time::timeout(GUARD, conversation).await.expect("it does not hang");
}
