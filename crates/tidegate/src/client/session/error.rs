//! How an attachment fails.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use tidegate_proto::session::Violation;
use tidegate_proto::websocket::CloseInfo;
use tidegate_proto::websocket::handshake::HandshakeError;

use super::event_stream::MalformedEvent;
use crate::http::{ConnectError, InvalidUrl, RedirectError};
use crate::websocket::{Cause, NotResumed, WebSocketError};

/// Why one transport could not carry a session, or not any longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection to the server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The request cannot be made.
    #[error("invalid URL: {0}")]
    InvalidUrl(#[from] InvalidUrl),
    /// HTTP broke off, or was broken.
    #[error("HTTP failed: {}", innermost(&**.0))]
    Http(Box<dyn Error + Send + Sync>),
    /// The server, or a proxy before it, answered something else.
    #[error("the answer is {status}{}", suffix(.reason))]
    Status {
        /// The status of the answer.
        status: StatusCode,
        /// The one line that came with it.
        reason: String,
    },
    /// What was answered is not what was asked for, but a page perhaps.
    #[error("the answer is of the type {0:?}")]
    ContentType(String),
    /// The answer, or the WebSocket, carries no session.
    #[error("the server broke the protocol: {0}")]
    Broke(Violation),
    /// The answer is no event stream of a session.
    #[error("the event stream is malformed: {0}")]
    Events(String),
    /// The answer ended before it had begun to carry anything, or broke off.
    #[error("the answer broke off")]
    BrokeOff,
    /// Nothing came for so long.
    #[error("nothing has come for {0:?}")]
    Silent(Duration),
    /// A redirect that cannot be followed.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The WebSocket did not open, or failed.
    #[error(transparent)]
    WebSocket(WebSocketError),
    /// The server closed the WebSocket.
    #[error("the server closed the WebSocket with {}{}", .0.close_code, suffix(&.0.reason))]
    Closed(CloseInfo),
    /// The server takes WebSockets, but does not keep sessions.
    #[error("the server does not keep sessions")]
    NoSessions,
}

/// How a try to attach failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The session is lost.
    Lost(NotResumed),
    /// This transport does not work now.
    Transport(TransportError),
    /// It would work, but another was faster. This is the session that it has opened, and that nobody wants.
    Late(String),
}

impl TransportError {
    /// Whether the same may work the next moment: something on the way broke, and nobody refused anything.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Http(_) | Self::BrokeOff | Self::Silent(_) => true,
            Self::Status { status, .. } => is_passing(*status),
            Self::WebSocket(error) => match error.cause() {
                Cause::Handshake(refused) => status_of(refused).is_some_and(is_passing),
                Cause::Head(_) | Cause::Lost(_) | Cause::HandshakeTimedOut(_) => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the next try may follow at once: a gateway has lost its server, which is back when this is seen.
    pub(super) fn is_bad_gateway(&self) -> bool {
        let status = match self {
            Self::Status { status, .. } => Some(*status),
            Self::WebSocket(error) => match error.cause() {
                Cause::Handshake(refused) => status_of(refused),
                _ => None,
            },
            _ => None,
        };
        status == Some(StatusCode::BAD_GATEWAY)
    }
}

impl From<hyper::Error> for TransportError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(Box::new(error))
    }
}

impl From<MalformedEvent> for TransportError {
    fn from(error: MalformedEvent) -> Self {
        Self::Events(error.to_string())
    }
}

impl<E: Into<TransportError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Transport(error.into())
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

fn status_of(refused: &HandshakeError) -> Option<StatusCode> {
    match refused {
        HandshakeError::RefusedWithStatus(status) => Some(*status),
        _ => None,
    }
}

fn suffix(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// The words of the first cause, which say what really happened.
fn innermost(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let mut error: &dyn Error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
