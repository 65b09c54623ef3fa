//! tus 1.0.0, with creation, creation-with-upload, creation-defer-length, expiration, checksum, checksum-trailer,
//! termination and concatenation.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, Method, Response, StatusCode};
use tidegate_proto::upload::tus::{self, Request};

use super::super::call::{Broken, Call, Source};
use super::super::command::{Append, Create, Ending, Excess, Expected, Join, State, UploadError};
use super::super::service::Uploads;
use super::super::store::{Form, Owner, UploadId};
use super::failure::Failure;
use super::fields::{
    TUS_RESUMABLE, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, empty,
    options, set, set_expires, set_location, set_number, text,
};

/// Answers a request by this method.
pub(crate) async fn answer(uploads: &Uploads, method: &Method, mut call: Call<'_>) -> Response<Bytes> {
    let has_content = call.body.length() != Some(0);
    let mut response = match tus::read(method, &call.head.headers, call.id.is_some(), has_content) {
        Ok(request) => respond(uploads, request, &mut call).await,
        Err(bad) => {
            let mut response = text(bad.status(), &bad.to_string());
            response.headers_mut().extend(bad.fields());
            response
        }
    };
    let headers = response.headers_mut();
    set(headers, TUS_RESUMABLE, tus::VERSION);
    set(headers, CACHE_CONTROL, "no-store");
    response
}

async fn respond(uploads: &Uploads, request: Request, call: &mut Call<'_>) -> Response<Bytes> {
    match request {
        Request::Options => return options(call, uploads.limits()),
        Request::Create(wanted) => return create(uploads, wanted, call).await,
        Request::Join(join) => return join_parts(uploads, join, call).await,
        Request::Look | Request::Append(_) | Request::Remove => {}
    }
    let Some(id) = call.id.and_then(UploadId::parse) else {
        return refused(UploadError::Unknown, None);
    };
    match request {
        Request::Append(append) => append_to(uploads, append, &id, call).await,
        Request::Remove => match uploads.remove(call.owner, &id).await {
            Ok(()) => empty(StatusCode::NO_CONTENT),
            Err(error) => refused(error, None),
        },
        _ => match look(uploads, call.owner, &id).await {
            Ok(state) => told(&state),
            Err(error) => refused(error, None),
        },
    }
}

async fn create(uploads: &Uploads, wanted: tus::Create, call: &mut Call<'_>) -> Response<Bytes> {
    // Nothing is created for a body that cannot fit.
    let is_excess = wanted.has_content && call.body.length() > wanted.length.or(call.body.length());
    if is_excess {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "the body has more bytes than the upload");
    }
    let form = if wanted.is_part { Form::Part } else { Form::Whole };
    let metadata = wanted.metadata.into_string();
    let create = Create { id: None, form, length: wanted.length, metadata };
    let mut state = match uploads.create(call.owner, create).await {
        Ok(state) => state,
        Err(error) => return refused(error, None),
    };
    let mut response = empty(StatusCode::CREATED);
    if wanted.has_content {
        let id = state.record.id.clone();
        let append = Append { checksum: wanted.checksum.map(expected), ..Append::default() };
        match uploads.append(call.owner, &id, append, &mut *call.body, &mut |_| {}).await {
            Ok(appended) => state = appended,
            Err(error) => {
                // As if it had not been asked for, unless there is something to go on from.
                if !matches!(error, UploadError::Broken(..) | UploadError::TakenOver(_)) {
                    let _ = uploads.remove(call.owner, &id).await;
                    return refused(error, None);
                }
                response = refused(error, None);
            }
        }
        set_number(response.headers_mut(), UPLOAD_OFFSET, state.offset);
    }
    set_location(response.headers_mut(), call, &state.record.id);
    set_expires(response.headers_mut(), &state);
    response
}

async fn join_parts(uploads: &Uploads, join: tus::Join, call: &mut Call<'_>) -> Response<Bytes> {
    // A URL may be absolute or relative. Whatever stands before the id, it is looked for among the client's own.
    let id_of = |url: &String| UploadId::parse(url.rsplit('/').next().unwrap_or_default());
    let Some(parts) = join.parts.iter().map(id_of).collect::<Option<Vec<_>>>() else {
        return refused(UploadError::Unknown, None);
    };
    let join = Join { parts, list: join.list, metadata: join.metadata.into_string() };
    match uploads.join(call.owner, join).await {
        Ok(state) => {
            let mut response = empty(StatusCode::CREATED);
            set_location(response.headers_mut(), call, &state.record.id);
            response
        }
        Err(error) => refused(error, None),
    }
}

async fn append_to(
    uploads: &Uploads,
    wanted: tus::Append,
    id: &UploadId,
    call: &mut Call<'_>,
) -> Response<Bytes> {
    let append = Append {
        offset: wanted.offset,
        length: wanted.length,
        ending: Ending::AtLength,
        excess: Excess::Refuse,
        checksum: wanted.checksum.map(expected),
    };
    match uploads.append(call.owner, id, append, &mut *call.body, &mut |_| {}).await {
        Ok(state) => {
            let mut response = empty(StatusCode::NO_CONTENT);
            set_number(response.headers_mut(), UPLOAD_OFFSET, state.offset);
            set_expires(response.headers_mut(), &state);
            response
        }
        Err(error) => refused(error, Some(wanted.offset)),
    }
}

/// How an upload stands. One that has all its bytes is complete, whichever protocol has brought them.
pub(super) async fn look(uploads: &Uploads, owner: &Owner, id: &UploadId) -> Result<State, UploadError> {
    let state = uploads.look(owner, id).await?;
    if state.record.is_complete || state.record.length != Some(state.offset) {
        return Ok(state);
    }
    let append = Append { offset: state.offset, ..Append::default() };
    uploads.append(owner, id, append, &mut Nothing, &mut |_| {}).await
}

/// A body without bytes.
struct Nothing;

impl Source for Nothing {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        Poll::Ready(Ok(None))
    }

    fn length(&self) -> Option<u64> {
        Some(0)
    }
}

fn expected(checksum: tus::Expected) -> Expected {
    match checksum {
        tus::Expected::Known(checksum) => Expected::Known(checksum),
        tus::Expected::InTrailer => Expected::InTrailer,
    }
}

/// The answer to HEAD.
fn told(state: &State) -> Response<Bytes> {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    set_number(headers, UPLOAD_OFFSET, state.offset);
    match state.record.length {
        Some(length) => set_number(headers, UPLOAD_LENGTH, length),
        None => set(headers, UPLOAD_DEFER_LENGTH, "1"),
    }
    if !state.record.metadata.is_empty() {
        set(headers, UPLOAD_METADATA, &state.record.metadata);
    }
    set_concat(headers, state);
    set_expires(headers, state);
    response
}

fn set_concat(headers: &mut HeaderMap, state: &State) {
    match state.record.form {
        Form::Whole => {}
        Form::Part => set(headers, UPLOAD_CONCAT, "partial"),
        Form::Joined => match &state.record.parts {
            Some(list) => set(headers, UPLOAD_CONCAT, &format!("final;{list}")),
            // It was joined before the list was kept.
            None => set(headers, UPLOAD_CONCAT, "final"),
        },
    }
}

fn refused(error: UploadError, offset: Option<u64>) -> Response<Bytes> {
    let failure = Failure::new(error, offset);
    let mut response = failure.response();
    if let Some(state) = &failure.state {
        set_number(response.headers_mut(), UPLOAD_OFFSET, state.offset);
    }
    response
}
