//! What all answers have in common.

use std::fmt::Write;

use super::door::Kind;
use crate::channel::Position;
use crate::front::{Client, Framing, Handling, Head, Reply, send};
use crate::origins::Verdict;

/// What all answers of a channel say, and what one of them says beside that. It is made into header lines when it is
/// sent: a request that is held keeps no text.
pub(super) struct Common {
    /// The origin that may read the answer, which is one of those that were configured.
    allowed: Option<Box<str>>,
    /// Further lines, which hardly any answer has while it is held.
    extra: String,
}

impl Common {
    pub(super) fn new(verdict: &Verdict) -> Self {
        let allowed = match verdict {
            Verdict::Allowed(origin) => Some(origin.as_str().into()),
            Verdict::Own | Verdict::Foreign => None,
        };
        Self { allowed, extra: String::new() }
    }

    fn add(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        // Writing into memory does not fail.
        let _ = write!(self.extra, "{name}: {value}\r\n");
        self
    }

    pub(super) fn retry_after(self, seconds: u32) -> Self {
        self.add("Retry-After", seconds)
    }

    /// Sets a cookie, if there is one to set.
    pub(super) fn cookie(self, cookie: Option<String>) -> Self {
        match cookie {
            Some(cookie) => self.add("Set-Cookie", cookie),
            None => self,
        }
    }

    pub(super) fn position(self, position: Position) -> Self {
        self.add("Tidegate-Position", position)
    }

    /// How many publications the reader has missed.
    pub(super) fn missed(self, missed: impl std::fmt::Display) -> Self {
        self.add("Tidegate-Missed", missed)
    }

    /// These lines on a reply.
    pub(super) fn on(&self, reply: Reply) -> Reply {
        reply.lines(&self.lines())
    }

    pub(super) fn lines(&self) -> String {
        // Nothing of a channel is to be kept by a cache, or held back by nginx until a buffer is full.
        let mut lines =
            "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n"
                .to_owned();
        if let Some(origin) = &self.allowed {
            // Writing into memory does not fail.
            let _ = write!(
                lines,
                "Access-Control-Allow-Origin: {origin}\r\n\
                 Access-Control-Expose-Headers: Tidegate-Position, Tidegate-Missed\r\nVary: Origin\r\n"
            );
        }
        lines + &self.extra
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
