//! Frames of `tidegate.v1` and of sessions, written and read by hand.

pub(crate) const HELLO: u8 = 0x01;
pub(crate) const WELCOME: u8 = 0x02;
pub(crate) const END: u8 = 0x07;
pub(crate) const ATTACHED: u8 = 0x08;
pub(crate) const ACK: u8 = 0x09;
pub(crate) const DETACHED: u8 = 0x0a;
pub(crate) const TEXT: u8 = 0x10;
pub(crate) const BINARY: u8 = 0x11;

/// A type and a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) code: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Whether it is counted.
    pub(crate) fn is_of_flow(&self) -> bool {
        !(0x08..0x10).contains(&self.code)
    }

    /// The payload of a frame of one number.
    pub(crate) fn number(&self) -> u64 {
        let (number, length) = read_number(&self.payload).expect("a number");
        assert_eq!(length, self.payload.len());
        number
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("text")
    }

    /// The value of a parameter of ATTACHED or of a greeting.
    pub(crate) fn parameter(&self, wanted: u64) -> Option<&[u8]> {
        let mut rest = &self.payload[if self.code == ATTACHED { 0 } else { 1 }..];
        while !rest.is_empty() {
            let (id, id_length) = read_number(rest)?;
            let (length, length_length) = read_number(&rest[id_length..])?;
            let (value, behind) = rest[id_length + length_length..].split_at(length as usize);
            if id == wanted {
                return Some(value);
            }
            rest = behind;
        }
        None
    }

    pub(crate) fn parameter_number(&self, wanted: u64) -> Option<u64> {
        read_number(self.parameter(wanted)?).map(|(number, _)| number)
    }
}

pub(crate) fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    [&[code][..], &number(payload.len() as u64), payload].concat()
}

/// A client's greeting, with this window and the usual longest message.
pub(crate) fn hello(window: u64) -> Vec<u8> {
    let mut payload = vec![1];
    for (id, value) in [(1, window), (2, 16 << 20)] {
        let value = number(value);
        payload.extend([id, value.len() as u8]);
        payload.extend(value);
    }
    frame(HELLO, &payload)
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

pub(crate) fn ack(position: u64) -> Vec<u8> {
    frame(ACK, &number(position))
}

/// END with a code and a reason.
pub(crate) fn end(code: u16, reason: &str) -> Vec<u8> {
    frame(END, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

pub(crate) fn number(number: u64) -> Vec<u8> {
    match number {
        0..=0x3f => vec![number as u8],
        0x40..=0x3fff => (0x4000 | number as u16).to_be_bytes().into(),
        0x4000..=0x3fff_ffff => (0x8000_0000 | number as u32).to_be_bytes().into(),
        _ => (0xc000_0000_0000_0000 | number).to_be_bytes().into(),
    }
}

/// A number, and how many bytes it took.
fn read_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = 1 << (bytes.first()? >> 6);
    let taken = bytes.get(..length)?;
    let first = u64::from(taken[0] & 0x3f);
    Some((taken[1..].iter().fold(first, |sum, byte| sum << 8 | u64::from(*byte)), length))
}

/// Takes whole frames off the front of `bytes`.
pub(crate) fn take(bytes: &mut Vec<u8>) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(code) = bytes.get(at)
        && let Some((length, head)) = read_number(&bytes[at + 1..])
        && let Some(payload) = bytes.get(at + 1 + head..at + 1 + head + length as usize)
    {
        frames.push(Frame { code: *code, payload: payload.to_vec() });
        at += 1 + head + payload.len();
    }
    bytes.drain(..at);
    frames
}
