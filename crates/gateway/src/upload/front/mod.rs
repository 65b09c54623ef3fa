//! The three protocols: a request becomes commands to the uploads, and what comes of them becomes its answer.
//!
//! ```text
//! answer → tutorial | tus | draft → proto::upload (what the head says) → Uploads → failure, fields → answer
//! ```

mod draft;
mod failure;
mod fields;
mod tus;
mod tutorial;

use bytes::Bytes;
use http::{Response, StatusCode};
use tidegate_proto::upload::{Protocol, method};

use super::call::{Call, Scheme};
use super::service::Uploads;

/// Answers a request, whichever protocol it speaks.
pub(crate) async fn answer(uploads: &Uploads, call: Call<'_>) -> Response<Bytes> {
    if call.scheme != Scheme::Resource {
        return tutorial::answer(uploads, call).await;
    }
    let Some(method) = method(&call.head.method, &call.head.headers) else {
        return fields::text(StatusCode::BAD_REQUEST, "bad X-HTTP-Method-Override");
    };
    match Protocol::of(&method, &call.head.headers) {
        Protocol::Tus => tus::answer(uploads, &method, call).await,
        Protocol::Draft => draft::answer(uploads, &method, call).await,
    }
}
