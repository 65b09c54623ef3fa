//! Neither side can make the other hold more than the window and what is kept (docs/sessions.md, section 6).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use tidegate::{Connection, Opened};
use tidegate_tests::raw::{BINARY, Raw};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::client::{Client, Http, LONG, ask, get, request};
use super::frames::{self, ATTACHED, BINARY as BINARY_FRAME};
use super::rig::{Server, acceptor};

const MESSAGE_BYTES: usize = 16 * 1024;

/// What a session holds of messages of this size.
const MOST_BYTES: u64 = 256 * 1024;

/// A server that pushes flat out, and how much it has written.
async fn pushing() -> (Server, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let counting = written.clone();
    let server = Server::start(acceptor(), move |connection: Connection| {
        let written = counting.clone();
        async move {
            let Ok(Opened { mut writable, .. }) = connection.opened().await else { return };
            while writable.write(vec![7; MESSAGE_BYTES]).await.is_ok() {
                written.fetch_add(MESSAGE_BYTES as u64, Ordering::Relaxed);
            }
        }
    })
    .await;
    (server, written)
}

/// Waits until the server writes no more, and tells how much it has written.
async fn settled(written: &AtomicU64) -> u64 {
    let end = Instant::now() + LONG;
    let mut before = (written.load(Ordering::Relaxed), 0);
    while before.1 < 5 {
        assert!(Instant::now() < end, "the server writes on and on: {}", before.0);
        sleep(Duration::from_millis(100)).await;
        let now = written.load(Ordering::Relaxed);
        before = if now == before.0 && now > 0 { (now, before.1 + 1) } else { (now, 0) };
    }
    before.0
}

/// A window that is no limit here.
const WIDE: u64 = 1 << 40;

#[tokio::test]
async fn a_client_that_acknowledges_nothing_stops_the_server_whatever_it_reads() {
    for transport in ["stream", "sse", "long-poll", "poll"] {
        let (server, written) = pushing().await;
        let opening = ask(server.address, get("/?transport=poll")).await;
        let mut client = Client::attached(&server, &opening.frames()[0]);
        client.post(&frames::hello(WIDE)).await;
        let target = client.target(transport);
        let address = server.address;
        // It reads all that comes, and never says so.
        let reading = tokio::spawn(async move {
            let mut http = Http::connect(address).await;
            loop {
                let body = http.send(get(&target)).await.into_body();
                let _ = http_body_util::BodyExt::collect(body).await;
            }
        });
        let pushed = settled(&written).await;
        reading.abort();
        println!("{transport}: {pushed} bytes written, nothing acknowledged");
        assert!(pushed <= MOST_BYTES, "{transport}: {pushed}");
    }
}

#[tokio::test]
async fn a_websocket_that_acknowledges_nothing_stops_the_server() {
    let (server, written) = pushing().await;
    let mut raw = Raw::client(TcpStream::connect(server.address).await.expect("the server listens"));
    raw.sends(
        "GET /?transport=websocket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: tidegate.v1\r\n\r\n",
    )
    .await;
    raw.receives_head().await;
    raw.sends_frame(BINARY, frames::hello(WIDE)).await;
    let pushed = settled(&written).await;
    println!("websocket: {pushed} bytes written, nothing acknowledged");
    assert!(pushed <= MOST_BYTES, "{pushed}");
}

#[tokio::test]
async fn the_window_stops_it_where_everything_is_acknowledged_but_nothing_granted() {
    let (server, written) = pushing().await;
    let window = 4 * MESSAGE_BYTES as u64;
    let (mut client, mut stream) = Client::open(&server, "/", window).await;
    let mut seen = 0;
    while seen < 4 {
        let frame = stream.next().await;
        client.received += 1;
        seen += u64::from(frame.code == BINARY_FRAME);
    }
    client.post(&[]).await;
    let pushed = settled(&written).await;
    println!("window of {window}: {pushed} bytes written");
    // The window, and what waits in front of it.
    assert!(pushed <= window + 2 * MESSAGE_BYTES as u64, "{pushed}");
}

#[tokio::test]
async fn acknowledgements_let_it_go_on() {
    let (server, _) = pushing().await;
    let (mut client, mut stream) = Client::open(&server, "/", WIDE).await;
    let mut http = Http::connect(server.address).await;
    let mut seen = 0;
    while seen < 16 << 20 {
        let frame = stream.next().await;
        client.received += u64::from(frame.is_of_flow());
        seen += frame.payload.len();
        if client.received % 8 == 0 {
            let target = format!("/?session={}&from={}&received={}", client.id, client.sent, client.received);
            assert_eq!(
                http.ask(request(Method::POST, &target, "", &[])).await.status,
                StatusCode::NO_CONTENT
            );
        }
    }
}

#[tokio::test]
async fn a_handler_that_does_not_read_stops_its_client_by_credit() {
    let gate = Arc::new(Semaphore::new(0));
    let opening = gate.clone();
    let server = Server::start(acceptor(), move |connection: Connection| {
        let gate = opening.clone();
        async move {
            let Ok(Opened { mut readable, mut writable, .. }) = connection.opened().await else { return };
            let _ = gate.acquire().await;
            let mut bytes = 0;
            while let Ok(Some(message)) = readable.read().await {
                bytes += message.len();
            }
            let _ = writable.write(bytes.to_string()).await;
        }
    })
    .await;
    let (mut client, mut stream) = Client::open(&server, "/", 1 << 18).await;
    // As many as the window of 256 KiB admits: 16 of these cost a little more.
    let body = frames::frame(BINARY_FRAME, &vec![1; MESSAGE_BYTES]).repeat(4);
    for _ in 0..4 {
        assert_eq!(client.post(&body).await.status, StatusCode::NO_CONTENT);
    }
    // No grant came, so one more breaks the rules: a client that keeps them waits.
    client.post(&body).await;
    let end = loop {
        let frame = stream.next().await;
        assert_ne!(frame.code, ATTACHED);
        if frame.code == frames::END {
            break frame;
        }
    };
    assert_eq!(&end.payload[2..], b"tidegate.v1: no credit");
    gate.add_permits(1);
}
