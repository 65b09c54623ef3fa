//! What all answers have in common.

use std::fmt::Write;

use super::door::Kind;
use super::origins::Verdict;
use crate::channel::Position;
use crate::front::{Client, Framing, Handling, Head, Reply, send};

/// Header lines that every answer of a channel has.
pub(super) struct Common {
    lines: String,
}

impl Common {
    pub(super) fn new(verdict: &Verdict) -> Self {
        // Nothing of a channel is to be kept by a cache, or held back by nginx until a buffer is full.
        let mut lines =
            "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n"
                .to_owned();
        if let Verdict::Allowed(origin) = verdict {
            // The origin is one of those that were configured. Writing into memory does not fail.
            let _ = write!(
                lines,
                "Access-Control-Allow-Origin: {origin}\r\n\
                 Access-Control-Expose-Headers: Tidegate-Position, Tidegate-Missed\r\nVary: Origin\r\n"
            );
        }
        Self { lines }
    }

    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.lines, "{name}: {value}\r\n");
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.add("Retry-After", seconds);
        self
    }

    /// Sets a cookie, if there is one to set.
    pub(super) fn cookie(mut self, cookie: Option<String>) -> Self {
        if let Some(cookie) = cookie {
            self.add("Set-Cookie", cookie);
        }
        self
    }

    pub(super) fn position(mut self, position: Position) -> Self {
        self.add("Tidegate-Position", position);
        self
    }

    /// How many publications the reader has missed.
    pub(super) fn missed(mut self, missed: impl std::fmt::Display) -> Self {
        self.add("Tidegate-Missed", missed);
        self
    }

    /// These lines on a reply.
    pub(super) fn on(&self, reply: Reply) -> Reply {
        reply.lines(&self.lines)
    }

    pub(super) fn into_lines(self) -> String {
        self.lines
    }
}

/// The methods of a door.
fn methods(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "GET, HEAD, POST, OPTIONS",
        Kind::Subscribe => "GET, HEAD, OPTIONS",
        Kind::Publish => "POST, OPTIONS",
        Kind::Socket => "GET, OPTIONS",
    }
}

/// What may be asked here; to a page of another origin, whether it may ask (Fetch, CORS preflight).
pub(super) fn options(
    client: Client,
    head: &Head<'_>,
    kind: Kind,
    verdict: &Verdict,
    common: Common,
) -> Handling {
    let client = if head.framing() == Framing::None { client } else { client.last() };
    let mut reply = common.on(Reply::empty(204)).header("Allow", methods(kind));
    if matches!(verdict, Verdict::Allowed(_)) {
        reply = reply
            .header("Access-Control-Allow-Methods", methods(kind))
            .header("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID, Prefer")
            .header("Access-Control-Max-Age", 600);
    }
    Box::pin(send(client, reply))
}

pub(super) fn method_not_allowed(client: Client, kind: Kind, common: Common) -> Handling {
    let reply = common.on(Reply::reason(405, format!("here one may {}", methods(kind))));
    Box::pin(send(client.last(), reply.header("Allow", methods(kind))))
}

/// The position behind everything, and nothing else.
pub(super) fn head(client: Client, end: Position, common: Common) -> Handling {
    let reply = Reply::new(200, "text/plain; charset=utf-8", "");
    Box::pin(send(client, common.position(end).on(reply)))
}
