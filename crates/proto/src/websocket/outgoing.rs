//! A message that is sent in parts.

use super::frame::{FrameHeader, Opcode};
use super::utf8::TextBuilder;

/// A message of which not all has been sent.
pub(crate) struct Streaming {
    pub(crate) shape: Shape,
    /// Checks that text is text; `None` for binary.
    pub(crate) text: Option<TextBuilder>,
}

/// How its parts go on the wire.
pub(crate) enum Shape {
    /// One frame, `sent` bytes of whose payload have been queued.
    Frame { header: FrameHeader, sent: u64 },
    /// A frame per part.
    Fragments { opcode: Opcode, rsv1: bool },
}
