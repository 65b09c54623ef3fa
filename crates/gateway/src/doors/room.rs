//! What a channel is about: plain publications, or a chat.

use std::sync::Arc;

use crate::channel::{Channel, Position, Publication};
use crate::chat::{self, Chat, Listening, Present};
pub(crate) use crate::chat::{Person, Refused, Via, new_id};

/// What stands behind a door beside the channel itself.
#[derive(Clone)]
pub(crate) enum Room {
    /// What comes in goes out.
    Plain,
    /// What comes in is said by somebody.
    Chat(Arc<Chat>),
}

impl Room {
    /// Whether several doors lead here, and who comes in is known by the cookie.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Chat(_))
    }

    /// Counts a reader as present as long as the result lives, and a while longer where it is likely to come again.
    pub(super) fn enter(&self, person: Person) -> Option<Present> {
        match self {
            Self::Plain => None,
            Self::Chat(chat) => Some(chat.enter(person)),
        }
    }

    /// As [`enter`](Self::enter), for a reader that is told who is present.
    pub(super) fn listen(&self, person: &Person) -> Option<Box<Listening>> {
        match self {
            Self::Plain => None,
            Self::Chat(chat) => Some(Box::new(chat.listen(person.clone()))),
        }
    }

    /// What a message should be.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Plain => "expected a text message",
            Self::Chat(_) => chat::HINT,
        }
    }

    /// Who publishes by POST: the page that reads here by this id, if there is one.
    pub(super) fn speaker(&self, id: Option<u32>, name: Option<String>) -> Person {
        let stranger = Person { id: id.unwrap_or_else(new_id), name, via: Via::Post };
        match self {
            Self::Plain => stranger,
            Self::Chat(chat) => chat.recognize(stranger),
        }
    }

    /// Publishes what `person` says.
    pub(super) fn publish(
        &self,
        channel: &Arc<Channel>,
        person: &Person,
        text: String,
    ) -> Result<Position, Refused> {
        match self {
            Self::Plain => Ok(channel.publish(Publication::new(text))),
            Self::Chat(chat) => chat.say(channel, person, &text),
        }
    }
}
