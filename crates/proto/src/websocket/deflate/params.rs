//! What permessage-deflate can be set to, and what the two ends agreed on (RFC 7692 §7.1).

/// What this end wants of permessage-deflate (RFC 7692).
///
/// The memory figures are zlib-rs's, for one direction of one connection while it is busy; an idle connection
/// gives its state back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    pub(crate) level: u8,
    pub(crate) mem_level: u8,
    pub(crate) server_max_window_bits: u8,
    pub(crate) client_max_window_bits: u8,
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) min_bytes: usize,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 6,
            mem_level: 8,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            min_bytes: 64,
        }
    }
}

impl DeflateConfig {
    /// How hard to compress, 1 (fast) to 9 (small); 6 by default. Values outside are clamped.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// How much memory the compressor may use for its tables, 1 to 9; 8 by default. Values outside are clamped.
    ///
    /// Costs: 380 KB at 8 with a 15-bit window, 165 KB at 5 with a 12-bit window, never under 137 KB.
    #[must_use]
    pub fn mem_level(mut self, mem_level: u8) -> Self {
        self.mem_level = mem_level.clamp(1, 9);
        self
    }

    /// The largest window the server may compress with, 2^9 to 2^15 bytes; 15 by default. Values outside are
    /// clamped. A peer may ask for less; a peer's request for 8 is declined, since zlib cannot compress with it.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits.clamp(9, 15);
        self
    }

    /// The largest window the client may compress with, 2^9 to 2^15 bytes; 15 by default. Values outside are
    /// clamped.
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = bits.clamp(9, 15);
        self
    }

    /// Whether the server forgets its window after each message: less memory, larger messages.
    #[must_use]
    pub fn server_no_context_takeover(mut self, forget: bool) -> Self {
        self.server_no_context_takeover = forget;
        self
    }

    /// Whether the client forgets its window after each message.
    #[must_use]
    pub fn client_no_context_takeover(mut self, forget: bool) -> Self {
        self.client_no_context_takeover = forget;
        self
    }

    /// Messages under this many bytes go uncompressed; 64 by default.
    #[must_use]
    pub fn min_bytes(mut self, bytes: usize) -> Self {
        self.min_bytes = bytes;
        self
    }
}

/// What the opening handshake agreed on (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateParams {
    /// The server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message.
    pub client_no_context_takeover: bool,
    /// The server's window is at most 2^this bytes: 8 to 15.
    pub server_max_window_bits: u8,
    /// The client's window is at most 2^this bytes: 8 to 15.
    pub client_max_window_bits: u8,
}
