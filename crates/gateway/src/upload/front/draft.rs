//! "Resumable Uploads for HTTP", draft-ietf-httpbis-resumable-upload-01 to -12.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Method, Response, StatusCode};
use tidegate_proto::upload::draft::{self, BadHead, Request, Version};

use super::super::call::{Call, Interim};
use super::super::command::{Append, Create, Ending, Expected, State, UploadError};
use super::super::limits::Limits;
use super::super::service::Uploads;
use super::super::store::{Form, UploadId};
use super::failure::Failure;
use super::fields::{
    UPLOAD_DRAFT_INTEROP_VERSION, UPLOAD_LENGTH, UPLOAD_LIMIT, UPLOAD_OFFSET, empty, options, set,
    set_location, set_number, text,
};
use super::tus;

/// Answers a request by this method.
pub(crate) async fn answer(uploads: &Uploads, method: &Method, mut call: Call<'_>) -> Response<Bytes> {
    let version = Version::of(&call.head.headers);
    let mut response = match draft::read(method, &call.head.headers, call.id.is_some()) {
        Ok(request) => respond(uploads, version, request, &mut call).await,
        Err(bad) => refused_head(bad),
    };
    let headers = response.headers_mut();
    if let Some(version) = version.interim() {
        set_number(headers, UPLOAD_DRAFT_INTEROP_VERSION, version.into());
    }
    set(headers, CACHE_CONTROL, "no-store");
    response
}

async fn respond(
    uploads: &Uploads,
    version: Version,
    request: Request,
    call: &mut Call<'_>,
) -> Response<Bytes> {
    let limits = uploads.limits();
    match request {
        Request::Options => return options(call, limits),
        Request::Create(create) => return create_from(uploads, version, create, call).await,
        Request::Look | Request::Append(_) | Request::Remove => {}
    }
    let refuse = |error| refused(version, limits, error, None);
    let Some(id) = call.id.and_then(UploadId::parse) else { return refuse(UploadError::Unknown) };
    match request {
        Request::Append(append) => append_to(uploads, version, append, &id, call).await,
        Request::Remove => match uploads.remove(call.owner, &id).await {
            Ok(()) => empty(StatusCode::NO_CONTENT),
            Err(error) => refuse(error),
        },
        _ => {
            let looked = match version.ending(false) {
                Ending::AtLength => tus::look(uploads, call.owner, &id).await,
                _ => uploads.look(call.owner, &id).await,
            };
            looked.map_or_else(refuse, |state| told(version, limits, StatusCode::NO_CONTENT, &state))
        }
    }
}

async fn create_from(
    uploads: &Uploads,
    version: Version,
    wanted: draft::Create,
    call: &mut Call<'_>,
) -> Response<Bytes> {
    let limits = uploads.limits();
    let body_length = call.body.length();
    let rest = body_length.filter(|_| wanted.is_whole);
    if rest.is_some() && wanted.length.is_some() && rest != wanted.length {
        let mut response = problem(StatusCode::BAD_REQUEST, INCONSISTENT_LENGTH);
        let (name, value) = version.completeness(false);
        response.headers_mut().insert(name, value);
        response.headers_mut().insert(UPLOAD_LIMIT, version.limits(limits.max_bytes, None));
        return response;
    }
    let metadata = wanted.metadata.into_string();
    let create = Create { id: None, form: Form::Whole, length: wanted.length.or(rest), metadata };
    let fresh = match uploads.create_fresh(call.owner, create).await {
        Ok(fresh) => fresh,
        Err(error) => return refused(version, limits, error, None),
    };
    let mut state = fresh.state.clone();
    let id = state.record.id.clone();
    let is_over = state.record.is_complete || (!wanted.is_whole && body_length == Some(0));
    if !is_over {
        announce(version, limits, &state, call);
        let append = Append {
            offset: 0,
            length: None,
            ending: version.ending(wanted.is_whole),
            excess: version.excess(),
            checksum: wanted.checksum.map(Expected::Known),
        };
        let mut tell = progress(version, &mut call.interim);
        let appended = uploads.append_first(fresh, append, &mut *call.body, &mut tell).await;
        drop(tell);
        match appended {
            Ok(appended) => state = appended,
            Err(error) => {
                let mut response = refused(version, limits, error, Some(0));
                set_location(response.headers_mut(), call, &id);
                return response;
            }
        }
    }
    let mut response = told(version, limits, StatusCode::CREATED, &state);
    set_location(response.headers_mut(), call, &id);
    response
}

async fn append_to(
    uploads: &Uploads,
    version: Version,
    wanted: draft::Append,
    id: &UploadId,
    call: &mut Call<'_>,
) -> Response<Bytes> {
    let append = Append {
        offset: wanted.offset,
        length: wanted.length,
        ending: version.ending(wanted.is_last),
        excess: version.excess(),
        checksum: wanted.checksum.map(Expected::Known),
    };
    let mut tell = progress(version, &mut call.interim);
    let appended = uploads.append(call.owner, id, append, &mut *call.body, &mut tell).await;
    drop(tell);
    match appended {
        // As the creation would have been answered, had it brought everything (draft-12 §4.4.2).
        Ok(state) if state.record.is_complete => {
            let mut response = told(version, uploads.limits(), StatusCode::CREATED, &state);
            set_location(response.headers_mut(), call, id);
            response
        }
        Ok(state) => told(version, uploads.limits(), version.appended(), &state),
        Err(error) => refused(version, uploads.limits(), error, Some(wanted.offset)),
    }
}

/// Tells the progress while a body comes, where the client and the library can.
fn progress<'a>(version: Version, interim: &'a mut Option<&mut dyn Interim>) -> impl FnMut(u64) + Send + 'a {
    let mut interim = interim.as_deref_mut().filter(|_| version.has_progress());
    move |offset| {
        if let Some((fields, interim)) = fields_of(version).zip(interim.as_deref_mut()) {
            send_offset(fields, interim, offset);
        }
    }
}

fn send_offset(mut fields: HeaderMap, interim: &mut dyn Interim, offset: u64) {
    set_number(&mut fields, UPLOAD_OFFSET, offset);
    interim.send(&fields);
}

/// Tells the client where the upload is, before its body has come: should the connection break, it can go on there.
fn announce(version: Version, limits: &Limits, state: &State, call: &mut Call<'_>) {
    let Some(mut fields) = fields_of(version) else { return };
    set_location(&mut fields, call, &state.record.id);
    fields.insert(UPLOAD_LIMIT, limits_of(version, limits, state));
    if let Some(interim) = call.interim.as_deref_mut() {
        interim.send(&fields);
    }
}

/// What every 104 says. `None`: there must be none.
fn fields_of(version: Version) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    set_number(&mut fields, UPLOAD_DRAFT_INTEROP_VERSION, version.interim()?.into());
    Some(fields)
}

/// An answer that tells how the upload stands.
fn told(version: Version, limits: &Limits, status: StatusCode, state: &State) -> Response<Bytes> {
    let mut response = empty(status);
    let headers = response.headers_mut();
    set_number(headers, UPLOAD_OFFSET, state.offset);
    let (name, value) = version.completeness(state.record.is_complete);
    headers.insert(name, value);
    if let Some(length) = state.record.length {
        set_number(headers, UPLOAD_LENGTH, length);
    }
    headers.insert(UPLOAD_LIMIT, limits_of(version, limits, state));
    response
}

fn limits_of(version: Version, limits: &Limits, state: &State) -> http::HeaderValue {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let age = state.record.expires.map(|at| at.saturating_sub(now.as_millis() as u64) / 1000);
    version.limits(limits.max_bytes, age)
}

fn refused_head(bad: BadHead) -> Response<Bytes> {
    let mut response = text(bad.status(), &bad.to_string());
    if let BadHead::Method(allow) = bad {
        set(response.headers_mut(), ALLOW, allow);
    }
    response
}

fn refused(version: Version, limits: &Limits, error: UploadError, offset: Option<u64>) -> Response<Bytes> {
    let problem_type = match &error {
        UploadError::WrongOffset(_) => Some(MISMATCHING_OFFSET),
        UploadError::WrongLength(_) => Some(INCONSISTENT_LENGTH),
        // What goes beyond a length that was told is no question of limits.
        UploadError::TooLarge(state)
            if state.record.length.is_some_and(|length| length <= limits.max_bytes) =>
        {
            Some(INCONSISTENT_LENGTH)
        }
        UploadError::Complete(_) if version.interim().is_some_and(|version| version < 9) => Some(COMPLETED),
        UploadError::Complete(_) => Some(INCONSISTENT_LENGTH),
        UploadError::WrongChecksum(_) => Some(MISMATCHING_DIGEST),
        _ => None,
    };
    let failure = Failure::new(error, offset);
    let mut response = match problem_type {
        Some(MISMATCHING_OFFSET) => {
            let expected = failure.state.as_ref().map_or(0, |state| state.offset);
            let more =
                format!(",\"expected-offset\":{expected},\"provided-offset\":{}", offset.unwrap_or_default());
            problem_with(StatusCode::CONFLICT, MISMATCHING_OFFSET, &more)
        }
        Some(problem_type) => problem(StatusCode::BAD_REQUEST, problem_type),
        None => failure.response(),
    };
    let headers = response.headers_mut();
    if let Some(state) = &failure.state {
        set_number(headers, UPLOAD_OFFSET, state.offset);
    }
    let (name, value) = version.completeness(false);
    headers.insert(name, value);
    if failure.status == StatusCode::PAYLOAD_TOO_LARGE {
        headers.insert(UPLOAD_LIMIT, version.limits(limits.max_bytes, None));
    }
    response
}

/// A problem (RFC 9457) of a type that IANA registers, and its title.
type Problem = (&'static str, &'static str);

const MISMATCHING_OFFSET: Problem =
    ("mismatching-upload-offset", "the upload ends at another byte than this request begins at");
const INCONSISTENT_LENGTH: Problem = ("inconsistent-upload-length", "the lengths that were told differ");
const COMPLETED: Problem = ("completed-upload", "the upload is complete");
const MISMATCHING_DIGEST: Problem =
    ("digest-mismatching-values", "the content has another digest; these bytes are gone");

fn problem(status: StatusCode, problem: Problem) -> Response<Bytes> {
    problem_with(status, problem, "")
}

fn problem_with(status: StatusCode, (name, title): Problem, more: &str) -> Response<Bytes> {
    let base = "https://iana.org/assignments/http-problem-types#";
    let body = format!("{{\"type\":\"{base}{name}\",\"title\":\"{title}\"{more}}}");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    set(response.headers_mut(), CONTENT_TYPE, "application/problem+json");
    response
}
