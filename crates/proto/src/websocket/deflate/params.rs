//! What permessage-deflate can be set to, and what the two ends agreed on (RFC 7692 §7.1).

/// What this end wants of permessage-deflate (RFC 7692).
///
/// [`fast`](Self::fast) and [`small`](Self::small) are the ends, and the default lies between. What they cost for JSON
/// texts of 1 KiB, inflating included, the least and the most seen on a busy machine (`examples/deflate.rs`):
///
/// | | bytes of 1,040 | CPU µs | a state, out | a state, in | a connection, out | a connection, in |
/// |---|---|---|---|---|---|---|
/// | `fast` | 366 | 10 to 15 | 214 KiB | 48 KiB | 16 KiB | 32 KiB |
/// | default | 247 | 24 to 43 | 228 KiB | 48 KiB | 16 KiB | 32 KiB |
/// | `small` | 233 | 26 to 45 | 312 KiB | 48 KiB | 16 KiB | 32 KiB |
///
/// States are held by messages that have begun, and by the thread: at most 16 of each kind. A connection between two
/// messages, busy or idle, keeps only what the next message may refer back to: at most the window, never more than was
/// sent, and nothing without context takeover. The figures are zlib-rs's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    pub(crate) level: u8,
    pub(crate) mem_level: u8,
    pub(crate) reach_bits: u8,
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
            mem_level: 6,
            reach_bits: 14,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            min_bytes: 64,
        }
    }
}

impl DeflateConfig {
    /// The least CPU time for a message: level 1.
    #[must_use]
    pub fn fast() -> Self {
        Self::default().level(1).mem_level(5)
    }

    /// The smallest messages that do not cost out of proportion: level 7 and larger tables.
    ///
    /// Levels 8 and 9 gain next to nothing on texts, and each byte may cost them many times as much.
    #[must_use]
    pub fn small() -> Self {
        Self::default().level(7).mem_level(8)
    }

    /// How hard to compress, 1 (fast) to 9 (small); 6 by default. Values outside are clamped.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// How much memory the compressor may use for its tables, 1 to 9; 6 by default. Values outside are clamped.
    ///
    /// Costs with 14 bits of [`reach_bits`](Self::reach_bits): 214 KiB at 5, 228 KiB at 6, 312 KiB at 8; with 15 bits 64 KiB more,
    /// never under 137 KB. Messages of some KiB gain nothing from more than 5.
    #[must_use]
    pub fn mem_level(mut self, mem_level: u8) -> Self {
        self.mem_level = mem_level.clamp(1, 9);
        self
    }

    /// How far back this end looks when it compresses, 2^9 to 2^15 bytes; 14 by default. Values outside are clamped.
    ///
    /// Never further than the window agreed on; but the peer need not agree to less, since it can read what refers
    /// back less far than allowed. Each bit more doubles the history that a connection keeps, busy or idle, and with
    /// many connections much of the time goes into fetching it from memory: at level 6, 15 bits cost a third more
    /// than 14, and 13 a fifth less, for the same bytes within a percent.
    #[must_use]
    pub fn reach_bits(mut self, bits: u8) -> Self {
        self.reach_bits = bits.clamp(9, 15);
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
