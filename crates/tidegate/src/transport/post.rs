//! The client's flow by POST (docs/sessions.md, section 4).

use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tidegate_proto::session::PostError;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::FRAMES;
use super::query::Query;
use crate::session::{Posting, Session, Sessions};

/// The longest body.
const MAX_BODY_BYTES: usize = 262_144;

/// How long a POST is held for room.
const HOLD: Duration = Duration::from_secs(20);

/// How long a body may take in all, room for it included.
const BODY_TIME: Duration = Duration::from_secs(60);

/// How long a client may take between two pieces of a body.
const BODY_PAUSE: Duration = Duration::from_secs(10);

/// Why a POST was not taken, or not whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the parameter from is missing")]
    NoFrom,
    #[error("the content-type must be application/vnd.tidegate.v1")]
    ContentType,
    #[error("a body has at most {MAX_BODY_BYTES} bytes")]
    TooLong,
    #[error("another POST of this session is in flight")]
    InFlight,
    #[error("a newer POST of this session has come, and the body has not")]
    Displaced,
    #[error("the body does not come")]
    Slow,
    #[error("the body broke off")]
    BrokenOff,
    #[error("the session has no room: try again later")]
    SessionFull,
    #[error("the server has no room: try again later")]
    ServerFull,
    #[error(transparent)]
    Frames(PostError),
}

impl Refused {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InFlight | Self::Displaced | Self::Frames(PostError::Gap { .. }) => StatusCode::CONFLICT,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::SessionFull | Self::Frames(PostError::Full) => StatusCode::TOO_MANY_REQUESTS,
            Self::ServerFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoFrom | Self::BrokenOff | Self::Frames(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether what has come of the body is taken all the same.
    fn keeps_the_beginning(&self) -> bool {
        matches!(self, Self::Slow | Self::Displaced | Self::BrokenOff | Self::ServerFull)
    }

    /// Whether the client still sends, so that it hears nothing before it has sent all.
    pub(crate) fn cuts_the_body(&self) -> bool {
        !matches!(self, Self::Slow | Self::Displaced | Self::BrokenOff)
    }

    /// In how many seconds the same POST may be tried again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::InFlight | Self::Displaced | Self::SessionFull | Self::ServerFull => Some(1),
            _ => None,
        }
    }
}

/// Takes the body of a POST into its session.
///
/// # Errors
///
/// See [`Refused`]. The session's position tells what was taken all the same.
///
/// # Cancellation
///
/// As on a refusal: the position tells.
pub(crate) async fn post<B>(
    sessions: &Sessions,
    session: &Session,
    query: &Query,
    headers: &HeaderMap,
    body: &mut B,
) -> Result<(), Refused>
where
    B: http_body::Body + Unpin,
{
    let from = query.from.ok_or(Refused::NoFrom)?;
    let length = announced(headers);
    let has_type = headers.get(CONTENT_TYPE).is_some_and(|value| is_frames(value.as_bytes()));
    // An acknowledgement alone needs no type, since it has no body.
    if !has_type && length != Some(0) && !body.is_end_stream() {
        return Err(Refused::ContentType);
    }
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(Refused::TooLong);
    }
    let posting = session.begin_post().ok_or(Refused::InFlight)?;
    let mut begun = Begun { bytes: BytesMut::new(), room: None };
    let read = tokio::select! {
        read = timeout(BODY_TIME, begun.read(body, sessions.bodies(), &posting)) => read.unwrap_or(Err(Refused::Slow)),
        () = posting.displaced() => Err(Refused::Displaced),
    };
    let body = begun.bytes.freeze();
    match read {
        Ok(()) => {}
        Err(why) if why.keeps_the_beginning() => {
            posting.keep(from, query.received, &body);
            return Err(why);
        }
        Err(why) => return Err(why),
    }
    posting.heard(true);
    let posted = timeout(HOLD, posting.post(from, query.received, &body)).await;
    drop(begun.room);
    posted.map_err(|_| Refused::SessionFull)?.map_err(Refused::Frames)
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a content type is that of frames, whatever its parameters.
fn is_frames(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(FRAMES.as_bytes())
}

/// Reads away what is left of a body that is refused, within limits: an answer that comes while its client still sends is
/// mostly lost.
///
/// # Cancellation
///
/// The rest is left.
pub(crate) async fn discard<B>(body: &mut B)
where
    B: http_body::Body + Unpin,
{
    let mut left = 2 * MAX_BODY_BYTES;
    while left > 0 && !body.is_end_stream() {
        let Ok(Some(Ok(piece))) = timeout(BODY_PAUSE, body.frame()).await else { return };
        left = left.saturating_sub(piece.data_ref().map_or(0, Buf::remaining).max(1));
    }
}

/// What has come of a body, and the room that it takes.
struct Begun<'a> {
    bytes: BytesMut,
    room: Option<SemaphorePermit<'a>>,
}

impl<'a> Begun<'a> {
    /// Reads a body, and takes room for it as it comes: who sends slowly takes no more than what it has sent.
    ///
    /// # Cancellation
    ///
    /// What was read is there.
    async fn read<B>(
        &mut self,
        body: &mut B,
        bodies: &'a Semaphore,
        posting: &Posting<'_>,
    ) -> Result<(), Refused>
    where
        B: http_body::Body + Unpin,
    {
        loop {
            let piece = match timeout(BODY_PAUSE, body.frame()).await {
                Err(_) => return Err(Refused::Slow),
                Ok(None) => return Ok(()),
                Ok(Some(Err(_))) => return Err(Refused::BrokenOff),
                Ok(Some(Ok(piece))) => piece,
            };
            let Ok(mut data) = piece.into_data() else { continue };
            let length = data.remaining();
            if self.bytes.len() + length > MAX_BODY_BYTES {
                return Err(Refused::TooLong);
            }
            posting.heard(false);
            // It is shorter than the longest body.
            let more = timeout(HOLD, bodies.acquire_many(length as u32)).await;
            let Ok(Ok(more)) = more else { return Err(Refused::ServerFull) };
            match &mut self.room {
                Some(room) => room.merge(more),
                None => self.room = Some(more),
            }
            posting.heard(false);
            self.bytes.extend_from_slice(&data.copy_to_bytes(length));
        }
    }
}
