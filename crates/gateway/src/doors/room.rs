//! What a channel is about: plain publications, or a chat.

use std::sync::Arc;
use std::task::Context;

use crate::channel::{Channel, Position, Publication};
use crate::chat::{self, Chat, Listening, Present};
pub(crate) use crate::chat::{Person, Refused, Via, new_id};

/// What stands behind a door beside the channel itself.
#[derive(Clone)]
pub(crate) enum Room {
    /// What comes in goes out.
    Plain,
    /// The gateway itself speaks, and nobody else.
    News,
    /// What comes in is said by somebody.
    Chat(Arc<Chat>),
}

const READ_ONLY: Refused =
    Refused { status: 403, close_code: 1008, reason: "this channel tells how far an upload has come" };

impl Room {
    /// Whether several doors lead here, and who comes in is known by the cookie.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Chat(_))
    }

    /// Counts a reader as present as long as the result lives, and a while longer where it is likely to come again.
    pub(super) fn enter(&self, person: Person) -> Option<Present> {
        match self {
            Self::Plain | Self::News => None,
            Self::Chat(chat) => Some(chat.enter(person)),
        }
    }

    /// As [`enter`](Self::enter), for somebody who reads and publishes by the same connection.
    pub(super) fn seat(&self, person: Person) -> Seat {
        match self {
            Self::Plain => Seat::Plain,
            Self::News => Seat::News,
            Self::Chat(chat) => {
                let listening = chat.listen(person.clone());
                Seat::Chat(Box::new(Seated { chat: chat.clone(), person, listening }))
            }
        }
    }

    /// Who publishes by POST: the page that reads here by this id, if there is one.
    pub(super) fn speaker(&self, id: Option<u32>, name: Option<String>) -> Person {
        let stranger = Person { id: id.unwrap_or_else(new_id), name, via: Via::Post };
        match self {
            Self::Plain | Self::News => stranger,
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
            Self::News => Err(READ_ONLY),
            Self::Chat(chat) => chat.say(channel, person, &text),
        }
    }
}

/// Somebody in a room, for as long as a connection stands.
pub(super) enum Seat {
    Plain,
    News,
    Chat(Box<Seated>),
}

pub(super) struct Seated {
    chat: Arc<Chat>,
    person: Person,
    listening: Listening,
}

impl Seat {
    /// Publishes what is said here.
    pub(super) fn publish(&self, channel: &Arc<Channel>, text: String) -> Result<Position, Refused> {
        match self {
            Self::Plain => Ok(channel.publish(Publication::new(text))),
            Self::News => Err(READ_ONLY),
            Self::Chat(seated) => seated.chat.say(channel, &seated.person, &text),
        }
    }

    /// Who is there, if that has changed since it was told; but at first only when `history_was_told`.
    pub(super) fn news(&mut self, cx: &mut Context<'_>, history_was_told: bool) -> Option<String> {
        let Self::Chat(seated) = self else { return None };
        let may_tell = history_was_told || seated.listening.has_been_told();
        may_tell.then(|| seated.listening.news(cx)).flatten()
    }

    /// What a message should be.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Plain | Self::News => "expected a text message",
            Self::Chat(_) => chat::HINT,
        }
    }
}
