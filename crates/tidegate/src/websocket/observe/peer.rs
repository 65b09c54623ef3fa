//! Who is at the other end.

use std::net::SocketAddr;

#[cfg(any(feature = "tracing", feature = "metrics"))]
use tidegate_proto::websocket::Side;

use crate::http::Asked;
#[cfg(feature = "tracing")]
use crate::http::PeerAddress;

/// Who is at the other end, and what was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// Without credentials and without the query, which may hold some.
    #[cfg(feature = "tracing")]
    pub(super) url: String,
    #[cfg(feature = "tracing")]
    pub(super) address: Option<SocketAddr>,
}

impl Peer {
    /// A client, by what it asked for.
    pub(crate) fn of(asked: &Asked) -> Self {
        #[cfg(feature = "tracing")]
        return {
            let address = asked.request().and_then(|request| request.extensions().get::<PeerAddress>());
            Self::new(asked.target(), address.map(|address| address.0))
        };
        #[cfg(not(feature = "tracing"))]
        return {
            let _ = asked;
            Self::default()
        };
    }

    /// A client, and the path that it asked for; or a server, and the URL up to the path.
    pub(crate) fn new(url: &str, address: Option<SocketAddr>) -> Self {
        #[cfg(feature = "tracing")]
        return Self { url: public_part(url), address };
        #[cfg(not(feature = "tracing"))]
        return {
            let _ = (url, address);
            Self::default()
        };
    }
}

/// A URL without its user name, password, query and fragment.
#[cfg(feature = "tracing")]
fn public_part(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// A side as it is told.
#[cfg(any(feature = "tracing", feature = "metrics"))]
pub(super) fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use super::public_part;

    #[test]
    fn what_may_be_secret_is_left_out() {
        assert_eq!(public_part("wss://user:p%40ss@host.example:1/a@b?token=1#x"), "wss://host.example:1/a@b");
        assert_eq!(public_part("ws://user@host.example?token=1"), "ws://host.example");
        assert_eq!(public_part("/feed/@me?token=1"), "/feed/@me");
        assert_eq!(public_part("/redirect?to=ws://a@b"), "/redirect");
        assert_eq!(public_part(""), "");
    }
}
