//! The axum extractor.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Extension, Router};
use tidegate::axum::Upgrade;
use tidegate::{Acceptor, Config, Connections, Drained, OriginPolicy, WebSocketStream};
use tokio::net::TcpStream;

use super::wire::{ask, assert_echoes, echo, handshake, listen, open, until};

async fn serve(routes: Router) -> SocketAddr {
    let (listener, address) = listen().await;
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn open_echo(upgrade: Upgrade) -> impl IntoResponse {
    upgrade.protocols(["echo"]).config(Config::default().max_message_bytes(1024)).on_upgrade(echo).await
}

fn routes() -> Router {
    Router::new().route("/", get(|| async { "plain" })).route("/echo", any(open_echo))
}

#[tokio::test]
async fn a_route_opens_sockets_beside_plain_routes() {
    let address = serve(routes()).await;
    let socket =
        WebSocketStream::builder(format!("ws://{address}/echo")).protocols(["echo"]).connect().unwrap();
    let mut opened = socket.opened().await.unwrap();
    assert_eq!(opened.protocol, "echo");
    assert_echoes(&mut opened, "through axum").await;
    // The limits are those of the route.
    opened.writable.write("x".repeat(1025)).await.unwrap();
    while let Ok(Some(_)) = opened.readable.read().await {}
    assert_eq!(socket.closed().await.unwrap().close_code.get(), 1009);

    let mut stream = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.body.as_str()), (200, "plain"));
    let response = ask(&mut stream, "GET /echo HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.header("upgrade")), (426, Some("websocket")));
    assert!(response.body.contains("RFC 6455"), "{response:?}");
}

#[tokio::test]
async fn the_origin_is_judged_unless_the_route_says_otherwise() {
    let open_to_all = |upgrade: Upgrade| upgrade.origins(OriginPolicy::Any).on_upgrade(echo);
    let address = serve(routes().route("/any", any(open_to_all))).await;
    let foreign = "origin: https://elsewhere.example\r\n";
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut stream, handshake("/echo", foreign)).await.status, 403);
    assert_eq!(ask(&mut stream, handshake("/any", foreign)).await.status, 101);
}

#[tokio::test]
async fn a_shared_acceptor_limits_and_shuts_down() {
    let connections = Connections::new();
    let acceptor = Acceptor::new()
        .connections(connections.clone())
        .max_connections_per_ip(1)
        .peer_ip(|request| Some(request.extensions().get::<ConnectInfo<SocketAddr>>()?.ip()));
    let address = serve(routes().layer(Extension(acceptor))).await;
    let (socket, mut opened) = open(format!("ws://{address}/echo")).await;
    assert_echoes(&mut opened, "the only one").await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut stream, handshake("/echo", "")).await.status, 429);

    let drain = tokio::spawn({
        let connections = connections.clone();
        async move { connections.shut_down(Duration::from_secs(20)).await }
    });
    assert!(opened.readable.read().await.unwrap().is_none());
    assert_eq!(socket.closed().await.unwrap().close_code.get(), 1001);
    assert_eq!(drain.await.unwrap(), Drained { closed: 1, cut_off: 0 });
    until(|| connections.count() == 0).await;
    assert_eq!(ask(&mut stream, handshake("/echo", "")).await.status, 503);
}
