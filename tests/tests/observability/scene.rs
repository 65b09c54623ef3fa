//! Connections that end in every way, on one thread, so that what watches a thread sees all of them.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate::{Acceptor, Config, Deadlines, Opened, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far beyond what anything here takes.
const SOON: Duration = Duration::from_secs(30);

/// Runs a scene to its end, and all that it has started.
pub(crate) fn play(scene: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(SOON, scene).await.expect("in time") });
}

/// Serves an echo.
pub(crate) async fn serve(acceptor: Acceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let echo = |socket: WebSocketStream| async move {
            let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
            let _ = readable.pipe_to(writable).await;
        };
        acceptor.serve(listener, echo).await
    });
    address
}

/// Echoes three messages of ten bytes, and closes cleanly; the URL has secrets.
pub(crate) async fn a_clean_end(address: SocketAddr) {
    let url = format!("ws://user:secret@{address}/feed?token=secret");
    let config = Config::default().deflate(None);
    let socket = WebSocketStream::builder(url).protocols(["ticks"]).config(config).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = socket.opened().await.unwrap();
    for _ in 0..3 {
        writable.write("ten bytes!").await.unwrap();
        assert!(readable.read().await.unwrap().is_some());
    }
    socket.close((1000, "done")).unwrap();
    assert_eq!(socket.closed().await.unwrap().close_code, 1000);
}

/// A raw client that is open.
pub(crate) async fn open_raw(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /raw HTTP/1.1\r\nhost: server.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream
}

/// Deadlines that pass soon.
pub(crate) fn hasty() -> Deadlines {
    Deadlines::default().ping_interval(Duration::from_millis(20)).pong_timeout(Duration::from_millis(20))
}

/// Waits until it is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
