//! Why an attachment carries the session no longer.

use tidegate_proto::session::{Violation, Why};

use super::error::{Failed, TransportError};
use crate::websocket::NotResumed;

/// Why an attachment carries the session no longer.
#[derive(Debug)]
pub(super) enum Ended {
    /// The session is over, and everything has come.
    Over,
    /// The server asks to come again.
    ComeAgain,
    /// A newer attachment has come.
    Newer,
    /// The session is lost.
    Lost(NotResumed),
    /// It broke off, or is silent.
    Broke(TransportError),
}

impl Ended {
    /// Whether time enough was lost with it already.
    pub(super) fn has_taken_time(&self) -> bool {
        matches!(self, Self::Broke(TransportError::Silent(_)))
    }

    /// Whether to come again without waiting, if that is not the second time.
    pub(super) fn asks_back_at_once(&self) -> bool {
        match self {
            Self::ComeAgain => true,
            Self::Broke(error) => error.is_bad_gateway(),
            _ => false,
        }
    }
}

impl From<Failed> for Ended {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Lost(lost) => Self::Lost(lost),
            Failed::Transport(error) => Self::Broke(error),
            // Whoever carries a session on has opened none.
            Failed::Late(_) => Self::Broke(TransportError::Broke(Violation::BadParameter)),
        }
    }
}

impl From<TransportError> for Ended {
    fn from(error: TransportError) -> Self {
        Self::Broke(error)
    }
}

impl From<Why> for Ended {
    fn from(why: Why) -> Self {
        match why {
            Why::Newer => Self::Newer,
            Why::ComeAgain => Self::ComeAgain,
            Why::Over => Self::Over,
        }
    }
}
