//! A request as the uploads see it, whatever HTTP library has read it.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;

use super::store::Owner;

/// A request, once it is known who asks and that he may ask here.
pub struct Call<'a> {
    /// Its head.
    pub head: &'a Parts,
    /// Which of the protocols it may speak.
    pub scheme: Scheme,
    /// Whose uploads it may name.
    pub owner: &'a Owner,
    /// The path of the uploads, as `/uploads`, without a slash at its end.
    pub base: &'a str,
    /// What follows the base and a slash. It was judged by nobody.
    pub id: Option<&'a str>,
    /// Its body.
    pub body: &'a mut dyn Source,
    /// How to send interim responses, where the library can.
    pub interim: Option<&'a mut dyn Interim>,
}

/// Which protocols a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The tutorial's question: how much is there?
    Status,
    /// The tutorial's bytes.
    Upload,
    /// tus, or the IETF draft.
    Resource,
}

/// The body of a request, pulled piece by piece: what is not pulled is not read from the network.
pub trait Source: Send {
    /// The next piece, at most [`MAX_PUSH`](super::store::MAX_PUSH) bytes; `None` behind the last one, and only when
    /// the body has come whole.
    ///
    /// # Errors
    ///
    /// When the body ends early, or breaks the grammar of its framing. What came before counts.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>>;

    /// How many bytes are still to come, where that is known.
    fn length(&self) -> Option<u64> {
        None
    }

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
