//! The chat: what one participant says, all are told, in one order.

use std::pin::pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tidegate::{CloseOptions, Config, Message, Opened, Readable, WebSocketStream, Writable};
use tokio::select;

use crate::channel::{Delivery, Hub, Subscription};

/// The one channel of the demo.
pub(crate) type Chat = Hub;

/// How many publications a newcomer is given.
const HISTORY: u64 = 50;

const MAX_NAME_CHARS: usize = 40;
const MAX_TEXT_CHARS: usize = 2000;

/// What a participant sends.
#[derive(Deserialize)]
struct Said {
    name: String,
    text: String,
}

/// What all are told.
#[derive(Serialize)]
struct Published<'a> {
    offset: u64,
    name: &'a str,
    text: &'a str,
    at: u64,
}

/// Why a participant is shown out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rejection {
    NotText,
    NotSaid,
    TooLong,
}

/// The longest message that may be within the limits: every character written as two JSON escapes, and room to spare.
const MAX_MESSAGE_BYTES: u64 = 32 * 1024;

/// The limits of a participant's connection.
pub(crate) fn config() -> Config {
    Config::default().max_message_bytes(MAX_MESSAGE_BYTES).max_frame_bytes(MAX_MESSAGE_BYTES)
}

/// Takes part in the chat until the peer leaves.
pub(crate) async fn take_part(socket: WebSocketStream, chat: Arc<Chat>) {
    let Ok(Opened { mut readable, writable, .. }) = socket.opened().await else { return };
    let subscription = chat.subscribe(HISTORY);
    let result = {
        let mut listening = pin!(listen(&mut readable, &chat));
        select! {
            result = &mut listening => result,
            // What came before the loss is still published.
            () = tell(writable, subscription) => listening.await,
        }
    };
    if let Err(rejection) = result {
        // The reasons are short, and the codes may be sent.
        let _ = socket.close(rejection);
    }
    drop(readable);
    let _ = socket.closed().await;
}

/// Publishes what the participant says, until it leaves. While a message is being published the next one is not
/// read, so a flood waits in the network.
async fn listen(readable: &mut Readable, chat: &Chat) -> Result<(), Rejection> {
    while let Ok(Some(message)) = readable.read().await {
        say(chat, &message)?;
        // Readers come first, so that a flood overtakes no one who keeps up.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn say(chat: &Chat, message: &Message) -> Result<(), Rejection> {
    let text = message.as_text().ok_or(Rejection::NotText)?;
    let said: Said = serde_json::from_str(text).map_err(|_| Rejection::NotSaid)?;
    if said.name.chars().count() > MAX_NAME_CHARS || said.text.chars().count() > MAX_TEXT_CHARS {
        return Err(Rejection::TooLong);
    }
    chat.publish(|offset| encode(&Published { offset, name: &said.name, text: &said.text, at: unix_ms() }));
    Ok(())
}

fn encode(published: &Published<'_>) -> Arc<str> {
    // Strings and numbers always have a JSON form.
    serde_json::to_string(published).unwrap_or_default().into()
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Tells the participant what is published, at the pace at which it reads.
async fn tell(mut writable: Writable, mut subscription: Subscription) {
    // Nothing is taken from the channel before there is room for it: a participant that does not read stays behind
    // in the history, and holds nothing but its position there.
    while writable.ready().await.is_ok() {
        let text = match subscription.next().await {
            Delivery::Publication(publication) => publication.to_string(),
            Delivery::Missed(count) => format!(r#"{{"missed":{count}}}"#),
            Delivery::Online(count) => format!(r#"{{"online":{count}}}"#),
        };
        if writable.write(text).await.is_err() {
            return;
        }
    }
}

impl From<Rejection> for CloseOptions {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NotText => (1003, r#"expected a text message: {"name": "...", "text": "..."}"#),
            Rejection::NotSaid => (1007, r#"expected JSON: {"name": "...", "text": "..."}"#),
            Rejection::TooLong => {
                (1008, "expected a name of at most 40 characters and a text of at most 2000")
            }
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(message: impl Into<Message>) -> Option<Rejection> {
        say(&Chat::default(), &message.into()).err()
    }

    #[test]
    fn what_may_be_said() {
        let said = |name: &str, text: &str| serde_json::json!({ "name": name, "text": text }).to_string();
        assert_eq!(judge(said("Ann", "Is the tide in?")), None);
        assert_eq!(judge(said(&"🌊".repeat(40), &"🌊".repeat(2000))), None);
        assert_eq!(judge(said(&"n".repeat(41), "")), Some(Rejection::TooLong));
        assert_eq!(judge(said("", &"t".repeat(2001))), Some(Rejection::TooLong));
        assert_eq!(judge(r#"{"name":"Ann"}"#), Some(Rejection::NotSaid));
        assert_eq!(judge("hi"), Some(Rejection::NotSaid));
        assert_eq!(judge(vec![1u8]), Some(Rejection::NotText));
    }

    #[test]
    fn the_longest_message_is_within_the_limit() {
        // Every character beyond the first plane, as two escapes of six bytes.
        let longest = (MAX_NAME_CHARS + MAX_TEXT_CHARS) * 12;
        assert!(longest as u64 + 1024 <= MAX_MESSAGE_BYTES);
    }
}
