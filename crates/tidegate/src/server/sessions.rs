//! Opening sessions, and finding them again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use tidegate_proto::session::AttachError;
use tidegate_proto::websocket::Side;
use tidegate_proto::websocket::handshake::{Refusal, receive};
use tokio_util::task::TaskTracker;

use super::acceptor::Acceptor;
use super::judged::{Judged, QUEUED_BYTES};
use crate::connection::Connection;
use crate::http::Asked;
use crate::session::{Attached, Loopback, Session, Transport};
use crate::transport::Query;
use crate::websocket::Attending;
use crate::websocket::observe;

/// Why a session is not resumed (docs/sessions.md, section 5).
#[derive(Debug, thiserror::Error)]
pub(super) enum NotResumed {
    /// It is not there, or not any more.
    #[error("no such session")]
    Unknown,
    /// Its frames behind that position are not there.
    #[error(transparent)]
    Position(#[from] AttachError),
    /// Nobody says from where on.
    #[error("the parameter after is missing")]
    NoPosition,
}

impl NotResumed {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Position(_) => StatusCode::GONE,
            Self::NoPosition => StatusCode::BAD_REQUEST,
        }
    }

    /// The code of the Close that says so on a WebSocket.
    pub(super) fn close_code(&self) -> u16 {
        4000 + self.status().as_u16()
    }
}

impl From<NotResumed> for Refusal {
    fn from(why: NotResumed) -> Self {
        let refusal = Self::new(why.status(), why.to_string());
        match why {
            NotResumed::Unknown | NotResumed::Position(_) => refusal.header(SESSION, LOST),
            NotResumed::NoPosition => refusal,
        }
    }
}

/// What tells this server's 404 and 410 from those of others on the way (docs/sessions.md, section 5).
pub(super) const SESSION: HeaderName = HeaderName::from_static("tidegate-session");
const LOST: HeaderValue = HeaderValue::from_static("lost");

impl Acceptor {
    /// The session of this id.
    pub(super) fn session(&self, id: &str) -> Result<Arc<Session>, NotResumed> {
        self.settings.sessions.find(id).ok_or(NotResumed::Unknown)
    }

    /// Attaches to a session that is there.
    pub(super) fn resume(
        &self,
        transport: Transport,
        id: &str,
        after: Option<u64>,
    ) -> Result<Attached, NotResumed> {
        let session = self.session(id)?;
        let after = after.ok_or(NotResumed::NoPosition)?;
        Ok(Attached::to(session, transport, after)?)
    }

    /// Judges a request that opens a session by another way than a WebSocket, and gives the headers of the answer.
    pub(super) async fn judge_opening(
        &self,
        request: &Request<()>,
        query: &Query,
    ) -> Result<(HeaderMap, Judged), Refusal> {
        let judged = self.weigh_opening(request, query).await;
        judged.inspect_err(|refusal| observe::refused(refusal.status(), refusal))
    }

    async fn weigh_opening(
        &self,
        request: &Request<()>,
        query: &Query,
    ) -> Result<(HeaderMap, Judged), Refusal> {
        self.check_sessions()?;
        // The hooks are asked what they are asked of a WebSocket.
        let offer = receive(&as_handshake(request, &query.protocols)?)?;
        let (response, mut judged) =
            Judged::weigh_offer(&self.settings, request, offer, self.settings.deadline()).await?;
        let mut headers = response.into_parts().0.headers;
        for name in
            [CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL]
        {
            headers.remove(name);
        }
        if !judged.agreed.credits {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "none of these protocols is spoken here"));
        }
        (judged.agreed.deflate, judged.agreed.extensions) = (None, String::new());
        Ok((headers, judged))
    }

    /// Resolves when the server goes away and its sessions have ended, so that nobody needs to ask anything more.
    pub(super) async fn departed(&self) {
        self.settings.connections.gone(Duration::ZERO).await;
        self.settings.sessions.emptied().await;
    }

    /// Whether there are sessions here.
    pub(super) fn check_sessions(&self) -> Result<(), Refusal> {
        if self.settings.session.is_some() && self.settings.credits.is_some() {
            Ok(())
        } else {
            Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "there are no sessions here"))
        }
    }

    /// Opens a session for a client that is let in, and runs `handler` for the connection over it.
    pub(super) fn open_session<H, F>(
        &self,
        judged: Judged,
        asked: Asked,
        handler: &H,
        tasks: &TaskTracker,
    ) -> Result<Arc<Session>, Refusal>
    where
        H: Fn(Connection) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let (sessions, config) = (&self.settings.sessions, self.settings.session.clone().unwrap_or_default());
        // What waits in front of it is a part of what it may hold.
        let kept = config.max_kept_bytes().saturating_sub(QUEUED_BYTES);
        let config = config.max_kept(kept);
        // Each lives a little longer than its place among the connections.
        let limit = self.settings.limits.total.saturating_mul(2);
        let opened = sessions.open(config, limit, &self.settings.tuning.budget).map_err(|error| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no random bytes: {error}"))
        })?;
        let Some(session) = opened else {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many sessions: try again later"));
        };
        let io = Loopback::new(Side::Server, session.clone());
        let (socket, driver) = judged.start_session(io, asked);
        let handling = handler(Connection::over(socket, session.carrier().clone()));
        drop(tasks.spawn(Attending::new(driver).beside(handling)));
        Ok(session)
    }
}

/// The request as a WebSocket's opening handshake would have it.
fn as_handshake(request: &Request<()>, protocols: &[String]) -> Result<Request<()>, Refusal> {
    let mut handshake = Request::new(());
    *handshake.method_mut() = Method::GET;
    handshake.uri_mut().clone_from(request.uri());
    *handshake.version_mut() = Version::HTTP_11;
    let headers = handshake.headers_mut();
    headers.clone_from(request.headers());
    let offered = [&["tidegate.v1".to_owned()], protocols].concat().join(", ");
    let offered = HeaderValue::try_from(offered).map_err(|_| Refusal::MalformedProtocols)?;
    headers.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    // Any will do: nobody sees the answer to it.
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="));
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    headers.entry(HOST).or_insert(HeaderValue::from_static("-"));
    Ok(handshake)
}
