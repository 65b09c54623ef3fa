//! A server of several threads, each with a listener and a runtime of its own.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use tidegate::{Acceptor, CloseInfo, Drained, PerCore, WebSocketStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::wire::{SOON, echo, open, open_raw};

const THREADS: usize = 3;
const CLIENTS: usize = 64;

struct Server {
    url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<Drained>>,
    /// On which threads handlers have run.
    threads: Arc<Mutex<HashSet<ThreadId>>>,
}

fn serve(acceptor: Acceptor, threads: usize) -> Server {
    let threads = NonZeroUsize::new(threads).unwrap();
    let listeners = PerCore::bind("127.0.0.1:0".parse().unwrap(), threads).unwrap();
    let url = format!("ws://{}", listeners.local_addr());
    let threads: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
    let seen = threads.clone();
    let handler = move |socket: WebSocketStream| {
        let seen = seen.clone();
        async move {
            seen.lock().unwrap().insert(std::thread::current().id());
            echo(socket).await;
        }
    };
    let (stop, stopped) = oneshot::channel();
    let signal = async { stopped.await.unwrap() };
    let task = tokio::spawn(async move { acceptor.serve_per_core(listeners, handler, signal).await });
    Server { url, stop, task, threads }
}

#[tokio::test]
async fn every_thread_serves_and_everybody_gets_1001() {
    let server = serve(Acceptor::new().drain_timeout(SOON), THREADS);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (socket, mut opened) = open(&server.url).await;
        opened.writable.write(format!("{number}")).await.unwrap();
        assert_eq!(opened.readable.read().await.unwrap(), Some(format!("{number}").into()));
        clients.push((socket, opened));
    }
    // That 64 clients all land on one of three listeners does not happen.
    let threads = server.threads.lock().unwrap().len();
    assert!(if cfg!(unix) { threads > 1 } else { threads > 0 }, "{threads} threads have served");
    assert!(!server.threads.lock().unwrap().contains(&std::thread::current().id()));
    server.stop.send(()).unwrap();
    for (socket, mut opened) in clients {
        assert_eq!(opened.readable.read().await.unwrap(), None);
        let CloseInfo { close_code, reason } = socket.closed().await.unwrap();
        assert_eq!((close_code.get(), reason.as_str()), (1001, "going away"));
    }
    assert_eq!(server.task.await.unwrap().unwrap(), Drained { closed: CLIENTS, cut_off: 0 });
    assert!(tokio::net::TcpStream::connect(&server.url[5..]).await.is_err(), "somebody still listens");
}

#[tokio::test]
async fn who_does_not_answer_is_cut_off() {
    let server = serve(Acceptor::new().drain_timeout(Duration::from_millis(100)), THREADS);
    let silent = open_raw(server.url[5..].parse().unwrap(), "").await;
    server.stop.send(()).unwrap();
    assert_eq!(server.task.await.unwrap().unwrap(), Drained { closed: 0, cut_off: 1 });
    drop(silent);
}

#[tokio::test]
async fn the_limit_holds_for_all_threads_together() {
    let server = serve(Acceptor::new().max_connections(8).drain_timeout(SOON), THREADS);
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(open(&server.url).await);
    }
    let one_more = tidegate::WebSocketStream::connect(server.url.as_str()).unwrap();
    assert!(one_more.opened().await.is_err());
    drop(clients);
    server.stop.send(()).unwrap();
    let drained = server.task.await.unwrap().unwrap();
    assert!(drained.cut_off == 0 && drained.closed <= 8, "{drained:?}");
}

#[tokio::test]
async fn dropping_the_server_cuts_everybody_off() {
    let server = serve(Acceptor::new(), THREADS);
    let (socket, mut opened) = open(&server.url).await;
    server.task.abort();
    assert!(opened.readable.read().await.is_err(), "no Close comes");
    assert!(socket.closed().await.is_err());
}

#[test]
fn an_address_in_use_is_not_shared() {
    let threads = NonZeroUsize::new(THREADS).unwrap();
    let first = PerCore::bind("127.0.0.1:0".parse().unwrap(), threads).unwrap();
    let second = PerCore::bind(first.local_addr(), threads);
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
