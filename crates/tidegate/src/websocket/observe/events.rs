//! A span for each connection, and events.

#[cfg(feature = "tracing")]
pub(crate) use self::on::Scope;
#[cfg(feature = "tracing")]
pub(super) use self::on::{Span, refused, unopened};

#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::Scope;
#[cfg(not(feature = "tracing"))]
pub(super) use self::off::{Span, refused, unopened};

#[cfg(feature = "tracing")]
mod on {
    use std::fmt::Display;

    use http::StatusCode;
    use tidegate_proto::websocket::Side;
    use tracing::field::{Empty, display};
    use tracing::instrument::{Instrument, Instrumented};

    use crate::websocket::ending::Ending;
    use crate::websocket::observe::peer::{Peer, name};
    use crate::websocket::shared::Shared;
    use crate::websocket::stats::Stats;

    /// The span of a connection, from open to end.
    pub(in super::super) struct Span {
        span: tracing::Span,
    }

    impl Span {
        pub(in super::super) fn opened(shared: &Shared, side: Side, peer: &Peer) -> Self {
            let (protocol, extensions) = shared.names();
            let span = tracing::info_span!(
                target: "tidegate",
                "websocket",
                side = name(side),
                url = peer.url,
                peer = peer.address.map(display),
                protocol,
                extensions,
                close_code = Empty,
            );
            tracing::info!(target: "tidegate", parent: &span, "open");
            Self { span }
        }

        pub(in super::super) fn scope(&self) -> Scope {
            Scope { span: self.span.clone() }
        }

        pub(in super::super) fn ended(&mut self, ending: &Ending, kind: &str, stats: &Stats) {
            let close_code = match ending {
                Ok(info) => Some(info.close_code),
                Err(error) => error.close_code(),
            };
            let close_code = close_code.map(u16::from);
            self.span.record("close_code", close_code);
            let Stats { bytes_read, bytes_written, messages_read, messages_written, write_waits, .. } =
                *stats;
            match ending {
                Ok(info) => tracing::info!(
                    target: "tidegate", parent: &self.span,
                    close_code, reason = ?info.reason,
                    bytes_read, bytes_written, messages_read, messages_written, write_waits, "closed"
                ),
                Err(error) if kind.ends_with("timed_out") || kind == "write_stalled" => tracing::warn!(
                    target: "tidegate", parent: &self.span,
                    close_code, kind, %error,
                    bytes_read, bytes_written, messages_read, messages_written, write_waits, "deadline passed"
                ),
                Err(error) => tracing::warn!(
                    target: "tidegate", parent: &self.span,
                    close_code, kind, %error,
                    bytes_read, bytes_written, messages_read, messages_written, write_waits, "failed"
                ),
            }
        }
    }

    /// What a handler of the connection runs in: its span.
    pub(crate) struct Scope {
        span: tracing::Span,
    }

    impl Scope {
        /// Calls a handler, and has what it returns run in the span too.
        pub(crate) fn call<F: Future>(self, handler: impl FnOnce() -> F) -> Instrumented<F> {
            self.span.in_scope(handler).instrument(self.span)
        }
    }

    pub(in super::super) fn refused(status: StatusCode, reason: &dyn Display) {
        tracing::info!(target: "tidegate", status = status.as_u16(), %reason, "refused");
    }

    pub(in super::super) fn unopened(side: Side, peer: &Peer, kind: &'static str, error: &dyn Display) {
        let (url, peer) = (&*peer.url, peer.address.map(display));
        tracing::warn!(target: "tidegate", side = name(side), url, peer, kind, error = %error, "not opened");
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::fmt::Display;

    use http::StatusCode;
    use tidegate_proto::websocket::Side;

    use crate::websocket::ending::Ending;
    use crate::websocket::observe::peer::Peer;
    use crate::websocket::shared::Shared;
    use crate::websocket::stats::Stats;

    pub(in super::super) struct Span;

    impl Span {
        pub(in super::super) fn opened(_: &Shared, _: Side, _: &Peer) -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(in super::super) fn scope(&self) -> Scope {
            Scope
        }

        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(in super::super) fn ended(&mut self, _: &Ending, _: &str, _: &Stats) {}
    }

    /// Nothing: the handler is called as it is.
    pub(crate) struct Scope;

    impl Scope {
        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) fn call<F: Future>(self, handler: impl FnOnce() -> F) -> F {
            handler()
        }
    }

    pub(in super::super) fn refused(_: StatusCode, _: &dyn Display) {}

    pub(in super::super) fn unopened(_: Side, _: &Peer, _: &'static str, _: &dyn Display) {}
}
