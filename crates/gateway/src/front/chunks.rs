//! A body in chunks (RFC 9112 §7.1), whatever the pieces in which it comes.

use std::ops::Range;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::body_error::BodyError;

/// The longest line between chunks, and how many bytes there may be of trailers.
const MAX_LINE: usize = 256;
const MAX_TRAILERS: usize = 4096;

/// Where in a body one is.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    next: Next,
    /// The lines of the trailers that have come.
    trailers: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Over,
}

/// What some input has of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many bytes of the input were looked at, the data included.
    pub(super) used: usize,
    /// Where the data is.
    pub(super) data: Range<usize>,
}

impl Chunks {
    /// Whether the body has come whole.
    pub(super) fn is_over(&self) -> bool {
        self.next == Next::Over
    }

    /// How many bytes of data come next, if data does.
    pub(super) fn data(&self) -> u64 {
        if let Next::Data(left) = self.next { left } else { 0 }
    }

    /// So many bytes of the data that comes next were taken elsewhere.
    pub(super) fn took(&mut self, bytes: u64) {
        if let Next::Data(left) = self.next {
            self.next = if left > bytes { Next::Data(left - bytes) } else { Next::DataEnd };
        }
    }

    /// Takes lines up to the next data, and what there is of that. What is not used is part of a line, which is short.
    pub(super) fn advance(&mut self, input: &[u8]) -> Result<Found, BodyError> {
        let mut used = 0;
        while self.next != Next::Over {
            let rest = &input[used..];
            if let Next::Data(left) = self.next {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                self.took(taken as u64);
                return Ok(Found { used: used + taken, data: used..used + taken });
            }
            let Some(line) = line(rest)? else { break };
            used += line.len() + 2;
            self.next = match self.next {
                Next::Size => match size(line)? {
                    0 => Next::Trailer,
                    size => Next::Data(size),
                },
                Next::DataEnd if line.is_empty() => Next::Size,
                Next::Trailer if line.is_empty() => Next::Over,
                Next::Trailer => {
                    self.trailers.extend_from_slice(line);
                    self.trailers.push(b'\n');
                    if self.trailers.len() > MAX_TRAILERS {
                        return Err(BodyError::TooLarge);
                    }
                    Next::Trailer
                }
                _ => return Err(BodyError::Malformed),
            };
        }
        Ok(Found { used, data: used..used })
    }

    /// The trailers that have come, without lines that are no fields.
    pub(super) fn trailers(&self) -> HeaderMap {
        let fields = self.trailers.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
        });
        let mut trailers = HeaderMap::new();
        for (name, value) in fields {
            trailers.append(name, value);
        }
        trailers
    }
}

/// The first line, without its end, if it has come.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, BodyError> {
    match bytes.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
        Some(end) => bytes[..end].strip_suffix(b"\r").map(Some).ok_or(BodyError::Malformed),
        None if bytes.len() >= MAX_LINE => Err(BodyError::Malformed),
        None => Ok(None),
    }
}

/// The size of a chunk; extensions are not looked at.
fn size(line: &[u8]) -> Result<u64, BodyError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number).ok_or(BodyError::Malformed)?;
    u64::from_str_radix(digits, 16).map_err(|_| BodyError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8], step: usize) -> Result<(Vec<u8>, usize, Chunks), BodyError> {
        let (mut body, mut chunks) = (Vec::new(), Chunks::default());
        let (mut ahead, mut total) = (Vec::new(), 0);
        for piece in input.chunks(step) {
            ahead.extend_from_slice(piece);
            loop {
                let found = chunks.advance(&ahead)?;
                body.extend_from_slice(&ahead[found.data.clone()]);
                ahead.drain(..found.used);
                total += found.used;
                if found.data.is_empty() {
                    break;
                }
            }
        }
        if chunks.is_over() { Ok((body, total, chunks)) } else { Err(BodyError::Gone) }
    }

    #[test]
    fn chunks_are_joined_whatever_the_pieces() {
        let input = b"5;name=x\r\nhello\r\n1 \r\n,\r\n6\r\n world\r\n0\r\ntrailer: x\r\n\r\n";
        for step in 1..=input.len() {
            let (body, total, chunks) = decode(input, step).unwrap();
            assert_eq!((&body[..], total), (&b"hello, world"[..], input.len()), "{step}");
            assert_eq!(chunks.trailers().get("trailer").unwrap(), "x");
        }
        let more = [&input[..], b"GET /"].concat();
        assert_eq!(decode(&more, more.len()).unwrap().1, input.len());
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        let error = |input: &[u8]| decode(input, input.len()).unwrap_err();
        assert_eq!(error(b"fffffffffffffffff\r\n"), BodyError::TooLarge);
        for input in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"0x1\r\n",
            b"1\nx\r\n",
            b"1\r\nxy\r\n",
            b"1\r\nx\ry\n",
            b" 1\r\n",
        ] {
            assert_eq!(error(input), BodyError::Malformed, "{input:?}");
        }
        assert_eq!(error(&[b'1'; MAX_LINE]), BodyError::Malformed);
        let trailers = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(MAX_TRAILERS)].concat();
        assert_eq!(error(&trailers), BodyError::TooLarge);
    }
}
