//! How a handler ends that leaves first.

use std::time::Duration;

use tidegate::{CloseOptions, Readable, WebSocketStream};
use tokio::time::{sleep, timeout};

/// How long the client's message is left unread, so that it must learn of the Close while it still sends.
const UNREAD: Duration = Duration::from_secs(1);

/// How long a client may take to end.
const END: Duration = Duration::from_secs(20);

/// Closes, and waits for the client's Close. A client that sends on finds that nobody reads what it sends.
pub(crate) async fn close(socket: &WebSocketStream, mut readable: Readable, options: CloseOptions) {
    // Codes that may not be sent are no part of the tests.
    let _ = socket.close(options);
    if let Ok(Some(unread)) = readable.read_message().await {
        sleep(UNREAD).await;
        drop(unread);
    }
    drop(readable);
    end(socket).await;
}

/// Waits for the end, however it comes.
pub(crate) async fn end(socket: &WebSocketStream) {
    let _ = timeout(END, socket.closed()).await;
}
