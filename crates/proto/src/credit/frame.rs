//! Frames and the batches that carry them (docs/protocol.md, section 2).

use std::ops::Range;

use super::violation::Violation;
use crate::varint;

/// The most bytes of one batch, which is one WebSocket message.
pub const MAX_BATCH_BYTES: usize = 128 << 10;

/// What a message costs beside its payload, in units of credit.
pub const MESSAGE_COST: u64 = 32;

/// The most bytes of a PING.
pub(super) const MAX_PING_BYTES: usize = 8;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameType {
    Hello,
    Welcome,
    Credit,
    Blocked,
    Ping,
    Pong,
    End,
    Text,
    Binary,
    TextStart,
    BinaryStart,
    Part,
    LastPart,
    Apart,
}

impl FrameType {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Hello => 0x01,
            Self::Welcome => 0x02,
            Self::Credit => 0x03,
            Self::Blocked => 0x04,
            Self::Ping => 0x05,
            Self::Pong => 0x06,
            Self::End => 0x07,
            Self::Text => 0x10,
            Self::Binary => 0x11,
            Self::TextStart => 0x12,
            Self::BinaryStart => 0x13,
            Self::Part => 0x14,
            Self::LastPart => 0x15,
            Self::Apart => 0x16,
        }
    }

    fn from_code(code: u8) -> Result<Self, Violation> {
        Ok(match code {
            0x01 => Self::Hello,
            0x02 => Self::Welcome,
            0x03 => Self::Credit,
            0x04 => Self::Blocked,
            0x05 => Self::Ping,
            0x06 => Self::Pong,
            0x07 => Self::End,
            0x10 => Self::Text,
            0x11 => Self::Binary,
            0x12 => Self::TextStart,
            0x13 => Self::BinaryStart,
            0x14 => Self::Part,
            0x15 => Self::LastPart,
            0x16 => Self::Apart,
            _ => return Err(Violation::ReservedFrameType),
        })
    }

    /// Whether a message begins with this frame, which needs credit.
    pub(super) fn starts_message(self) -> bool {
        matches!(self, Self::Text | Self::Binary | Self::TextStart | Self::BinaryStart)
    }

    /// Whether a message ends with this frame.
    pub(super) fn ends_message(self) -> bool {
        matches!(self, Self::Text | Self::Binary | Self::LastPart)
    }
}

/// Takes the next frame off `batch` from `at` on: its type, and where its payload lies. `None` at the batch's end.
pub(super) fn next(batch: &[u8], at: usize) -> Result<Option<(FrameType, Range<usize>)>, Violation> {
    let Some((&code, mut rest)) = batch[at..].split_first() else { return Ok(None) };
    let frame_type = FrameType::from_code(code)?;
    let len = varint::read(&mut rest)?.ok_or(Violation::CutFrame)?;
    // A length beyond the batch may be beyond usize too.
    let len = usize::try_from(len).ok().filter(|len| *len <= rest.len()).ok_or(Violation::CutFrame)?;
    let start = batch.len() - rest.len();
    Ok(Some((frame_type, start..start + len)))
}

/// Appends a frame's type and length; the payload is to follow.
pub(super) fn write_head(out: &mut Vec<u8>, frame_type: FrameType, len: usize) {
    out.push(frame_type.code());
    varint::write(out, len as u64);
}

/// Appends a frame.
pub(super) fn write(out: &mut Vec<u8>, frame_type: FrameType, payload: &[u8]) {
    write_head(out, frame_type, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a frame whose payload is numbers.
pub(super) fn write_numbers(out: &mut Vec<u8>, frame_type: FrameType, numbers: &[u64]) {
    let mut payload = Vec::with_capacity(16);
    for number in numbers {
        varint::write(&mut payload, *number);
    }
    write(out, frame_type, &payload);
}

/// Reads a payload that is exactly so many numbers.
pub(super) fn read_numbers<const COUNT: usize>(mut payload: &[u8]) -> Result<[u64; COUNT], Violation> {
    let mut numbers = [0; COUNT];
    for number in &mut numbers {
        *number = varint::read(&mut payload)?.ok_or(Violation::BadControlFrame)?;
    }
    if payload.is_empty() { Ok(numbers) } else { Err(Violation::BadControlFrame) }
}
