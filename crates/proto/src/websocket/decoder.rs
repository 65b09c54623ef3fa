//! Bytes in → frames (RFC 6455 §5.2), payload part by payload part.

use bytes::Bytes;

use super::input::Input;
use super::{FrameHeader, Message, PeerMisbehaved, Side, apply_mask};

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

/// The first byte of a message in one frame, uncompressed (RFC 6455 §5.2).
const FIN_AND_TEXT: u8 = 0x81;
const FIN_AND_BINARY: u8 = 0x82;

/// How much may be taken.
#[derive(Clone, Copy)]
pub(crate) struct PartLimits {
    /// The longest frame that may begin.
    pub(crate) frame_bytes: u64,
    /// The longest stretch of a frame to give out at once.
    pub(crate) part_bytes: usize,
    /// The same of a frame that begins a compressed message.
    pub(crate) compressed_part_bytes: usize,
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
        let at_hand = match header.opcode {
            opcode if opcode.is_control() => input.len(),
            _ if header.rsv1 => input.len().min(limits.part_bytes).min(limits.compressed_part_bytes),
            _ => input.len().min(limits.part_bytes),
        };
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

    /// A message that comes in one uncompressed frame of under 64 KiB, all of which is here, as nearly every message
    /// does. `None` for everything else, right or wrong, of which [`next_part`](Self::next_part) is the judge; nothing
    /// is taken then.
    #[inline]
    pub(crate) fn whole_message(&self, input: &mut Input, max_bytes: u64) -> Option<Message> {
        let unread = input.unread_mut();
        let &mut [first, second, ref rest @ ..] = unread else { return None };
        let is_masked = second & 0x80 != 0;
        let is_message = matches!(first, FIN_AND_TEXT | FIN_AND_BINARY);
        if !is_message || self.frame.is_some() || is_masked != (self.peer == Side::Client) {
            return None;
        }
        let (len, length_bytes) = match (second & 0x7F, rest) {
            (len @ 0..=125, _) => (usize::from(len), 0),
            (126, &[a, b, ..]) if a > 0 || b >= 126 => (usize::from(u16::from_be_bytes([a, b])), 2),
            _ => return None,
        };
        let key_at = 2 + length_bytes;
        let payload_at = if is_masked { key_at + 4 } else { key_at };
        if len as u64 > max_bytes || unread.len() < payload_at + len {
            return None;
        }
        // Zeros, which change nothing, where there is no key.
        let key = if is_masked { *unread[key_at..].first_chunk::<4>()? } else { [0; 4] };
        let payload = &mut unread[payload_at..payload_at + len];
        if is_masked {
            apply_mask(key, 0, payload);
        }
        let message = match first {
            FIN_AND_BINARY => Message::Binary(Bytes::copy_from_slice(payload)),
            FIN_AND_TEXT if let Ok(text) = simdutf8::basic::from_utf8(payload) => {
                Message::Text(text.to_owned())
            }
            _ => {
                // As it came, for the judge.
                apply_mask(key, 0, payload);
                return None;
            }
        };
        input.take(payload_at + len);
        Some(message)
    }

    /// Whether the next byte begins a frame.
    #[inline]
    pub(crate) fn is_between_frames(&self) -> bool {
        self.frame.is_none()
    }

    /// How many payload bytes of the data frame under way have yet to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.frame.as_ref().map_or(0, |frame| frame.header.payload_len - frame.taken)
    }

    /// Takes payload of the frame under way that did not come through the input, unmasking it where it is.
    pub(crate) fn take_direct(&mut self, payload: &mut [u8]) {
        if let Some(frame) = &mut self.frame {
            if let Some(key) = frame.header.masking_key {
                apply_mask(key, frame.taken, payload);
            }
            frame.taken += payload.len() as u64;
        }
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
