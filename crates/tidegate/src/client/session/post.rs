//! The client's frames by POST: one in flight, in order, each until its arrival is told.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tidegate_proto::session::Post;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::core::Posted;
use super::error::TransportError;
use super::lane::Lane;
use super::trip::{Trip, reason, retry_after, tells_of_loss};
use super::way::{Ask, Parameters};
use crate::websocket::NotResumed;

/// What became of a POST.
enum Sent {
    /// The server has so many frames; go on.
    Taken(u64),
    /// The server has so many frames, and asks to wait.
    Later(Option<u64>, Duration),
    /// The server wants frames from another position.
    Elsewhere(u64),
    /// Nobody knows. The same again, at once or not.
    Unknown {
        at_once: bool,
    },
    /// It was too long for the server, or for somebody on the way.
    TooLong(Refusal),
    /// Somebody on the way refused it, which may pass.
    Refused(Refusal),
    Lost(NotResumed),
}

/// What was said against a POST.
struct Refusal {
    status: u16,
    reason: String,
    /// By the server itself, as its position tells.
    is_final: bool,
}

/// How long POSTs are, and for how long they have been refused.
struct Course {
    backoff: Backoff,
    /// How long the next one may be, and how long any may become.
    bytes: usize,
    most: usize,
    /// Since when somebody on the way has refused them all.
    refused_since: Option<Instant>,
}

/// How much goes into one POST at most. It is less where POSTs break off, since a server takes whole ones.
const MAX_BYTES: usize = 128 << 10;
const MIN_BYTES: usize = 4 << 10;

/// How long a POST may still be answered when a WebSocket carries the session, which takes its frames over then.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait where the server does not say.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends what there is to send, whenever it goes by POST. Returns only when the session is lost.
pub(super) async fn post_all(trip: &Trip) -> NotResumed {
    let core = &trip.core;
    let (mut lane, mut course) = (Lane::default(), Course::new());
    loop {
        let (post, parameters) = core.next_post(course.bytes).await;
        let sent = tokio::select! {
            sent = timeout(trip.pace.silence, send(trip, &mut lane, &post, parameters)) => sent.ok(),
            () = core.taken_over(GRACE) => None,
        };
        let sent = sent.unwrap_or_else(|| {
            // Time enough was lost with it.
            course.backoff.reset();
            Sent::Unknown { at_once: true }
        });
        if !matches!(sent, Sent::Refused(_) | Sent::TooLong(_)) {
            course.refused_since = None;
        }
        let (posted, pause) = match sent {
            Sent::Taken(position) => {
                course.taken();
                (Posted::Taken(position), None)
            }
            Sent::Elsewhere(position) if position < post.from => {
                return NotResumed::PositionGone(format!("it wants frames from {position} again"));
            }
            Sent::Elsewhere(position) => (Posted::Refused(position), None),
            Sent::Later(position, pause) => (position.map_or(Posted::Unknown, Posted::Refused), Some(pause)),
            Sent::Unknown { at_once } => (Posted::Unknown, course.unknown(at_once)),
            Sent::TooLong(_) if course.halve(post.body.len()) => (Posted::Unknown, None),
            Sent::TooLong(refusal) | Sent::Refused(refusal) => match course.refused(&refusal, core.keep()) {
                Some(pause) => (Posted::Unknown, Some(pause)),
                None => return refusal.into(),
            },
            Sent::Lost(lost) => return lost,
        };
        if let Err(violation) = core.posted(&post, posted) {
            return NotResumed::Broken(violation);
        }
        if let Some(pause) = pause {
            sleep(pause).await;
        }
    }
}

impl Course {
    fn new() -> Self {
        Self { backoff: Backoff::new(), bytes: MAX_BYTES, most: MAX_BYTES, refused_since: None }
    }

    fn taken(&mut self) {
        self.backoff.reset();
        self.bytes = (self.bytes * 2).min(self.most);
    }

    /// Less at a time from now on; tells how long to wait.
    fn unknown(&mut self, at_once: bool) -> Option<Duration> {
        self.bytes = (self.bytes / 2).max(MIN_BYTES).min(self.most);
        let is_first = self.backoff.is_fresh();
        let pause = self.backoff.next();
        (!at_once || !is_first).then_some(pause)
    }

    /// So many bytes were too long: no POST is longer than half of that any more. `false` when it was one frame alone.
    fn halve(&mut self, refused: usize) -> bool {
        if refused == 0 || self.bytes == 1 {
            return false;
        }
        self.most = (refused.min(self.bytes) / 2).max(1);
        self.bytes = self.most;
        true
    }

    /// How long to wait before the same is asked again; `None` when that makes no sense any more.
    fn refused(&mut self, refusal: &Refusal, patience: Duration) -> Option<Duration> {
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        (!refusal.is_final && since.elapsed() < patience).then(|| self.backoff.next())
    }
}

impl From<Refusal> for NotResumed {
    fn from(Refusal { status, reason, .. }: Refusal) -> Self {
        Self::Refused { status, reason }
    }
}

/// Acknowledges the server's last frame, so that it need not keep the session for longer. Once: it does so for a few
/// seconds at most.
pub(super) async fn farewell(trip: &Trip) {
    if let Some(parameters) = trip.core.last_words() {
        let ask = Ask::post(parameters, Default::default());
        let _ = timeout(FAREWELL, trip.send(&mut Lane::default(), &ask)).await;
    }
}

const FAREWELL: Duration = Duration::from_secs(2);

async fn send(trip: &Trip, lane: &mut Lane, post: &Post, parameters: Parameters) -> Sent {
    let ask = Ask::post(parameters, post.body.clone());
    let response = match trip.send(lane, &ask).await {
        Ok(response) => response,
        Err(TransportError::InvalidUrl(error)) => {
            return Sent::Lost(NotResumed::Refused { status: 414, reason: error.to_string() });
        }
        Err(error) => return Sent::Unknown { at_once: error.is_bad_gateway() },
    };
    let (status, position) = (response.status(), position(response.headers()));
    let wait = retry_after(response.headers());
    let is_lost = tells_of_loss(response.headers());
    let reason = reason(response).await;
    judge(status, position, wait, is_lost, reason)
}

/// What an answer means (docs/sessions.md, section 4).
fn judge(
    status: StatusCode,
    position: Option<u64>,
    wait: Option<Duration>,
    is_lost: bool,
    reason: String,
) -> Sent {
    match (status.as_u16(), position) {
        (204, Some(position)) => Sent::Taken(position),
        (409, position) if wait.is_some() => Sent::Later(position, wait.unwrap_or(PAUSE)),
        (409, Some(position)) => Sent::Elsewhere(position),
        (429 | 503, position) => Sent::Later(position, wait.unwrap_or(PAUSE)),
        (404, _) if is_lost => Sent::Lost(NotResumed::Gone(reason)),
        (410, _) if is_lost => Sent::Lost(NotResumed::PositionGone(reason)),
        (status @ (400 | 401 | 403 | 405 | 413 | 414 | 415 | 431), position) => {
            let refusal = Refusal { status, reason, is_final: position.is_some() };
            match status {
                413 => Sent::TooLong(refusal),
                _ if refusal.is_final => Sent::Lost(refusal.into()),
                _ => Sent::Refused(refusal),
            }
        }
        (502, _) => Sent::Unknown { at_once: true },
        _ => Sent::Unknown { at_once: false },
    }
}

fn position(headers: &HeaderMap) -> Option<u64> {
    headers.get("tidegate-position")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, position: Option<u64>, wait: Option<u64>) -> Sent {
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, position, wait.map(Duration::from_secs), false, "why".to_owned())
    }

    #[test]
    fn answers_mean_what_the_table_says() {
        assert!(matches!(of(204, Some(7), None), Sent::Taken(7)));
        assert!(matches!(of(409, Some(7), None), Sent::Elsewhere(7)));
        assert!(matches!(of(409, Some(7), Some(2)), Sent::Later(Some(7), wait) if wait.as_secs() == 2));
        for status in [429, 503] {
            assert!(
                matches!(of(status, Some(7), Some(3)), Sent::Later(Some(7), wait) if wait.as_secs() == 3)
            );
            assert!(matches!(of(status, None, None), Sent::Later(None, PAUSE)));
        }
        for status in [400, 403, 415] {
            let refused = NotResumed::Refused { status, reason: "why".to_owned() };
            assert!(matches!(of(status, Some(7), None), Sent::Lost(lost) if lost == refused));
        }
        assert!(matches!(of(413, Some(7), None), Sent::TooLong(Refusal { is_final: true, .. })));
        let lost = |status| judge(status, None, None, true, "why".to_owned());
        assert!(matches!(lost(StatusCode::NOT_FOUND), Sent::Lost(NotResumed::Gone(_))));
        assert!(matches!(lost(StatusCode::GONE), Sent::Lost(NotResumed::PositionGone(_))));
    }

    #[test]
    fn what_a_proxy_may_have_said_is_asked_again() {
        assert!(matches!(of(502, None, None), Sent::Unknown { at_once: true }));
        for status in [200, 204, 304, 404, 409, 410, 500, 504] {
            assert!(matches!(of(status, None, None), Sent::Unknown { at_once: false }), "{status}");
        }
        for status in [400, 401, 403, 405, 414, 415, 431] {
            let sent = of(status, None, None);
            assert!(matches!(sent, Sent::Refused(Refusal { is_final: false, .. })), "{status}");
        }
        assert!(matches!(of(413, None, None), Sent::TooLong(Refusal { is_final: false, .. })));
    }

    #[test]
    fn what_is_too_long_is_halved_down_to_one_frame_and_stays_short() {
        let mut course = Course::new();
        assert!(course.halve(100_000) && course.bytes == 50_000);
        assert!(course.halve(50_000) && course.bytes == 25_000);
        course.taken();
        assert_eq!(course.bytes, 25_000, "it would only be refused again");
        course.unknown(false);
        course.taken();
        course.taken();
        assert_eq!(course.bytes, 25_000);
        let mut halvings = 0;
        // One frame, longer than what is asked for.
        while course.halve(30_000) {
            halvings += 1;
        }
        assert!(course.bytes == 1 && halvings < 20);
        assert!(!Course::new().halve(0), "without a body there is nothing to cut");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_is_not_the_servers_is_borne_for_a_while() {
        let refusal = |is_final| Refusal { status: 403, reason: String::new(), is_final };
        let patience = Duration::from_secs(60);
        let mut course = Course::new();
        assert!(course.refused(&refusal(true), patience).is_none());
        let mut course = Course::new();
        let began = Instant::now();
        while let Some(pause) = course.refused(&refusal(false), patience) {
            sleep(pause).await;
        }
        assert!(began.elapsed() >= patience);
        course.refused_since = None;
        assert!(course.refused(&refusal(false), patience).is_some(), "something was taken between");
    }
}
