//! Serving a listener or a stream, and shutting down: places are given back, and what is open goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate::{Acceptor, Config, Connections, Drained, Http2, Message, WebSocketStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::cut::{Cut, MOMENTS, at_every_await, paused, unpaused};
use crate::rig::{End, acceptor, client, echo, is_echoed, soon, until};

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

fn connect(url: &str) -> WebSocketStream {
    WebSocketStream::builder(url).config(Config::default().deflate(None)).connect().unwrap()
}

/// Wakes whoever listens at `url`, again and again, until this is aborted.
async fn knock(url: String) {
    let address = url["ws://".len()..].trim_end_matches('/').to_owned();
    while TcpStream::connect(&address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_dropped_serve_accepts_no_more_and_what_is_open_goes_on() {
    unpaused(async {
        let connections = Connections::new();
        let acceptor = acceptor().max_connections(2).connections(connections.clone());
        for moment in MOMENTS {
            for polls in 0..8 {
                let (listener, url) = listen().await;
                let (socket, knocking) = (connect(&url), tokio::spawn(knock(url.clone())));
                let cut = Cut { polls, moment };
                assert!(cut.run(acceptor.serve(listener, echo)).await.is_none());
                knocking.abort();
                if let Ok(opened) = soon(socket.opened()).await {
                    let mut end = End { socket, readable: opened.readable, writable: opened.writable };
                    end.writable.write("still here").await.unwrap();
                    assert_eq!(soon(end.readable.read()).await.unwrap(), Some("still here".into()));
                }
                assert!(soon(connect(&url).opened()).await.is_err(), "{cut:?}: nobody listens");
                until(|| connections.count() == 0).await;
                let (listener, url) = listen().await;
                let serving = acceptor.clone();
                let server = tokio::spawn(async move { serving.serve(listener, echo).await });
                is_echoed(connect(&url)).await;
                server.abort();
                until(|| connections.count() == 0).await;
            }
        }
    });
}

/// Dropped before its signal it is a dropped `serve`; after it, everybody has been asked to close.
#[test]
fn a_dropped_serve_until_wedges_nobody() {
    unpaused(async {
        at_every_await(2, async |cut| {
            let connections = Connections::new();
            let acceptor = acceptor().connections(connections.clone());
            let (listener, url) = listen().await;
            let (signal, signalled) = oneshot::channel::<()>();
            let user = tokio::spawn(use_until_closed(connect(&url), signal));
            let knocking = tokio::spawn(knock(url));
            let served = cut.run(acceptor.serve_until(listener, echo, async { drop(signalled.await) })).await;
            let is_whole = served.is_some();
            if let Some(drained) = served {
                assert_eq!(drained.unwrap(), Drained { closed: 1, cut_off: 0 });
            }
            knocking.abort();
            // What is left is ended by whoever holds the connections.
            soon(connections.shut_down(Duration::from_secs(20))).await;
            user.await.unwrap();
            assert_eq!(connections.count(), 0, "{cut:?}");
            is_whole
        })
        .await;
    });
}

/// Has one message echoed, gives the signal, and reads on to the end, which must be a clean one.
async fn use_until_closed(socket: WebSocketStream, signal: oneshot::Sender<()>) {
    let Ok(opened) = soon(socket.opened()).await else { return };
    let mut end = End { socket, readable: opened.readable, writable: opened.writable };
    if end.writable.write("hello").await.is_ok()
        && soon(end.readable.read()).await.unwrap() == Some(Message::from("hello"))
    {
        let _ = signal.send(());
    }
    assert_eq!(soon(end.readable.read()).await.unwrap(), None);
    assert_eq!(u16::from(soon(end.socket.closed()).await.unwrap().close_code), 1001);
}

/// However often it is dropped, it goes on where it was, and counts everyone once: those that close within the time,
/// and those that are cut off.
#[test]
fn a_dropped_shut_down_counts_everybody_the_next_time() {
    paused(async {
        for drain in [Duration::from_secs(5), Duration::ZERO] {
            at_every_await(2, async |cut| shut_down_after_drops(drain, cut).await).await;
        }
    });
}

async fn shut_down_after_drops(drain: Duration, cut: Cut) -> bool {
    let connections = Connections::new();
    let acceptor = acceptor().connections(connections.clone());
    let mut reading = Vec::new();
    for _ in 0..3 {
        let (near, far) = tokio::io::duplex(16);
        let accepting = acceptor.clone();
        tokio::spawn(async move { echo(accepting.accept(far).await.unwrap()).await });
        let mut end = End::of(client(near)).await;
        reading.push(tokio::spawn(async move {
            let end_of_messages = soon(end.readable.read()).await;
            (end_of_messages.is_ok_and(|message| message.is_none()), soon(end.socket.closed()).await)
        }));
    }
    let mut drained = cut.run(connections.shut_down(drain)).await;
    let is_whole = drained.is_some();
    let again = Cut { polls: cut.polls.max(1), ..cut };
    while drained.is_none() {
        tokio::task::yield_now().await;
        drained = again.run(connections.shut_down(drain)).await;
    }
    let drained = drained.unwrap();
    assert_eq!(drained.closed + drained.cut_off, 3, "{cut:?}: {drained:?}");
    assert_eq!(soon(connections.shut_down(Duration::ZERO)).await, Drained::default());
    for task in reading {
        let (is_orderly, closed) = task.await.unwrap();
        if !drain.is_zero() {
            assert_eq!((drained.closed, is_orderly, u16::from(closed.unwrap().close_code)), (3, true, 1001));
        }
    }
    is_whole
}

/// Over HTTP/1.1 the handler is part of the future; whether the socket was open or not, its place is free again.
#[test]
fn a_dropped_serve_connection_gives_its_places_back() {
    paused(async {
        for http2 in [None, Some(Http2::default())] {
            let connections = Connections::new();
            let acceptor = acceptor().max_connections(1).connections(connections.clone());
            let acceptor = http2.map_or(acceptor.clone(), |http2| acceptor.http2(http2));
            at_every_await(40, async |cut| {
                let is_whole = served_once(&acceptor, cut).await;
                until(|| connections.count() == 0).await;
                is_whole
            })
            .await;
            assert!(served_once(&acceptor, Cut { polls: usize::MAX, moment: MOMENTS[0] }).await);
        }
    });
}

async fn served_once(acceptor: &Acceptor, cut: Cut) -> bool {
    let (near, far) = tokio::io::duplex(7);
    let was_echoed = Arc::new(AtomicBool::new(false));
    let told = was_echoed.clone();
    let user = tokio::spawn(async move {
        let socket = client(near);
        let Ok(opened) = soon(socket.opened()).await else { return };
        let mut end = End { socket, readable: opened.readable, writable: opened.writable };
        if end.writable.write("hello").await.is_ok()
            && soon(end.readable.read()).await.is_ok_and(|m| m.is_some())
        {
            told.store(true, Ordering::Relaxed);
        }
        let _ = end.socket.close(());
        let _ = soon(end.socket.closed()).await;
    });
    let served = cut.run(acceptor.serve_connection(far, None, echo)).await;
    user.await.unwrap();
    let is_whole = served.is_some();
    if let Some(result) = served {
        result.unwrap();
        assert!(was_echoed.load(Ordering::Relaxed));
    }
    is_whole
}
