//! WebSockets of connections: plain ones, and those that carry a session.

use std::future::Future;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use tidegate_proto::websocket::handshake::{Agreed, Answer, Refusal, receive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;

use super::acceptor::Acceptor;
use super::judged::{Judged, agree};
use crate::connection::Connection;
use crate::http::{Asked, Io};
use crate::session::{Attached, Transport};
use crate::transport::{InvalidQuery, Query, carry, turn_away};
use crate::websocket::Attending;
use crate::websocket::observe;

/// What waits for the byte stream behind the response to an opening handshake.
pub(super) struct Waiting {
    judged: Judged,
    purpose: Purpose,
}

/// What the WebSocket is for.
enum Purpose {
    /// A connection of its own.
    Plain,
    /// It opens a session, which has a place of its own.
    Open(Box<Judged>),
    /// It carries a session that is there already.
    Resume { session: String, after: Option<u64> },
    /// Its parameters are wrong, which it can hear only when it is open.
    Wrong(InvalidQuery),
}

/// The WebSocket of a [`Connection`], plain or one that carries a session, that waits for the byte stream behind its
/// response. It holds a place among the connections, which is free again when this is dropped.
#[must_use = "the WebSocket opens when `start` is called"]
pub struct Handover {
    acceptor: Acceptor,
    request: Request<()>,
    waiting: Waiting,
}

impl Acceptor {
    /// Judges a request that opens a WebSocket, whether that is to be a connection or to carry one, and that an HTTP
    /// server of one's own has read: the response to send, and what to [`start`](Handover::start) behind it.
    /// [`respond`](Self::respond) answers all other requests of connections, from any server.
    ///
    /// May be dropped at any await: the places that the request took are free again.
    ///
    /// # Errors
    ///
    /// The refusal to send instead, by [`Refusal::into_response`].
    pub async fn answer_any<B>(&self, request: Request<B>) -> Result<(Response<()>, Handover), Refusal> {
        let request = request.map(drop);
        let (response, waiting) = self.judge_websocket(&request).await?;
        Ok((response, Handover { acceptor: self.clone(), request, waiting }))
    }

    /// Judges a request that opens a WebSocket of either kind.
    pub(super) async fn judge_websocket(
        &self,
        request: &Request<()>,
    ) -> Result<(Response<()>, Waiting), Refusal> {
        let query = match Query::of(request.uri()) {
            Ok(query) if query.transport.is_some() => query,
            // What looks like a parameter of ours is the application's own.
            Ok(_) => return self.judge_plain(request).await,
            Err(_) if !names_transport(request) => return self.judge_plain(request).await,
            Err(error) => {
                let (response, judged) = self.judge_carrier(request)?;
                return Ok((response, Waiting { judged, purpose: Purpose::Wrong(error) }));
            }
        };
        if query.transport != Some(Transport::WebSocket) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "this transport is no WebSocket"));
        }
        self.check_sessions()?;
        if let Some(session) = query.session {
            let (response, judged) = self.judge_carrier(request)?;
            let purpose = Purpose::Resume { session, after: query.after };
            return Ok((response, Waiting { judged, purpose }));
        }
        let (response, mut judged) = self.judge(request, self.settings.deadline()).await?;
        if !judged.agreed.credits {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, NOT_OFFERED));
        }
        let mut session = judged.beside(request)?;
        std::mem::swap(&mut session.agreed.protocol, &mut judged.agreed.protocol);
        Ok((response, Waiting { judged, purpose: Purpose::Open(Box::new(session)) }))
    }

    async fn judge_plain(&self, request: &Request<()>) -> Result<(Response<()>, Waiting), Refusal> {
        let (response, judged) = self.judge(request, self.settings.deadline()).await?;
        Ok((response, Waiting { judged, purpose: Purpose::Plain }))
    }

    /// Judges a WebSocket that is to carry a session that is there: whoever knows its id was judged before.
    fn judge_carrier(&self, request: &Request<()>) -> Result<(Response<()>, Judged), Refusal> {
        self.weigh_carrier(request).inspect_err(|refusal| observe::refused(refusal.status(), refusal))
    }

    fn weigh_carrier(&self, request: &Request<()>) -> Result<(Response<()>, Judged), Refusal> {
        let settings = &self.settings;
        let offer = receive(request)?;
        if !settings.origins.allows(offer.origin(), request.headers()) {
            return Err(Refusal::forbidden_origin());
        }
        if !offer.offers_credits() {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, NOT_OFFERED));
        }
        let slot = settings.connections.enter(settings.limits, settings.policy.ip(request))?;
        let answer = Answer {
            // Which one the session speaks was told when it opened.
            protocol: offer.protocols().first().cloned(),
            deflate: settings.config.deflate_config().copied(),
            headers: HeaderMap::new(),
            credits: true,
        };
        let (response, agreed) = agree(offer, answer)?;
        Ok((response, Judged { agreed, settings: settings.clone(), slot }))
    }
}

impl Handover {
    /// Opens the WebSocket on `io`, once the response has been sent, and runs `handler` where that opens a connection, in
    /// a task of its own. `already_read` are bytes that came behind the request. Must be called on a tokio runtime.
    pub fn start<H, F>(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        already_read: impl Into<Bytes>,
        handler: &H,
    ) where
        H: Fn(Connection) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { acceptor, request, waiting } = self;
        let asked = Asked::request_of(request);
        waiting.start(&acceptor, io, already_read.into(), asked, handler, &TaskTracker::new());
    }
}

impl Waiting {
    /// Opens the WebSocket on `io`, and has everything run that belongs to it, in some of the `tasks`. `asked` is
    /// the request; `already_read` came behind it.
    pub(super) fn start<H, F>(
        self,
        acceptor: &Acceptor,
        io: impl Io,
        already_read: Bytes,
        asked: Asked,
        handler: &H,
        tasks: &TaskTracker,
    ) where
        H: Fn(Connection) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { judged, purpose } = self;
        let (attached, code, reason) = match purpose {
            Purpose::Plain => {
                let (socket, driver) = judged.start(io, already_read, asked);
                let handling = handler(socket.into());
                drop(tasks.spawn(Attending::new(driver).beside(handling)));
                return;
            }
            Purpose::Open(session) => {
                let opened = acceptor.open_session(*session, asked, handler, tasks);
                let attached = opened.map(|session| Attached::to(session, Transport::WebSocket, 0));
                match attached {
                    Ok(Ok(attached)) => (Some(attached), 0, String::new()),
                    // A session that has just begun is at 0.
                    Ok(Err(error)) => (None, 4410, error.to_string()),
                    Err(refusal) => (None, 1013, refusal.to_string()),
                }
            }
            Purpose::Resume { session, after } => {
                match acceptor.resume(Transport::WebSocket, &session, after) {
                    Ok(attached) => (Some(attached), 0, String::new()),
                    Err(why) => (None, why.close_code(), why.to_string()),
                }
            }
            Purpose::Wrong(error) => (None, 4400, error.to_string()),
        };
        let (socket, driver) = judged.start_carrier(io, already_read);
        let attending = Attending::new(driver);
        // Not among the tasks that a shutdown waits for: they end with their sessions.
        drop(match attached {
            Some(attached) => tokio::spawn(attending.beside(carry(socket, attached))),
            None => tokio::spawn(attending.beside(async move { turn_away(socket, code, &reason).await })),
        });
    }
}

impl Judged {
    /// A session beside the WebSocket that opens it: with a place of its own, and without compression.
    fn beside(&self, request: &Request<()>) -> Result<Self, Refusal> {
        let settings = &self.settings;
        let slot = settings.connections.enter(settings.limits, settings.policy.ip(request))?;
        let agreed = Agreed { credits: true, ..Agreed::default() };
        Ok(Self { agreed, settings: settings.clone(), slot })
    }
}

fn names_transport(request: &Request<()>) -> bool {
    let mut parameters = request.uri().query().unwrap_or_default().split('&');
    parameters.any(|parameter| parameter.starts_with("transport="))
}

const NOT_OFFERED: &str = "a WebSocket carries a session by tidegate.v1, which must be offered";
