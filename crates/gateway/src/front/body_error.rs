//! What goes wrong with a body.

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// Its chunks break the grammar (RFC 9112 §7.1).
    Malformed,
    TimedOut,
    /// The client is gone.
    Gone,
}
