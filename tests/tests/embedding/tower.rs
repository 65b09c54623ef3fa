//! A tower stack.

use std::convert::Infallible;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tidegate::Acceptor;
use tokio::net::TcpStream;
use tower_service::Service;

use super::wire::{ask, assert_echoes, echo, handshake, listen, open};

/// Serves HTTP/1.1 by a tower service.
async fn serve<S, B>(service: S) -> std::net::SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let builder = hyper::server::conn::http1::Builder::new();
                let _ = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
            });
        }
    });
    address
}

#[derive(Clone)]
struct Plain;

impl Service<Request<Incoming>> for Plain {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        let mut response = Response::new(Full::from("plain"));
        response.headers_mut().insert("content-length", 5.into());
        std::future::ready(Ok(response))
    }
}

#[tokio::test]
async fn a_layer_opens_sockets_and_passes_the_rest_on() {
    use tower_layer::Layer;
    let address = serve(Acceptor::new().layer(echo).layer(Plain)).await;
    let (_socket, mut opened) = open(format!("ws://{address}")).await;
    assert_echoes(&mut opened, "through tower").await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.body.as_str()), (200, "plain"));
    let response = ask(&mut stream, handshake("/", "origin: https://evil.example\r\n")).await;
    assert_eq!(response.status, 403);
}

#[tokio::test]
async fn a_service_alone_refuses_the_rest() {
    let address = serve(Acceptor::new().into_service(echo)).await;
    let (_socket, mut opened) = open(format!("ws://{address}")).await;
    assert_echoes(&mut opened, "through tower").await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.header("upgrade")), (426, Some("websocket")));
}

#[tokio::test]
async fn a_service_stands_in_an_axum_router() {
    let routes = Router::new()
        .route("/", get(|| async { "plain" }))
        .route_service("/echo", Acceptor::new().into_service(echo));
    let (listener, address) = listen().await;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let (_socket, mut opened) = open(format!("ws://{address}/echo")).await;
    assert_echoes(&mut opened, "through axum and tower").await;
}
