//! A message that is sent in parts.

use super::frame::{FrameHeader, Opcode};
use super::utf8::TextBuilder;

/// A message of which not all has been sent.
pub(crate) struct Streaming {
    pub(crate) shape: Shape,
    /// Checks that text is text; `None` for binary.
    pub(crate) text: Option<TextBuilder>,
    /// A Close that waits for the end of the frame.
    pub(crate) close_owed: Option<Box<[u8]>>,
}

impl Streaming {
    /// Whether the next byte on the wire belongs to a frame that has begun.
    pub(crate) fn is_within_frame(&self) -> bool {
        matches!(&self.shape, Shape::Frame { header, sent } if *sent < header.payload_len)
    }
}

/// How its parts go on the wire.
pub(crate) enum Shape {
    /// One frame, `sent` bytes of whose payload have been queued.
    Frame { header: FrameHeader, sent: u64 },
    /// A frame per part.
    Fragments { opcode: Opcode, rsv1: bool },
}
