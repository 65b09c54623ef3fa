//! Why a conversation did not end by END.

use super::violation::Violation;
use crate::websocket::CloseInfo;

/// Why an [`Endpoint`](super::Endpoint) did not end cleanly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The peer broke a rule, and is told which.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The WebSocket ended before the peer's END came, so messages may be missing. With its Close, if there was one.
    #[error("the connection ended before the peer's END")]
    Ended(Option<CloseInfo>),
    /// The peer's END came, but not all that was accepted for sending could be sent.
    #[error("the peer ended before everything written was sent")]
    Unsent(CloseInfo),
    /// The peer's END did not come in time.
    #[error("the peer did not answer the END in time")]
    CloseTimedOut,
    /// A message of ours could not be finished: it was given up, or it is longer than the peer takes.
    #[error("a message could not be finished")]
    Abandoned,
}
