//! What a server was asked, in as few bytes as it came in.

use std::net::SocketAddr;
use std::sync::OnceLock;

use http::Request;

use super::h1;

/// Who a request came from, in the extensions of the request: [`Acceptor::serve`](crate::Acceptor::serve) puts it
/// there, and an HTTP server of one's own can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// A request for as long as its connection lasts. One over HTTP/1.1 stays the bytes of its head until somebody looks at
/// it, since a map of headers takes several times as much.
pub(crate) struct Asked(Box<Kept>);

enum Kept {
    Parsed(Box<Parsed>),
    Head(Box<[u8]>, Option<PeerAddress>, OnceLock<Option<Box<Parsed>>>),
    /// The request was taken out.
    Target(Box<str>),
}

struct Parsed {
    request: Request<()>,
    target: String,
}

impl Asked {
    pub(crate) fn request_of(request: Request<()>) -> Self {
        Self(Box::new(Kept::Parsed(Box::new(Parsed::new(request)))))
    }

    /// A request that was read from these bytes.
    pub(crate) fn head(bytes: Box<[u8]>, peer: Option<PeerAddress>) -> Self {
        Self(Box::new(Kept::Head(bytes, peer, OnceLock::new())))
    }

    pub(crate) fn request(&self) -> Option<&Request<()>> {
        self.parsed().map(|parsed| &parsed.request)
    }

    /// The target of the request, also when that was taken out.
    pub(crate) fn target(&self) -> &str {
        match &*self.0 {
            Kept::Target(target) => target,
            _ => self.parsed().map_or("", |parsed| &parsed.target),
        }
    }

    /// Takes the request out, so that of it only the target stays.
    pub(crate) fn take(&mut self) -> Option<Request<()>> {
        let target = Kept::Target(self.target().into());
        match std::mem::replace(&mut *self.0, target) {
            Kept::Parsed(parsed) => Some(parsed.request),
            Kept::Head(_, _, parsed) => parsed.into_inner()?.map(|parsed| parsed.request),
            Kept::Target(_) => None,
        }
    }

    fn parsed(&self) -> Option<&Parsed> {
        match &*self.0 {
            Kept::Parsed(parsed) => Some(parsed),
            Kept::Head(bytes, peer, parsed) => {
                parsed.get_or_init(|| Parsed::from_head(bytes, *peer).map(Box::new)).as_deref()
            }
            Kept::Target(_) => None,
        }
    }
}

impl Parsed {
    fn new(request: Request<()>) -> Self {
        Self { target: request.uri().to_string(), request }
    }

    fn from_head(bytes: &[u8], peer: Option<PeerAddress>) -> Option<Self> {
        // It was good before, or there would be no connection.
        let mut request = h1::parse_request(bytes).ok()?;
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        Some(Self::new(request))
    }
}
