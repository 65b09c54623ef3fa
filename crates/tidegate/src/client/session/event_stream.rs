//! What an event stream carries: the frames in its events.
//!
//! The grammar is that of Server-Sent Events (HTML, "Parsing an event stream"). Of an event only `data` counts; names
//! and ids are for clients that read no more than those.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Takes a stream apart, however it is cut.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    /// The line that has begun.
    line: Vec<u8>,
    /// The data of the event that has begun.
    data: Vec<u8>,
    /// The last line ended with a CR, so that an LF at once belongs to it.
    was_cr: bool,
    /// Whether the first line is over.
    has_begun: bool,
}

/// What is no stream of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MalformedEvent {
    /// A line, or the data of an event, over the limit.
    #[error("an event is too long")]
    TooLong,
    /// Data that is not base64.
    #[error("the data of an event is not base64")]
    NotBase64,
}

/// The longest event: four batches.
const MAX_DATA_BYTES: usize = 4 * (128 << 10) / 3 * 4;

const BOM: &[u8] = b"\xef\xbb\xbf";

impl EventStream {
    /// Takes what has come, and appends to `frames` what the events hold that it ends.
    ///
    /// # Errors
    ///
    /// See [`MalformedEvent`]. Nothing can be read behind it.
    pub(super) fn read(&mut self, bytes: &[u8], frames: &mut Vec<u8>) -> Result<(), MalformedEvent> {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.was_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            if self.line.len() > MAX_DATA_BYTES + b"data: ".len() {
                return Err(MalformedEvent::TooLong);
            }
            let Some(end) = end else { break };
            self.was_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(frames)?;
        }
        Ok(())
    }

    fn end_line(&mut self, frames: &mut Vec<u8>) -> Result<(), MalformedEvent> {
        let line = std::mem::take(&mut self.line);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = line.strip_prefix(BOM).filter(|_| is_first).unwrap_or(&line);
        if line.is_empty() {
            return self.end_event(frames);
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        if name == b"data" {
            // A line break between two lines of data is no base64, and means nothing.
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            if self.data.len() > MAX_DATA_BYTES {
                return Err(MalformedEvent::TooLong);
            }
        }
        Ok(())
    }

    fn end_event(&mut self, frames: &mut Vec<u8>) -> Result<(), MalformedEvent> {
        let data = std::mem::take(&mut self.data);
        STANDARD.decode_vec(&data, frames).map_err(|_| MalformedEvent::NotBase64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<u8>, MalformedEvent> {
        let (mut stream, mut frames) = (EventStream::default(), Vec::new());
        for chunk in chunks {
            stream.read(chunk, &mut frames)?;
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let stream = b"\xef\xbb\xbf: hello\n\ndata: EAJo\ndata:aQ==\nid: a_b.7\n\nevent: x\r\ndata: EQA=\r\n\r\nretry: 5\rdata:EgFh\r\r";
        let expected = [0x10, 2, b'h', b'i', 0x11, 0, 0x12, 1, b'a'];
        assert_eq!(read(&[stream]).unwrap(), expected);
        for cut in 0..stream.len() {
            let (one, other) = stream.split_at(cut);
            assert_eq!(read(&[one, other]).unwrap(), expected, "{cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes).unwrap(), expected);
    }

    #[test]
    fn an_event_that_is_not_whole_says_nothing() {
        assert_eq!(read(&[b"data: EAJoaQ==\nid: a.1\n"]).unwrap(), b"");
    }

    #[test]
    fn what_is_no_base64_or_too_long_is_refused() {
        assert_eq!(read(&[b"data: hello!\n\n"]), Err(MalformedEvent::NotBase64));
        let long = vec![b'A'; MAX_DATA_BYTES / 2];
        let endless = [b"data:", &long[..], b"\n"].concat();
        assert_eq!(read(&[&endless, &endless, &endless]), Err(MalformedEvent::TooLong));
        assert_eq!(read(&[b":", &long, &long, &long]), Err(MalformedEvent::TooLong));
    }
}
