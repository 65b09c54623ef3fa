//! Who offers channels, and how each is asked.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::response::Head;
use crate::comparison::Contends;
use crate::contenders::{Places, Role};
use crate::failure::{Failure, fail};
use crate::server::Server;

/// How a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    WebSocket,
    Events,
    /// NDJSON; with a peer that has none, whatever it streams by HTTP.
    Stream,
    /// Asks again after each answer, and says where it is.
    LongPoll,
    /// A long poll that says nothing, and keeps cookies.
    PlainLongPoll,
    /// A poll that is answered at once, says nothing, and keeps cookies.
    PlainPoll,
}

/// Somebody who offers channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Tidegate,
    Nchan,
    Bun,
    Node,
}

pub(crate) const ALL: [Contender; 4] =
    [Contender::Tidegate, Contender::Nchan, Contender::Bun, Contender::Node];

/// Where a poller is, in its server's words: header lines, or a query.
#[derive(Default)]
pub(crate) struct Place {
    query: String,
    lines: String,
}

impl Contends for Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Tidegate => "tidegate",
            Self::Nchan => "nchan",
            Self::Bun => "bun",
            Self::Node => "node:http",
        }
    }

    fn role(self) -> Role {
        if self == Self::Tidegate { Role::Ours } else { Role::Peer }
    }
}

impl Contender {
    pub(crate) fn speaks(self, wire: Wire) -> bool {
        match self {
            Self::Tidegate | Self::Nchan => true,
            Self::Bun => wire == Wire::WebSocket,
            Self::Node => matches!(wire, Wire::Events | Wire::Stream | Wire::LongPoll | Wire::PlainLongPoll),
        }
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(self, places: &Places, scratch: &Path) -> Result<Server, Failure> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let script = |name: &str| text(&places.scripts.join(name));
        let words = match self {
            Self::Tidegate => {
                [&*text(&places.tidegate), "serve", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec()
            }
            Self::Bun => {
                let bun = places.npm.join("node_modules/@oven/bun-linux-x64/bin/bun");
                vec![text(&bun), "run".to_owned(), script("channels-bun.js")]
            }
            Self::Node => vec!["node".to_owned(), script("channels-node.mjs")],
            Self::Nchan => nginx(scratch)?,
        };
        let server = Server::start(&words, &scratch.join(format!("channels-{}.log", self.name())))?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(server.address).is_err() {
            if Instant::now() > deadline {
                fail!("{} does not listen", self.name());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// The request of a reader.
    pub(crate) fn reading(self, wire: Wire, place: &Place) -> String {
        let path = match (self, wire) {
            (Self::Tidegate, _) => "/channels/b",
            (Self::Bun, _) | (_, Wire::WebSocket) => "/ws",
            (_, Wire::Events) => "/events",
            (_, Wire::Stream) => "/stream",
            (_, Wire::LongPoll | Wire::PlainLongPoll) => "/longpoll",
            (_, Wire::PlainPoll) => "/poll",
        };
        let lines = match wire {
            Wire::WebSocket => {
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Version: 13\r\n"
            }
            Wire::Events => "Accept: text/event-stream\r\n",
            Wire::Stream => "Accept: application/x-ndjson\r\n",
            Wire::LongPoll | Wire::PlainLongPoll => "Prefer: wait=50\r\n",
            Wire::PlainPoll => "",
        };
        let Place { query, lines: more } = place;
        format!("GET {path}{query} HTTP/1.1\r\nHost: bench\r\n{lines}{more}\r\n")
    }

    /// What a publisher sends.
    pub(crate) fn publishing(self, publication: &[u8]) -> Vec<u8> {
        let path = if self == Self::Tidegate { "/channels/b" } else { "/pub" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            publication.len()
        );
        [head.as_bytes(), publication].concat()
    }
}

impl Place {
    /// Takes what a poller has to say next time from an answer: a position, or cookies alone.
    pub(crate) fn remember(&mut self, wire: Wire, head: &Head) {
        match wire {
            Wire::LongPoll => {
                if let Some(position) = head.field("tidegate-position") {
                    self.query = format!("?after={position}");
                } else if let (Some(modified), Some(tag)) = (head.field("last-modified"), head.field("etag"))
                {
                    self.lines = format!("If-Modified-Since: {modified}\r\nIf-None-Match: {tag}\r\n");
                }
            }
            Wire::PlainLongPoll | Wire::PlainPoll => {
                let pairs: Vec<&str> =
                    head.fields("set-cookie").filter_map(|cookie| cookie.split(';').next()).collect();
                if !pairs.is_empty() {
                    self.lines = format!("Cookie: {}\r\n", pairs.join("; "));
                }
            }
            _ => {}
        }
    }
}

/// nginx with nchan in one process, which is no less than one worker, in a folder of its own. nginx tells nobody where it
/// listens, so the port is chosen here.
fn nginx(scratch: &Path) -> Result<Vec<String>, Failure> {
    let folder = scratch.join("nchan");
    fs::create_dir_all(&folder).map_err(Failure::because(folder.display()))?;
    let port = free_port()?.port();
    let configuration = include_str!("nchan.conf").replace("PORT", &port.to_string());
    let path = folder.join("nginx.conf");
    fs::write(&path, configuration).map_err(Failure::because(path.display()))?;
    let folder = folder.canonicalize()?;
    let start = format!(
        "PATH=$PATH:/usr/sbin; echo http://127.0.0.1:{port}; exec nginx -p {}/ -c nginx.conf",
        folder.display()
    );
    Ok(["sh", "-c", &start].map(str::to_owned).to_vec())
}

fn free_port() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
