//! Requests of a connection that outlives what carries it (docs/sessions.md): the conversation of a channel's WebSocket, by
//! any of five transports.

use tidegate::Transport;

use super::room::Via;
use crate::front::Head;

/// Whether a request is one of a session, and none of a channel's own doors.
pub(super) fn is_asked_for(head: &Head<'_>) -> bool {
    has_begun(head) || transport(head).is_some()
}

/// Whether its session was opened by an earlier one.
pub(super) fn has_begun(head: &Head<'_>) -> bool {
    head.parameter("session").is_some()
}

/// What carries the session at first.
pub(super) fn via(head: &Head<'_>) -> Via {
    match transport(head) {
        Some(Transport::Stream) => Via::Stream,
        Some(Transport::EventStream) => Via::EventStream,
        Some(Transport::LongPoll) => Via::LongPoll,
        Some(Transport::Poll) => Via::Poll,
        _ => Via::WebSocket,
    }
}

fn transport(head: &Head<'_>) -> Option<Transport> {
    head.parameter("transport").and_then(Transport::from_name)
}
