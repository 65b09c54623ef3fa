//! A server that goes away: everybody gets what was written, and a Close with 1001.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tidegate::{Acceptor, CloseInfo, Connections, Drained, Opened, WebSocketStream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::wire::{SOON, ask, echo, handshake, listen, open, open_raw, until};

const CLIENTS: usize = 100;
const MESSAGES: usize = 20;

/// How handlers saw the end.
#[derive(Default)]
struct Seen {
    written: AtomicUsize,
    ended: AtomicUsize,
}

/// Writes, and then reads to the end.
async fn tell(socket: WebSocketStream, seen: Arc<Seen>) {
    let Opened { mut readable, mut writable, .. } = socket.opened().await.unwrap();
    for number in 0..MESSAGES {
        writable.write(format!("{number} {}", "x".repeat(1024))).await.unwrap();
    }
    seen.written.fetch_add(1, Ordering::SeqCst);
    if let Ok(None) = readable.read().await {
        seen.ended.fetch_add(1, Ordering::SeqCst);
    }
}

struct Server {
    url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<Drained>>,
}

async fn serve<H, F>(acceptor: Acceptor, handler: H) -> Server
where
    H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let signal = async { stopped.await.unwrap() };
    let task = tokio::spawn(async move { acceptor.serve_until(listener, handler, signal).await });
    Server { url: format!("ws://{address}"), stop, task }
}

/// A deadline that no test waits for.
const FAR: Duration = Duration::from_secs(3600);

/// Reads all of it, with a pause before every message, and how the connection closed.
async fn read_all(socket: WebSocketStream, mut opened: Opened, pause: Duration) -> (usize, CloseInfo) {
    let mut messages = 0;
    loop {
        tokio::time::sleep(pause).await;
        let Some(message) = opened.readable.read().await.unwrap() else { break };
        assert!(message.as_text().unwrap().starts_with(&format!("{messages} ")));
        messages += 1;
    }
    (messages, socket.closed().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_what_was_written_and_1001_and_the_deadline_cuts_the_last() {
    let seen = Arc::new(Seen::default());
    // The slow ones are done in a fraction of it, on a busy machine too.
    let drain = Duration::from_secs(10);
    let acceptor = Acceptor::new().drain_timeout(drain);
    let handlers = seen.clone();
    let server = serve(acceptor, move |socket| tell(socket, handlers.clone())).await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS - 1 {
        let (socket, opened) = open(&server.url).await;
        // Every tenth reads slowly, so that most of it still lies before it when the server goes away.
        let pause = Duration::from_millis(if number % 10 == 0 { 50 } else { 0 });
        clients.spawn(read_all(socket, opened, pause));
    }
    // The last one never reads, and so never answers a Close.
    let silent = open_raw(server.url[5..].parse().unwrap(), "").await;
    until(|| seen.written.load(Ordering::SeqCst) == CLIENTS).await;

    let begin = Instant::now();
    server.stop.send(()).unwrap();
    let drained = tokio::time::timeout(SOON, server.task).await.unwrap().unwrap().unwrap();
    assert_eq!(drained, Drained { closed: CLIENTS - 1, cut_off: 1 });
    assert!(begin.elapsed() >= drain, "the silent one was cut before the deadline");
    while let Some(client) = clients.join_next().await {
        let (messages, CloseInfo { close_code, reason }) = client.unwrap();
        assert_eq!((messages, close_code.get(), reason.as_str()), (MESSAGES, 1001, "going away"));
    }
    assert_eq!(seen.ended.load(Ordering::SeqCst), CLIENTS - 1, "a handler did not see the end");
    drop(silent);
}

#[tokio::test]
async fn it_ends_as_soon_as_all_have_left() {
    let acceptor = Acceptor::new().drain_timeout(FAR).handshake_timeout(FAR);
    let server = serve(acceptor, echo).await;
    let (socket, opened) = open(&server.url).await;
    // A connection that has asked for nothing yet holds nothing up.
    let idle = TcpStream::connect(&server.url[5..]).await.unwrap();
    server.stop.send(()).unwrap();
    assert_eq!(read_all(socket, opened, Duration::ZERO).await.1.close_code.get(), 1001);
    let drained =
        tokio::time::timeout(SOON, server.task).await.expect("it waits for nobody").unwrap().unwrap();
    assert_eq!(drained, Drained { closed: 1, cut_off: 0 });
    drop(idle);
}

#[tokio::test]
async fn handlers_that_still_write_are_told_and_waited_for() {
    let done = Arc::new(AtomicUsize::new(0));
    let counter = done.clone();
    let server = serve(Acceptor::new().drain_timeout(SOON), move |socket| {
        let done = counter.clone();
        async move {
            let Opened { mut writable, .. } = socket.opened().await.unwrap();
            while writable.write("more").await.is_ok() {}
            tokio::time::sleep(Duration::from_millis(100)).await;
            done.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let (socket, Opened { mut readable, .. }) = open(&server.url).await;
    assert!(readable.read().await.unwrap().is_some());
    server.stop.send(()).unwrap();
    while readable.read().await.unwrap().is_some() {}
    assert_eq!(socket.closed().await.unwrap().close_code.get(), 1001);
    assert_eq!(server.task.await.unwrap().unwrap(), Drained { closed: 1, cut_off: 0 });
    assert_eq!(done.load(Ordering::SeqCst), 1, "the handler was not waited for");
}

#[tokio::test]
async fn who_asks_while_the_server_goes_away_gets_503() {
    let connections = Connections::new();
    let acceptor = Acceptor::new().connections(connections.clone());
    let (listener, address) = listen().await;
    tokio::spawn(async move { acceptor.serve(listener, echo).await });
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let (_socket, opened) = open(format!("ws://{address}")).await;
    let shutdown = tokio::spawn(async move { connections.shut_down(SOON).await });
    // The Close of the other one shows that it has begun.
    drop(opened);
    assert_eq!(shutdown.await.unwrap(), Drained { closed: 1, cut_off: 0 });
    let rest = handshake("/", "");
    let (_, rest) = rest.split_once("\r\n").unwrap();
    let response = ask(&mut waiting, rest).await;
    assert_eq!((response.status, response.body.as_str()), (503, "this server is going away\n"));
    assert_eq!(response.header("retry-after"), Some("5"));
}
