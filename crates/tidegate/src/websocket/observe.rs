//! What is told of connections to `tracing` and `metrics`, where these features are on; docs/observability.md lists
//! it. Without them, all of this is nothing.
//!
//! Nothing is told per message: a connection's counters are passed on when its driver comes by, and at its end.

mod events;
mod numbers;
mod peer;

use std::fmt::Display;

use http::StatusCode;
use tidegate_proto::websocket::Side;

pub(crate) use self::events::Scope;
use self::events::Span;
use self::numbers::Numbers;
pub(crate) use self::peer::Peer;
use super::error::Cause;
use super::link::Link;
use super::shared::Shared;

/// What accompanies an open connection.
pub(crate) struct Observer {
    span: Span,
    numbers: Numbers,
}

impl Observer {
    pub(crate) fn opened(shared: &Shared, side: Side, peer: &Peer) -> Self {
        Self { span: Span::opened(shared, side, peer), numbers: Numbers::opened(side) }
    }

    /// What a handler of the connection runs in.
    pub(crate) fn scope(&self) -> Scope {
        self.span.scope()
    }

    /// Passes on what was counted since the last time.
    pub(crate) fn pass_by(&mut self, link: &Link) {
        self.numbers.pass_on(link);
    }

    /// The transport is gone, and it is known how that came.
    pub(crate) fn ended(&mut self, link: &Link) {
        self.numbers.pass_on(link);
        if let Some(ending) = link.ending() {
            let kind = ending.as_ref().map_or_else(|error| kind(error.cause()), |_| "clean");
            self.numbers.ended(kind);
            self.span.ended(ending, kind, &link.stats());
        }
    }
}

/// A server did not accept a request, and answered with this status.
pub(crate) fn refused(status: StatusCode, reason: &dyn Display) {
    events::refused(status, reason);
    numbers::refused(status);
}

/// A connection did not come to be open, on the server's side before there was a request to refuse.
pub(crate) fn unopened(side: Side, peer: &Peer, kind: &'static str, error: &dyn Display) {
    events::unopened(side, peer, kind, error);
    numbers::unopened(side, kind);
}

/// The kind of a failure, one word for each [`Cause`].
pub(crate) fn kind(cause: &Cause) -> &'static str {
    match cause {
        Cause::Aborted => "aborted",
        Cause::InvalidUrl(_) => "invalid_url",
        Cause::Randomness(_) => "randomness",
        Cause::Connect(_) => "connect",
        Cause::InvalidRequest(_) => "invalid_request",
        Cause::Http2(_) => "http2",
        Cause::Head(_) => "head",
        Cause::Handshake(_) => "handshake",
        Cause::Redirect(_) => "redirect",
        Cause::HandshakeTimedOut(_) => "handshake_timed_out",
        Cause::PeerMisbehaved(_) => "peer_misbehaved",
        Cause::BrokeCredits(_) => "broke_credits",
        Cause::NoEnd => "no_end",
        Cause::Lost(_) => "lost",
        Cause::CloseTimedOut => "close_timed_out",
        Cause::NotResumed(_) => "not_resumed",
        Cause::NoTransport(_) => "no_transport",
        Cause::NoSessions => "no_sessions",
        Cause::PongTimedOut(_) => "pong_timed_out",
        Cause::WriteStalled(_) => "write_stalled",
        Cause::IdleTimedOut(_) => "idle_timed_out",
        Cause::BudgetExhausted(_) => "budget_exhausted",
        Cause::Unsent => "unsent",
        Cause::CutOff => "cut_off",
        Cause::PeerClosed(_) => "peer_closed",
        Cause::ApiMisuse(_) => "api_misuse",
        Cause::OpenedTwice => "opened_twice",
    }
}
