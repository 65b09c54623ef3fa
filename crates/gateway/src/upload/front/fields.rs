//! What answers are made of.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tidegate_proto::upload::{Algorithm, draft, tus};

use super::super::call::Call;
use super::super::command::State;
use super::super::limits::Limits;
use super::super::store::UploadId;

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
pub(super) const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const UPLOAD_DRAFT_INTEROP_VERSION: HeaderName =
    HeaderName::from_static("upload-draft-interop-version");
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_LIMIT: HeaderName = HeaderName::from_static("upload-limit");
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// An answer of one line of text, that says why.
pub(super) fn text(status: StatusCode, reason: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{reason}\n")));
    *response.status_mut() = status;
    set(response.headers_mut(), CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

/// Sets a field. What cannot be one is left out.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Sets a field to a number.
pub(super) fn set_number(headers: &mut HeaderMap, name: HeaderName, number: u64) {
    headers.insert(name, HeaderValue::from(number));
}

/// Sets where an upload is: a path, since the client knows better than the server what stands before it, proxies and all.
/// But aiotus takes nothing that is not a whole URL.
pub(super) fn set_location(headers: &mut HeaderMap, call: &Call<'_>, id: &UploadId) {
    let asked = &call.head.headers;
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_aiotus = text(USER_AGENT).is_some_and(|agent| agent.contains("aiohttp/"));
    let origin = match text(HOST).filter(|_| is_aiotus) {
        Some(host) if text(FORWARDED_PROTO) == Some("https") => format!("https://{host}"),
        Some(host) => format!("http://{host}"),
        None => String::new(),
    };
    set(headers, LOCATION, &format!("{origin}{}/{}", call.base, id.as_str()));
}

/// Sets when an upload that is not complete expires, as tus has it.
pub(super) fn set_expires(headers: &mut HeaderMap, state: &State) {
    if let Some(expires) = state.record.expires.filter(|_| !state.record.is_complete) {
        // The last moment that a date of HTTP can name is in the year 9999.
        let at = UNIX_EPOCH + Duration::from_millis(expires.min(253_402_300_799_000));
        set(headers, UPLOAD_EXPIRES, &httpdate::fmt_http_date(at));
    }
}

/// What can be done here, for clients of either protocol.
pub(super) fn options(call: &Call<'_>, limits: &Limits) -> Response<Bytes> {
    let version = draft::Version::of(&call.head.headers);
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    set(headers, TUS_RESUMABLE, tus::VERSION);
    set(headers, HeaderName::from_static("tus-version"), tus::VERSION);
    set(headers, HeaderName::from_static("tus-extension"), tus::EXTENSIONS);
    set_number(headers, HeaderName::from_static("tus-max-size"), limits.max_bytes);
    let algorithms = Algorithm::ALL.map(Algorithm::name).join(",");
    set(headers, HeaderName::from_static("tus-checksum-algorithm"), &algorithms);
    headers.insert(UPLOAD_LIMIT, version.limits(limits.max_bytes, Some(limits.expiry.as_secs())));
    // Up to -11 this is how a client finds the draft supported.
    set(
        headers,
        HeaderName::from_static("accept-patch"),
        "application/partial-upload, application/offset+octet-stream",
    );
    let allow = if call.id.is_some() { "OPTIONS, HEAD, GET, PATCH, DELETE" } else { "OPTIONS, POST" };
    set(headers, ALLOW, allow);
    set(headers, CACHE_CONTROL, "no-store");
    response
}
