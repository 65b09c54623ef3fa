//! What pages of other origins may send and read (Fetch, CORS protocol).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::content::Content;
use crate::origins::Verdict;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What the protocols have, what browsers' clients of tus send beside, and what tells who asks.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Content-Disposition, Content-Digest, Repr-Digest, \
    Tus-Resumable, Upload-Length, Upload-Offset, Upload-Complete, Upload-Incomplete, Upload-Draft-Interop-Version, \
    Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, X-HTTP-Method-Override, X-Requested-With, \
    X-Request-ID, X-File-Id, X-Start-Byte, X-File-Size";

const RESPONSE_HEADERS: &str = "Location, Link, Upload-Offset, Upload-Length, Upload-Complete, Upload-Incomplete, \
    Upload-Draft-Interop-Version, Upload-Limit, Upload-Expires, Upload-Metadata, Upload-Defer-Length, Upload-Concat, \
    Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Content-Disposition, Retry-After";

/// Whether a browser asks on behalf of a page whether it may ask.
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a page may ask. One that may not is told nothing, which is a no.
pub(super) fn preflight(verdict: &Verdict) -> Response<Content> {
    let mut response = Response::new(Content::Bytes(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    if matches!(verdict, Verdict::Allowed(_)) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

/// Which page may read the answer.
pub(super) fn tell(headers: &mut HeaderMap, verdict: &Verdict) {
    let Verdict::Allowed(origin) = verdict else { return };
    let Ok(origin) = HeaderValue::from_str(origin) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
