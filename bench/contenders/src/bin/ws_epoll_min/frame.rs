//! Headers and masks.

/// A client's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// FIN and the opcode.
    pub(crate) first: u8,
    /// Of the header.
    pub(crate) len: usize,
    pub(crate) payload: u64,
    pub(crate) mask: [u8; 4],
}

impl Header {
    /// The header at the beginning, if all of it is there.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (*bytes.first()?, bytes.get(1)? & 0x7f);
        let (extended, payload) = match second {
            126 => (2, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
            127 => (8, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            len => (0, len.into()),
        };
        let mask = *bytes.get(2 + extended..)?.first_chunk()?;
        Some(Self { first, len: 2 + extended + 4, payload, mask })
    }
}

/// Appends a server's header.
pub(crate) fn header(opcode: u8, payload: u64, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload {
        0..=125 => out.push(payload as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(payload as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&payload.to_be_bytes());
        }
    }
}

/// Appends the payload without its mask, of which `at` bytes are used up.
pub(crate) fn unmask(payload: &[u8], mask: [u8; 4], at: usize, out: &mut Vec<u8>) {
    let mut block = [0; 32];
    for (index, byte) in block.iter_mut().enumerate() {
        *byte = mask[(index + at) % 4];
    }
    let mut chunks = payload.chunks_exact(32);
    for chunk in &mut chunks {
        let mut plain = block;
        for (plain, byte) in plain.iter_mut().zip(chunk) {
            *plain ^= byte;
        }
        out.extend_from_slice(&plain);
    }
    out.extend(chunks.remainder().iter().zip(&block).map(|(byte, mask)| byte ^ mask));
}
