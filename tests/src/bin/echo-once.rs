//! Sends one message to the URL that is its argument, with every default, and prints what comes back.

use tidegate::{Opened, WebSocketStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the argument is the URL of an echo")?;
    let socket = WebSocketStream::connect(url)?;
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    writable.write("hello").await?;
    println!("{:?}", readable.read().await?.ok_or("no echo")?);
    Ok(())
}
