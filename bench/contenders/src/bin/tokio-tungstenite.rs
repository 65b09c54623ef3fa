//! tokio-tungstenite as it is by default: a read buffer of 128 KiB for each connection.

use std::io;

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    contenders::tungstenite::serve(WebSocketConfig::default()).await
}
