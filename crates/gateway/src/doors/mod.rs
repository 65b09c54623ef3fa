//! The doors of a channel: what a request on its URL gets, by content negotiation.
//!
//! | request | gives |
//! |---|---|
//! | `GET`, `Upgrade: websocket` | a WebSocket: receives publications, and what it sends is published |
//! | `GET`, `Accept: text/event-stream` | an event stream |
//! | `GET`, `Accept: application/x-ndjson` | lines of NDJSON without an end |
//! | `GET`, `Prefer: wait=30` | the next publications, or 204 after so many seconds: long polling |
//! | `GET` | what has come since the position, or 204: polling |
//! | `POST` | publishes the body, and answers the position |
//!
//! None of them has a session: a reader is its position. docs/channels.md says what clients have to know.

mod answer;
mod cookie;
mod door;
mod poll;
mod publish;
mod request;
mod room;
mod session;
mod socket;
mod stream;

use std::sync::Arc;

use tidegate::{Acceptor, Config, Connection, Connections, OriginPolicy};

use crate::channel::{Channel, Directory, Limits, Position, Publication, Reading};
use crate::front::{Client, DRAIN, Framing, Handling, Head, Reply, carry, open, send};
use crate::origins::{Origins, Verdict};
use answer::Common;
use cookie::Memory;
pub(crate) use door::{Door, Kind};
use request::{Asked, Begin, InvalidRequest, Wire};
pub(crate) use room::Room;
use room::{Person, Seat, Via};

/// Every channel, and how one comes in.
pub(crate) struct Doors {
    directory: Directory,
    acceptor: Acceptor,
    connections: Connections,
    settings: Settings,
}

/// What holds for all channels.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) origins: Origins,
    /// How many publications a reader gets first that names no position.
    pub(crate) newcomers: u64,
    /// The most bytes of a publication.
    pub(crate) max_publication: usize,
    /// How many connections there may be at a time, and as many sessions.
    pub(crate) max_connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            limits,
            origins: Origins::default(),
            newcomers: 50,
            max_publication: 64 * 1024,
            max_connections: 65_536,
        }
    }
}

const NAME: &str = "a channel's name has letters, digits, '.', '_', '-' and '~', at most 128";
const FULL: &str = "there are as many channels as there may be";

impl Doors {
    pub(crate) fn new(settings: Settings) -> Self {
        let bytes = settings.max_publication as u64;
        let origins = match &settings.origins {
            Origins::Same => OriginPolicy::SameOrigin,
            Origins::Any => OriginPolicy::Any,
            Origins::List(list) => OriginPolicy::List(list.clone()),
        };
        // What is sent is one and the same for all, so compressing it for each would be waste. Connections are counted
        // by the front; but a session is there when nothing carries it, too.
        let config = Config::default().deflate(None).max_message_bytes(bytes).max_frame_bytes(bytes);
        let connections = Connections::new();
        let acceptor = Acceptor::new()
            .connections(connections.clone())
            .config(config)
            .origins(origins)
            .max_connections(settings.max_connections.saturating_mul(2))
            .max_connections_per_ip(usize::MAX);
        Self { directory: Directory::new(settings.limits), acceptor, connections, settings }
    }

    /// The WebSockets that are open here, and may be elsewhere.
    pub(crate) fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// The server goes away: what is held is answered, streams end, and WebSockets are closed.
    pub(crate) async fn leave(&self) {
        self.directory.call_readers();
        self.connections().shut_down(DRAIN).await;
    }

    /// Answers a request at a door.
    pub(crate) fn handle(self: &Arc<Self>, door: &Door, head: &Head<'_>, client: Client) -> Handling {
        if door.kind == Kind::Any && session::is_asked_for(head) {
            return self.carry(door, head, client);
        }
        let verdict =
            self.settings.origins.judge(head.header("origin"), head.header("host").unwrap_or_default());
        let common = Common::new(&verdict);
        let kind = match (door.kind, head.method()) {
            (_, "OPTIONS") => return answer::options(client, head, door.kind, &verdict, common),
            (Kind::Any, "POST") | (Kind::Publish, "POST") => Kind::Publish,
            (Kind::Any, "GET") if asks_for_socket(head) => Kind::Socket,
            (Kind::Socket, "GET") => Kind::Socket,
            (Kind::Any | Kind::Subscribe, "GET" | "HEAD") => door.kind,
            (kind, _) => return answer::method_not_allowed(client, kind, common),
        };
        if kind == Kind::Publish && matches!(verdict, Verdict::Foreign) {
            let reason = "pages of this origin may not publish here";
            return refuse(client.last(), 403, reason, common);
        }
        if kind != Kind::Publish && head.framing() != Framing::None {
            return refuse(client.last(), 400, "a request to read has no body", common);
        }
        if !door.has_name() {
            return refuse(discard(client, head), 404, NAME, common);
        }
        let asked = match Asked::of(head, door.kind, self.settings.newcomers) {
            Ok(asked) => asked,
            Err(InvalidRequest(reason)) => return refuse(discard(client, head), 400, reason, common),
        };
        let Ok(channel) = self.directory.open(&door.channel) else {
            let common = common.retry_after(10);
            return refuse(discard(client, head), 503, FULL, common);
        };
        let memory = Memory::of(head, &door.channel, &door.room);
        let is_foreign = matches!(verdict, Verdict::Foreign);
        let visit = Visit { head, door, asked, memory, common, is_foreign };
        match kind {
            Kind::Publish => self.publish(visit, client, channel),
            Kind::Socket => self.open_socket(visit, client, channel),
            Kind::Any | Kind::Subscribe => visit.read(client, &channel),
        }
    }

    /// Publishes what the gateway itself has to say. Where there are as many channels as there may be, nobody hears it.
    pub(crate) fn publish_news(&self, channel: &str, text: String) {
        if let Ok(channel) = self.directory.open(channel) {
            channel.publish(Publication::new(text));
        }
    }

    /// Answers a request of a session.
    fn carry(&self, door: &Door, head: &Head<'_>, client: Client) -> Handling {
        // Which page may see an answer is told by whoever gives it; these are no answers of a session.
        let common = || Common::new(&Verdict::Own);
        if !door.has_name() {
            return refuse(discard(client, head), 404, NAME, common());
        }
        if session::has_begun(head) {
            return carry(head, client, &self.acceptor, |_| std::future::ready(()));
        }
        let (begin, name) = match request::of_connection(head, self.settings.newcomers) {
            Ok(asked) => asked,
            Err(InvalidRequest(reason)) => return refuse(discard(client, head), 400, reason, common()),
        };
        let Ok(channel) = self.directory.open(&door.channel) else {
            return refuse(discard(client, head), 503, FULL, common().retry_after(10));
        };
        let (room, via) = (door.room.clone(), session::via(head));
        let handler = move |connection: Connection| {
            let person = Person { id: room::new_id(), name: name.clone(), via };
            socket::TakingPart::carried(connection, reading(&channel, begin, None), room.seat(person))
        };
        carry(head, client, &self.acceptor, handler)
    }

    fn publish(&self, visit: Visit<'_>, client: Client, channel: Arc<Channel>) -> Handling {
        let Visit { head, door, asked, memory, common, .. } = visit;
        let person = door.room.speaker(memory.id(), asked.name);
        let publishing = publish::Publishing { channel, room: door.room.clone(), person, common };
        Box::pin(publishing.run(client, head.framing(), self.settings.max_publication))
    }

    fn open_socket(&self, visit: Visit<'_>, client: Client, channel: Arc<Channel>) -> Handling {
        let Visit { head, door, asked, is_foreign, .. } = visit;
        let person = Person { id: room::new_id(), name: asked.name, via: Via::WebSocket };
        // Before the response is sent: whoever sees the socket open is in the room, and misses nothing from then on.
        let reading = reading(&channel, asked.begin, None);
        let is_let_in = asks_for_socket(head) && !is_foreign;
        let seat = if is_let_in { door.room.seat(person) } else { Seat::Plain };
        open(head, client, &self.acceptor, move |socket| socket::TakingPart::new(socket, reading, seat))
    }
}

/// A request on a channel that is in order.
struct Visit<'a> {
    head: &'a Head<'a>,
    door: &'a Door,
    asked: Asked,
    memory: Memory,
    common: Common,
    /// It comes from a page that may not publish.
    is_foreign: bool,
}

impl Visit<'_> {
    fn read(self, client: Client, channel: &Arc<Channel>) -> Handling {
        let Self { head, door, asked, memory, common, .. } = self;
        if head.method() == "HEAD" {
            return answer::head(client, channel.end(), common);
        }
        let id = memory.id().unwrap_or_else(room::new_id);
        let present = door.room.enter(Person { id, name: asked.name, via: asked.wire.via() });
        match asked.wire {
            Wire::Stream(form) => {
                let reading = reading(channel, asked.begin, None);
                let common = common.cookie(door.room.is_shared().then(|| memory.introduce(id)).flatten());
                Box::pin(stream::Streaming::new(client, reading, form, &common, present))
            }
            Wire::Poll { form, wait } => {
                let reading = reading(channel, asked.begin, memory.position());
                let cookie = poll::Cookie {
                    id,
                    // Whoever keeps the position itself needs none.
                    keeps_position: matches!(asked.begin, Begin::Last(_)),
                    introduces: door.room.is_shared(),
                    memory,
                };
                let silence = door.kind.silence();
                poll::Poll { reading, form, wait, cookie, common, present, silence }.run(client)
            }
        }
    }
}

/// Where a request begins to read: where it says, else where the cookie says, else at the last ones.
fn reading(channel: &Arc<Channel>, begin: Begin, cookie: Option<Position>) -> Reading {
    match (begin, cookie) {
        (Begin::After(position), _) | (Begin::Last(_), Some(position)) => channel.read_after(position),
        (Begin::Back(count), _) | (Begin::Last(count), None) => channel.read_last(count),
    }
}

fn asks_for_socket(head: &Head<'_>) -> bool {
    head.lists("upgrade", "websocket")
}

/// A body that nobody reads ends the connection.
fn discard(client: Client, head: &Head<'_>) -> Client {
    if head.framing() == Framing::None { client } else { client.last() }
}

fn refuse(client: Client, status: u16, reason: &'static str, common: Common) -> Handling {
    Box::pin(send(client, common.on(Reply::reason(status, reason))))
}
