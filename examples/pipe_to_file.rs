//! A WebSocket into a file, one message a line: while the disk is busy, the server waits.
//!
//! `cargo run --package tidegate --example pipe_to_file -- ws://127.0.0.1:9004 messages.txt`

use std::error::Error;

use tidegate::{CloseInfo, Opened, WebSocketStream};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9004".into());
    let path = arguments.next().unwrap_or_else(|| "messages.txt".into());
    let mut file = BufWriter::new(File::create(path).await?);
    let socket = WebSocketStream::connect(url)?;
    let Opened { mut readable, .. } = socket.opened().await?;
    // The next message is read when this one has its place in the file.
    while let Some(message) = readable.read().await? {
        file.write_all(message.as_bytes()).await?;
        file.write_all(b"\n").await?;
    }
    file.flush().await?;
    let CloseInfo { close_code, reason } = socket.closed().await?;
    println!("closed: {close_code} {reason}");
    Ok(())
}
