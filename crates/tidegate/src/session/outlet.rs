//! What a link sends, taken apart again: WebSocket frames without compression, and in them the frames of
//! `tidegate.v1`.

use bytes::Bytes;

/// Something whole that the link has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// A frame of the conversation.
    Frame(Bytes),
    /// A WebSocket ping, and its payload.
    Ping(Bytes),
    /// A Close, and its payload.
    Close(Bytes),
}

/// Cuts the link's output, however it is chopped.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    /// The head of a WebSocket frame, as far as it has come.
    head: Vec<u8>,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// How much of the payload was taken, and how much is missing.
    taken: u64,
    missing: u64,
    /// A frame of the conversation, as far as it has come.
    gathered: Vec<u8>,
    /// How long it will be, once that is known.
    whole: Option<usize>,
    /// The payload of a control frame, which may come between two fragments.
    control: Vec<u8>,
}

const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

impl Outlet {
    /// Whether the next byte begins a frame of the conversation.
    pub(super) fn begins_frame(&self) -> bool {
        self.missing > 0 && self.opcode < CLOSE && self.gathered.is_empty()
    }

    /// Takes some bytes off the front of `bytes`: up to the end of something, or up to where a frame of the conversation
    /// may begin, so that the caller can see to it that there is room.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Option<Sent> {
        if self.missing == 0 && (!self.take_head(bytes) || self.opcode < CLOSE) {
            return None;
        }
        if self.opcode >= CLOSE { self.take_control(bytes) } else { self.take_data(bytes) }
    }

    /// Whether a head is whole.
    fn take_head(&mut self, bytes: &mut &[u8]) -> bool {
        loop {
            let wanted = match *self.head {
                [_, second, ..] => {
                    let length = [0, 2, 8][usize::from((second & 0x7f).saturating_sub(125).min(2))];
                    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
                }
                _ => 2,
            };
            if self.head.len() == wanted {
                break;
            }
            let Some((first, rest)) = bytes.split_first() else { return false };
            self.head.push(*first);
            *bytes = rest;
        }
        self.opcode = self.head[0] & 0x0f;
        let masked = self.head[1] & 0x80 != 0;
        let (head, mask) = self.head.split_at(self.head.len() - if masked { 4 } else { 0 });
        self.mask = mask.try_into().ok();
        self.missing = match head.len() {
            2 => u64::from(head[1] & 0x7f),
            _ => head[2..].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        self.taken = 0;
        self.head.clear();
        true
    }

    fn take_control(&mut self, bytes: &mut &[u8]) -> Option<Sent> {
        let length = bytes.len().min(self.missing as usize);
        let mut control = std::mem::take(&mut self.control);
        self.gather(bytes, length, &mut control);
        if self.missing > 0 {
            self.control = control;
            return None;
        }
        match self.opcode {
            CLOSE => Some(Sent::Close(control.into())),
            PING => Some(Sent::Ping(control.into())),
            _ => None,
        }
    }

    fn take_data(&mut self, bytes: &mut &[u8]) -> Option<Sent> {
        let mut frame = std::mem::take(&mut self.gathered);
        while self.missing > 0 && !bytes.is_empty() {
            let length = self.whole.map_or(1, |whole| whole - frame.len());
            self.gather(bytes, length.min(bytes.len()).min(self.missing as usize), &mut frame);
            if self.whole.is_none() {
                self.whole = whole_length(&frame);
                let more = self.whole.map_or(0, |whole| whole - frame.len());
                frame.reserve_exact(more);
            }
            if self.whole == Some(frame.len()) {
                self.whole = None;
                return Some(Sent::Frame(frame.into()));
            }
        }
        self.gathered = frame;
        None
    }

    /// Takes so many bytes of the payload, unmasked.
    fn gather(&mut self, bytes: &mut &[u8], length: usize, out: &mut Vec<u8>) {
        let (part, rest) = bytes.split_at(length);
        *bytes = rest;
        match self.mask {
            Some(mask) => {
                let at = (self.taken % 4) as usize;
                let key = mask.iter().cycle().skip(at);
                out.extend(part.iter().zip(key).map(|(byte, key)| byte ^ key));
            }
            None => out.extend_from_slice(part),
        }
        self.taken += length as u64;
        self.missing -= length as u64;
    }
}

/// The length of the frame that begins with these bytes, when it can be told.
fn whole_length(begun: &[u8]) -> Option<usize> {
    let first = *begun.get(1)?;
    let head = 1 + (1 << (first >> 6));
    let varint = begun.get(1..head)?;
    let length = varint[1..].iter().fold(u64::from(first & 0x3f), |sum, byte| sum << 8 | u64::from(*byte));
    // Our own link made it, so it is the length of something in memory.
    Some(head + length as usize)
}

/// A WebSocket frame's opcode for what is fed to the link.
pub(super) const OPCODES: (u8, u8, u8) = (0x2, PONG, CLOSE);

#[cfg(test)]
mod tests {
    use super::*;

    fn all(outlet: &mut Outlet, chunks: &[&[u8]]) -> Vec<Sent> {
        let mut sent = Vec::new();
        for mut rest in chunks.iter().copied() {
            while !rest.is_empty() {
                sent.extend(outlet.take(&mut rest));
            }
        }
        sent
    }

    #[test]
    fn frames_are_the_same_however_the_output_is_chopped() {
        let long = vec![7; 300];
        let mut frame = vec![0x11, 0x41, 0x2c];
        frame.extend(&long);
        // A batch of two frames in two fragments, a ping between them, and a Close.
        let mut output = vec![0x02, 3, 0x10, 2, b'h', 0x89, 1, b'p', 0x80, 126, 0x01, 0x30, b'i'];
        output.extend(&frame);
        output.extend([0x88, 2, 0x03, 0xe8]);
        let expected = [
            Sent::Ping("p".into()),
            Sent::Frame(Bytes::from_static(&[0x10, 2, b'h', b'i'])),
            Sent::Frame(frame.into()),
            Sent::Close(Bytes::from_static(&[0x03, 0xe8])),
        ];
        assert_eq!(all(&mut Outlet::default(), &[&output]), expected);
        for cut in 1..output.len() {
            let (one, other) = output.split_at(cut);
            assert_eq!(all(&mut Outlet::default(), &[one, other]), expected, "{cut}");
        }
    }

    #[test]
    fn a_client_link_masks() {
        // The fourth byte of the payload begins another frame.
        let output = [0x82, 0x84, 1, 2, 3, 4, 0x10 ^ 1, 1 ^ 2, b'a' ^ 3, 0x10 ^ 4];
        let expected = [Sent::Frame(Bytes::from_static(&[0x10, 1, b'a']))];
        let mut outlet = Outlet::default();
        assert_eq!(all(&mut outlet, &[&output[..9]]), expected);
        assert!(outlet.begins_frame());
    }
}
