//! The tutorial's scheme: how much is there, and a POST of all the rest.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL};
use http::{Method, Response, StatusCode};
use tidegate_proto::upload::tutorial::{self, Head};

use super::super::call::{Call, Scheme};
use super::super::command::{Append, Create, Ending, Excess, State, UploadError};
use super::super::service::Uploads;
use super::super::store::{Form, UploadId};
use super::failure::Failure;
use super::fields::{set, set_location, text};

/// Answers a request of the scheme.
pub(crate) async fn answer(uploads: &Uploads, mut call: Call<'_>) -> Response<Bytes> {
    let mut response = respond(uploads, &mut call).await;
    // The client asks again at the same place, and means it.
    set(response.headers_mut(), CACHE_CONTROL, "no-store");
    response
}

async fn respond(uploads: &Uploads, call: &mut Call<'_>) -> Response<Bytes> {
    let (allow, is_allowed) = match call.scheme {
        Scheme::Status => ("GET, HEAD", [Method::GET, Method::HEAD].contains(&call.head.method)),
        _ => ("POST", call.head.method == Method::POST),
    };
    if !is_allowed {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("this resource takes {allow}"));
        set(response.headers_mut(), ALLOW, allow);
        return response;
    }
    let head = match tutorial::read(&call.head.headers) {
        Ok(head) => head,
        Err(bad) => return text(StatusCode::BAD_REQUEST, &bad.to_string()),
    };
    let id = match uploads.chosen_id(call.owner, head.file_id).await {
        Ok(id) => id,
        Err(error) => return Failure::new(error, None).response(),
    };
    let done = match call.scheme {
        Scheme::Status => uploads.look(call.owner, &id).await,
        _ => take(uploads, call, head, &id).await,
    };
    match done {
        Ok(state) => told(call, &state),
        // There is nothing to go on with: the client begins at the beginning.
        Err(UploadError::Unknown | UploadError::Expired | UploadError::Dead) => nothing(call.scheme, head),
        Err(error) => Failure::new(error, Some(head.start)).response(),
    }
}

/// Takes the body: the rest of the file from the start byte on, which is all of it from 0 on.
async fn take(
    uploads: &Uploads,
    call: &mut Call<'_>,
    head: Head<'_>,
    id: &UploadId,
) -> Result<State, UploadError> {
    let append = Append {
        offset: head.start,
        // The client always sends all of the rest, and does not say how much there is of the file.
        ending: Ending::AtEndOfBody,
        excess: Excess::Refuse,
        ..Append::default()
    };
    if head.start == 0 {
        let id = Some(id.clone());
        let length = call.body.length();
        let create = Create { id, form: Form::Whole, length, metadata: String::new() };
        let fresh = uploads.create_fresh(call.owner, create).await?;
        if fresh.state.record.is_complete {
            return Ok(fresh.state);
        }
        return uploads.append_first(fresh, append, &mut *call.body, &mut |_| {}).await;
    }
    uploads.append(call.owner, id, append, &mut *call.body, &mut |_| {}).await
}

/// How many bytes there are. That there is an upload is told to clients of the other protocols by its place.
fn told(call: &Call<'_>, state: &State) -> Response<Bytes> {
    let mut response = number(state.offset);
    set_location(response.headers_mut(), call, &state.record.id);
    response
}

fn nothing(scheme: Scheme, head: Head<'_>) -> Response<Bytes> {
    match scheme {
        Scheme::Status => number(0),
        _ => {
            let reason = format!("wrong start byte: the upload ends at byte 0, not at {}", head.start);
            text(StatusCode::CONFLICT, &reason)
        }
    }
}

/// A decimal number and nothing else: what the client makes a number of.
fn number(number: u64) -> Response<Bytes> {
    let mut response = text(StatusCode::OK, "");
    *response.body_mut() = Bytes::from(number.to_string());
    response
}
