//! The head of an opening handshake, read before anybody is asked to answer it.

use std::io;

use http::Request;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer than any that a test sends.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What a client sent up to the blank line, and what of the bytes behind it has come with it.
pub(crate) struct Head {
    /// The request, parsed.
    pub(crate) request: Request<()>,
    /// Everything that was read, to be read again by whoever answers.
    pub(crate) bytes: Vec<u8>,
}

impl Head {
    /// Reads a head of HTTP/1.1.
    pub(crate) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let request = parse(&bytes[..end]).ok_or(io::ErrorKind::InvalidData)?;
                return Ok(Self { request, bytes });
            }
            if bytes.len() > MAX_HEAD_BYTES || io.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn parse(head: &[u8]) -> Option<Request<()>> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let mut request = Request::builder().method(first.next()?).uri(first.next()?);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(()).ok()
}

/// The bytes that percent signs stand for, where they stand for any.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    decoded
}

/// The first value of a name in a query, decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    Some(String::from_utf8_lossy(&decode(value)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_where_they_mean_something() {
        assert_eq!(decode("a%20b%zz%4"), b"a b%zz%4");
        assert_eq!(parameter("code=4000&reason=%E3%83%AD", "reason").as_deref(), Some("ロ"));
        assert_eq!(parameter("abrupt", "abrupt").as_deref(), Some(""));
        assert_eq!(parameter("", "code"), None);
    }
}
