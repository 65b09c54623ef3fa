//! `tidegate listen --broadcast`: what one connection sends, all the others get.

use tidegate::{Broadcast, Opened, WebSocketError, WebSocketStream};

/// What is kept for those who read more slowly than others: one ring for all, whatever their number.
const KEPT_BYTES: usize = 4 << 20;

/// The room that all connections are in.
pub(crate) fn room() -> Broadcast {
    Broadcast::new(KEPT_BYTES)
}

/// Takes part from the opening handshake to the end, and tells nobody how it went.
pub(crate) async fn visit(socket: &WebSocketStream, room: &Broadcast) {
    if let Ok(opened) = socket.opened().await {
        let _ = take_part(socket, opened, room).await;
        // Until the connection has ended, since the room sees only then that nobody is there.
        let _ = socket.closed().await;
    }
}

/// Passes on what the peer sends, until it leaves.
///
/// While a message waits for room in the ring the next one is not read, so who sends faster than the others read is
/// slowed down. A connection that takes nothing for the room's grace is waited for no longer; if it loses messages
/// by that, it is told which, and closed with 1013, so that nobody takes what is left for everything.
pub(crate) async fn take_part(
    socket: &WebSocketStream,
    opened: Opened,
    room: &Broadcast,
) -> Result<(), WebSocketError> {
    let Opened { mut readable, writable, .. } = opened;
    let mut subscription = room.subscribe(&writable);
    loop {
        tokio::select! {
            message = readable.read() => match message? {
                Some(message) => { room.send_to_others(message, &subscription).await; }
                None => return Ok(()),
            },
            missed = subscription.missed() => {
                let reason = format!("read too slowly: messages {} to {} are lost", missed.start, missed.end - 1);
                // The code may be sent, and the reason is short.
                let _ = socket.close((TRY_AGAIN_LATER, &*reason));
                return Ok(());
            }
        }
    }
}

/// The IANA registry of close codes: the server is not up to it now, and the client may come again.
const TRY_AGAIN_LATER: u16 = 1013;
