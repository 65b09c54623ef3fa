//! Connections from HTTP servers of one's own: axum, tower and hyper.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{any, get as getting};
use http::StatusCode;
use tidegate::axum::ConnectionRequest;
use tidegate::{Acceptor, Opened, WebSocketStream};
use tokio::net::TcpListener;

use super::client::{Client, ask, get};
use super::frames::{self, TEXT};
use super::rig::{acceptor, echo};

async fn answer(request: ConnectionRequest) -> impl IntoResponse {
    request.on_connection(echo).await
}

/// Speaks with the echo at `path` by polling, and over a plain WebSocket.
async fn converse(routes: Router, path: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let opened = ask(address, get(&format!("{path}?transport=poll"))).await;
    assert_eq!(opened.status, StatusCode::OK);
    let attached = opened.frames().remove(0);
    let id = std::str::from_utf8(attached.parameter(1).expect("an id")).expect("text");
    let client = Client { address, id: id.to_owned(), received: 0, sent: 0 };
    let mut post = client.post_request(0, &[frames::hello(1 << 18), frames::text("hi")].concat());
    let target = post.uri().to_string().replacen('/', path, 1);
    *post.uri_mut() = target.parse().expect("a target");
    assert_eq!(ask(address, post).await.status, StatusCode::NO_CONTENT);
    let target = client.target("long-poll").replacen('/', path, 1);
    loop {
        let frames = ask(address, get(&target)).await.frames();
        if let Some(text) = frames.iter().find(|frame| frame.code == TEXT) {
            assert_eq!(text.text(), "hi");
            break;
        }
    }
    let socket = WebSocketStream::connect(format!("ws://{address}{path}")).expect("a URL");
    let Opened { mut readable, mut writable, .. } = socket.opened().await.expect("it opens");
    writable.write("plain").await.expect("it is open");
    assert_eq!(readable.read().await.expect("it is open"), Some("plain".into()));
}

#[tokio::test]
async fn an_axum_handler_answers_every_transport() {
    let shared: Acceptor = acceptor();
    let routes = Router::new()
        .route("/", getting(|| async { "elsewhere" }))
        .route("/chat", any(answer))
        .layer(axum::Extension(shared));
    converse(routes, "/chat").await;
}

#[tokio::test]
async fn a_tower_service_answers_every_transport() {
    let routes = Router::new().route_service("/chat", acceptor().connection_service(echo));
    converse(routes, "/chat").await;
}
