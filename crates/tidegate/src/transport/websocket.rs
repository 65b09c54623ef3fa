//! A WebSocket that carries a session both ways.

use tidegate_proto::session::{Violation, Why};
use tidegate_proto::websocket::Message;

use crate::session::Attached;
use crate::websocket::{CloseOptions, Opened, Readable, WebSocketError, WebSocketStream, Writable};

/// How much is put into one message, when frames are small.
const BATCH_BYTES: usize = 64 * 1024;

/// Why a WebSocket carries the session no longer.
enum Ended {
    /// The session has said its last word here.
    Told(Option<Why>),
    /// The client broke a rule.
    Broke(Violation),
    /// A message of text.
    Text,
    /// The WebSocket closed or broke.
    Gone,
}

/// Carries the session over a WebSocket that speaks no credits of its own, until either ends.
///
/// # Cancellation
///
/// Dropping the future detaches, and closes the WebSocket.
pub(crate) async fn carry(socket: WebSocketStream, attached: Attached) {
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    let ended = tokio::select! {
        ended = bring_down(writable, &attached) => ended,
        ended = bring_up(readable, &attached) => ended,
    };
    let options = match ended {
        Ended::Told(Some(Why::Newer)) => (4409, "a newer attachment has come").into(),
        Ended::Told(Some(_)) => attached.session().farewell().map_or_else(CloseOptions::default, Into::into),
        Ended::Told(None) => (4404, "the session has ended").into(),
        Ended::Broke(violation) => (4400, &*violation.to_string()).into(),
        Ended::Text => (1003, "text").into(),
        Ended::Gone => CloseOptions::default(),
    };
    // From here on the client may attach elsewhere.
    drop(attached);
    // All of them may be sent, or did come.
    let _ = socket.close(options);
    let _ = socket.closed().await;
}

/// Tells the client why its session is not resumed, by a Close.
pub(crate) async fn turn_away(socket: WebSocketStream, code: u16, reason: &str) {
    // The reasons are short.
    let _ = socket.close((code, reason));
    let _ = socket.closed().await;
}

async fn bring_down(mut writable: Writable, attached: &Attached) -> Ended {
    while let Some(batch) = attached.next(BATCH_BYTES).await {
        if writable.write(Message::Binary(batch)).await.is_err() {
            return Ended::Gone;
        }
    }
    if writable.flush().await.is_err() {
        return Ended::Gone;
    }
    Ended::Told(attached.ended())
}

async fn bring_up(mut readable: Readable, attached: &Attached) -> Ended {
    loop {
        attached.room().await;
        let message: Result<_, WebSocketError> = readable.read().await;
        match message {
            Ok(Some(Message::Binary(batch))) => {
                if let Err(violation) = attached.handle_batch(&batch) {
                    return Ended::Broke(violation);
                }
            }
            Ok(Some(Message::Text(_))) => return Ended::Text,
            Ok(None) | Err(_) => return Ended::Gone,
        }
    }
}
