//! A WebSocket that carries a session both ways.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tidegate_proto::session::{Attachment, Violation};
use tidegate_proto::websocket::handshake::HandshakeError;
use tidegate_proto::websocket::{CloseInfo, Config, Message};
use tokio::time::{Instant, sleep_until};

use super::ended::Ended;
use super::error::{Failed, TransportError};
use super::trip::Trip;
use crate::session::Transport;
use crate::websocket::{Cause, NotResumed, Opened, Readable, WebSocketStream, Writable};

/// An open WebSocket. Dropping it closes it.
pub(super) struct Socket {
    socket: WebSocketStream,
    readable: Readable,
    writable: Writable,
}

/// The type of WELCOME, which a server without sessions says first.
const WELCOME: u8 = 0x02;

/// How long to wait for the Close that tells why a WebSocket has ended.
const FAREWELL: Duration = Duration::from_secs(2);

impl Socket {
    pub(super) async fn attach(trip: &Trip) -> Result<(Self, Attachment), Failed> {
        let (mut attachment, parameters) = trip.core.attach(Transport::WebSocket);
        let is_resuming = parameters.iter().any(|(name, _)| *name == "session");
        let mut builder = trip.way().websocket(&trip.builder, &parameters);
        builder.handshake.credits = true;
        // Its limits are those of a batch; the application's are seen to above.
        builder.config = Config::default().deflate(trip.builder.config.deflate_config().copied());
        builder.credits = None;
        let pulse = trip.pace.silence / 2;
        let deadlines = trip.builder.tuning.deadlines.ping_interval(pulse).pong_timeout(pulse);
        builder.tuning.deadlines = Arc::new(deadlines.idle(None));
        builder.signal = None;
        let socket = builder.connect().map_err(TransportError::WebSocket)?;
        let Opened { readable, writable, .. } =
            socket.opened().await.map_err(|error| match error.cause() {
                Cause::NoSessions => TransportError::NoSessions,
                Cause::Handshake(HandshakeError::RefusedWithStatus(StatusCode::NOT_IMPLEMENTED)) => {
                    TransportError::NoSessions
                }
                _ => TransportError::WebSocket(error),
            })?;
        let mut opened = Self { socket, readable, writable };
        while !attachment.is_attached() {
            let batch = opened.next(is_resuming).await?;
            if batch.first() == Some(&WELCOME) {
                return Err(TransportError::NoSessions.into());
            }
            if let Some(late) = trip.core.stray(&batch).filter(|_| !is_resuming) {
                return Err(Failed::Late(late));
            }
            trip.core.take(&mut attachment, &batch).map_err(TransportError::Broke)?;
        }
        Ok((opened, attachment))
    }

    pub(super) async fn carry(&mut self, trip: &Trip, attachment: &mut Attachment) -> Ended {
        let core = &trip.core;
        let mut heard_at = Instant::now();
        // Taken off the session, and waiting for room.
        let mut outgoing: Option<Bytes> = None;
        loop {
            if let Some(why) = attachment.ended() {
                return Ended::from(why);
            }
            let has_outgoing = outgoing.is_some();
            let incoming = async {
                core.room().await;
                self.readable.read().await
            };
            tokio::select! {
                message = incoming => {
                    heard_at = Instant::now();
                    let batch = match message {
                        Ok(Some(Message::Binary(batch))) => batch,
                        Ok(Some(Message::Text(_))) => return broke(Violation::UnexpectedFrame),
                        Ok(None) | Err(_) => return self.ended(true).await.into(),
                    };
                    if let Err(violation) = core.take(attachment, &batch) {
                        return broke(violation);
                    }
                }
                batch = core.outgoing(attachment), if !has_outgoing => outgoing = Some(batch),
                ready = self.writable.ready(), if has_outgoing => {
                    let batch = outgoing.take().unwrap_or_default();
                    if ready.is_err() || self.writable.write(Message::Binary(batch)).await.is_err() {
                        return self.ended(true).await.into();
                    }
                }
                // Pings see a connection that is gone; this sees one that takes what is sent and answers nothing.
                () = sleep_until(heard_at + trip.pace.silence) => {
                    if core.progress().1 > 0 {
                        return Ended::Broke(TransportError::Silent(trip.pace.silence));
                    }
                    heard_at = Instant::now();
                }
            }
        }
    }

    async fn next(&mut self, is_resuming: bool) -> Result<Bytes, Failed> {
        match self.readable.read().await {
            Ok(Some(Message::Binary(batch))) => Ok(batch),
            Ok(Some(Message::Text(_))) => Err(TransportError::NoSessions.into()),
            Ok(None) | Err(_) => Err(self.ended(is_resuming).await),
        }
    }

    /// What the end of the WebSocket means.
    async fn ended(&self, is_resuming: bool) -> Failed {
        let closed = tokio::time::timeout(FAREWELL, self.socket.closed()).await;
        match closed {
            Ok(Ok(info)) => told(info, is_resuming),
            Ok(Err(error)) => TransportError::WebSocket(error).into(),
            Err(_) => TransportError::BrokeOff.into(),
        }
    }
}

/// What a Close means (docs/sessions.md, section 5).
fn told(info: CloseInfo, is_resuming: bool) -> Failed {
    match info.close_code.get() {
        4404 if is_resuming => Failed::Lost(NotResumed::Gone(info.reason)),
        4410 if is_resuming => Failed::Lost(NotResumed::PositionGone(info.reason)),
        _ => TransportError::Closed(info).into(),
    }
}

fn broke(violation: Violation) -> Ended {
    Ended::Lost(NotResumed::Broken(violation))
}
