//! Over HTTP/2: a socket that is dropped while it opens gives its seat back, at both ends, and a server's connection
//! that is dropped gives back all its places.

use std::sync::Arc;
use std::time::Duration;

use ::h2::ext::Protocol;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Request};
use tidegate::{Acceptor, Connections, Http2, Http2Pool, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

use crate::cut::{Cut, MOMENTS, at_every_await, paused, unpaused};
use crate::rig::{acceptor, echo, is_echoed, soon, until};

/// One stream at a time, so that one which is not given back is the last.
fn one_stream(connections: &Connections) -> Acceptor {
    acceptor().connections(connections.clone()).http2(Http2::default().max_streams(1))
}

/// A way to the server that passes a few bytes a turn.
async fn relay(listener: TcpListener, server: std::net::SocketAddr) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(server).await.unwrap();
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
        }
        let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
            (near.into_split(), far.into_split());
        tokio::spawn(async move { trickle(&mut from_near, &mut to_far).await });
        tokio::spawn(async move { trickle(&mut from_far, &mut to_near).await });
    }
}

async fn trickle(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin)) {
    let mut bytes = [0; 16];
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        if to.write_all(&bytes[..len]).await.is_err() {
            return;
        }
        yield_now().await;
    }
    let _ = to.shutdown().await;
}

/// After any number of turns: while it dials, waits for the server's settings, asks, or is open.
#[test]
fn a_socket_dropped_while_it_opens_gives_its_seat_back() {
    unpaused(async {
        let connections = Connections::new();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let acceptor = one_stream(&connections);
        tokio::spawn(async move { acceptor.serve(server, echo).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(relay(listener, address));
        for shares_connection in [false, true] {
            let kept = one_connection();
            let (mut turns, mut opened_at_once) = (0, 0);
            while opened_at_once < 3 {
                // With a connection that is there already, or with one that has to be made.
                let fresh = one_connection();
                let pool = if shares_connection { &kept } else { &fresh };
                let socket = builder(&url, pool).connect().unwrap();
                for _ in 0..turns {
                    yield_now().await;
                }
                opened_at_once += u32::from(socket.opened().now_or_never().is_some());
                drop(socket);
                is_echoed(builder(&url, pool).connect().unwrap()).await;
                turns += 1;
            }
            let least = if shares_connection { 10 } else { 20 };
            assert!(turns > least, "open after {turns} turns, so dropping it shows little");
            assert_eq!(kept.connections(), usize::from(shares_connection));
        }
    });
}

fn one_connection() -> Http2Pool {
    Http2Pool::new().prior_knowledge().max_connections(1)
}

fn builder(url: &str, pool: &Http2Pool) -> tidegate::ClientBuilder {
    WebSocketStream::builder(url).http2(pool)
}

/// A client that is not ours, over a pipe: one WebSocket, which it ends in order once it is open.
async fn one_websocket(io: DuplexStream) -> Result<(), ::h2::Error> {
    let (send, connection) = ::h2::client::handshake(io).await?;
    let driving = tokio::spawn(connection);
    let mut send = send.ready().await?;
    let mut request = Request::builder().method(Method::CONNECT).uri("http://h.example/");
    request = request.header("sec-websocket-version", "13").extension(Protocol::from_static("websocket"));
    let (response, mut outgoing) = send.send_request(request.body(()).unwrap(), false)?;
    let mut incoming = response.await?.into_body();
    // An empty Close, masked with zeros.
    outgoing.send_data(Bytes::from_static(&[0x88, 0x80, 0, 0, 0, 0]), true)?;
    while let Some(bytes) = incoming.data().await {
        incoming.flow_control().release_capacity(bytes?.len())?;
    }
    drop((send, outgoing, incoming));
    let _ = driving.await;
    Ok(())
}

#[test]
fn a_dropped_connection_gives_back_the_places_of_all_its_sockets() {
    paused(async {
        let connections = Connections::new();
        let http2 = Http2::default().idle_timeout(Duration::from_millis(10));
        // One for the connection, one for its socket.
        let acceptor = Arc::new(acceptor().max_connections(2).connections(connections.clone()).http2(http2));
        at_every_await(20, async |cut| {
            let is_whole = served(&acceptor, cut).await;
            until(|| connections.count() == 0).await;
            is_whole
        })
        .await;
        assert!(served(&acceptor, Cut { polls: usize::MAX, moment: MOMENTS[0] }).await);
    });
}

async fn served(acceptor: &Acceptor, cut: Cut) -> bool {
    let (near, far) = tokio::io::duplex(7);
    let user = tokio::spawn(one_websocket(near));
    let served = cut.run(acceptor.serve_connection(far, None, echo)).await;
    let used = soon(user).await.unwrap();
    assert!(used.is_ok() || served.is_none(), "{cut:?}: {used:?}, {served:?}");
    served.is_some()
}
