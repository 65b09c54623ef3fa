//! tokio-tungstenite with a read buffer of 4 KiB.

use std::io;

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    contenders::tungstenite::serve(WebSocketConfig::default().read_buffer_size(4096)).await
}
