//! The chat: what one participant says, all are told, in one order, by whatever transport each of them has come.

mod person;
mod presence;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, Position, Publication};
pub(crate) use person::{Person, Via, new_id};
use presence::Presence;
pub(crate) use presence::{Listening, Present};

/// A chat in a channel: who is there, and what may be said.
#[derive(Default)]
pub(crate) struct Chat {
    presence: Arc<Presence>,
}

/// Why something cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// By HTTP.
    pub(crate) status: u16,
    /// By WebSocket.
    pub(crate) close_code: u16,
    pub(crate) reason: &'static str,
}

/// What a participant sends; or else just text.
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
    via: Via,
}

/// What to send to a chat.
pub(crate) const HINT: &str = r#"expected a text message: {"name": "...", "text": "..."}, or just text"#;

const MAX_NAME_CHARS: usize = 40;
const MAX_TEXT_CHARS: usize = 2000;

const TOO_LONG: Refused = Refused {
    status: 413,
    close_code: 1008,
    reason: "expected a name of at most 40 characters and a text of at most 2000",
};

impl Chat {
    /// Counts somebody as present for as long as the result lives; whoever polls, for a while longer.
    pub(crate) fn enter(&self, person: Person) -> Present {
        self.presence.enter(person)
    }

    /// As [`enter`](Self::enter), with news of who else is there.
    pub(crate) fn listen(&self, person: Person) -> Listening {
        Listening::new(self.presence.enter(person))
    }

    /// The one who is present by this id, if there is one; else `stranger`.
    pub(crate) fn recognize(&self, stranger: Person) -> Person {
        self.presence.recognize(stranger)
    }

    /// Who is present, as JSON.
    pub(crate) fn present(&self) -> String {
        self.presence.to_json()
    }

    /// Publishes what somebody says.
    pub(crate) fn say(
        &self,
        channel: &Arc<Channel>,
        person: &Person,
        message: &str,
    ) -> Result<Position, Refused> {
        let said = serde_json::from_str(message).ok();
        let said = said.unwrap_or_else(|| Said { name: person.called(), text: message.to_owned() });
        if said.name.chars().count() > MAX_NAME_CHARS || said.text.chars().count() > MAX_TEXT_CHARS {
            return Err(TOO_LONG);
        }
        self.presence.rename(person.id, &said.name);
        let Said { name, text } = &said;
        let line = format!("{name}: {text}");
        Ok(channel.publish_with(|offset| {
            let published = Published { offset, name, text, at: unix_ms(), via: person.via };
            // Strings and numbers always have a JSON form.
            Publication::with_line(serde_json::to_string(&published).unwrap_or_default(), &line)
        }))
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::channel::{Directory, Form, Found, Limits};

    fn said(message: &str, name: Option<&str>) -> Result<(Value, String), Refused> {
        let channel = Directory::new(Limits::default()).open("chat").unwrap();
        let mut reading = channel.read_last(1);
        let person = Person { id: 0xabcd_1234, name: name.map(Into::into), via: Via::LongPoll };
        Chat::default().say(&channel, &person, message)?;
        let mut take = |form| match reading.take(form, 1 << 20) {
            Found::Batch(batch) => String::from_utf8(batch.bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        let record: Value = serde_json::from_str(&take(Form::Record)).unwrap();
        let mut again = channel.read_last(1);
        let Found::Batch(line) = again.take(Form::Line, 1 << 20) else { panic!("it was said") };
        let data = serde_json::from_str(record["data"].as_str().unwrap()).unwrap();
        Ok((data, String::from_utf8(line.bytes.to_vec()).unwrap()))
    }

    #[tokio::test]
    async fn what_is_said_has_a_name_a_text_and_a_transport() {
        let (data, line) = said(r#"{"name":"Ann","text":"Is the tide in?"}"#, Some("Ben")).unwrap();
        assert_eq!((&data["name"], &data["text"]), (&"Ann".into(), &"Is the tide in?".into()));
        assert_eq!((&data["via"], &data["offset"]), (&"long-poll".into(), &1.into()));
        assert_eq!(line, "Ann: Is the tide in?\n");
    }

    #[tokio::test]
    async fn text_alone_is_said_by_whoever_sends_it() {
        assert_eq!(said("hi", Some("Ben")).unwrap().1, "Ben: hi\n");
        assert_eq!(said("hi", None).unwrap().1, "guest 1234: hi\n");
        assert_eq!(said(r#"{"name":"Ann"}"#, None).unwrap().1, "guest 1234: {\"name\":\"Ann\"}\n");
    }

    #[tokio::test]
    async fn what_may_be_said() {
        let json = |name: &str, text: &str| serde_json::json!({ "name": name, "text": text }).to_string();
        assert!(said(&json(&"🌊".repeat(40), &"🌊".repeat(2000)), None).is_ok());
        assert_eq!(said(&json(&"n".repeat(41), ""), None), Err(TOO_LONG));
        assert_eq!(said(&json("", &"t".repeat(2001)), None), Err(TOO_LONG));
    }
}
