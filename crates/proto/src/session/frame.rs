//! Frames as a session sees them: a type, a length and the whole of it (docs/sessions.md, section 2).

use bytes::Bytes;

use super::error::Violation;
use crate::credit::MAX_BATCH_BYTES;
use crate::varint;

pub(super) const ATTACHED: u8 = 0x08;
pub(super) const ACK: u8 = 0x09;
pub(super) const DETACHED: u8 = 0x0a;
pub(super) const PADDING: u8 = 0x0b;
pub(super) const SKIP: u8 = 0x0c;

/// The most bytes of a PADDING's payload.
pub const MAX_PADDING_BYTES: usize = 4096;

/// A PADDING of so many bytes, at most [`MAX_PADDING_BYTES`]: something to send when there is nothing to say.
#[must_use]
pub fn padding(len: usize) -> Bytes {
    encode(PADDING, &vec![0; len.min(MAX_PADDING_BYTES)])
}

/// A frame of either kind.
pub(super) struct Frame {
    pub(super) code: u8,
    /// Type, length and payload.
    pub(super) whole: Bytes,
    head_len: usize,
}

impl Frame {
    pub(super) fn payload(&self) -> &[u8] {
        &self.whole[self.head_len..]
    }

    /// Whether it belongs to the attachment, and is not counted.
    pub(super) fn is_of_session(&self) -> bool {
        (0x08..0x10).contains(&self.code)
    }

    /// A payload that is exactly one number.
    pub(super) fn number(&self) -> Result<u64, Violation> {
        let mut payload = self.payload();
        let number = varint::read(&mut payload)?.ok_or(Violation::BadSessionFrame)?;
        if payload.is_empty() { Ok(number) } else { Err(Violation::BadSessionFrame) }
    }
}

/// Takes the next whole frame off the front of `bytes`, which it shares; `None` when they end before it does.
pub(super) fn next(bytes: &mut Bytes) -> Result<Option<Frame>, Violation> {
    let Some((len, head_len)) = measure(bytes)? else { return Ok(None) };
    if bytes.len() < len {
        return Ok(None);
    }
    let whole = bytes.split_to(len);
    Ok(Some(Frame { code: whole[0], whole, head_len }))
}

/// The length of the frame that `bytes` begin with, and of its head, once that is known.
fn measure(bytes: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let Some((_, mut rest)) = bytes.split_first() else { return Ok(None) };
    let Some(len) = varint::read(&mut rest)? else { return Ok(None) };
    let head_len = bytes.len() - rest.len();
    let len = usize::try_from(len).ok().and_then(|len| len.checked_add(head_len));
    match len {
        Some(len) if len <= MAX_BATCH_BYTES => Ok(Some((len, head_len))),
        _ => Err(Violation::FrameTooLarge),
    }
}

pub(super) fn encode(code: u8, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(1 + 8 + payload.len());
    out.push(code);
    varint::write(&mut out, payload.len() as u64);
    out.extend_from_slice(payload);
    out.into()
}

pub(super) fn encode_number(code: u8, number: u64) -> Bytes {
    let mut payload = Vec::with_capacity(8);
    varint::write(&mut payload, number);
    encode(code, &payload)
}

/// Cuts a body, or any other stream of bytes, into whole frames.
///
/// It holds at most one frame that has not come whole, so at most 128 KiB.
#[derive(Debug, Default)]
pub struct FrameSplitter {
    /// The beginning of a frame.
    held: Vec<u8>,
}

impl FrameSplitter {
    /// Takes what has come, and gives back the whole frames in one piece; empty when there are none yet.
    ///
    /// # Errors
    ///
    /// A frame whose length is malformed or too large.
    pub fn split(&mut self, bytes: &Bytes) -> Result<Bytes, Violation> {
        let mut joined = if self.held.is_empty() {
            bytes.clone()
        } else {
            self.held.extend_from_slice(bytes);
            Bytes::from(std::mem::take(&mut self.held))
        };
        let mut len = 0;
        while let Some((frame, _)) = measure(&joined[len..])?.filter(|(frame, _)| len + frame <= joined.len())
        {
            len += frame;
        }
        let whole = joined.split_to(len);
        self.held = joined.to_vec();
        Ok(whole)
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        !self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_however_the_bytes_are_cut() {
        let frames = [encode(0x10, b"hi"), encode(0x11, &[7; 300]), encode_number(ACK, 70_000), padding(5)];
        let stream: Bytes = frames.concat().into();
        for cut in 0..=stream.len() {
            let mut splitter = FrameSplitter::default();
            let mut bytes = Vec::new();
            for part in [stream.slice(..cut), stream.slice(cut..)] {
                let mut whole = splitter.split(&part).unwrap();
                while let Some(frame) = next(&mut whole).unwrap() {
                    bytes.push(frame.whole);
                }
                assert!(whole.is_empty());
            }
            assert_eq!(bytes, frames);
            assert!(!splitter.is_inside_frame());
        }
    }

    #[test]
    fn a_frame_over_a_batch_is_refused_by_its_head() {
        let mut head = vec![0x11];
        varint::write(&mut head, MAX_BATCH_BYTES as u64);
        assert_eq!(FrameSplitter::default().split(&head.into()), Err(Violation::FrameTooLarge));
    }
}
