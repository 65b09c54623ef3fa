//! One speaks, all hear it, and nobody waits for the slowest: who falls too far behind is told how much it missed.
//!
//! The channel holds the last 256 messages, once for all; a listener is a position in it, and no queue.
//!
//! `cargo run --package tidegate --example broadcast -- 127.0.0.1:9003`

use tidegate::{Connection, Opened, Readable, Writable};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9003".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{}", listener.local_addr()?);
    let room: Sender<String> = channel(256).0;
    tidegate::serve(listener, move |socket| join(socket, room.clone())).await
}

async fn join(socket: Connection, room: Sender<String>) {
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    let heard = room.subscribe();
    tokio::select! {
        () = speak(readable, room) => {}
        () = listen(writable, heard) => {}
    }
}

async fn speak(mut readable: Readable, room: Sender<String>) {
    while let Ok(Some(message)) = readable.read().await {
        if let Some(text) = message.as_text() {
            // Fails when nobody listens, which is nobody's fault.
            let _ = room.send(text.to_owned());
        }
    }
}

async fn listen(mut writable: Writable, mut heard: Receiver<String>) {
    // Nothing is taken from the channel before this listener has room for it.
    while writable.ready().await.is_ok() {
        let text = match heard.recv().await {
            Ok(text) => text,
            Err(RecvError::Lagged(count)) => format!("(you missed {count} messages)"),
            Err(RecvError::Closed) => return,
        };
        if writable.write(text).await.is_err() {
            return;
        }
    }
}
