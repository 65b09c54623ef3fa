//! HTTP/1.1 heads: the opening handshake on a byte stream (RFC 9112).
//!
//! A head is read once, by one scan over the bytes as they come and one parse at its end, so that the cost is
//! linear whatever the chunks (RUSTSEC-2023-0065). What httparse would let pass and other parsers read in
//! another way (a bare LF, a bare CR) is refused here, since disagreement is what request smuggling lives on.

use std::io;

use bytes::BufMut;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room for the first read, in bytes: most handshakes fit.
const FIRST_READ: usize = 1024;

/// Room for the head of a response.
const HEAD_BYTES: usize = 256;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    bytes: usize,
    headers: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 16 * 1024, headers: 100 }
    }
}

impl HeadLimits {
    /// Bytes of a head, 16 KiB by default: as much memory a connection holds during its handshake.
    ///
    /// All interim responses before a response count together with it.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Header lines of a head, 100 by default: each costs some 100 bytes beside its text.
    #[must_use]
    pub fn max_headers(mut self, headers: usize) -> Self {
        self.headers = headers;
        self
    }

    /// The most bytes of a head.
    pub(crate) fn byte_limit(&self) -> usize {
        self.bytes
    }

    /// The most header lines of a head.
    pub(crate) fn header_limit(&self) -> usize {
        self.headers
    }
}

/// Why no head could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The peer closed the connection before it sent anything.
    #[error("peer closed the connection without an HTTP message")]
    Closed,
    /// The peer closed the connection within a head.
    #[error("peer closed the connection within an HTTP head")]
    Truncated,
    /// The head is longer than allowed.
    #[error("HTTP head is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The head has more header lines than allowed.
    #[error("HTTP head has more than {limit} headers")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// The peer speaks another version than HTTP/1.0 or HTTP/1.1.
    #[error("HTTP version of the peer is not 1.0 or 1.1")]
    UnsupportedVersion,
    /// The peer sent a TLS record where plain HTTP is spoken.
    #[error("peer speaks TLS on a plain connection")]
    SpeaksTls,
    /// The bytes break the grammar of HTTP/1.1.
    #[error("malformed HTTP head: {0}")]
    Malformed(MalformedHead),
    /// The stream failed.
    #[error("cannot read an HTTP head")]
    Io(#[from] io::Error),
}

/// What is wrong with a malformed head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedHead {
    /// A line does not end with CR LF, or holds a CR elsewhere.
    #[error("line ending is not CR LF")]
    LineEnding,
    /// The request line or status line.
    #[error("first line")]
    FirstLine,
    /// A header line: its name, its value, or a folded line.
    #[error("header")]
    Header,
    /// The request announces a body, which would leave open where the WebSocket begins.
    #[error("handshake request with a body")]
    Body,
}

impl HeadError {
    /// The status a server answers before it closes, or none where nobody would understand it.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::TooLarge { .. } | Self::TooManyHeaders { .. } => {
                Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            Self::UnsupportedVersion => Some(StatusCode::HTTP_VERSION_NOT_SUPPORTED),
            Self::Malformed(_) => Some(StatusCode::BAD_REQUEST),
            Self::Closed | Self::Truncated | Self::SpeaksTls | Self::Io(_) => None,
        }
    }
}

/// One request, the bytes of its head, and the bytes that were read behind it.
#[derive(Debug)]
pub(crate) struct ReadRequest {
    pub(crate) request: Request<()>,
    pub(crate) head: Box<[u8]>,
    pub(crate) rest: Vec<u8>,
}

/// The head of the first request on a connection.
#[cfg(feature = "sessions")]
pub(crate) struct FirstHead {
    /// Absent where it has a body.
    pub(crate) request: Option<Request<()>>,
    pub(crate) head: Box<[u8]>,
    pub(crate) rest: Vec<u8>,
}

/// Reads the head of the final response, and returns it with the bytes that were read behind it.
///
/// Interim responses are skipped, except 101, which is final for this connection (RFC 9110 §15.2). The limits
/// hold for all of them together. A body is left in the stream.
///
/// # Cancellation
///
/// What has been read is lost when the future is dropped: close the stream then.
pub(crate) async fn read_response<R>(io: R, limits: &HeadLimits) -> Result<(Response<()>, Vec<u8>), HeadError>
where
    R: AsyncRead + Unpin,
{
    let mut reader = HeadReader::new(io, *limits);
    loop {
        let head = reader.next_head().await?;
        let response = parse_response(reader.bytes(&head), head.headers)?;
        let status = response.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok((response, reader.into_rest()));
        }
    }
}

/// The bytes of a request without a body, its target in origin form, Host first (RFC 9110 §7.2).
pub(crate) fn encode_request(request: &Request<()>) -> Vec<u8> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut out = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
    let headers = request.headers();
    for value in headers.get_all(HOST) {
        put_header(&mut out, &HOST, value);
    }
    for (name, value) in headers.iter().filter(|(name, _)| **name != HOST) {
        put_header(&mut out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The bytes of a response with its body, whatever `T` the response carries.
///
/// Content-Length is written here. So is `Connection: close`, unless the response is interim or says it itself:
/// a connection serves one handshake. Interim responses and 204 lose their body.
pub(crate) fn encode_response<T>(response: &Response<T>, body: &[u8]) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    // The answer to an opening handshake without a second piece of memory.
    let mut out = Vec::with_capacity(HEAD_BYTES + body.len());
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let headers = response.headers();
    for (name, value) in headers {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            put_header(&mut out, name, value);
        }
    }
    let says_close =
        headers.get_all(CONNECTION).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    if !status.is_informational() && !says_close {
        put_header(&mut out, &CONNECTION, &HeaderValue::from_static("close"));
    }
    // RFC 9110 §8.6: these may not carry a length.
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        out.extend_from_slice(b"\r\n");
    } else {
        put_header(&mut out, &CONTENT_LENGTH, &HeaderValue::from(body.len()));
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
    }
    out
}

/// Writes one header line, its name as RFC 6455 spells it: some peers compare names by letter case.
fn put_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    for (index, word) in name.as_str().split('-').enumerate() {
        if index > 0 {
            out.push(b'-');
        }
        match word {
            "websocket" => out.extend_from_slice(b"WebSocket"),
            "www" => out.extend_from_slice(b"WWW"),
            _ => {
                let at = out.len();
                out.extend_from_slice(word.as_bytes());
                out[at..].iter_mut().take(1).for_each(|byte| byte.make_ascii_uppercase());
            }
        }
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Where a complete head lies in the buffer, its blank line included.
struct Head {
    start: usize,
    end: usize,
    headers: usize,
}

/// Reads heads one behind the other into one buffer, of at most [`HeadLimits::max_bytes`].
pub(crate) struct HeadReader<R> {
    io: R,
    limits: HeadLimits,
    buffer: Vec<u8>,
    /// Where the last head ended.
    consumed: usize,
}

impl<R: AsyncRead + Unpin> HeadReader<R> {
    pub(crate) fn new(io: R, limits: HeadLimits) -> Self {
        Self { io, limits, buffer: Vec::new(), consumed: 0 }
    }

    /// Reads the head of one request, and with it what was read behind it. A request with a body is malformed here.
    ///
    /// # Cancellation
    ///
    /// What has been read stays in this reader when the future is dropped.
    pub(crate) async fn request(&mut self) -> Result<ReadRequest, HeadError> {
        let head = self.next_head().await?;
        let bytes = &self.buffer[head.start..head.end];
        let (request, head) = (parse_request(bytes)?, bytes.into());
        Ok(ReadRequest { request, head, rest: self.buffer.split_off(self.consumed) })
    }

    /// As [`request`](Self::request), but a request with a body is none of an opening handshake, rather than malformed.
    #[cfg(feature = "sessions")]
    pub(crate) async fn first_head(&mut self) -> Result<FirstHead, HeadError> {
        let head = self.next_head().await?;
        let bytes = &self.buffer[head.start..head.end];
        let request = match parse_request(bytes) {
            Ok(request) => Some(request),
            Err(HeadError::Malformed(MalformedHead::Body)) => None,
            Err(error) => return Err(error),
        };
        Ok(FirstHead { request, head: bytes.into(), rest: self.buffer.split_off(self.consumed) })
    }

    /// Whether anything has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn next_head(&mut self) -> Result<Head, HeadError> {
        let mut scan = Scan::new(self.consumed);
        loop {
            if let Some(head) = scan.advance(&self.buffer, &self.limits)? {
                self.consumed = head.end;
                return Ok(head);
            }
            if self.fill().await? == 0 {
                let nothing = scan.start == self.buffer.len();
                return Err(if nothing { HeadError::Closed } else { HeadError::Truncated });
            }
            // The content types of an alert and of a handshake record; neither begins an HTTP message.
            if let Some(0x15 | 0x16) = self.buffer.first() {
                return Err(HeadError::SpeaksTls);
            }
        }
    }

    /// Reads once, within the limit.
    async fn fill(&mut self) -> Result<usize, HeadError> {
        let room = self.limits.bytes.saturating_sub(self.buffer.len());
        if room == 0 {
            return Err(HeadError::TooLarge { limit: self.limits.bytes });
        }
        if self.buffer.len() == self.buffer.capacity() {
            self.buffer.reserve_exact(room.min(self.buffer.len().max(FIRST_READ)));
        }
        Ok(self.io.read_buf(&mut (&mut self.buffer).limit(room)).await?)
    }

    fn bytes(&self, head: &Head) -> &[u8] {
        &self.buffer[head.start..head.end]
    }

    fn into_rest(mut self) -> Vec<u8> {
        self.buffer.split_off(self.consumed)
    }
}

/// A search for the blank line that looks at each byte once.
struct Scan {
    start: usize,
    line: usize,
    at: usize,
    lines: usize,
}

impl Scan {
    fn new(start: usize) -> Self {
        Self { start, line: start, at: start, lines: 0 }
    }

    /// Continues with what has been appended to `buffer`.
    fn advance(&mut self, buffer: &[u8], limits: &HeadLimits) -> Result<Option<Head>, HeadError> {
        while let Some(length) = buffer[self.at..].iter().position(|byte| *byte == b'\n') {
            let end = self.at + length + 1;
            let line = match &buffer[self.line..end] {
                [line @ .., b'\r', b'\n'] if !line.contains(&b'\r') => line,
                _ => return Err(HeadError::Malformed(MalformedHead::LineEnding)),
            };
            (self.at, self.line) = (end, end);
            match (line.is_empty(), self.lines) {
                // RFC 9112 §2.2: blank lines before a message are skipped.
                (true, 0) => self.start = end,
                (true, lines) => return Ok(Some(Head { start: self.start, end, headers: lines - 1 })),
                (false, lines) if lines > limits.headers => {
                    return Err(HeadError::TooManyHeaders { limit: limits.headers });
                }
                (false, _) => self.lines += 1,
            }
        }
        self.at = buffer.len();
        Ok(None)
    }
}

/// Parses a complete head, from its first line to its blank line.
pub(crate) fn parse_request(bytes: &[u8]) -> Result<Request<()>, HeadError> {
    // All lines but the first and the blank one.
    let headers = bytes.iter().filter(|byte| **byte == b'\n').count().saturating_sub(2);
    let mut headers = vec![httparse::EMPTY_HEADER; headers];
    let mut parsed = httparse::Request::new(&mut headers);
    completed(parsed.parse(bytes), bytes)?;
    let first_line = HeadError::Malformed(MalformedHead::FirstLine);
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else { return Err(first_line) };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), Uri::try_from(target)) else {
        return Err(first_line);
    };
    // The `http` crate drops a fragment in silence, where another parser would make it part of the path; and it
    // takes `GET h.example` for an authority, which is a target of CONNECT alone (RFC 9112 §3.2.3).
    let authority_alone = uri.scheme().is_none() && uri.authority().is_some() && method != Method::CONNECT;
    if target.contains('#') || authority_alone {
        return Err(first_line);
    }
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = version(parsed.version);
    *request.headers_mut() = header_map(parsed.headers)?;
    if announces_body(request.headers()) {
        return Err(HeadError::Malformed(MalformedHead::Body));
    }
    Ok(request)
}

fn parse_response(bytes: &[u8], headers: usize) -> Result<Response<()>, HeadError> {
    let mut headers = vec![httparse::EMPTY_HEADER; headers];
    let mut parsed = httparse::Response::new(&mut headers);
    completed(parsed.parse(bytes), bytes)?;
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let Some(status) = status else { return Err(HeadError::Malformed(MalformedHead::FirstLine)) };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = version(parsed.version);
    *response.headers_mut() = header_map(parsed.headers)?;
    Ok(response)
}

/// Checks that the parser has seen the head that the scan has found, no more and no less.
fn completed(parsed: httparse::Result<usize>, bytes: &[u8]) -> Result<(), HeadError> {
    let malformed = match parsed {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => return Ok(()),
        Ok(_) => MalformedHead::LineEnding,
        Err(httparse::Error::Version) => return Err(HeadError::UnsupportedVersion),
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => MalformedHead::Header,
        Err(httparse::Error::NewLine) => MalformedHead::LineEnding,
        Err(_) => MalformedHead::FirstLine,
    };
    Err(HeadError::Malformed(malformed))
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn header_map(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) else {
            return Err(HeadError::Malformed(MalformedHead::Header));
        };
        // Fails at the 32,768 entries of the type, where the user has set a limit beyond.
        headers.try_append(name, value).map_err(|_| HeadError::TooManyHeaders { limit: 1 << 15 })?;
    }
    Ok(headers)
}

fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|value| value != "0")
}

#[cfg(test)]
mod tests;
