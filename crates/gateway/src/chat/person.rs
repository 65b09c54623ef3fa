//! Somebody who takes part in a chat.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::Serialize;

/// Somebody who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: u32,
    /// What it calls itself.
    pub(crate) name: Option<String>,
    pub(crate) via: Via,
}

/// How somebody takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    #[serde(rename = "websocket")]
    WebSocket,
    EventStream,
    Stream,
    LongPoll,
    Poll,
    /// It publishes, and does not read.
    Post,
}

impl Person {
    /// Its name, or what it is called without one.
    pub(super) fn called(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("guest {:04x}", self.id & 0xffff))
    }
}

/// An id that nobody guesses.
pub(crate) fn new_id() -> u32 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    (hasher.finish() >> 32) as u32
}
