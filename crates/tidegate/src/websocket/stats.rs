//! What a connection has done, and what waits in it.

use std::time::Duration;

/// A look at one connection, from [`WebSocketStream::stats`](super::WebSocketStream::stats).
///
/// The places where bytes wait add up to what the connection holds, beside some hundred bytes of its own and the
/// kernel's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes that came from the transport.
    pub bytes_read: u64,
    /// Bytes that the transport took.
    pub bytes_written: u64,
    /// Messages that were read; not those that wait ahead of the reader.
    pub messages_read: u64,
    /// Messages that were accepted for sending.
    pub messages_written: u64,
    /// How often a write had to wait.
    pub write_waits: u64,
    /// How long writes have waited altogether.
    pub write_waited: Duration,
    /// Bytes that wait undecoded; at most 72 KiB.
    pub undecoded_bytes: usize,
    /// Bytes of a message of which not all has come.
    pub assembling_bytes: usize,
    /// Bytes of messages decoded ahead of a reader that stays away; at most 16 KiB and one message.
    pub ahead_bytes: usize,
    /// Bytes that wait to be sent; at most the high water mark and one message.
    pub queued_bytes: usize,
    /// Bytes that compression holds.
    pub compression_bytes: usize,
}
