//! Standard input as messages.

use std::io;

use bytes::Bytes;
use tidegate::Message;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The bytes of standard input, cut into messages when somebody asks for the next one.
pub(super) struct Input<R> {
    reader: BufReader<R>,
    cut: Cut,
    max_line: usize,
    /// The number of the line that was read last.
    line: u64,
}

/// How input becomes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Each line, without its end, is a text message.
    Lines,
    /// Whatever is there at once, up to 64 KiB, is a binary message.
    Chunks,
}

/// Why input cannot be sent.
#[derive(Debug)]
pub(super) enum InputError {
    /// Standard input cannot be read.
    Io(io::Error),
    /// A line is not UTF-8, which a text message must be.
    NotUtf8 {
        /// The number of the line.
        line: u64,
    },
    /// A line is longer than a message may be.
    LongLine {
        /// The number of the line.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl std::fmt::Display for InputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read standard input: {error}"),
            Self::NotUtf8 { line } => {
                write!(f, "line {line} of the input is not UTF-8: send bytes with --binary")
            }
            Self::LongLine { line, limit } => {
                write!(f, "line {line} of the input is longer than {limit} bytes: raise --max-message")
            }
        }
    }
}

/// The most that is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

impl<R: AsyncRead + Unpin> Input<R> {
    /// Cuts what `reader` gives; a line may hold `max_line` bytes.
    pub(super) fn new(reader: R, cut: Cut, max_line: usize) -> Self {
        Self { reader: BufReader::with_capacity(CHUNK_BYTES, reader), cut, max_line, line: 0 }
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, InputError> {
        match self.cut {
            Cut::Lines => self.next_line().await,
            Cut::Chunks => self.next_chunk().await,
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Message>, InputError> {
        let available = self.reader.fill_buf().await.map_err(InputError::Io)?;
        let chunk = Bytes::copy_from_slice(available);
        self.reader.consume(chunk.len());
        Ok((!chunk.is_empty()).then_some(Message::Binary(chunk)))
    }

    async fn next_line(&mut self) -> Result<Option<Message>, InputError> {
        self.line += 1;
        let mut line = Vec::new();
        loop {
            let available = self.reader.fill_buf().await.map_err(InputError::Io)?;
            if available.is_empty() {
                // The last line may lack its end.
                return if line.is_empty() { Ok(None) } else { self.text(line).map(Some) };
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            if part.len() > self.max_line - line.len() {
                return Err(InputError::LongLine { line: self.line, limit: self.max_line });
            }
            line.extend_from_slice(part);
            let consumed = part.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if end.is_some() {
                return self.text(line).map(Some);
            }
        }
    }

    fn text(&self, line: Vec<u8>) -> Result<Message, InputError> {
        String::from_utf8(line).map(Message::Text).map_err(|_| InputError::NotUtf8 { line: self.line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8], cut: Cut, max_line: usize) -> Result<Vec<Message>, InputError> {
        let mut input = Input::new(input, cut, max_line);
        let mut messages = Vec::new();
        while let Some(message) = input.next().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    #[tokio::test]
    async fn lines_lose_their_end_and_the_last_may_lack_one() {
        let texts = |texts: &[&str]| texts.iter().map(|text| Message::from(*text)).collect::<Vec<_>>();
        for (input, expected) in [
            (&b""[..], &[][..]),
            (b"a", &["a"]),
            (b"a\n", &["a"]),
            (b"\n\nb\r\n", &["", "", "b\r"]),
            ("ä\nö".as_bytes(), &["ä", "ö"]),
        ] {
            assert_eq!(all(input, Cut::Lines, 16).await.unwrap(), texts(expected));
        }
    }

    #[tokio::test]
    async fn a_line_has_a_limit_and_a_number() {
        assert_eq!(all(b"1234\n", Cut::Lines, 4).await.unwrap().len(), 1);
        let error = all(b"a\n12345\n", Cut::Lines, 4).await.unwrap_err();
        assert!(matches!(error, InputError::LongLine { line: 2, limit: 4 }), "{error}");
        // A line without an end costs no more than the limit.
        let error = all(&vec![b'x'; 1 << 20], Cut::Lines, 100_000).await.unwrap_err();
        assert!(matches!(error, InputError::LongLine { line: 1, .. }), "{error}");
        let error = all(b"a\nb\n\xff\n", Cut::Lines, 4).await.unwrap_err();
        assert!(matches!(error, InputError::NotUtf8 { line: 3 }), "{error}");
    }

    #[tokio::test]
    async fn chunks_are_what_is_there() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let messages = all(&bytes, Cut::Chunks, 1).await.unwrap();
        assert!(messages.iter().all(|message| message.len() <= CHUNK_BYTES && message.as_text().is_none()));
        let joined: Vec<u8> = messages.iter().flat_map(|message| message.as_bytes().to_vec()).collect();
        assert_eq!(joined, bytes);
    }
}
