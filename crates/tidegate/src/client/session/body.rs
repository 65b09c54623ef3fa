//! An answer's body that carries a session: HTTP streaming, event streams, long polling and polling.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tidegate_proto::session::{Attachment, FrameSplitter};
use tokio::time::timeout;

use super::ended::Ended;
use super::error::{Failed, TransportError};
use super::event_stream::EventStream;
use super::lane::Lane;
use super::trip::{Trip, refused};
use super::way::{Ask, EVENTS, FRAMES};
use crate::session::Transport;
use crate::websocket::NotResumed;

/// An answer under way, and what the next request needs.
pub(super) struct Body {
    transport: Transport,
    incoming: Incoming,
    decoder: Decoder,
    lane: Lane,
    /// The pause before the next poll.
    pause: Duration,
}

enum Decoder {
    Frames(FrameSplitter),
    Events(Box<EventStream>),
}

/// The first pause between two polls when nothing happens.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How long an answer of a long poll may wait, in seconds, and the same as a part of the silence that is borne.
const WAIT_SECONDS: u64 = 25;
const WAIT_PART: f64 = 0.625;

/// The same for the first of a row, which tells whether the way is free.
const FIRST_WAIT_SECONDS: u64 = 1;

impl Body {
    pub(super) async fn attach(trip: &Trip, transport: Transport) -> Result<(Self, Attachment), Failed> {
        Self::ask(trip, transport, Lane::default(), FIRST_WAIT_SECONDS).await
    }

    /// Asks, and reads until the server has said that it is attached.
    async fn ask(
        trip: &Trip,
        transport: Transport,
        mut lane: Lane,
        wait_seconds: u64,
    ) -> Result<(Self, Attachment), Failed> {
        let (mut attachment, mut parameters) = trip.core.attach(transport);
        let is_resuming = parameters.iter().any(|(name, _)| *name == "session");
        if transport == Transport::LongPoll {
            parameters.push(("wait", wait_seconds.to_string()));
        }
        let protocols = &trip.builder.handshake.protocols;
        if !is_resuming && !protocols.is_empty() {
            parameters.push(("protocols", protocols.join(",")));
        }
        let response = trip.send(&mut lane, &Ask::attachment(transport, parameters)).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response, is_resuming).await);
        }
        let decoder = Decoder::of(transport, response.headers())?;
        let incoming = response.into_body();
        let mut body = Self { transport, incoming, decoder, lane, pause: FIRST_PAUSE };
        while !attachment.is_attached() {
            let batch = body.next().await?.ok_or(TransportError::BrokeOff)?;
            if let Some(late) = trip.core.stray(&batch).filter(|_| !is_resuming) {
                return Err(Failed::Late(late));
            }
            trip.core.take(&mut attachment, &batch).map_err(TransportError::Broke)?;
        }
        Ok((body, attachment))
    }

    pub(super) async fn carry(&mut self, trip: &Trip, attachment: &mut Attachment) -> Ended {
        loop {
            let before = trip.core.progress().0;
            let ended = self.read(trip, attachment).await;
            let is_polling = matches!(self.transport, Transport::LongPoll | Transport::Poll);
            match ended {
                Some(ended) => return ended,
                None if !is_polling => return TransportError::BrokeOff.into(),
                None => {}
            }
            if self.transport == Transport::Poll {
                self.rest(trip, trip.core.progress().0 > before).await;
            }
            let lane = std::mem::take(&mut self.lane);
            let wait = (trip.pace.silence.mul_f64(WAIT_PART).as_secs()).clamp(1, WAIT_SECONDS);
            let limit = Duration::from_secs(wait) + trip.pace.silence / 2;
            let asked = timeout(limit, Self::ask(trip, self.transport, lane, wait)).await;
            match asked {
                Ok(Ok((body, next))) => {
                    *self = Self { pause: self.pause, ..body };
                    *attachment = next;
                }
                Ok(Err(failed)) => return failed.into(),
                Err(_) => return TransportError::Silent(limit).into(),
            }
        }
    }

    /// Reads one answer to its end; tells when that is the end of more.
    async fn read(&mut self, trip: &Trip, attachment: &mut Attachment) -> Option<Ended> {
        loop {
            if let Some(why) = attachment.ended() {
                return Some(why.into());
            }
            trip.core.room().await;
            let batch = match timeout(trip.pace.silence, self.next()).await {
                Ok(Ok(Some(batch))) => batch,
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => return Some(error.into()),
                Err(_) => return Some(TransportError::Silent(trip.pace.silence).into()),
            };
            if let Err(violation) = trip.core.take(attachment, &batch) {
                return Some(Ended::Lost(NotResumed::Broken(violation)));
            }
        }
    }

    /// Waits before the next poll: shortly while something happens, up to a limit while nothing does.
    async fn rest(&mut self, trip: &Trip, has_come: bool) {
        if has_come {
            self.pause = FIRST_PAUSE;
            return;
        }
        let posted = trip.core.post_count();
        let pause = self.pause.min(trip.pace.poll);
        self.pause = (self.pause * 2).min(trip.pace.poll);
        // What was sent is likely to be answered.
        if timeout(pause, trip.core.further_post(posted)).await.is_ok() {
            self.pause = FIRST_PAUSE;
        }
    }

    /// The whole frames that came next, perhaps none; `None` at the end of the answer.
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        loop {
            let Some(frame) = self.incoming.frame().await else { return Ok(None) };
            // Trailers mean nothing here.
            if let Ok(data) = frame?.into_data() {
                return self.decoder.decode(&data).map(Some);
            }
        }
    }
}

impl Decoder {
    /// What takes this answer apart.
    fn of(transport: Transport, headers: &HeaderMap) -> Result<Self, TransportError> {
        let (wanted, decoder) = match transport {
            Transport::EventStream => (EVENTS, Self::Events(Box::default())),
            _ => (FRAMES, Self::Frames(FrameSplitter::default())),
        };
        let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let content_type = content_type.unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(wanted) {
            Ok(decoder)
        } else {
            Err(TransportError::ContentType(essence.to_owned()))
        }
    }

    fn decode(&mut self, bytes: &Bytes) -> Result<Bytes, TransportError> {
        match self {
            Self::Frames(splitter) => splitter.split(bytes).map_err(TransportError::Broke),
            Self::Events(events) => {
                let mut frames = Vec::new();
                events.read(bytes, &mut frames)?;
                Ok(frames.into())
            }
        }
    }
}
