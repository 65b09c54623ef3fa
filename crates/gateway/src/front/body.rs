//! Reading the body of a request, within a limit.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::client::Client;
use super::head::Framing;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// Its chunks break the grammar (RFC 9112 §7.1).
    Malformed,
    TimedOut,
    /// The client is gone.
    Gone,
}

/// How long a body may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest line between chunks, and how many bytes there may be of trailers.
const MAX_LINE: usize = 256;
const MAX_TRAILERS: usize = 4096;

/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;

/// Reads the body of a request, at most `limit` bytes. After an error the connection serves no further request.
pub(crate) async fn read(client: &mut Client, framing: Framing, limit: usize) -> Result<Vec<u8>, BodyError> {
    let read = async {
        match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => {
                let length = usize::try_from(length).ok().filter(|length| *length <= limit);
                by_length(client, length.ok_or(BodyError::TooLarge)?).await
            }
            Framing::Chunked => chunked(client, limit).await,
        }
    };
    let result = timeout(TIMEOUT, read).await.unwrap_or(Err(BodyError::TimedOut));
    if result.is_err() {
        client.keeps_alive = false;
    }
    result
}

async fn by_length(client: &mut Client, length: usize) -> Result<Vec<u8>, BodyError> {
    while client.ahead.len() < length {
        fill(client, length - client.ahead.len()).await?;
    }
    let rest = client.ahead.split_off(length);
    Ok(std::mem::replace(&mut client.ahead, rest))
}

async fn chunked(client: &mut Client, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let mut chunks = Chunks::Size;
    let mut trailers = 0;
    loop {
        let ahead = std::mem::take(&mut client.ahead);
        let used = chunks.advance(&ahead, &mut body, limit, &mut trailers)?;
        client.ahead = ahead;
        client.ahead.drain(..used);
        if chunks == Chunks::Over {
            return Ok(body);
        }
        // What is not used is part of a line, which is short.
        fill(client, READ_BYTES).await?;
    }
}

/// Reads once, up to `most` bytes.
async fn fill(client: &mut Client, most: usize) -> Result<(), BodyError> {
    if std::mem::take(&mut client.expects_continue)
        && !client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n", &[]).await
    {
        return Err(BodyError::Gone);
    }
    let length = client.ahead.len();
    client.ahead.resize(length + most.min(READ_BYTES), 0);
    let mut ahead = std::mem::take(&mut client.ahead);
    let read = poll_fn(|cx| client.poll_read(cx, &mut ahead[length..])).await.unwrap_or(0);
    ahead.truncate(length + read);
    client.ahead = ahead;
    if read == 0 { Err(BodyError::Gone) } else { Ok(()) }
}

/// What comes next of a body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunks {
    Size,
    Data(usize),
    DataEnd,
    Trailer,
    Over,
}

impl Chunks {
    /// Takes what there is in full, and tells how many bytes that were.
    fn advance(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        limit: usize,
        trailers: &mut usize,
    ) -> Result<usize, BodyError> {
        let mut used = 0;
        while *self != Self::Over {
            let rest = &input[used..];
            if let Self::Data(left) = *self {
                let taken = left.min(rest.len());
                body.extend_from_slice(&rest[..taken]);
                used += taken;
                if taken < left {
                    *self = Self::Data(left - taken);
                    break;
                }
                *self = Self::DataEnd;
                continue;
            }
            let Some(line) = line(rest)? else { break };
            used += line.len() + 2;
            *self = match self {
                Self::Size => match size(line)? {
                    0 => Self::Trailer,
                    size if size > limit - body.len() => return Err(BodyError::TooLarge),
                    size => Self::Data(size),
                },
                Self::DataEnd if line.is_empty() => Self::Size,
                Self::Trailer if line.is_empty() => Self::Over,
                Self::Trailer => {
                    *trailers += line.len();
                    if *trailers > MAX_TRAILERS {
                        return Err(BodyError::TooLarge);
                    }
                    Self::Trailer
                }
                _ => return Err(BodyError::Malformed),
            };
        }
        Ok(used)
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
fn size(line: &[u8]) -> Result<usize, BodyError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number).ok_or(BodyError::Malformed)?;
    usize::from_str_radix(digits, 16).map_err(|_| BodyError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8], step: usize, limit: usize) -> Result<(Vec<u8>, usize), BodyError> {
        let (mut body, mut chunks, mut trailers) = (Vec::new(), Chunks::Size, 0);
        let (mut ahead, mut total) = (Vec::new(), 0);
        for piece in input.chunks(step) {
            ahead.extend_from_slice(piece);
            let used = chunks.advance(&ahead, &mut body, limit, &mut trailers)?;
            ahead.drain(..used);
            total += used;
        }
        if chunks == Chunks::Over { Ok((body, total)) } else { Err(BodyError::Gone) }
    }

    #[test]
    fn chunks_are_joined_whatever_the_pieces() {
        let input = b"5;name=x\r\nhello\r\n1 \r\n,\r\n6\r\n world\r\n0\r\ntrailer: x\r\n\r\n";
        for step in 1..=input.len() {
            assert_eq!(decode(input, step, 12), Ok((b"hello, world".to_vec(), input.len())), "{step}");
        }
        let more = [&input[..], b"GET /"].concat();
        assert_eq!(decode(&more, more.len(), 12).unwrap().1, input.len());
    }

    #[test]
    fn what_breaks_the_grammar_or_the_limit_is_refused() {
        let error = |input: &[u8], limit| decode(input, input.len(), limit).unwrap_err();
        assert_eq!(error(b"c\r\nhello, world\r\n0\r\n\r\n", 11), BodyError::TooLarge);
        assert_eq!(error(b"6\r\nhello,\r\n6\r\n world\r\n0\r\n\r\n", 11), BodyError::TooLarge);
        assert_eq!(error(b"fffffffffffffffff\r\n", 11), BodyError::TooLarge);
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
            assert_eq!(error(input, 11), BodyError::Malformed, "{input:?}");
        }
        assert_eq!(error(&[b'1'; MAX_LINE], 11), BodyError::Malformed);
        let trailers = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(MAX_TRAILERS)].concat();
        assert_eq!(error(&trailers, 11), BodyError::TooLarge);
    }
}
