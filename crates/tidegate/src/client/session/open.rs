//! How a connection opens: something carries a session, and over it a link greets the server.

use std::sync::Arc;

use tidegate_proto::websocket::Side;
use tidegate_proto::websocket::handshake::Agreed;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::super::request::ClientRequest;
use super::super::{Attempt, ClientBuilder, random, settle};
use super::backoff::Backoff;
use super::choose::{self, Nothing};
use super::conduct::conduct;
use super::core::Core;
use super::error::TransportError;
use super::held::Held;
use super::stream::SessionStream;
use super::trip::Trip;
use crate::http::Io;
use crate::session::Transport;
use crate::websocket::observe::Peer;
use crate::websocket::{Cause, Layers, NoTransport, Opening, Shared, Tuning, greet, start};

/// A connection that is being opened, and then conducted.
pub(super) struct Opener {
    pub(super) trip: Trip,
    pub(super) transports: Vec<Transport>,
}

impl Opener {
    /// Opens the connection, and carries its session to the end.
    pub(super) async fn run(self, opening: Arc<Opening>) {
        let builder = &self.trip.builder;
        let (signal, timeout) = (builder.signal.clone(), builder.handshake_timeout);
        let peer = Peer::new(&builder.url, None);
        let (attached, conducted) = oneshot::channel();
        let open = async {
            match self.attach().await {
                Ok(won) => {
                    // The receiver is polled beside this.
                    let _ = attached.send(won);
                    open_link(&self.trip.core, builder).await
                }
                Err(nothing) if nothing.is_plain() => self.open_plain().await,
                Err(nothing) => Err(cause_of(nothing)),
            }
        };
        let conduct = async {
            if let Ok((held, disown)) = conducted.await {
                tokio::join!(conduct(&self.trip, &self.transports, held), disown);
            }
        };
        tokio::join!(settle(open, signal, timeout, opening, peer), conduct);
    }

    /// The first attachment. What is likely to pass is tried again, as long as opening may take.
    async fn attach(&self) -> Result<(Held, impl Future<Output = ()>), Nothing> {
        let mut backoff = Backoff::new();
        loop {
            let nothing = match choose::open(&self.trip, &self.transports).await {
                Ok(won) => return Ok(won),
                Err(nothing) if nothing.is_passing() && !nothing.is_plain() => nothing,
                Err(nothing) => return Err(nothing),
            };
            let is_first = backoff.is_fresh();
            let pause = backoff.next();
            if !(is_first && nothing.is_bad_gateway()) {
                sleep(pause).await;
            }
        }
    }

    /// The server keeps no sessions: a WebSocket as any other, with credits if it speaks them.
    async fn open_plain(&self) -> Result<Arc<Shared>, Cause> {
        let mut builder = self.trip.builder.clone();
        let way = self.trip.way().websocket(&builder, &Vec::new());
        builder = ClientBuilder { session: None, ..way };
        builder.handshake.credits = true;
        let url = crate::http::parse_url(&builder.url)?;
        let request = ClientRequest::new(url, builder.handshake.clone())?;
        self.trip.core.carries_nothing();
        Attempt { builder, request }.open().await
    }
}

/// A link over the session, once the server has greeted. Dropping the future ends the session.
async fn open_link(core: &Arc<Core>, builder: &ClientBuilder) -> Result<Arc<Shared>, Cause> {
    let mut io: Box<dyn Io> = Box::new(SessionStream::new(core.clone()));
    let mut seed = [0; 32];
    random(&mut seed)?;
    let mut agreed = Agreed { credits: true, ..Agreed::default() };
    let offered = &builder.handshake.protocols;
    // Sessions cut frames out of streams of bytes.
    let credits = builder.credits.clone().unwrap_or_default().apart(None);
    // An end is not given up while the session may still be resumed.
    let credits = Some(credits.outage(core.keep()));
    let config = builder.config.clone();
    let mut layers = Layers::new(Side::Client, config, credits, &agreed, offered, seed);
    agreed.protocol = greet(&mut io, &mut layers).await.map_err(|cause| match &cause {
        Cause::Lost(Some(error)) => Cause::of_session(error).unwrap_or(cause),
        _ => cause,
    })?;
    // The session sees to silence on its own; pings would be answered in this process.
    let deadlines = builder.tuning.deadlines.ping_interval(None);
    let tuning = Tuning { deadlines: Arc::new(deadlines), ..builder.tuning.clone() };
    Ok(start(io, layers, agreed, &tuning, &Peer::new(&builder.url, None)))
}

/// What `opened` fails with.
fn cause_of(nothing: Nothing) -> Cause {
    match nothing {
        Nothing::Lost(lost) => Cause::NotResumed(lost),
        Nothing::All(mut failed) => {
            if let [(Transport::WebSocket, TransportError::WebSocket(_))] = &failed[..]
                && let Some((_, TransportError::WebSocket(error))) = failed.pop()
            {
                return error.into_cause();
            }
            let tried = failed.into_iter().map(|(transport, error)| (transport.name(), error.into()));
            Cause::NoTransport(NoTransport::new(tried.collect()))
        }
    }
}
