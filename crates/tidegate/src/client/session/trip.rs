//! What all attachments of one session have in common.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::super::ClientBuilder;
use super::core::Core;
use super::error::{Failed, TransportError};
use super::lane::Lane;
use super::way::{Ask, Way};
use crate::websocket::NotResumed;

/// A session, and how its server is asked.
pub(super) struct Trip {
    pub(super) core: Arc<Core>,
    pub(super) builder: ClientBuilder,
    way: Mutex<Way>,
    pub(super) pace: Pace,
}

/// How patient the client is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How long nothing may come on an attachment.
    pub(super) silence: Duration,
    /// How long a transport may take before the next is tried beside it.
    pub(super) stagger: Duration,
    /// How long a try may take.
    pub(super) attach: Duration,
    /// How long to stay with a lower transport before a higher one is tried.
    pub(super) climb: Duration,
    /// The longest pause between two polls.
    pub(super) poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(40),
            stagger: Duration::from_secs(1),
            attach: Duration::from_secs(10),
            climb: Duration::from_secs(30),
            poll: Duration::from_secs(1),
        }
    }
}

impl Trip {
    pub(super) fn new(core: Arc<Core>, builder: ClientBuilder, way: Way, pace: Pace) -> Self {
        Self { core, builder, way: Mutex::new(way), pace }
    }

    /// The way as it is known now.
    pub(super) fn way(&self) -> Way {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request, following redirects, which are kept for all that follows.
    pub(super) async fn send(
        &self,
        lane: &mut Lane,
        ask: &Ask,
    ) -> Result<Response<Incoming>, TransportError> {
        let mut way = self.way();
        let asked = way.url.clone();
        let max_redirects = self.builder.max_redirects;
        let response = lane.follow(&mut way, ask, max_redirects).await?;
        if way.url != asked {
            *self.way.lock().unwrap_or_else(PoisonError::into_inner) = way;
        }
        Ok(response)
    }
}

/// What a refusal of an attachment means.
pub(super) async fn refused(response: Response<Incoming>, is_resuming: bool) -> Failed {
    let status = response.status();
    let is_lost = is_resuming && tells_of_loss(response.headers());
    let reason = reason(response).await;
    match status {
        StatusCode::NOT_FOUND if is_lost => Failed::Lost(NotResumed::Gone(reason)),
        StatusCode::GONE if is_lost => Failed::Lost(NotResumed::PositionGone(reason)),
        status => TransportError::Status { status, reason }.into(),
    }
}

/// Whether it is the session's own server that does not have it: others on the way say 404 as well.
pub(super) fn tells_of_loss(headers: &HeaderMap) -> bool {
    headers.get("tidegate-session").is_some_and(|value| value == "lost")
}

/// The first line of an answer's body, as far as it is short and comes soon; a page is left out.
pub(super) async fn reason(response: Response<Incoming>) -> String {
    let mut body = response.into_body();
    let mut line = Vec::new();
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            line.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
            if line.len() > MAX_REASON_BYTES {
                break;
            }
        }
    };
    // Whatever has come by then.
    let _ = timeout(REASON_TIMEOUT, read).await;
    let text = String::from_utf8_lossy(&line);
    let first = text.lines().next().unwrap_or_default();
    if first.len() > MAX_REASON_BYTES || first.starts_with('<') { String::new() } else { first.to_owned() }
}

const MAX_REASON_BYTES: usize = 256;

const REASON_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a server asks to wait, if it does; at most half a minute.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(30)))
}

#[test]
fn a_server_may_ask_to_wait_for_seconds() {
    let of =
        |value| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static(value))]));
    assert_eq!(of("2"), Some(Duration::from_secs(2)));
    assert_eq!(of("4000"), Some(Duration::from_secs(30)));
    assert_eq!(of("Fri, 31 Dec 1999 23:59:59 GMT"), None);
}
