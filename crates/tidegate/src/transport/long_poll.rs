//! Long polling: an answer that waits until there is something to say.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::CONTENT_TYPE;
use tokio::time::timeout;

use super::FRAMES;
use super::body::Body;
use super::downlink::{BATCH_BYTES, Downlink};
use crate::session::Attached;

/// How long an answer waits when the client does not say.
const WAIT: Duration = Duration::from_secs(25);

/// An answer of up to so many bytes is made at once, so that its length can be told.
const AT_ONCE_BYTES: usize = 4 * BATCH_BYTES;

/// About how many bytes more one answer carries: as much as a session keeps.
const MORE_BYTES: usize = 256 * 1024;

/// The answer with at least one frame, or with none after `wait`. What it carries is kept until a later request
/// acknowledges it.
///
/// # Cancellation
///
/// Dropping the future detaches; nothing is lost.
pub(crate) async fn long_poll(attached: Attached, wait: Option<Duration>) -> Response<Body> {
    answer(attached, wait.unwrap_or(WAIT)).await
}

/// The answer with what there is within `wait`.
pub(super) async fn answer(attached: Attached, wait: Duration) -> Response<Body> {
    // ATTACHED is always there, and no frame of the flow.
    let mut frames = BytesMut::new();
    frames.extend(attached.next(BATCH_BYTES).await);
    if attached.ended().is_none() {
        // When the time is over, there is nothing more to say.
        frames.extend(timeout(wait, attached.next(BATCH_BYTES)).await.ok().flatten());
    }
    while frames.len() < AT_ONCE_BYTES {
        let Some(more) = attached.try_next(BATCH_BYTES) else { return whole(frames.freeze()) };
        frames.extend(Some(more));
    }
    let mut response = whole(Bytes::new());
    *response.body_mut() = Body::carrying(Downlink::short(attached, frames.freeze(), MORE_BYTES));
    response
}

fn whole(frames: Bytes) -> Response<Body> {
    let mut response = Response::new(frames.into());
    response.headers_mut().insert(CONTENT_TYPE, FRAMES);
    response
}
