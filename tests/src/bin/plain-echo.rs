//! The echo that users write, on one thread: serves one connection, then ends. For `cargo xtask instructions`.

use std::sync::Arc;

use tidegate::{Connection, Opened, WebSocketError};
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ws://{}", listener.local_addr()?);
    let ended = Arc::new(Notify::new());
    let told = ended.clone();
    let serving = tidegate::serve(listener, move |socket| {
        let told = told.clone();
        async move {
            if let Err(error) = echo(&socket).await {
                println!("failed: {error}");
            }
            told.notify_one();
        }
    });
    tokio::select! {
        result = serving => result,
        () = ended.notified() => Ok(()),
    }
}

async fn echo(socket: &Connection) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    while let Some(message) = readable.read().await? {
        writable.write(message).await?;
    }
    Ok(())
}
