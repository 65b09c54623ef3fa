//! A connection that goes on when the network breaks, by whatever works: numbers there and back, one a second, and what
//! carries them. Cut the cable, or put a proxy between that knows no WebSocket, and see.
//!
//! `cargo run --package tidegate --example connection_server`, then
//! `cargo run --package tidegate --example connection_client -- http://127.0.0.1:9006/`

use std::time::Duration;

use tidegate::{Cause, Connection, Opened, WebSocketError};

#[tokio::main]
async fn main() -> Result<(), WebSocketError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:9006/".into());
    let connection = Connection::connect(url)?;
    let Opened { mut readable, mut writable, .. } = connection.opened().await?;
    let mut number = 0;
    loop {
        // Nothing is lost and nothing comes twice, or this is an error that says so.
        let echoed = async {
            writable.write(number.to_string()).await?;
            readable.read().await
        };
        match echoed.await {
            Ok(Some(message)) => println!("{message:?} by {:?}", connection.transport()),
            Ok(None) => return connection.closed().await.map(drop),
            Err(error) if matches!(error.cause(), Cause::NotResumed(_)) => {
                println!("{error}: what came last may be lost");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        number += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
