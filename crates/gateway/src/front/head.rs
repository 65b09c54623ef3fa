//! The head of a request (RFC 9112).
//!
//! What httparse would let pass and other parsers read in another way (a bare LF, a bare CR) is refused here, and so
//! is a body whose length is told in two ways: request smuggling lives on such disagreement.

use http::{Method, Request, Uri};

/// The most header lines.
pub(super) const MAX_HEADERS: usize = 100;

/// The head of one request.
pub(crate) struct Head<'a> {
    method: &'a str,
    target: &'a str,
    path: &'a str,
    query: &'a str,
    is_http11: bool,
    headers: &'a [httparse::Header<'a>],
    framing: Framing,
}

/// Where the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// After its last chunk.
    Chunked,
}

/// Why a head cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadError {
    TooLarge,
    TooManyHeaders,
    Version,
    LineEnding,
    Malformed,
    Target,
    Host,
    Length,
    Encoding,
}

impl HeadError {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::TooLarge | Self::TooManyHeaders => 431,
            Self::Version => 505,
            Self::Encoding => 501,
            _ => 400,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "the head of the request is longer than 16 KiB",
            Self::TooManyHeaders => "the request has more than 100 header lines",
            Self::Version => "HTTP/1.1 is spoken here",
            Self::LineEnding => "a line of the head does not end with CR LF",
            Self::Malformed => "the head of the request breaks the grammar of HTTP",
            Self::Target => "the target of the request is neither a path nor a URL",
            Self::Host => "exactly one Host is needed (RFC 9112 §3.2)",
            Self::Length => "the length of the body is told in two ways, or is no number (RFC 9112 §6.3)",
            Self::Encoding => "of the transfer codings only chunked is understood",
        }
    }
}

/// Where a head ends that begins at the start of `bytes`, its blank line included; those before `scanned` were searched
/// before.
pub(super) fn find_end(bytes: &[u8], scanned: usize) -> Result<Option<usize>, HeadError> {
    let mut at = scanned.saturating_sub(3);
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let end = at + found + 1;
        if !bytes[..end].ends_with(b"\r\n") {
            return Err(HeadError::LineEnding);
        }
        if bytes[..end].ends_with(b"\r\n\r\n") {
            return Ok(Some(end));
        }
        at = end;
    }
    Ok(None)
}

impl<'a> Head<'a> {
    /// Parses a whole head, which ends with its blank line.
    pub(super) fn parse(bytes: &'a [u8], headers: &'a mut [httparse::Header<'a>]) -> Result<Self, HeadError> {
        let mut parsed = httparse::Request::new(headers);
        match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
            Ok(_) => return Err(HeadError::LineEnding),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders),
            Err(httparse::Error::Version) => return Err(HeadError::Version),
            Err(_) => return Err(HeadError::Malformed),
        }
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
            return Err(HeadError::Malformed);
        };
        let is_http11 = parsed.version != Some(0);
        let (path, query) = split(target, method)?;
        let headers: &'a [httparse::Header<'a>] = parsed.headers;
        let mut head = Self { method, target, path, query, is_http11, headers, framing: Framing::None };
        let hosts = head.all("host").count();
        if hosts > 1 || (is_http11 && hosts == 0) {
            return Err(HeadError::Host);
        }
        head.framing = head.find_framing()?;
        Ok(head)
    }

    pub(crate) fn method(&self) -> &'a str {
        self.method
    }

    /// As it was sent: nothing is decoded.
    pub(crate) fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the question mark.
    pub(crate) fn query(&self) -> &'a str {
        self.query
    }

    /// The value of a parameter of the query, as it was sent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query.split('&').find_map(|pair| match pair.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (pair == name).then_some(""),
        })
    }

    /// The value of the first header line of this name, unless it is not UTF-8.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of all header lines of this name; those that are not UTF-8 are empty.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let lines = self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        lines.map(|header| std::str::from_utf8(header.value).unwrap_or_default().trim())
    }

    /// Whether a list of tokens in this header has this one.
    pub(crate) fn lists(&self, name: &str, token: &str) -> bool {
        let mut tokens = self.all(name).flat_map(|value| value.split(','));
        tokens.any(|listed| listed.trim().eq_ignore_ascii_case(token))
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) fn is_http11(&self) -> bool {
        self.is_http11
    }

    pub(super) fn keeps_alive(&self) -> bool {
        if self.is_http11 {
            !self.lists("connection", "close")
        } else {
            self.lists("connection", "keep-alive")
        }
    }

    pub(super) fn expects_continue(&self) -> bool {
        self.is_http11
            && self.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    }

    /// The request as the handshake wants it. `None` when a part of it cannot be one.
    pub(crate) fn to_request(&self) -> Option<Request<()>> {
        let mut request = Request::builder()
            .method(Method::from_bytes(self.method.as_bytes()).ok()?)
            .uri(Uri::try_from(self.target).ok()?);
        for header in self.headers {
            request = request.header(header.name, header.value);
        }
        request.body(()).ok()
    }

    fn find_framing(&self) -> Result<Framing, HeadError> {
        let mut lengths = self.all("content-length");
        let length = lengths.next();
        if lengths.next().is_some() {
            return Err(HeadError::Length);
        }
        let mut codings = self.all("transfer-encoding");
        match (codings.next(), codings.next(), length) {
            (None, _, None) => Ok(Framing::None),
            (None, _, Some(length)) => {
                let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
                let length = length.parse().ok().filter(|_| is_number).ok_or(HeadError::Length)?;
                Ok(if length == 0 { Framing::None } else { Framing::Length(length) })
            }
            (Some(_), _, Some(_)) => Err(HeadError::Length),
            (Some(coding), None, None) if coding.eq_ignore_ascii_case("chunked") && self.is_http11 => {
                Ok(Framing::Chunked)
            }
            (Some(_), _, None) => Err(HeadError::Encoding),
        }
    }
}

/// The path and the query of a target (RFC 9112 §3.2).
fn split<'a>(target: &'a str, method: &str) -> Result<(&'a str, &'a str), HeadError> {
    let path = if target.starts_with('/') {
        target
    } else if target == "*" && method == "OPTIONS" {
        return Ok(("*", ""));
    } else if let Some((_, rest)) = target.split_once("://") {
        rest.find('/').map_or("/", |at| &rest[at..])
    } else {
        return Err(HeadError::Target);
    };
    if path.contains('#') {
        return Err(HeadError::Target);
    }
    Ok(path.split_once('?').unwrap_or((path, "")))
}

/// Parses a head for a test.
#[cfg(test)]
pub(crate) fn with_head<T>(text: &str, look: impl FnOnce(&Head<'_>) -> T) -> T {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match Head::parse(text.as_bytes(), &mut headers) {
        Ok(head) => look(&head),
        Err(error) => panic!("{error:?}"),
    }
}

#[cfg(test)]
#[path = "head/tests.rs"] // also where the fuzz target takes this file in by its path
mod tests;
