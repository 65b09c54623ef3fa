//! A client that is let in.

use std::sync::Arc;
#[cfg(feature = "sessions")]
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Request, Response, StatusCode};
#[cfg(feature = "sessions")]
use tidegate_proto::credit::MAX_BATCH_BYTES;
#[cfg(feature = "sessions")]
use tidegate_proto::session;
use tidegate_proto::websocket::Side;
use tidegate_proto::websocket::handshake::{Agreed, Answer, Offer, Refusal, receive};
use tokio::time::Instant;

use super::connections::Slot;
use super::lease::Lease;
use super::settings::Settings;
use crate::http::{Asked, Io};
use crate::websocket::observe::Peer;
use crate::websocket::{Driver, Layers, Shared, WebSocketStream, prepare};

/// What was agreed on with a client that is let in, and its place among the connections.
pub(super) struct Judged {
    pub(super) agreed: Agreed,
    pub(super) settings: Arc<Settings>,
    pub(super) slot: Slot,
}

impl Judged {
    /// Judges a request that is to open a WebSocket, by the deadline.
    pub(super) async fn weigh(
        settings: &Arc<Settings>,
        request: &Request<()>,
        deadline: Instant,
    ) -> Result<(Response<()>, Self), Refusal> {
        Self::weigh_offer(settings, request, receive(request)?, deadline).await
    }

    /// Judges a request by what its client offers, by the deadline.
    #[allow(clippy::manual_async_fn, reason = "the future of an `async fn` has room for its arguments twice")]
    pub(super) fn weigh_offer(
        settings: &Arc<Settings>,
        request: &Request<()>,
        offer: Offer,
        deadline: Instant,
    ) -> impl Future<Output = Result<(Response<()>, Self), Refusal>> {
        async move {
            if !settings.origins.allows(offer.origin(), request.headers()) {
                return Err(Refusal::forbidden_origin());
            }
            // Before the hooks, so that not more of them wait than there may be connections.
            let slot = settings.connections.enter(settings.limits, settings.policy.ip(request))?;
            let judgement = settings.policy.judge(request, &offer, deadline).await?;
            let (deflate, credits) = (settings.config.deflate_config().copied(), settings.credits.is_some());
            let (response, agreed) = agree(offer, Answer { deflate, credits, ..judgement })?;
            Ok((response, Self { agreed, settings: settings.clone(), slot }))
        }
    }

    /// Opens the connection, whose driver has to run.
    pub(super) fn start(self, io: impl Io, already_read: Bytes, asked: Asked) -> (WebSocketStream, Driver) {
        let (key, connections) = (self.slot.key(), self.settings.connections.clone());
        let (shared, driver) = self.open(io, already_read, &asked);
        // Before the driver runs: it gives the place up when the connection ends.
        connections.opened(key, &shared);
        (WebSocketStream::accepted(shared, asked), driver)
    }

    fn open(self, io: impl Io, mut already_read: Bytes, asked: &Asked) -> (Arc<Shared>, Driver) {
        let Self { agreed, settings, slot } = self;
        // A server draws no masking keys, so it needs no seed.
        let (config, credits) = (settings.config.clone(), settings.credits.clone());
        let mut connection = Layers::new(Side::Server, config, credits, &agreed, &[], [0; 32]);
        let taken = connection.handle_input(&already_read);
        already_read.advance(taken);
        let io = Box::new(Lease::new(io, already_read, slot));
        prepare(io, connection, agreed, &settings.tuning, &Peer::of(asked))
    }
}

#[cfg(feature = "sessions")]
impl Judged {
    /// Opens a session's connection: its peer is in this process, and answers every ping.
    pub(super) fn start_session(mut self, io: impl Io, asked: Asked) -> (WebSocketStream, Driver) {
        let settings = Arc::make_mut(&mut self.settings);
        let deadlines = settings.tuning.deadlines.ping_interval(None);
        settings.tuning.deadlines = Arc::new(deadlines);
        settings.tuning.high_water_mark = settings.tuning.high_water_mark.min(QUEUED_BYTES);
        // Sessions cut frames out of streams of bytes.
        // An end is not given up while the client may still come back.
        let outage = settings.session.as_ref().map_or(Duration::ZERO, session::Config::keep_time);
        settings.credits = settings.credits.take().map(|credits| credits.apart(None).outage(outage));
        self.start(io, Bytes::new(), asked)
    }

    /// Opens a WebSocket that carries a session. A shutdown ends it with its session, and not before.
    pub(super) fn start_carrier(mut self, io: impl Io, already_read: Bytes) -> (WebSocketStream, Driver) {
        let asked = Asked::request_of(Request::new(()));
        (self.agreed.credits, self.agreed.protocol) = (false, String::new());
        let settings = Arc::make_mut(&mut self.settings);
        // A margin, so that a batch that is too large is told by its name.
        let batch = 2 * MAX_BATCH_BYTES as u64;
        let config = settings.config.as_ref().clone().max_message_bytes(batch).max_frame_bytes(batch);
        settings.config = Arc::new(config);
        settings.tuning.high_water_mark = 1;
        let (shared, driver) = self.open(io, already_read, &asked);
        (WebSocketStream::accepted(shared, asked), driver)
    }
}

/// What may wait in front of a session, which takes at once what it has room for.
#[cfg(feature = "sessions")]
pub(super) const QUEUED_BYTES: usize = 16 * 1024;

/// Makes the response. An answer that cannot be given is a fault of the hooks.
pub(super) fn agree(offer: Offer, answer: Answer) -> Result<(Response<()>, Agreed), Refusal> {
    offer.accept(answer).map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
