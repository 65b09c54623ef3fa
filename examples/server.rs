//! An echo server, with backpressure: while a client does not read its echoes, its messages are not read either.
//!
//! `cargo run --package tidegate --example server -- 127.0.0.1:9001`

use tidegate::{CloseInfo, Connection, Message, Opened, WebSocketError};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{}", listener.local_addr()?);
    tidegate::serve(listener, |socket| async move {
        match echo(&socket).await {
            Ok(CloseInfo { close_code, reason }) => println!("closed: {close_code} {reason}"),
            Err(error) => println!("failed: {error}"),
        }
    })
    .await
}

async fn echo(socket: &Connection) -> Result<CloseInfo, WebSocketError> {
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    while let Some(message) = readable.read().await? {
        if let Message::Text(text) = &message {
            println!("{text}");
        }
        writable.write(message).await?;
    }
    socket.closed().await
}
