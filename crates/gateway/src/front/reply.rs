//! A response whose length is known.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};

use super::client::Client;
use super::date::date_line;

/// A response: its status, its header lines, its body.
pub(crate) struct Reply {
    status: u16,
    /// Lines with their ends. Who makes them answers for their being header lines.
    lines: String,
    body: Bytes,
    /// How long the body is, where it is sent apart.
    length: Option<u64>,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, lines: format!("Content-Type: {content_type}\r\n"), body: body.into(), length: None }
    }

    /// A response without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, lines: String::new(), body: Bytes::new(), length: None }
    }

    /// The body is sent apart, by [`send_head`] and then as it comes, and has this length.
    #[must_use]
    pub(crate) fn sized(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// One line of text that says why.
    pub(crate) fn reason(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        let mut reason = reason.into().into_owned();
        reason.push('\n');
        Self::new(status, "text/plain; charset=utf-8", reason)
    }

    /// Adds a header line. Neither part comes from a client, unless it was checked.
    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        // Writing into memory does not fail.
        let _ = write!(self.lines, "{name}: {value}\r\n");
        self
    }

    /// Adds header lines that are ready.
    #[must_use]
    pub(crate) fn lines(mut self, lines: &str) -> Self {
        self.lines.push_str(lines);
        self
    }

    /// The head as it is sent, its blank line included.
    fn head(&self, keeps_alive: bool, is_http11: bool) -> String {
        let mut head = status_line(self.status);
        head.push_str(&date_line());
        head.push_str(&self.lines);
        // RFC 9110 §8.6: this one may not carry a length.
        if self.status != 204 {
            let length = self.length.unwrap_or(self.body.len() as u64);
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        head.push_str(match (keeps_alive, is_http11) {
            (true, true) => "\r\n",
            (true, false) => "Connection: keep-alive\r\n\r\n",
            (false, _) => "Connection: close\r\n\r\n",
        });
        head
    }
}

/// The first line of a response.
pub(super) fn status_line(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut line = String::with_capacity(512);
    // Writing into memory does not fail.
    let _ = write!(line, "HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default());
    line
}

/// As others have made it, but for the length, which is that of the body.
impl<B: Into<Bytes>> From<Response<B>> for Reply {
    fn from(response: Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        let mut reply = Self::empty(parts.status.as_u16());
        reply.body = body.into();
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str()
                && name != CONTENT_LENGTH
            {
                reply = reply.header(name.as_str(), value);
            }
        }
        reply
    }
}

/// Sends the head of a reply. Tells whether its body is to follow: the client is there, and did not ask for the head
/// alone.
pub(crate) async fn send_head(client: &Client, reply: &Reply) -> bool {
    let head = reply.head(client.keeps_alive, client.is_http11);
    client.write_all(head.as_bytes(), &[]).await && !client.is_head
}

/// Sends `reply`, and gives the client back if another request may follow.
pub(crate) async fn send(mut client: Client, reply: Reply) -> Option<Client> {
    client.keeps_alive &= !client.is_leaving();
    let head = reply.head(client.keeps_alive, client.is_http11);
    let body: &[u8] = if client.is_head { &[] } else { &reply.body };
    if !client.write_all(head.as_bytes(), body).await {
        return None;
    }
    if client.keeps_alive {
        return Some(client);
    }
    drop(reply);
    client.hang_up().await;
    None
}
