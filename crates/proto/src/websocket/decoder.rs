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
    max_frame_bytes: u64,
    frame: Option<InFrame>,
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
    pub(crate) fn new(peer: Side, rsv1_allowed: bool, max_frame_bytes: u64) -> Self {
        Self { peer, rsv1_allowed, max_frame_bytes, frame: None }
    }

    /// The next part, or `None` until more bytes come.
    ///
    /// A data frame's first part may be empty: it tells the header as soon as that is known.
    pub(crate) fn next_part<'a>(&mut self, input: &'a mut Input) -> Result<Option<Part<'a>>, PeerMisbehaved> {
        let starts = self.frame.is_none();
        let InFrame { header, taken } = match self.frame.take() {
            Some(frame) => frame,
            None => match self.begin_frame(input)? {
                Some(header) => InFrame { header, taken: 0 },
                None => return Ok(None),
            },
        };
        let remaining = header.payload_len - taken;
        // In memory, so the smaller of the two fits a usize.
        let len = remaining.min(input.len() as u64) as usize;
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

    fn begin_frame(&self, input: &mut Input) -> Result<Option<FrameHeader>, PeerMisbehaved> {
        let unread = input.unread();
        let Some((header, header_bytes)) = FrameHeader::parse(unread)? else { return Ok(None) };
        self.check(&header)?;
        let is_whole = (unread.len() - header_bytes) as u64 >= header.payload_len;
        if header.opcode.is_control() && !is_whole {
            return Ok(None);
        }
        input.take(header_bytes);
        Ok(Some(header))
    }

    fn check(&self, header: &FrameHeader) -> Result<(), PeerMisbehaved> {
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
        if header.payload_len > self.max_frame_bytes {
            let (len, limit) = (header.payload_len, self.max_frame_bytes);
            return Err(PeerMisbehaved::ExceededFrameLimit { len, limit });
        }
        Ok(())
    }
}
