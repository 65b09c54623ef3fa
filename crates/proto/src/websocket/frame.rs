//! One frame's header (RFC 6455 §5.2).

use super::PeerMisbehaved;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Sent the opening handshake, and masks what it sends.
    Client,
    /// Answered it, and must receive masked frames.
    Server,
}

/// What a frame carries (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of the message that has begun.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The closing handshake (§5.5.1).
    Close,
    /// A ping (§5.5.2).
    Ping,
    /// A pong (§5.5.3).
    Pong,
}

impl Opcode {
    /// Whether this is Close, Ping or Pong, which may come between the fragments of a message.
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, PeerMisbehaved> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xA => Ok(Self::Pong),
            reserved => Err(PeerMisbehaved::SentReservedOpcode(reserved)),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }
}

/// A frame's header. What it promises of the payload is a promise only: nothing is allocated for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// Whether the message is compressed (RFC 7692 §6); set on a message's first frame only.
    pub rsv1: bool,
    /// What the payload is.
    pub opcode: Opcode,
    /// The masking key, where there is one.
    pub masking_key: Option<[u8; 4]>,
    /// Payload length in bytes.
    pub payload_len: u64,
}

/// The longest header: 2 bytes, 8 of length, 4 of masking key.
pub const MAX_HEADER_BYTES: usize = 14;

/// The longest payload of a control frame (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

impl FrameHeader {
    /// Reads a header from the front of `bytes`: the header and its length, or `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// A reserved bit (RSV2, RSV3) or opcode, a length not in its shortest form or over 2^63 - 1, and a control
    /// frame that is fragmented or longer than 125 bytes (RFC 6455 §5.2, §5.5). Each is found as early as the
    /// bytes allow. RSV1, masking and the order of frames are the caller's to judge.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, PeerMisbehaved> {
        let &[first, second, ref rest @ ..] = bytes else {
            return match bytes.first() {
                Some(&first) => Self::parse_first(first).map(|_| None),
                None => Ok(None),
            };
        };
        let (fin, rsv1, opcode) = Self::parse_first(first)?;
        let short = u64::from(second & 0x7F);
        if opcode.is_control() && short > MAX_CONTROL_PAYLOAD as u64 {
            return Err(PeerMisbehaved::SentLongControlFrame);
        }
        let Some((payload_len, length_bytes)) = parse_length(short, rest)? else { return Ok(None) };
        let mut header_bytes = 2 + length_bytes;
        let mut masking_key = None;
        if second & 0x80 != 0 {
            let Some(&key) = rest[length_bytes..].first_chunk::<4>() else { return Ok(None) };
            masking_key = Some(key);
            header_bytes += 4;
        }
        Ok(Some((Self { fin, rsv1, opcode, masking_key, payload_len }, header_bytes)))
    }

    fn parse_first(first: u8) -> Result<(bool, bool, Opcode), PeerMisbehaved> {
        if first & 0x30 != 0 {
            return Err(PeerMisbehaved::SetReservedBit);
        }
        let opcode = Opcode::from_bits(first & 0x0F)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() && !fin {
            return Err(PeerMisbehaved::SentFragmentedControlFrame);
        }
        Ok((fin, first & 0x40 != 0, opcode))
    }

    /// Appends the header to `out`, the length in its shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mask_bit = if self.masking_key.is_some() { 0x80 } else { 0 };
        let first = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode.bits();
        match self.payload_len {
            len @ 0..=125 => out.extend_from_slice(&[first, mask_bit | len as u8]),
            len @ 126..=0xFFFF => {
                let [a, b] = (len as u16).to_be_bytes();
                out.extend_from_slice(&[first, mask_bit | 126, a, b]);
            }
            len => {
                out.extend_from_slice(&[first, mask_bit | 127]);
                out.extend_from_slice(&len.to_be_bytes());
            }
        }
        if let Some(key) = self.masking_key {
            out.extend_from_slice(&key);
        }
    }
}

/// The extended payload length and how many bytes it takes (RFC 6455 §5.2: "the minimal number of bytes").
fn parse_length(short: u64, rest: &[u8]) -> Result<Option<(u64, usize)>, PeerMisbehaved> {
    match short {
        126 => {
            let Some(&bytes) = rest.first_chunk::<2>() else { return Ok(None) };
            let len = u64::from(u16::from_be_bytes(bytes));
            if len < 126 {
                return Err(PeerMisbehaved::SentNonMinimalLength);
            }
            Ok(Some((len, 2)))
        }
        127 => {
            let Some(&bytes) = rest.first_chunk::<8>() else { return Ok(None) };
            let len = u64::from_be_bytes(bytes);
            if len > i64::MAX as u64 {
                return Err(PeerMisbehaved::SentLengthWithTopBit);
            }
            if len <= 0xFFFF {
                return Err(PeerMisbehaved::SentNonMinimalLength);
            }
            Ok(Some((len, 8)))
        }
        short => Ok(Some((short, 0))),
    }
}
