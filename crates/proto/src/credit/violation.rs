//! What a peer can do wrong (docs/protocol.md, section 8).

use crate::parameters::InvalidParameters;
use crate::varint::InvalidVarint;
use crate::websocket::CloseCode;

/// A rule of `tidegate.v1` that the peer broke. Shown as the reason that goes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A WebSocket text message.
    #[error("tidegate.v1: text batch")]
    TextBatch,
    /// A WebSocket message of no bytes.
    #[error("tidegate.v1: empty batch")]
    EmptyBatch,
    /// A batch over [`MAX_BATCH_BYTES`](super::MAX_BATCH_BYTES).
    #[error("tidegate.v1: batch too large")]
    BatchTooLarge,
    /// A batch that ends inside a frame.
    #[error("tidegate.v1: cut frame")]
    CutFrame,
    /// A number in more bytes than it needs.
    #[error("tidegate.v1: varint not shortest")]
    VarintNotShortest,
    /// A number over 2^53 - 1.
    #[error("tidegate.v1: varint too large")]
    VarintTooLarge,
    /// A frame type that this version does not know.
    #[error("tidegate.v1: reserved frame type")]
    ReservedFrameType,
    /// Another frame before the greeting, or the other side's greeting.
    #[error("tidegate.v1: no greeting")]
    NoGreeting,
    /// A second greeting.
    #[error("tidegate.v1: second greeting")]
    SecondGreeting,
    /// The greeting did not come in time.
    #[error("tidegate.v1: greeting too late")]
    GreetingTooLate,
    /// A version other than 1.
    #[error("tidegate.v1: unknown version")]
    UnknownVersion,
    /// A greeting whose parameters are incomplete, repeated or malformed.
    #[error("tidegate.v1: bad parameter")]
    BadParameter,
    /// A protocol that was not offered, or none where some were.
    #[error("tidegate.v1: wrong protocol")]
    WrongProtocol,
    /// A control frame that is not exactly its fields.
    #[error("tidegate.v1: bad control frame")]
    BadControlFrame,
    /// A message that began without credit.
    #[error("tidegate.v1: no credit")]
    NoCredit,
    /// A message over the limit that was announced.
    #[error("tidegate.v1: message too large")]
    MessageTooLarge,
    /// A message that began before the last one ended.
    #[error("tidegate.v1: message inside message")]
    MessageInsideMessage,
    /// A part where no message had begun.
    #[error("tidegate.v1: part of nothing")]
    PartOfNothing,
    /// An empty part that is not the last.
    #[error("tidegate.v1: empty part")]
    EmptyPart,
    /// An APART that is not the last of its batch, or behind which no message comes.
    #[error("tidegate.v1: bad apart")]
    BadApart,
    /// Text, or a reason, that is not UTF-8.
    #[error("tidegate.v1: not UTF-8")]
    NotUtf8,
    /// A limit below an earlier one.
    #[error("tidegate.v1: limit shrunk")]
    LimitShrunk,
    /// An acknowledgement below an earlier one.
    #[error("tidegate.v1: ack shrunk")]
    AckShrunk,
    /// An acknowledgement of what was not sent.
    #[error("tidegate.v1: ack of unsent")]
    AckOfUnsent,
    /// A CREDIT that raises nothing.
    #[error("tidegate.v1: idle credit")]
    IdleCredit,
    /// More CREDITs than messages and parts account for.
    #[error("tidegate.v1: too many credits")]
    TooManyCredits,
    /// A BLOCKED that cannot be true.
    #[error("tidegate.v1: bad blocked")]
    BadBlocked,
    /// A PING before the last one was answered.
    #[error("tidegate.v1: second ping")]
    SecondPing,
    /// A PONG that answers no PING.
    #[error("tidegate.v1: unasked pong")]
    UnaskedPong,
    /// A message behind END.
    #[error("tidegate.v1: message after end")]
    MessageAfterEnd,
    /// An END before the end of a message.
    #[error("tidegate.v1: end inside message")]
    EndInsideMessage,
    /// A second END.
    #[error("tidegate.v1: second end")]
    SecondEnd,
    /// An END whose payload is not that of a Close frame.
    #[error("tidegate.v1: bad end")]
    BadEnd,
}

impl From<InvalidParameters> for Violation {
    fn from(invalid: InvalidParameters) -> Self {
        match invalid {
            InvalidParameters::Varint(invalid) => invalid.into(),
            InvalidParameters::Malformed => Self::BadParameter,
        }
    }
}

impl From<InvalidVarint> for Violation {
    fn from(invalid: InvalidVarint) -> Self {
        match invalid {
            InvalidVarint::NotShortest => Self::VarintNotShortest,
            InvalidVarint::TooLarge => Self::VarintTooLarge,
        }
    }
}

impl Violation {
    /// The close code that answers this.
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::NotUtf8 => CloseCode::INVALID_DATA,
            Self::BatchTooLarge | Self::MessageTooLarge => CloseCode::TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
