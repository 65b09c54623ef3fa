//! A request's body and interim responses, as the uploads want them.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;

use crate::front::{BodyError, Incoming, Outbox};
use crate::upload::call::{Broken, Interim, Source};

/// The body of a request of the front's.
pub(super) struct Body<'a>(pub(super) Incoming<'a>);

/// Where its interim responses go.
pub(super) struct Interims<'a>(pub(super) &'a Outbox<'a>);

impl Source for Body<'_> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        self.0.poll_piece(cx).map_err(|error| match error {
            BodyError::Gone => Broken::Gone,
            BodyError::TimedOut => Broken::TimedOut,
            BodyError::TooLarge | BodyError::Malformed => Broken::Malformed,
        })
    }

    fn length(&self) -> Option<u64> {
        self.0.length()
    }

    fn trailers(&self) -> Option<&HeaderMap> {
        self.0.trailers()
    }
}

impl Interim for Interims<'_> {
    fn send(&mut self, fields: &HeaderMap) {
        let mut response = b"HTTP/1.1 104 Upload Resumption Supported\r\n".to_vec();
        for (name, value) in fields {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                response.extend_from_slice(part);
            }
        }
        response.extend_from_slice(b"\r\n");
        self.0.send(&response);
    }
}
