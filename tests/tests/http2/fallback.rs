//! HTTP/1.1 where HTTP/2 is not to be had.

use tidegate::{Acceptor, Http2, Http2Pool};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::rig::{BOTH, Layer, Server, open, pool, soon, tell_version, text};

#[tokio::test]
async fn a_server_without_http2_gets_an_upgrade() {
    for (layer, connections) in [(Layer::Tls, [1, 2]), (Layer::Plain, [2, 3])] {
        let server = Server::start_as_is(layer, Acceptor::new(), tell_version).await;
        let pool = pool();
        let (_socket, mut opened) = open(server.client(&pool)).await;
        assert_eq!(text(&mut opened).await, "HTTP/1.1");
        // By ALPN on the same connection; a plain server has closed the one that it did not understand.
        assert_eq!((server.connections(), pool.connections()), (connections[0], 0));
        // The next socket does not ask again.
        let (_socket, mut opened) = open(server.client(&pool)).await;
        assert_eq!(text(&mut opened).await, "HTTP/1.1");
        assert_eq!(server.connections(), connections[1]);
    }
}

#[tokio::test]
async fn a_client_without_http2_is_served_by_the_same_port() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new(), tell_version).await;
        let builder = tidegate::WebSocketStream::builder(server.url()).tls(crate::rig::client_tls());
        let (_socket, mut opened) = open(builder).await;
        assert_eq!(text(&mut opened).await, "HTTP/1.1");
        let (_socket, mut opened) = open(server.client(&pool())).await;
        assert_eq!(text(&mut opened).await, "HTTP/2.0");
    }
}

#[tokio::test]
async fn without_prior_knowledge_a_plain_server_is_not_asked() {
    let server = Server::start(Layer::Plain, Acceptor::new(), tell_version).await;
    let (_socket, mut opened) = open(server.client(&Http2Pool::new())).await;
    assert_eq!(text(&mut opened).await, "HTTP/1.1");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_without_the_setting_gets_an_upgrade() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        // HTTP/2 without extended CONNECT (RFC 8441 §3) first, then HTTP/1.1.
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = ::h2::server::handshake(stream).await.unwrap();
        let without = tokio::spawn(async move { connection.accept().await.is_none() });
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = Acceptor::new();
        let accepting = acceptor.serve_connection(stream, None, tell_version);
        let (served, nothing_asked) = tokio::join!(accepting, without);
        served.unwrap();
        assert!(nothing_asked.unwrap());
    });
    let pool = pool();
    let (socket, mut opened) = open(tidegate::WebSocketStream::builder(url).http2(&pool)).await;
    assert_eq!(text(&mut opened).await, "HTTP/1.1");
    socket.close(()).unwrap();
    // The connection that was of no use was closed.
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_refusal_that_asks_for_http1_gets_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = ::h2::server::Builder::new();
        let mut connection =
            builder.enable_connect_protocol().handshake::<_, bytes::Bytes>(stream).await.unwrap();
        let refusing = async {
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_reset(::h2::Reason::HTTP_1_1_REQUIRED);
            connection.accept().await.is_none()
        };
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            Acceptor::new().serve_connection(stream, None, tell_version).await
        };
        let _ = tokio::join!(refusing, serving);
    });
    let (_socket, mut opened) = open(tidegate::WebSocketStream::builder(url).http2(&pool())).await;
    assert_eq!(text(&mut opened).await, "HTTP/1.1");
}

#[tokio::test]
async fn http1_requests_that_begin_like_the_preface_are_answered() {
    let acceptor = Acceptor::new().http2(Http2::default());
    let server = Server::start_as_is(Layer::Plain, acceptor, tell_version).await;
    for request in
        ["PRI /x HTTP/1.1\r\nhost: a\r\n\r\n", "P HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"]
    {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{request:?}: {answer:?}");
    }
}
