//! How a WebSocketStream fails.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidegate_proto::credit::Violation;
use tidegate_proto::websocket::handshake::{HandshakeError, InvalidRequest};
use tidegate_proto::websocket::{ApiMisuse, CloseCode, CloseInfo, Failure, PeerMisbehaved};

use super::session_error::{NoTransport, NotResumed};
use crate::http::{ConnectError, HeadError, Http2Error, InvalidUrl, RedirectError};

/// What `opened`, `closed`, `read` and `write` fail with: a close code, a reason, and the [`Cause`].
///
/// All of one connection's failures are clones of one error, as in the WebSocketStream specification. A clean close
/// is never an error, except to a writer that still wanted to write.
#[derive(Clone)]
pub struct WebSocketError {
    close_code: Option<CloseCode>,
    reason: String,
    cause: Arc<Cause>,
}

/// Why, and whose doing it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The signal was cancelled, or `close` called, before the connection was open.
    #[error("aborted before the connection was open")]
    Aborted,
    /// The URL cannot be connected to: the caller's doing.
    #[error("invalid URL: {0}")]
    InvalidUrl(#[from] InvalidUrl),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Randomness(getrandom::Error),
    /// No connection to the server could be made.
    #[error("cannot connect: {0}")]
    Connect(#[from] ConnectError),
    /// The request cannot be made as asked for: the caller's doing.
    #[error("invalid request: {0}")]
    InvalidRequest(#[from] InvalidRequest),
    /// The server could not be asked over HTTP/2.
    #[error("the opening handshake failed: {0}")]
    Http2(#[from] Http2Error),
    /// The server's answer to the opening handshake could not be read.
    #[error("the opening handshake failed: {0}")]
    Head(#[from] HeadError),
    /// The server did not agree to the opening handshake, or answered it wrongly.
    #[error("the opening handshake failed: {0}")]
    Handshake(#[from] HandshakeError),
    /// The server redirected, redirects are to be followed, and this one cannot be.
    #[error("the opening handshake failed: {0}")]
    Redirect(#[from] RedirectError),
    /// The opening handshake took longer than its timeout.
    #[error("the opening handshake took longer than {0:?}")]
    HandshakeTimedOut(Duration),
    /// The peer broke a rule of the protocol; it was told by a Close frame.
    #[error("the peer broke the protocol: {0}")]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// The peer broke a rule of credits (`tidegate.v1`); it was told by END and Close.
    #[error("the peer broke the protocol: {0}")]
    BrokeCredits(Violation),
    /// By credit, the peer sent a Close without an END before it, so messages may be missing.
    #[error("the peer closed without an END: messages may be missing")]
    NoEnd,
    /// The transport ended before the peer's Close came.
    #[error("connection lost without a Close frame{}", .0.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Lost(Option<io::Error>),
    /// The peer did not answer our Close in time.
    #[error("the peer did not answer the Close in time")]
    CloseTimedOut,
    /// Not a byte came within this time after a ping.
    #[error("no sign of life from the peer within {0:?} of a ping")]
    PongTimedOut(Duration),
    /// The transport took nothing of what waits to be sent for this long.
    #[error("the peer has taken nothing for {0:?}")]
    WriteStalled(Duration),
    /// No message came or went for this long.
    #[error("no message for {0:?}")]
    IdleTimedOut(Duration),
    /// What all connections hold together had reached the [`Budget`](crate::Budget)'s limit of this many bytes,
    /// nobody could go on, and this one held the most.
    #[error("all connections together held {0} bytes, and this one the most of them")]
    BudgetExhausted(usize),
    /// The peer closed cleanly, but not all that had been written could be sent before.
    #[error("the peer closed before everything written was sent")]
    Unsent,
    /// The peer closed in the middle of a message that was being read in chunks.
    #[error("the peer closed in the middle of a message")]
    CutOff,
    /// A write to a connection that the peer has closed.
    #[error("the peer has closed the connection with {}{}", .0.close_code, reason_suffix(&.0.reason))]
    PeerClosed(CloseInfo),
    /// A call that breaks the contract of this library.
    #[error("{0}")]
    ApiMisuse(#[from] ApiMisuse),
    /// The session could not go on, whatever was tried. What was written last may or may not have arrived.
    #[error("the session was not resumed: {0}")]
    NotResumed(NotResumed),
    /// Nothing that was tried could carry a session.
    #[error("cannot connect: {0}")]
    NoTransport(NoTransport),
    /// The server took the WebSocket, but does not keep sessions (docs/sessions.md).
    #[error("the server does not keep sessions")]
    NoSessions,
    /// `opened` was awaited a second time: it gives `readable` and `writable` away.
    #[error("`opened` has already given out the readable and the writable")]
    OpenedTwice,
}

fn reason_suffix(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" {reason:?}") }
}

impl Cause {
    /// What a stream's failure means, if the stream is a session's.
    pub(crate) fn of_session(error: &io::Error) -> Option<Self> {
        let not_resumed = error.get_ref()?.downcast_ref::<NotResumed>()?;
        Some(Self::NotResumed(not_resumed.clone()))
    }
}

impl WebSocketError {
    /// An error that belongs to no Close frame.
    pub(crate) fn without_code(cause: impl Into<Cause>) -> Self {
        Self { close_code: None, reason: String::new(), cause: Arc::new(cause.into()) }
    }

    /// The end of a connection for which no Close frame came: 1006.
    pub(crate) fn abnormal(cause: impl Into<Cause>) -> Self {
        Self::without_code(cause).with_code(CloseCode::ABNORMAL)
    }

    /// A failure at or after the peer's Close.
    pub(crate) fn after_close(info: CloseInfo, cause: impl Into<Cause>) -> Self {
        Self { close_code: Some(info.close_code), reason: info.reason, cause: Arc::new(cause.into()) }
    }

    /// The same failure, as `closed` tells it.
    pub(crate) fn with_code(mut self, close_code: CloseCode) -> Self {
        self.close_code = Some(close_code);
        self
    }

    /// The close code: the peer's, or 1006 when no Close frame came. `None` when the connection never opened, or
    /// when the error is of one call only.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.close_code
    }

    /// The peer's reason; mostly empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Why, and whose doing it was.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The cause of an error that nobody has a copy of.
    pub(crate) fn into_cause(self) -> Cause {
        Arc::into_inner(self.cause).unwrap_or(Cause::Lost(None))
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketError")
            .field("close_code", &self.close_code)
            .field("reason", &self.reason)
            .field("cause", &self.cause)
            .finish()
    }
}

impl std::error::Error for WebSocketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl From<ApiMisuse> for WebSocketError {
    fn from(misuse: ApiMisuse) -> Self {
        Self::without_code(misuse)
    }
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::PeerMisbehaved(misbehaved) => Self::PeerMisbehaved(misbehaved),
            Failure::CloseTimedOut => Self::CloseTimedOut,
            _ => Self::Lost(None),
        }
    }
}
