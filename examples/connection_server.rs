//! Connections over whatever the client has: a WebSocket, an HTTP stream, Server-Sent Events, long polling or polling.
//! An echo everywhere, but that `/push` sends numbers, as fast as they are read.
//!
//! `cargo run --package tidegate --example connection_server -- 127.0.0.1:9006`

use tidegate::{Acceptor, Connection, Opened, OriginPolicy, WebSocketError};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9006".into());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    // Any page may connect, since nobody gets more here than anybody else.
    Acceptor::new()
        .origins(OriginPolicy::Any)
        .serve_any(listener, |connection| async move {
            println!("{} opened over {:?}", connection.url(), connection.transport());
            let ended = if connection.url().starts_with("/push") {
                push(&connection).await
            } else {
                echo(&connection).await
            };
            println!("{} ended: {ended:?}", connection.url());
        })
        .await
}

async fn echo(connection: &Connection) -> Result<(), WebSocketError> {
    let Opened { readable, writable, .. } = connection.opened().await?;
    readable.pipe_to(writable).await
}

async fn push(connection: &Connection) -> Result<(), WebSocketError> {
    let Opened { mut writable, .. } = connection.opened().await?;
    for number in 0..10_000 {
        writable.write(number.to_string()).await?;
    }
    writable.close().await
}
