//! The greeting that tutorials use: one message each way, then a clean close.

use std::time::Duration;

use tidegate::{Config, Opened, Readable, WebSocketStream};
use tokio::select;
use tokio::time::sleep;

const MAX_MESSAGE_BYTES: u64 = 4096;

/// How long after the greeting the connection is closed.
const PAUSE: Duration = Duration::from_secs(1);

/// The limits of a connection that is greeted.
pub(crate) fn config() -> Config {
    Config::default().max_message_bytes(MAX_MESSAGE_BYTES).max_frame_bytes(MAX_MESSAGE_BYTES)
}

/// Answers the first message with a greeting, and says good-bye a moment later.
pub(crate) async fn greet(socket: WebSocketStream) {
    let Ok(Opened { mut readable, mut writable, .. }) = socket.opened().await else { return };
    let Ok(Some(message)) = readable.read().await else { return };
    let farewell = match message.as_text() {
        None => (1003, "expected a text message: My name is John"),
        Some(text) => {
            if writable.write(greeting(text)).await.is_err() {
                return;
            }
            select! {
                () = sleep(PAUSE) => {}
                () = drain(&mut readable) => {}
            }
            (1000, "Bye!")
        }
    };
    // The reasons are short, and the codes may be sent. After the peer's own Close nothing happens.
    let _ = socket.close(farewell);
    drop(readable);
    let _ = socket.closed().await;
}

/// Reads until the peer leaves.
pub(crate) async fn drain(readable: &mut Readable) {
    while let Ok(Some(_)) = readable.read().await {}
}

/// The last word is the name, so that `My name is John` and `John` are both John.
fn greeting(text: &str) -> String {
    let name = text.split_whitespace().last().unwrap_or("stranger");
    format!("Hello from server, {name}!")
}

#[cfg(test)]
mod tests {
    use super::greeting;

    #[test]
    fn the_last_word_is_the_name() {
        assert_eq!(greeting("My name is John"), "Hello from server, John!");
        assert_eq!(greeting("  Zoë \n"), "Hello from server, Zoë!");
        assert_eq!(greeting(" "), "Hello from server, stranger!");
    }
}
