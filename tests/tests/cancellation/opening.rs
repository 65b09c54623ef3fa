//! `opened`, `closed`, `Acceptor::accept` and its kin, and a client's socket that is dropped while it opens.

use futures_util::FutureExt;
use tidegate::{Cause, Connections, WebSocketStream};
use tokio::task::yield_now;

use crate::cut::{at_every_await, paused};
use crate::rig::{End, acceptor, client, echo, is_echoed, pair, soon, still_works, until};

/// As many bytes at a time as make a handshake of some sixty steps.
const HANDSHAKE_PIPE: usize = 7;

#[test]
fn opened_can_be_asked_again_and_gives_the_halves_once() {
    paused(async {
        at_every_await(1, async |cut| {
            let (near, far) = tokio::io::duplex(HANDSHAKE_PIPE);
            let socket = client(near);
            let server = tokio::spawn(async move { End::of(acceptor().accept(far).await.unwrap()).await });
            let opened = cut.run(socket.opened()).await;
            let is_whole = opened.is_some();
            let opened = match opened {
                Some(opened) => opened.unwrap(),
                None => soon(socket.opened()).await.unwrap(),
            };
            let again = soon(socket.opened()).await.err().unwrap();
            assert!(matches!(again.cause(), Cause::OpenedTwice), "{again}");
            let one = End { socket, readable: opened.readable, writable: opened.writable };
            still_works(one, server.await.unwrap()).await;
            is_whole
        })
        .await;
    });
}

#[test]
fn closed_can_be_asked_again_and_tells_the_same() {
    paused(async {
        at_every_await(1, async |cut| {
            let (one, mut two) = pair().await;
            let peer = tokio::spawn(async move {
                two.writes_all().await;
                two.socket.close((3333, "over")).unwrap();
                soon(two.socket.closed()).await.unwrap();
            });
            let closed = cut.run(one.socket.closed()).await;
            let is_whole = closed.is_some();
            let again = soon(one.socket.closed()).await.unwrap();
            assert_eq!(closed.unwrap_or(Ok(again.clone())).unwrap(), again);
            assert_eq!((again.close_code.into(), again.reason.as_str()), (3333u16, "over"));
            peer.await.unwrap();
            // Asking for the end takes no message away.
            let mut one = one;
            one.reads_from(0).await;
            is_whole
        })
        .await;
    });
}

/// There is room for one connection, so a place that is not given back is a 503 for the next client.
#[test]
fn a_dropped_accept_closes_its_stream_and_gives_its_place_back() {
    paused(async {
        for waits in [false, true] {
            let connections = Connections::new();
            let mut acceptor = acceptor().max_connections(1).connections(connections.clone());
            if waits {
                acceptor = acceptor.authorize_async(|_, _| {
                    Box::pin(async {
                        for _ in 0..5 {
                            yield_now().await;
                        }
                        Ok(tidegate::Admission::new())
                    })
                });
            }
            at_every_await(40, async |cut| {
                let (near, far) = tokio::io::duplex(HANDSHAKE_PIPE);
                let socket = client(near);
                let accepted = cut.run(acceptor.accept(far)).await;
                if let Some(server) = accepted {
                    let server = End::of(server.unwrap()).await;
                    still_works(End::of(socket).await, server).await;
                    until(|| connections.count() == 0).await;
                    return true;
                }
                assert_eq!(connections.count(), 0, "{cut:?}");
                let error = soon(socket.closed()).await.unwrap_err();
                assert_eq!(u16::from(error.close_code().unwrap()), 1006, "{cut:?}: {error}");
                let (near, far) = tokio::io::duplex(1000);
                let socket = client(near);
                let server = soon(acceptor.accept(far)).await.unwrap();
                still_works(End::of(socket).await, End::of(server).await).await;
                until(|| connections.count() == 0).await;
                false
            })
            .await;
        }
    });
}

/// The handshake of a client is a task of its own; dropping the socket, after any number of turns, ends it.
#[test]
fn a_client_dropped_while_it_opens_lets_the_server_go() {
    paused(async {
        let connections = Connections::new();
        let acceptor = acceptor().max_connections(1).connections(connections.clone());
        let mut turns = 0;
        loop {
            let (near, far) = tokio::io::duplex(HANDSHAKE_PIPE);
            let socket = client(near);
            let accepting = acceptor.clone();
            let server = tokio::spawn(async move {
                if let Ok(socket) = accepting.accept(far).await {
                    echo(socket).await;
                }
            });
            for _ in 0..turns {
                yield_now().await;
            }
            let is_open = socket.opened().now_or_never().is_some();
            drop(socket);
            soon(server).await.unwrap();
            until(|| connections.count() == 0).await;
            if is_open {
                break;
            }
            turns += 1;
        }
        assert!(turns > 20, "open after {turns} turns, so dropping it shows little");
        let (near, far) = tokio::io::duplex(1000);
        let accepting = acceptor.clone();
        tokio::spawn(async move { echo(accepting.accept(far).await.unwrap()).await });
        is_echoed(client(near)).await;
    });
}

/// Giving up by `close` while the connection opens does the same, and settles both promises.
#[test]
fn a_client_closed_while_it_opens_settles() {
    paused(async {
        for turns in 0..40 {
            let (near, far) = tokio::io::duplex(HANDSHAKE_PIPE);
            let socket: WebSocketStream = client(near);
            let server = tokio::spawn(async move {
                if let Ok(socket) = acceptor().accept(far).await {
                    echo(socket).await;
                }
            });
            for _ in 0..turns {
                yield_now().await;
            }
            socket.close((1000, "")).unwrap();
            let (opened, closed) = (soon(socket.opened()).await, soon(socket.closed()).await);
            assert_eq!(opened.is_ok(), closed.is_ok(), "{turns} turns: {closed:?}");
            soon(server).await.unwrap();
        }
    });
}
