//! One request of a client: where, what, and how its answer is judged.

use http::{Request, Response};
use tidegate_proto::websocket::handshake::{ClientHandshake, ClientOptions};
use url::Url;

use crate::http::{InvalidUrl, Io};
use crate::websocket::Cause;

/// A request that is ready to be sent.
pub(super) struct ClientRequest {
    pub(super) url: Url,
    /// What it was made from, for the request that follows a redirect.
    pub(super) options: ClientOptions,
    pub(super) handshake: ClientHandshake,
    pub(super) request: Request<()>,
}

impl ClientRequest {
    /// Makes the request for `url`, which has no credentials, with a key of its own.
    pub(super) fn new(url: Url, options: ClientOptions) -> Result<Self, Cause> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(Cause::Randomness)?;
        // Any URL with a host is a URI too, unless it is beyond the length of one.
        let uri = url.as_str().parse().map_err(|_| InvalidUrl::LongTarget(url.as_str().len()))?;
        let (handshake, request) = ClientHandshake::new(&uri, options.clone(), nonce)?;
        Ok(Self { url, options, handshake, request })
    }
}

/// What a server has answered.
pub(super) struct Answer {
    pub(super) io: Box<dyn Io>,
    pub(super) response: Response<()>,
    /// The bytes that came behind the response.
    pub(super) rest: Vec<u8>,
    /// What judges the response.
    pub(super) handshake: ClientHandshake,
}
