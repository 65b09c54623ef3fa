//! HTTP streaming: one long body of frames.

use http::Response;
use http::header::CONTENT_TYPE;

use super::FRAMES;
use super::body::Body;
use super::downlink::{Downlink, Format};
use crate::session::Attached;

/// The answer that carries a session until the attachment ends.
pub(crate) fn http_stream(attached: Attached) -> Response<Body> {
    let mut response = Response::new(Body::carrying(Downlink::long(attached, Format::Frames)));
    response.headers_mut().insert(CONTENT_TYPE, FRAMES);
    response
}
