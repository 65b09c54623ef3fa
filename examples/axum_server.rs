//! A WebSocket beside plain routes, in axum: an echo on `/echo`, open to pages of the same origin.
//!
//! `cargo run --package tidegate --features axum --example axum_server -- 127.0.0.1:9005`

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use tidegate::axum::Upgrade;
use tidegate::{Opened, WebSocketStream};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9005".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{}/echo", listener.local_addr()?);
    let routes = Router::new()
        .route("/", get(|| async { "the echo is at /echo\n" }))
        // `any`, since over HTTP/2 a WebSocket opens with CONNECT.
        .route("/echo", any(open));
    axum::serve(listener, routes).await
}

async fn open(upgrade: Upgrade) -> impl IntoResponse {
    upgrade.protocols(["echo"]).on_upgrade(echo).await
}

async fn echo(socket: WebSocketStream) {
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    // How the connection ends is the peer's affair.
    let _ = readable.pipe_to(writable).await;
}
