//! Which version of HTTP is agreed on within TLS (RFC 7301).

use rustls::CommonState;

/// What to offer, or to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2, else HTTP/1.1.
    Http2,
}

const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

impl Alpn {
    /// The names, by preference.
    pub(super) fn names(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => vec![HTTP_1_1.to_vec()],
            Self::Http2 => vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()],
        }
    }
}

/// Whether HTTP/2 was agreed on.
pub(crate) fn is_http2(connection: &CommonState) -> bool {
    connection.alpn_protocol() == Some(HTTP_2)
}
