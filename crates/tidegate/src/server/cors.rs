//! What browsers want to know before they let a page see an answer, and what they tell of a page.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, AUTHORIZATION, CACHE_CONTROL, COOKIE, HeaderName, HeaderValue, ORIGIN,
    VARY,
};
use http::{HeaderMap, Response, StatusCode};
use tidegate_proto::websocket::handshake::Refusal;

use super::origin::OriginPolicy;
use crate::transport::Body;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const EXPOSED: HeaderValue = HeaderValue::from_static("tidegate-position, tidegate-session, retry-after");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const CONTENT_TYPE_ALONE: HeaderValue = HeaderValue::from_static("content-type");

/// How long a browser need not ask again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The page that a request comes from, if it comes from one that is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    origin: Option<HeaderValue>,
    /// Whether it may see what is answered to the user whose browser it is in.
    sees_credentials: bool,
}

/// Judges where a request comes from, and gives back who may see the answer.
///
/// Not every request of a page names its origin; then Fetch Metadata tells of one from another site.
pub(super) fn judge(origins: &OriginPolicy, headers: &HeaderMap) -> Result<Page, Refusal> {
    let mut all = headers.get_all(ORIGIN).into_iter();
    let origin = all.next();
    if all.next().is_some() {
        return Err(Refusal::RepeatedOrigin);
    }
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let is_foreign = origin.is_none() && matches!(site, Some(b"cross-site" | b"same-site"));
    let is_refused = is_foreign && !matches!(origins, OriginPolicy::Any);
    if is_refused || !origins.allows(origin, headers) {
        return Err(Refusal::forbidden_origin());
    }
    // Where everybody may ask, nobody in particular was trusted with what is the user's.
    let is_anonymous = !headers.contains_key(COOKIE) && !headers.contains_key(AUTHORIZATION);
    let sees_credentials = !matches!(origins, OriginPolicy::Any) || is_anonymous;
    Ok(Page { origin: origin.cloned(), sees_credentials })
}

/// Answers a browser that asks whether a page may ask.
pub(super) fn preflight(headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allowed = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned().unwrap_or(CONTENT_TYPE_ALONE);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Adds to an answer what every answer has (docs/sessions.md, section 1).
pub(super) fn dress(headers: &mut HeaderMap, page: &Page) {
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = &page.origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if page.sees_credentials {
            // As WebSocket has it: its handshake sends cookies whatever the page.
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
