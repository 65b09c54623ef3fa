//! The opening handshake (RFC 6455 §4), as `http` types.
//!
//! ```text
//! ClientHandshake::new ──► Request ──► receive ──► Offer::accept ──► Response ──► ClientHandshake::finish
//!                                         └─► Refusal::into_response ──┘
//! ```
//!
//! Both ends come to the same [`Agreed`]. One code serves HTTP/1.1 (GET with `Upgrade`) and extended CONNECT
//! over HTTP/2 or HTTP/3 (RFC 8441, RFC 9220). The bytes of HTTP, and the limit on the size of a header, are
//! the caller's.

mod client;
mod header;
mod key;
mod refusal;
mod server;

pub use client::{ClientHandshake, ClientOptions, HandshakeError, InvalidRequest};
pub use refusal::Refusal;
pub use server::{Answer, InvalidAnswer, MAX_PROTOCOLS, Offer, receive};

use super::deflate::DeflateParams;

/// What the two ends agreed on when the connection opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The protocol that the server selected; empty when there is none.
    pub protocol: String,
    /// The server's `Sec-WebSocket-Extensions`; empty when there are none.
    pub extensions: String,
    /// The parameters of permessage-deflate, where it is in use.
    pub deflate: Option<DeflateParams>,
    /// Whether messages go by credit: then an [`Endpoint`](crate::credit::Endpoint) stands on top of the connection,
    /// and a client learns the protocol from it.
    pub credits: bool,
}

/// The token by which credits are offered and accepted in `Sec-WebSocket-Protocol` (docs/protocol.md, section 1).
pub const CREDIT_PROTOCOL: &str = "tidegate.v1";

/// The `:protocol` of an extended CONNECT (RFC 8441 §4), kept in the extensions of an `http::Request`.
///
/// An HTTP/2 or HTTP/3 layer puts it there before [`receive`], and takes it from a request of
/// [`ClientHandshake::extended_connect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectProtocol(String);

impl ConnectProtocol {
    /// Any `:protocol`; the one of a WebSocket is `websocket`.
    #[must_use]
    pub fn new(protocol: impl Into<String>) -> Self {
        Self(protocol.into())
    }

    /// The pseudo-header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
