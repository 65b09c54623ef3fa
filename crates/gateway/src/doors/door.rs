//! The ways to a channel.

use super::room::Room;

/// One way to a channel.
#[derive(Clone)]
pub(crate) struct Door {
    pub(super) channel: String,
    pub(super) kind: Kind,
    pub(super) room: Room,
}

/// What a door is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whatever the request asks for.
    Any,
    /// Long polling by a client that only repeats its request, as tutorials have it.
    Subscribe,
    /// Publishing.
    Publish,
    /// A WebSocket.
    Socket,
}

/// The longest name of a channel.
const MAX_NAME_BYTES: usize = 128;

impl Door {
    pub(crate) fn new(channel: &str, kind: Kind, room: Room) -> Self {
        Self { channel: channel.to_owned(), kind, room }
    }

    /// Whether the channel has a name that a channel may have.
    pub(super) fn has_name(&self) -> bool {
        let name = self.channel.as_str();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte);
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(is_allowed)
            && name != "."
            && name != ".."
    }
}

impl Kind {
    /// What a poll is answered when nothing has come.
    pub(super) fn silence(self) -> u16 {
        // The tutorial's client takes this one for "ask again at once", and shows every other one to its user.
        if self == Self::Subscribe { 502 } else { 204 }
    }
}
