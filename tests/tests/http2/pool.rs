//! Sockets that share connections.

use std::time::Duration;

use tidegate::{Acceptor, Cause, Http2, Http2Error, Http2Pool};

use crate::rig::{BOTH, Layer, Server, echo, open, pool, soon};

#[tokio::test]
async fn sockets_share_a_connection_and_dial_once() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new(), echo).await;
        let pool = pool();
        let all = (0..20).map(|_| open(server.client(&pool)));
        let _open = soon(futures_util::future::join_all(all)).await;
        assert_eq!((server.connections(), pool.connections()), (1, 1));
        // Without the pool: one of its own.
        open(server.client(&self::pool())).await;
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn sockets_beyond_a_connection_open_another_and_then_wait() {
    let acceptor = Acceptor::new().http2(Http2::default().max_streams(3));
    let server = Server::start_as_is(Layer::Plain, acceptor, echo).await;
    let pool = pool().max_connections(2);
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(open(server.client(&pool)).await);
    }
    assert_eq!(server.connections(), 2);
    let waiting = server.client(&pool).connect().unwrap();
    tokio::time::timeout(Duration::from_millis(200), waiting.opened()).await.err().expect("no place is free");
    let (socket, _opened) = held.pop().unwrap();
    socket.close(()).unwrap();
    socket.closed().await.unwrap();
    soon(waiting.opened()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_without_sockets_ends_after_its_time() {
    let server = Server::start(Layer::Tls, Acceptor::new(), echo).await;
    let pool = pool().settings(Http2::default().idle_timeout(Duration::from_millis(50)));
    let (socket, opened) = open(server.client(&pool)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pool.connections(), 1);
    drop(opened);
    socket.close(()).unwrap();
    socket.closed().await.unwrap();
    soon(async {
        while pool.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    open(server.client(&pool)).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_server_ends_a_connection_without_streams_after_its_time() {
    let http2 = Http2::default().idle_timeout(Duration::from_millis(50));
    let server = Server::start_as_is(Layer::Plain, Acceptor::new().http2(http2), echo).await;
    let pool = pool();
    let (socket, _opened) = open(server.client(&pool)).await;
    socket.close(()).unwrap();
    socket.closed().await.unwrap();
    soon(async {
        while pool.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    open(server.client(&pool)).await;
}

#[tokio::test]
async fn a_full_pool_says_so_and_lets_idle_servers_go() {
    let servers = [
        Server::start(Layer::Plain, Acceptor::new(), echo).await,
        Server::start(Layer::Plain, Acceptor::new(), echo).await,
    ];
    let pool = Http2Pool::new().prior_knowledge().max_servers(1);
    let (socket, _opened) = open(servers[0].client(&pool)).await;
    let error = soon(servers[1].client(&pool).connect().unwrap().opened()).await.err().unwrap();
    assert!(matches!(error.cause(), Cause::Http2(Http2Error::PoolFull)), "{error:?}");
    socket.close(()).unwrap();
    socket.closed().await.unwrap();
    soon(async {
        while servers[1].client(&pool).connect().unwrap().opened().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn giving_up_while_dialling_lets_the_next_one_dial() {
    // Accepts and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let pool = pool();
    let builder =
        tidegate::WebSocketStream::builder(&url).http2(&pool).handshake_timeout(Duration::from_millis(100));
    let [one, two] = [builder.clone().connect().unwrap(), builder.connect().unwrap()];
    for socket in [one, two] {
        let error = soon(socket.opened()).await.err().unwrap();
        assert!(matches!(error.cause(), Cause::HandshakeTimedOut(_)), "{error:?}");
    }
    assert_eq!(pool.connections(), 0);
}
