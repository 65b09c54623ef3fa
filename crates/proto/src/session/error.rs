//! What an endpoint can ask for in vain, and what it can do wrong.

use crate::parameters::InvalidParameters;
use crate::varint::InvalidVarint;

/// A rule of docs/sessions.md that the other end broke. Shown as the reason of one line that goes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Bytes that end inside a frame.
    #[error("cut frame")]
    CutFrame,
    /// A length that is no number.
    #[error("malformed length")]
    MalformedLength,
    /// A frame longer than a batch may be.
    #[error("frame too large")]
    FrameTooLarge,
    /// A frame of the attachment that may not be there.
    #[error("unexpected session frame")]
    UnexpectedFrame,
    /// A session frame that is not exactly its fields.
    #[error("bad session frame")]
    BadSessionFrame,
    /// Frames before ATTACHED.
    #[error("not attached")]
    NotAttached,
    /// ATTACHED with parameters that are incomplete, repeated, malformed or not what was asked for.
    #[error("bad parameter")]
    BadParameter,
    /// An acknowledgement of frames that were never sent.
    #[error("acknowledges what was not sent")]
    AckOfUnsent,
    /// Frames that lie behind ones that have not come.
    #[error("frames are missing")]
    Gap,
}

impl From<InvalidVarint> for Violation {
    fn from(_: InvalidVarint) -> Self {
        Self::MalformedLength
    }
}

impl From<InvalidParameters> for Violation {
    fn from(invalid: InvalidParameters) -> Self {
        match invalid {
            InvalidParameters::Varint(invalid) => invalid.into(),
            InvalidParameters::Malformed => Self::BadParameter,
        }
    }
}

/// Why a session cannot go on from the position that a client asks for (docs/sessions.md, section 5): 410, or 4410.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The frames behind this position were acknowledged, and are kept no longer.
    #[error("position {after} is acknowledged already: frames are kept from {kept} on")]
    NotKept {
        /// What was asked for.
        after: u64,
        /// The first position that can be had.
        kept: u64,
    },
    /// The flow has not come so far.
    #[error("position {after} lies ahead: the flow is at {at}")]
    Ahead {
        /// What was asked for.
        after: u64,
        /// How many frames there are.
        at: u64,
    },
}

/// Why a POST was not taken, or not whole (docs/sessions.md, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// Frames before those of this POST are missing: 409.
    #[error("expected frames from {expected}, got from {from}")]
    Gap {
        /// How many frames there are.
        expected: u64,
        /// How many the client believes there are.
        from: u64,
    },
    /// Frames wait to be taken, as many as may: the same POST can be handled again later, 429 in the end.
    #[error("the session has no room")]
    Full,
    /// The body is wrong: 400. The frames before the wrong one were taken.
    #[error(transparent)]
    Violation(#[from] Violation),
}
