//! The body of an answer.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use tokio::sync::mpsc;

use super::super::store::StoreError;

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// Small, and whole.
    Bytes(Bytes),
    /// A file.
    File {
        /// How many bytes it has.
        length: u64,
        /// They, piece by piece. If some are missing at the end, or an error comes, the storage has failed, and the
        /// connection is to be broken off.
        pieces: mpsc::Receiver<Result<Bytes, StoreError>>,
    },
}

/// An answer of one line of text.
pub(super) fn reason(status: StatusCode, reason: &str) -> Response<Content> {
    let mut response = Response::new(Content::Bytes(format!("{reason}\n").into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
