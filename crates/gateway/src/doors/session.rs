//! A channel by a connection that outlives what carries it (docs/sessions.md): the conversation of its WebSocket, by any
//! of five transports.

use tidegate::{Connection, Transport};

use super::answer::Common;
use super::request::{InvalidRequest, of_connection};
use super::room::{self, Person, Via};
use super::socket::TakingPart;
use super::{Door, Doors, discard, reading, refuse};
use crate::front::{Client, Handling, Head, carry};
use crate::origins::Verdict;

/// Whether a request is one of a session, and none of a channel's own doors.
pub(super) fn is_asked_for(head: &Head<'_>) -> bool {
    head.parameter("session").is_some() || transport(head).is_some()
}

fn transport(head: &Head<'_>) -> Option<Transport> {
    head.parameter("transport").and_then(Transport::from_name)
}

impl Doors {
    pub(super) fn carry(&self, door: &Door, head: &Head<'_>, client: Client) -> Handling {
        // The page that may see this is told by whoever answers the others.
        let common = || Common::new(&Verdict::Own);
        if !door.has_name() {
            return refuse(discard(client, head), 404, super::NAME, common());
        }
        if head.parameter("session").is_some() {
            // It opened before.
            return carry(head, client, &self.acceptor, |_| std::future::ready(()));
        }
        let (begin, name) = match of_connection(head, self.settings.newcomers) {
            Ok(asked) => asked,
            Err(InvalidRequest(reason)) => return refuse(discard(client, head), 400, reason, common()),
        };
        let Ok(channel) = self.directory.open(&door.channel) else {
            return refuse(discard(client, head), 503, super::FULL, common().retry_after(10));
        };
        let (room, via) = (door.room.clone(), transport(head).map_or(Via::WebSocket, via));
        let handler = move |connection: Connection| {
            let person = Person { id: room::new_id(), name: name.clone(), via };
            TakingPart::carried(connection, reading(&channel, begin, None), room.seat(person))
        };
        carry(head, client, &self.acceptor, handler)
    }
}

fn via(transport: Transport) -> Via {
    match transport {
        Transport::Stream => Via::Stream,
        Transport::EventStream => Via::EventStream,
        Transport::LongPoll => Via::LongPoll,
        Transport::Poll => Via::Poll,
        _ => Via::WebSocket,
    }
}
