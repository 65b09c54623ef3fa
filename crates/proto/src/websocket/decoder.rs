//! Bytes in → frames (RFC 6455 §5.2), payload part by payload part.

use super::input::Input;
use super::{FrameHeader, PeerMisbehaved, Side, apply_mask};

/// Splits the byte stream into frames.
///
/// A data frame is given out as its bytes come, so that no buffer ever has to hold what a header promises; a
/// control frame comes whole, being 125 bytes at most.
#[derive(Debug)]
pub(crate) struct Decoder {
    peer: Side,
    rsv1_allowed: bool,
    frame: Option<InFrame>,
}

/// How much may be taken.
#[derive(Clone, Copy)]
pub(crate) struct PartLimits {
    /// The longest frame that may begin.
    pub(crate) frame_bytes: u64,
    /// The longest stretch of a frame to give out at once.
    pub(crate) part_bytes: usize,
}

#[derive(Debug)]
struct InFrame {
    header: FrameHeader,
    taken: u64,
}

/// A stretch of one frame's payload, unmasked.
pub(crate) struct Part<'a> {
    pub(crate) header: FrameHeader,
    pub(crate) bytes: &'a [u8],
    /// Whether the frame starts here.
    pub(crate) starts: bool,
    /// Whether the frame ends here.
    pub(crate) ends: bool,
}

impl Decoder {
    /// `rsv1_allowed`: whether permessage-deflate was agreed on, which gives RSV1 a meaning.
    pub(crate) fn new(peer: Side, rsv1_allowed: bool) -> Self {
        Self { peer, rsv1_allowed, frame: None }
    }

    /// The next part, or `None` until more bytes come.
    ///
    /// A data frame's first part may be empty: it tells the header as soon as that is known.
    pub(crate) fn next_part<'a>(
        &mut self,
        input: &'a mut Input,
        limits: PartLimits,
    ) -> Result<Option<Part<'a>>, PeerMisbehaved> {
        let starts = self.frame.is_none();
        let InFrame { header, taken } = match self.frame.take() {
            Some(frame) => frame,
            None => match self.begin_frame(input, limits.frame_bytes)? {
                Some(header) => InFrame { header, taken: 0 },
                None => return Ok(None),
            },
        };
        let remaining = header.payload_len - taken;
        // In memory, so the smaller of the two fits a usize.
        let at_hand =
            if header.opcode.is_control() { input.len() } else { input.len().min(limits.part_bytes) };
        let len = remaining.min(at_hand as u64) as usize;
        let ends = len as u64 == remaining;
        if !ends {
            self.frame = Some(InFrame { header, taken: taken + len as u64 });
            if len == 0 && !starts {
                return Ok(None);
            }
        }
        let bytes = input.take(len);
        if let Some(key) = header.masking_key {
            apply_mask(key, taken, bytes);
        }
        Ok(Some(Part { header, bytes, starts, ends }))
    }

    /// How much of the data frame under way, or of the one whose header comes next, is still to be taken: for a
    /// look ahead that takes nothing. Control frames and broken headers count as empty.
    pub(crate) fn upcoming_bytes(&self, input: &Input) -> u64 {
        match (&self.frame, FrameHeader::parse(input.unread())) {
            (Some(frame), _) => frame.header.payload_len - frame.taken,
            (None, Ok(Some((header, _)))) if !header.opcode.is_control() => header.payload_len,
            _ => 0,
        }
    }

    fn begin_frame(
        &self,
        input: &mut Input,
        max_frame_bytes: u64,
    ) -> Result<Option<FrameHeader>, PeerMisbehaved> {
        let unread = input.unread();
        let Some((header, header_bytes)) = FrameHeader::parse(unread)? else { return Ok(None) };
        self.check(&header, max_frame_bytes)?;
        let is_whole = (unread.len() - header_bytes) as u64 >= header.payload_len;
        if header.opcode.is_control() && !is_whole {
            return Ok(None);
        }
        input.take(header_bytes);
        Ok(Some(header))
    }

    fn check(&self, header: &FrameHeader, limit: u64) -> Result<(), PeerMisbehaved> {
        use super::Opcode::{Binary, Text};
        match (self.peer, header.masking_key) {
            (Side::Client, None) => return Err(PeerMisbehaved::SentUnmaskedFrame),
            (Side::Server, Some(_)) => return Err(PeerMisbehaved::SentMaskedFrame),
            _ => {}
        }
        // RFC 7692 §6: the bit belongs to a message, so only its first frame may carry it.
        if header.rsv1 && !(self.rsv1_allowed && matches!(header.opcode, Text | Binary)) {
            return Err(PeerMisbehaved::SetReservedBit);
        }
        if header.payload_len > limit {
            let len = header.payload_len;
            return Err(PeerMisbehaved::ExceededFrameLimit { len, limit });
        }
        Ok(())
    }
}
