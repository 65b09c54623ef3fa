//! A request as the uploads see it, whatever HTTP library has read it.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;

/// The body of a request, pulled piece by piece: what is not pulled is not read from the network.
pub trait Source: Send {
    /// The next piece, at most [`MAX_PUSH`](super::store::MAX_PUSH) bytes; `None` behind the last one, and only when
    /// the body has come whole.
    ///
    /// # Errors
    ///
    /// When the body ends early, or breaks the grammar of its framing. What came before counts.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>>;

    /// The trailers, behind the last piece.
    fn trailers(&self) -> Option<&HeaderMap> {
        None
    }
}

/// A body that did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The client went away, or ended its side.
    Gone,
    /// Nothing came for too long.
    TimedOut,
    /// The framing of the body breaks its grammar.
    Malformed,
}

/// A way to send interim responses (RFC 9110 §15.2).
pub trait Interim: Send {
    /// Sends `104 Upload Resumption Supported` with these fields, or drops it: a client must do without.
    fn send(&mut self, fields: &HeaderMap);
}
