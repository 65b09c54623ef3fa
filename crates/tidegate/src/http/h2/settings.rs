//! The limits of one HTTP/2 connection.

use std::time::Duration;

use ::h2::{client, server};

/// How HTTP/2 is spoken, and the limits of one connection on which many WebSockets share a TCP stream (RFC 8441).
///
/// Memory: a peer may have [`stream_window`](Self::stream_window) bytes unread on each of
/// [`max_streams`](Self::max_streams) streams, 16 MiB a connection by default. The window of the whole connection is
/// the product of the two, so that streams which nobody reads, even all but one, never hold up another. Towards the
/// peer, [`send_buffer`](Self::send_buffer) bytes a stream wait for the TCP stream, 8 MiB a connection by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    max_streams: u32,
    stream_window: u32,
    max_frame: u32,
    send_buffer: usize,
    idle_timeout: Duration,
    max_remembered_resets: usize,
    max_pending_resets: usize,
    max_error_resets: usize,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            max_streams: 256,
            stream_window: 64 * 1024,
            max_frame: 16 * 1024,
            send_buffer: 32 * 1024,
            idle_timeout: Duration::from_secs(60),
            max_remembered_resets: 64,
            max_pending_resets: 20,
            max_error_resets: 1024,
        }
    }
}

impl Http2 {
    /// How many streams may be open on a connection; 256 by default. A server refuses further ones, a client opens
    /// another connection for them. At least 1, and so many that the windows add up to less than 2 GiB.
    #[must_use]
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = streams.max(1);
        self
    }

    /// How many bytes a peer may send on a stream before they are read; 64 KiB by default, from 1 KiB to 16 MiB. A
    /// stream carries this much per round trip at most.
    #[must_use]
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.stream_window = bytes.clamp(1024, 16 * 1024 * 1024);
        self
    }

    /// How large a frame of the peer may be; 16 KiB by default, which is also the least, up to 16 MiB - 1. As much
    /// is buffered for a connection.
    #[must_use]
    pub fn max_frame(mut self, bytes: u32) -> Self {
        self.max_frame = bytes.clamp(16 * 1024, (1 << 24) - 1);
        self
    }

    /// How many bytes of a stream may wait for the TCP stream, once the peer has granted room for them; 32 KiB by
    /// default, at least 1 KiB. A write waits for room.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes.clamp(1024, 1 << 30);
        self
    }

    /// How long a connection without any stream is kept; 60 s by default.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Streams that were reset here and whose late frames are still told from wrong ones; 64 by default, some 500
    /// bytes each.
    #[must_use]
    pub fn max_remembered_resets(mut self, streams: usize) -> Self {
        self.max_remembered_resets = streams;
        self
    }

    /// Streams that the peer may reset before they were looked at; 20 by default. Beyond, the connection is closed
    /// with ENHANCE_YOUR_CALM (CVE-2023-44487, "rapid reset").
    #[must_use]
    pub fn max_pending_resets(mut self, streams: usize) -> Self {
        self.max_pending_resets = streams;
        self
    }

    /// Streams of one connection that may be reset because the peer broke a rule on them; 1,024 by default. Beyond,
    /// the connection is closed with ENHANCE_YOUR_CALM (CVE-2025-8671, "made you reset").
    #[must_use]
    pub fn max_error_resets(mut self, streams: usize) -> Self {
        self.max_error_resets = streams;
        self
    }

    pub(super) fn streams(&self) -> u32 {
        self.max_streams.min(MAX_WINDOW / self.stream_window)
    }

    pub(super) fn idle(&self) -> Duration {
        self.idle_timeout
    }

    /// All streams unread at once fill the connection's window and no more (RFC 9113 §5.2).
    fn connection_window(&self) -> u32 {
        (self.stream_window * self.streams()).max(INITIAL_WINDOW)
    }

    /// What h2 may charge for small DATA frames that wait in it. A [`Backlog`](super::backlog::Backlog) takes them
    /// out once a turn, and a turn of 1-byte frames is charged with 3.3 MiB.
    fn frame_budget(&self) -> usize {
        (self.connection_window() as usize / 2).max(4 * 1024 * 1024)
    }

    pub(super) fn server(&self, header_bytes: usize) -> server::Builder {
        let mut builder = server::Builder::new();
        builder
            .enable_connect_protocol()
            .max_concurrent_streams(self.streams())
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window())
            .max_frame_size(self.max_frame)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .max_send_buffer_size(self.send_buffer)
            .max_concurrent_reset_streams(self.max_remembered_resets)
            .max_pending_accept_reset_streams(self.max_pending_resets)
            .max_local_error_reset_streams(Some(self.max_error_resets))
            .data_frame_budget(self.frame_budget());
        builder
    }

    pub(super) fn client(&self, header_bytes: usize) -> client::Builder {
        let mut builder = client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window())
            .max_frame_size(self.max_frame)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .max_send_buffer_size(self.send_buffer)
            .max_concurrent_reset_streams(self.max_remembered_resets)
            .max_pending_accept_reset_streams(self.max_pending_resets)
            .max_local_error_reset_streams(Some(self.max_error_resets))
            .data_frame_budget(self.frame_budget());
        builder
    }
}

/// The largest window there is (RFC 9113 §6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// The window of every new connection, which no setting can lower (RFC 9113 §6.9.2).
const INITIAL_WINDOW: u32 = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_window_holds_all_stream_windows() {
        let default = Http2::default();
        assert_eq!(default.connection_window(), 256 * 64 * 1024);
        let huge = Http2::default().stream_window(u32::MAX).max_streams(u32::MAX);
        assert_eq!((huge.stream_window, huge.streams()), (16 * 1024 * 1024, 127));
        assert!(huge.connection_window() <= MAX_WINDOW);
        let tiny = Http2::default().stream_window(0).max_streams(0);
        assert_eq!((tiny.streams(), tiny.connection_window()), (1, INITIAL_WINDOW));
    }
}
