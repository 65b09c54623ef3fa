//! Polling: an answer with what there is.

use std::time::Duration;

use http::Response;

use super::body::Body;
use super::long_poll::answer;
use crate::session::Attached;

/// How long the answer that opens a session waits for the server's greeting, which is on its way.
const GREETING: Duration = Duration::from_secs(1);

/// The answer with what there is now, and nothing else, but that a session opens with the server's greeting.
///
/// # Cancellation
///
/// Dropping the future detaches; nothing is lost.
pub(crate) async fn poll(attached: Attached, opens: bool) -> Response<Body> {
    answer(attached, if opens { GREETING } else { Duration::ZERO }).await
}
