//! Extended CONNECT (RFC 8441) through hyper.

use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::wire::{frame, listen, text};

fn connect(origin: &str) -> Request<Empty<Bytes>> {
    Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri("http://server.example/chat")
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("origin", origin)
        .body(Empty::new())
        .unwrap()
}

#[tokio::test]
async fn a_socket_opens_over_http2_for_pages_of_the_same_origin() {
    let (listener, address) = listen().await;
    let acceptor = Acceptor::new();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|request| super::hyper::answer(acceptor.clone(), request));
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.enable_connect_protocol().serve_connection(TokioIo::new(stream), service).await;
    });
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    // The server's settings come with its first response.
    let plain = Request::get("http://server.example/").body(Empty::new()).unwrap();
    assert_eq!(client.send_request(plain).await.unwrap().status(), StatusCode::BAD_REQUEST);

    let response = client.send_request(connect("http://server.example")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    stream.write_all(&text("over HTTP/2")).await.unwrap();
    assert_eq!(frame(&mut stream).await, (0x81, b"over HTTP/2".to_vec()));
    let foreign = client.send_request(connect("http://evil.example")).await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
}
