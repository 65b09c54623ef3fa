//! The echo: the loop that users write.

use tidegate::{Opened, WebSocketStream};

/// Sends every message back. A peer that does not read its echoes is, after a while, not read either.
pub(crate) async fn echo(socket: WebSocketStream) {
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    // How the connection ends is the peer's affair.
    let _ = readable.pipe_to(writable).await;
    let _ = socket.closed().await;
}
