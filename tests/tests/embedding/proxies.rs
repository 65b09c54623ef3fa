//! Behind nginx and HAProxy, plain and with TLS, on either side of the proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use tidegate::{Acceptor, ClientBuilder, Connections, Drained, Opened, WebSocketStream};
use tidegate_tests::certificates::Certificates;

use super::proxy::{Proxy, haproxy, nginx};
use super::wire::{SOON, ask, assert_echoes, echo, handshake, listen, until};

const MESSAGE_BYTES: usize = 64 * 1024;

/// A server on two ports, plain and TLS, and how many bytes it has pushed.
struct Server {
    connections: Connections,
    pushed: Arc<AtomicUsize>,
}

/// Echoes, but pushes without an end on `/push`.
async fn handle(socket: WebSocketStream, pushed: Arc<AtomicUsize>) {
    if !socket.url().ends_with("/push") {
        return echo(socket).await;
    }
    let Ok(Opened { mut writable, .. }) = socket.opened().await else { return };
    while writable.write(vec![7; MESSAGE_BYTES]).await.is_ok() {
        pushed.fetch_add(MESSAGE_BYTES, Ordering::SeqCst);
    }
}

async fn behind(start: impl AsyncFn(std::net::SocketAddr, std::net::SocketAddr, &Certificates) -> Proxy) {
    let pem = Certificates::shared();
    let server = Server { connections: Connections::new(), pushed: Arc::default() };
    let acceptor = Acceptor::new()
        .connections(server.connections.clone())
        .config(tidegate::Config::default().deflate(None))
        .peer_ip(|request| request.headers().get("x-real-ip")?.to_str().ok()?.parse().ok());
    let secure = acceptor.clone().tls(pem.server());
    let mut addresses = Vec::new();
    for acceptor in [acceptor, secure] {
        let (listener, address) = listen().await;
        let pushed = server.pushed.clone();
        tokio::spawn(
            async move { acceptor.serve(listener, move |socket| handle(socket, pushed.clone())).await },
        );
        addresses.push(address);
    }
    let proxy = start(addresses[0], addresses[1], pem).await;
    let mut open = Vec::new();
    for (scheme, port) in [("ws", proxy.plain), ("wss", proxy.tls)] {
        for path in ["/", "/tls"] {
            let url = format!("{scheme}://127.0.0.1:{port}{path}");
            // The page's own scheme is https behind either port, as when yet another proxy stands before this one.
            let origin = format!("https://127.0.0.1:{port}");
            let socket = client(&url).origin(HeaderValue::from_str(&origin).unwrap()).connect().unwrap();
            let mut opened = socket.opened().await.unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_echoes(&mut opened, "hello").await;
            assert_echoes(&mut opened, &"long ".repeat(200_000)).await;
            open.push((url, socket, opened));
        }
    }
    assert_refuses(&proxy).await;
    assert_waits(&proxy, &server.pushed).await;
    until(|| server.connections.count() == open.len()).await;
    let drain = tokio::spawn({
        let connections = server.connections.clone();
        async move { connections.shut_down(Duration::from_secs(20)).await }
    });
    for (url, socket, mut opened) in open {
        let end = tokio::time::timeout(SOON, opened.readable.read()).await.unwrap();
        assert!(end.unwrap_or_else(|error| panic!("{url}: {error}")).is_none());
        let info = socket.closed().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!((info.close_code.get(), info.reason.as_str()), (1001, "going away"), "{url}");
    }
    assert_eq!(drain.await.unwrap(), Drained { closed: 4, cut_off: 0 });
}

fn client(url: &str) -> ClientBuilder {
    WebSocketStream::builder(url).tls(Certificates::shared().client())
}

/// A refusal comes through with its body.
async fn assert_refuses(proxy: &Proxy) {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", proxy.plain)).await.unwrap();
    let response = ask(&mut stream, handshake("/", "origin: https://evil.example\r\n")).await;
    assert_eq!(
        (response.status, response.body.as_str()),
        (403, "this origin is not allowed (RFC 6455 §10.2)\n")
    );
}

/// A client that does not read makes the server wait, through the proxy.
async fn assert_waits(proxy: &Proxy, pushed: &AtomicUsize) {
    let socket = client(&format!("ws://127.0.0.1:{}/push", proxy.plain)).connect().unwrap();
    let opened = socket.opened().await.unwrap();
    until(|| pushed.load(Ordering::SeqCst) > 0).await;
    let mut before = 0;
    // Still for half a second: whatever buffers there are, they are full.
    let still = async {
        while before != pushed.load(Ordering::SeqCst) {
            before = pushed.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(SOON, still).await.expect("the server pushes on and on");
    let pushed = pushed.load(Ordering::SeqCst);
    assert!(pushed < 64 << 20, "{pushed} bytes went to a client that does not read");
    println!("{pushed} bytes went before the server waited");
    drop((socket, opened));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx() {
    behind(nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_haproxy() {
    behind(haproxy).await;
}
