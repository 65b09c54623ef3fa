//! A client that reads one message a second: the server cannot send faster than that.
//!
//! `cargo run --package tidegate --example client -- ws://127.0.0.1:8080/firehose`

use std::time::Duration;

use tidegate::{CloseInfo, Opened, WebSocketError, WebSocketStream};

#[tokio::main]
async fn main() -> Result<(), WebSocketError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8080/firehose".into());
    let socket = WebSocketStream::connect(url)?;
    let Opened { mut readable, .. } = socket.opened().await?;
    for _ in 0..10 {
        let Some(message) = readable.read().await? else { break };
        println!("{} bytes", message.len());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    socket.close((1000, "enough"))?;
    drop(readable);
    let CloseInfo { close_code, reason } = socket.closed().await?;
    println!("closed: {close_code} {reason}");
    Ok(())
}
