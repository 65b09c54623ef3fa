//! Who asks.

use bytes::Bytes;
use http::{HeaderValue, Response};
use sha2::{Digest, Sha256};

use super::super::store::Owner;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Anybody. The URL of an upload is all that one needs for it.
    Anyone,
    /// Somebody, by a name that is his alone and stays the same: a user's number, say. Nobody else gets at his uploads.
    Named(String),
}

/// Says who asks, or refuses.
pub(super) type Identify =
    dyn Fn(&http::request::Parts) -> Result<Principal, Box<Response<Bytes>>> + Send + Sync;

/// Why nobody is let in.
pub(super) enum Refusal {
    /// Whoever runs the server has said so.
    Theirs(Box<Response<Bytes>>),
    /// No random number can be had.
    NoRandomness,
}

/// Whose uploads a request may name, and what to tell a visitor that is new.
pub(super) struct Asking {
    pub(super) owner: Owner,
    pub(super) cookie: Option<HeaderValue>,
}

impl Asking {
    pub(super) fn named(name: &str) -> Self {
        Self { owner: owner("principal", name), cookie: None }
    }
}

impl Refusal {
    pub(super) fn into_response(self) -> Response<Bytes> {
        match self {
            Self::Theirs(response) => *response,
            Self::NoRandomness => {
                let mut response = Response::new(Bytes::from_static(b"no random number can be had\n"));
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

/// The owner of what nobody has put his name to.
pub(super) fn anyone() -> Owner {
    owner("anyone", "")
}

/// The key of a principal. The kind keeps a visitor from being taken for somebody of that name.
pub(super) fn owner(kind: &str, name: &str) -> Owner {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Owner::of_key(u64::from_be_bytes(first))
}
