//! Frames of a server, whatever comes: for the loads that cannot know it beforehand.

/// Takes a server's bytes apart.
#[derive(Default)]
pub(crate) struct Incoming {
    header: Vec<u8>,
    frame: Option<Frame>,
    left: u64,
    /// Whether payloads are kept whole. Otherwise only their beginnings are.
    keeps: bool,
}

/// A frame that has come whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub(crate) first: u8,
    pub(crate) len: u64,
    /// The payload, or its beginning.
    pub(crate) payload: Vec<u8>,
}

/// What is kept of a payload that is not kept whole.
const BEGINNING: usize = 125;

pub(crate) const CLOSE: u8 = 8;

impl Frame {
    pub(crate) fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    pub(crate) fn is_data(&self) -> bool {
        self.opcode() < CLOSE
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.first & 0x40 != 0
    }

    /// The code and the reason of a Close.
    pub(crate) fn close(&self) -> Option<(u16, String)> {
        if self.opcode() != CLOSE {
            return None;
        }
        let code = self.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        let reason = self.payload.get(2..).unwrap_or_default();
        Some((code, String::from_utf8_lossy(reason).into_owned()))
    }
}

impl Incoming {
    /// Keeps payloads whole.
    pub(crate) fn keeping() -> Self {
        Self { keeps: true, ..Self::default() }
    }

    /// Takes the next bytes, and shows each frame that is whole with them.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut show: impl FnMut(&Frame)) {
        while !bytes.is_empty() || self.is_whole() {
            let Some(frame) = &mut self.frame else {
                self.header.push(bytes[0]);
                bytes = &bytes[1..];
                if let Some((first, len)) = parsed(&self.header) {
                    self.header.clear();
                    self.left = len;
                    self.frame = Some(Frame { first, len, payload: Vec::new() });
                }
                continue;
            };
            let (part, rest) =
                bytes.split_at(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
            self.left -= part.len() as u64;
            bytes = rest;
            let kept = if self.keeps { usize::MAX } else { BEGINNING.saturating_sub(frame.payload.len()) };
            frame.payload.extend_from_slice(&part[..part.len().min(kept)]);
            if self.left == 0 {
                show(frame);
                self.frame = None;
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.frame.is_some() && self.left == 0
    }
}

fn parsed(header: &[u8]) -> Option<(u8, u64)> {
    let len = match header.get(1)? & 0x7f {
        126 => u16::from_be_bytes(*header.get(2..)?.first_chunk()?).into(),
        127 => u64::from_be_bytes(*header.get(2..)?.first_chunk()?),
        len => len.into(),
    };
    Some((header[0], len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cut_anywhere_come_out_whole() {
        let mut bytes = vec![0x82, 3, 1, 2, 3, 0x89, 0, 0xc1, 126, 1, 0];
        bytes.extend([7; 256]);
        bytes.extend([0x88, 5, 0x0f, 0xa8, b'b', b'y', b'e']);
        for cut in 1..40 {
            let mut incoming = Incoming::default();
            let mut frames = Vec::new();
            for part in bytes.chunks(cut) {
                incoming.feed(part, |frame| frames.push(frame.clone()));
            }
            let lens: Vec<u64> = frames.iter().map(|frame| frame.len).collect();
            assert_eq!(lens, [3, 0, 256, 5], "{cut}");
            assert_eq!(frames[3].close(), Some((4008, "bye".to_owned())));
            assert!(frames[2].is_compressed() && frames[2].payload.len() == BEGINNING);
        }
    }
}
