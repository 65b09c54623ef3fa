//! What goes wrong with an upload, by what can be done about it.

use std::time::Duration;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The network, or the server for now: it is worth trying again, not before `wait` is over.
    Passing {
        /// In a few words.
        why: String,
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
    /// There is no way to the server, which passes if there was one before.
    Unreachable(String),
    /// The server does not have the upload any more.
    Gone(String),
    /// The server says no, and will say so again.
    Refused(String),
    /// The file, or something else at this end.
    Here(String),
}

impl Trouble {
    /// It is worth trying again.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), wait: None }
    }

    /// In a few words.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Passing { why, .. }
            | Self::Unreachable(why)
            | Self::Gone(why)
            | Self::Refused(why)
            | Self::Here(why) => why,
        }
    }
}
