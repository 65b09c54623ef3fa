//! What the application can do wrong. Nothing is sent when one of these is returned.

/// A call that breaks the contract of this library. Never caused by what a peer sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// Something was sent after `close`.
    #[error("send after close")]
    SendAfterClose,
    /// A close code that an endpoint may not send (RFC 6455 §7.4.1, §7.4.2).
    #[error("close code {0} may not be sent: use 1000-1003, 1007-1014 or 3000-4999")]
    ReservedCloseCode(u16),
    /// A reason over 123 bytes (RFC 6455 §5.5).
    #[error("close reason of {0} bytes: at most 123 fit")]
    LongCloseReason(usize),
    /// A ping or pong payload over 125 bytes (RFC 6455 §5.5).
    #[error("control payload of {0} bytes: at most 125 fit")]
    LongControlPayload(usize),
    /// Something was sent while a streamed message is unfinished.
    #[error("a streamed message is unfinished")]
    UnfinishedMessage,
    /// A part or an end was sent where no streamed message has begun.
    #[error("no streamed message has begun")]
    NoMessage,
    /// More was written to a streamed message than its announced length.
    #[error("{0} bytes more than the announced length of the message")]
    LongMessage(u64),
    /// A message longer than the peer said that it takes (`tidegate.v1`).
    #[error("message of {len} bytes: the peer takes {limit} at most")]
    OverPeerLimit {
        /// The length of the message, as far as it is known.
        len: u64,
        /// What the peer takes.
        limit: u64,
    },
    /// A streamed message was finished before its announced length.
    #[error("{0} bytes short of the announced length of the message")]
    ShortMessage(u64),
    /// A streamed message was dropped unfinished, which ends the connection.
    #[error("a streamed message was dropped unfinished")]
    AbandonedMessage,
    /// A part of a text message that is not UTF-8, or a text message that ends inside a character.
    #[error("text that is not valid UTF-8")]
    InvalidUtf8,
}
