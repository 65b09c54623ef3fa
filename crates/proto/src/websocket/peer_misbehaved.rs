//! What a peer can do wrong on an open connection, and the close code that each gets.

use super::CloseCode;

/// A rule that the peer broke. Never caused by the application's own calls.
///
/// Each variant is one fact, and [`close_code`](Self::close_code) is what goes on the wire for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A client must mask every frame (RFC 6455 §5.1).
    #[error("client sent an unmasked frame (RFC 6455 §5.1)")]
    SentUnmaskedFrame,
    /// A server must not mask a frame (RFC 6455 §5.1).
    #[error("server sent a masked frame (RFC 6455 §5.1)")]
    SentMaskedFrame,
    /// RSV2, RSV3, or RSV1 where no extension gives it a meaning (RFC 6455 §5.2, RFC 7692 §6).
    #[error("reserved bit set without an extension that defines it (RFC 6455 §5.2)")]
    SetReservedBit,
    /// An opcode of 3 to 7 or 11 to 15 (RFC 6455 §5.2).
    #[error("reserved opcode {0:#x} (RFC 6455 §5.2)")]
    SentReservedOpcode(u8),
    /// A length in more bytes than it needs (RFC 6455 §5.2).
    #[error("payload length not in its shortest form (RFC 6455 §5.2)")]
    SentNonMinimalLength,
    /// A 64-bit length whose most significant bit is set (RFC 6455 §5.2).
    #[error("payload length with the most significant bit set (RFC 6455 §5.2)")]
    SentLengthWithTopBit,
    /// A control frame without FIN (RFC 6455 §5.5).
    #[error("fragmented control frame (RFC 6455 §5.5)")]
    SentFragmentedControlFrame,
    /// A control frame with a payload over 125 bytes (RFC 6455 §5.5).
    #[error("control frame with more than 125 bytes (RFC 6455 §5.5)")]
    SentLongControlFrame,
    /// A continuation frame where no message has begun (RFC 6455 §5.4).
    #[error("continuation frame without a message to continue (RFC 6455 §5.4)")]
    ContinuedNothing,
    /// A new message before the last one ended (RFC 6455 §5.4).
    #[error("new message before the previous one ended (RFC 6455 §5.4)")]
    InterruptedMessage,
    /// A text message, or a reason, that is not UTF-8 (RFC 6455 §8.1).
    #[error("text that is not valid UTF-8 (RFC 6455 §8.1)")]
    SentInvalidUtf8,
    /// A Close with a payload of one byte (RFC 6455 §5.5.1).
    #[error("close frame with a payload of one byte (RFC 6455 §5.5.1)")]
    SentOneByteClose,
    /// A close code that may not be sent (RFC 6455 §7.4).
    #[error("close code {0} that may not be sent (RFC 6455 §7.4)")]
    SentReservedCloseCode(u16),
    /// A frame over the frame limit.
    #[error("frame of {len} bytes, over the limit of {limit}")]
    ExceededFrameLimit {
        /// The length that the frame declared.
        len: u64,
        /// The limit in force.
        limit: u64,
    },
    /// A message over the message limit, counted after inflating.
    #[error("message over the limit of {limit} bytes")]
    ExceededMessageLimit {
        /// The limit in force.
        limit: u64,
    },
    /// A message of more fragments than allowed.
    #[error("message of more than {limit} fragments")]
    ExceededFragmentLimit {
        /// The limit in force.
        limit: u32,
    },
    /// Compressed data that does not inflate (RFC 7692 §7.2.2).
    #[error("compressed message that does not inflate (RFC 7692 §7.2.2)")]
    SentCorruptDeflate,
}

impl PeerMisbehaved {
    /// The close code that answers this (RFC 6455 §7.4.1).
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::SentInvalidUtf8 | Self::SentCorruptDeflate => CloseCode::INVALID_DATA,
            Self::ExceededFrameLimit { .. }
            | Self::ExceededMessageLimit { .. }
            | Self::ExceededFragmentLimit { .. } => CloseCode::TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
