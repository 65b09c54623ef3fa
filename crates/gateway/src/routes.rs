//! Which path gives what.

use std::sync::Arc;

use tidegate::Acceptor;
use tokio::time::timeout;

use crate::assets;
use crate::chat::Chat;
use crate::doors::{Door, Doors, Kind, Room};
use crate::front::{Client, DRAIN, Framing, Handling, Head, Leaving, Reply, Site, open, send};
use crate::settings::Settings;
use crate::upload::Reception;
use crate::uploading::{self, News, is_news};
use crate::{echo, firehose, hello};

/// Where the channels are.
const CHANNELS: &str = "/channels/";

/// What `tidegate serve` offers: channels, and uploads if there is a place for them.
pub(crate) struct Gateway {
    common: Common,
}

/// What is everywhere.
struct Common {
    doors: Arc<Doors>,
    reception: Option<Reception>,
}

/// What `tidegate demo` offers: a page, what it uses, channels, of which one is a chat, and uploads if there is a place
/// for them.
pub(crate) struct Demo {
    common: Common,
    chat: Arc<Chat>,
    meters: firehose::Meters,
    echo_acceptor: Acceptor,
    firehose_acceptor: Acceptor,
    hello_acceptor: Acceptor,
}

/// The page loads nothing from elsewhere, and talks to nobody else but the WebSockets of its host, which older
/// browsers do not take for `'self'`.
const CONTENT_POLICY: &str =
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; img-src 'self' data:";

/// The one channel that is a chat.
const CHAT: &str = "chat";

/// What `/` of `tidegate serve` says; `HTTP` and `WS` stand for its URL.
const WELCOME: &str = "\
Tidegate: a channel is a URL.

  curl -d 'hello' HTTP/channels/news                               # publish
  curl HTTP/channels/news                                          # what there is
  curl -N -H 'Accept: text/event-stream' HTTP/channels/news        # follow it, also by EventSource
  curl -N -H 'Accept: application/x-ndjson' HTTP/channels/news     # follow it, line by line
  curl -H 'Prefer: wait=30' 'HTTP/channels/news?last=0'            # wait for the next one
  tidegate connect WS/channels/news                                # both ways
";

/// What it says besides where uploads are taken.
const WELCOME_UPLOADS: &str = "
Uploads that go on, by tus 1.0.0 and the IETF draft:

  tidegate upload FILE HTTP/uploads
";

impl Common {
    fn new(settings: Settings) -> Self {
        let (doors, uploads) = settings.into_parts();
        let origins = doors.origins.clone();
        let doors = Arc::new(Doors::new(doors));
        let news = || Arc::new(News::new(doors.clone(), CHANNELS));
        let reception = uploads.map(|uploads| Reception::new(uploads.watched_by(news())).origins(origins));
        Self { doors, reception }
    }

    /// The uploads, if the path is theirs.
    fn reception(&self, path: &str) -> Option<&Reception> {
        self.reception.as_ref().filter(|reception| reception.serves(path))
    }

    /// Bodies that are on their way come to an end, with what came made durable, and channels after them, whose readers
    /// hear of it so. Where a disk needs too long for that, channels do not wait until there is no time left.
    async fn leave(&self) {
        let settled = async {
            if let Some(reception) = &self.reception {
                reception.uploads().settle().await;
            }
        };
        let mut settled = std::pin::pin!(settled);
        match timeout(DRAIN / 2, &mut settled).await {
            Ok(()) => self.doors.leave().await,
            Err(_) => {
                tokio::join!(settled, self.doors.leave());
            }
        }
    }

    /// The door of a channel that is nothing special.
    fn door(&self, name: &str) -> Door {
        let is_news = self.reception.is_some() && is_news(name);
        Door::new(name, Kind::Any, if is_news { Room::News } else { Room::Plain })
    }
}

impl Gateway {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { common: Common::new(settings) }
    }

    /// How to use what is here, with commands that can be copied.
    fn welcome(&self, host: &str) -> String {
        let uploads = if self.common.reception.is_some() { WELCOME_UPLOADS } else { "" };
        let text = [WELCOME, uploads].concat();
        text.replace("HTTP/", &format!("http://{host}/")).replace("WS/", &format!("ws://{host}/"))
    }
}

impl Site for Gateway {
    fn handle(self: &Arc<Self>, head: &Head<'_>, client: Client) -> Handling {
        if let Some(reception) = self.common.reception(head.path()) {
            return uploading::handle(reception, head, client);
        }
        match head.path().strip_prefix(CHANNELS) {
            Some(name) => self.common.doors.handle(&self.common.door(name), head, client),
            None if head.path() == "/" => read_only(head, client, || {
                let text = self.welcome(head.header("host").unwrap_or("localhost"));
                Reply::new(200, TEXT, text).header("Cache-Control", "no-cache")
            }),
            None => reply(client, head, Reply::reason(404, NOTHING)),
        }
    }

    fn leave(&self) -> Leaving<'_> {
        Box::pin(self.common.leave())
    }
}

impl Demo {
    pub(crate) fn new(settings: Settings) -> Self {
        let common = Common::new(settings);
        // They end together.
        let acceptor = || Acceptor::new().connections(common.doors.connections());
        Self {
            chat: Arc::default(),
            meters: firehose::Meters::default(),
            echo_acceptor: acceptor(),
            firehose_acceptor: acceptor().config(firehose::config()),
            hello_acceptor: acceptor().config(hello::config()),
            common,
        }
    }

    fn chat_door(&self, kind: Kind) -> Door {
        Door::new(CHAT, kind, Room::Chat(self.chat.clone()))
    }
}

impl Site for Demo {
    fn handle(self: &Arc<Self>, head: &Head<'_>, client: Client) -> Handling {
        if let Some(reception) = self.common.reception(head.path()) {
            return uploading::handle(reception, head, client);
        }
        let door = match head.path() {
            "/chat" => self.chat_door(Kind::Socket),
            "/subscribe" => self.chat_door(Kind::Subscribe),
            "/publish" => self.chat_door(Kind::Publish),
            "/chat/present" => {
                let present =
                    || Reply::new(200, JSON, self.chat.present()).header("Cache-Control", "no-store");
                return read_only(head, client, present);
            }
            "/tutorial" => return read_only(head, client, tutorial),
            "/hello" => return open(head, client, &self.hello_acceptor, hello::greet),
            "/echo" => return open(head, client, &self.echo_acceptor, echo::echo),
            "/firehose" => return self.open_firehose(head, client),
            "/firehose/pushed" => return read_only(head, client, || self.pushed(head.query())),
            path => match path.strip_prefix(CHANNELS) {
                Some(CHAT) => self.chat_door(Kind::Any),
                Some(name) => self.common.door(name),
                None => return read_only(head, client, || file(path)),
            },
        };
        self.common.doors.handle(&door, head, client)
    }

    fn leave(&self) -> Leaving<'_> {
        Box::pin(self.common.leave())
    }
}

impl Demo {
    fn open_firehose(self: &Arc<Self>, head: &Head<'_>, client: Client) -> Handling {
        let order = match firehose::Order::parse(head.query()) {
            Ok(order) => order,
            Err(reason) => return reply(client, head, Reply::reason(400, reason.to_string())),
        };
        if !head.lists("upgrade", "websocket") {
            return open(head, client, &self.firehose_acceptor, |_| async {});
        }
        // Before the response is sent, so that whoever sees the socket open can ask how much was pushed.
        match self.meters.lay(order.id) {
            Ok(meter) => open(head, client, &self.firehose_acceptor, move |socket| {
                firehose::push(socket, order.size, meter)
            }),
            Err(error) => {
                let status = if error == firehose::LayError::InUse { 409 } else { 503 };
                reply(client.last(), head, Reply::reason(status, error.to_string()))
            }
        }
    }

    fn pushed(&self, query: &str) -> Reply {
        let id = match firehose::Order::parse(query) {
            Ok(order) => order.id,
            Err(reason) => return Reply::reason(400, reason.to_string()),
        };
        let Some(id) = id else { return Reply::reason(400, "id is missing") };
        let Some(reading) = self.meters.read(id) else {
            return Reply::reason(404, "no hose has this id");
        };
        Reply::new(200, JSON, reading.to_json()).header("Cache-Control", "no-store")
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const NOTHING: &str = "there is nothing here";

/// Answers GET and HEAD (for which the body is left out); 405 to all else.
fn read_only(head: &Head<'_>, client: Client, answer: impl FnOnce() -> Reply) -> Handling {
    if matches!(head.method(), "GET" | "HEAD") {
        return reply(client, head, answer());
    }
    let refusal = Reply::reason(405, "only GET and HEAD are served here").header("Allow", "GET, HEAD");
    reply(client, head, refusal)
}

/// Sends a reply, with the header lines that everything has here.
fn reply(client: Client, head: &Head<'_>, reply: Reply) -> Handling {
    // A body that nobody reads ends the connection.
    let client = if head.framing() == Framing::None { client } else { client.last() };
    let reply =
        reply.header("X-Content-Type-Options", "nosniff").header("Content-Security-Policy", CONTENT_POLICY);
    Box::pin(send(client, reply))
}

/// Each page gets an address of its own, so that two tabs do not share a position: see the cookies of a channel.
fn tutorial() -> Reply {
    let location = format!("/tutorial.html?tab={:08x}", crate::chat::new_id());
    Reply::reason(303, "a page of your own").header("Location", location).header("Cache-Control", "no-store")
}

fn file(path: &str) -> Reply {
    match assets::find(path) {
        Some(asset) => Reply::new(200, asset.content_type, asset.body).header("Cache-Control", "no-cache"),
        None => Reply::reason(404, NOTHING),
    }
}
