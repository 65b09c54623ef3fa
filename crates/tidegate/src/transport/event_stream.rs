//! Server-Sent Events: one long body of events that hold frames.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use super::body::Body;
use super::downlink::{Downlink, Format};
use crate::session::Attached;

/// The answer that carries a session until the attachment ends.
pub(crate) fn event_stream(attached: Attached) -> Response<Body> {
    let mut response = Response::new(Body::carrying(Downlink::long(attached, Format::Events)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
