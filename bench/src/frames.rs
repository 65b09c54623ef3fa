//! What is sent, made ready beforehand, and what has to come back.

/// Frames in an order that repeats, as a client sends them and as an echo answers them.
///
/// Both are held twice in a row, so that a period can be taken from any place in one piece.
pub(crate) struct Script {
    pub(crate) question: Loop,
    pub(crate) answer: Loop,
}

/// Bytes that come again and again.
pub(crate) struct Loop {
    twice: Vec<u8>,
    /// Where each frame of a period begins.
    begins: Vec<usize>,
}

impl Loop {
    fn new(frames: &[Vec<u8>]) -> Self {
        let begin = |at: &mut usize, frame: &Vec<u8>| {
            *at += frame.len();
            Some(*at - frame.len())
        };
        let begins = frames.iter().scan(0, begin).collect();
        Self { begins, twice: [frames.concat(), frames.concat()].concat() }
    }

    pub(crate) fn period(&self) -> usize {
        self.twice.len() / 2
    }

    /// At most `len` bytes from this place on, and at least one unless `len` is 0.
    pub(crate) fn from(&self, place: u64, len: u64) -> &[u8] {
        let begin = (place % self.period() as u64) as usize;
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.period());
        &self.twice[begin..begin + len]
    }

    /// Where the frame with this number begins.
    pub(crate) fn place(&self, number: u64) -> u64 {
        let count = self.begins.len() as u64;
        number / count * self.period() as u64 + self.begins[(number % count) as usize] as u64
    }

    /// The length of each frame, where they are of one length.
    pub(crate) fn frame(&self) -> u64 {
        (self.period() / self.begins.len()) as u64
    }

    /// Whether these are the bytes from this place on.
    pub(crate) fn is_at(&self, place: u64, bytes: &[u8]) -> bool {
        let mut at = place;
        bytes.chunks(self.period()).all(|chunk| {
            let expected = self.from(at, chunk.len() as u64);
            at += chunk.len() as u64;
            expected == chunk
        })
    }
}

impl Script {
    /// Binary messages of `size` bytes, `depth` of which may be under way at a time.
    pub(crate) fn binary(size: usize, depth: usize) -> Self {
        let count = depth.max((64 * 1024 / size.max(1)).min(64));
        let payloads: Vec<Vec<u8>> = (0..count).map(|seed| noise(size, seed as u64 + 1)).collect();
        Self::of(BINARY, &payloads)
    }

    /// The same bytes for a server that knows no WebSocket and sends them back as they are.
    pub(crate) fn raw(size: usize, depth: usize) -> Self {
        let mut script = Self::binary(size, depth);
        script.answer.twice.clone_from(&script.question.twice);
        script.answer.begins.clone_from(&script.question.begins);
        script
    }

    /// Payloads with this first byte, FIN and opcode and reserved bits.
    pub(crate) fn payloads(first: u8, payloads: &[Vec<u8>]) -> Self {
        Self::of(first, payloads)
    }

    fn of(first: u8, payloads: &[Vec<u8>]) -> Self {
        let masked: Vec<Vec<u8>> =
            payloads.iter().zip(1..).map(|(payload, seed)| masked_frame(first, payload, seed)).collect();
        let plain: Vec<Vec<u8>> = payloads.iter().map(|payload| plain_frame(first, payload)).collect();
        Self { question: Loop::new(&masked), answer: Loop::new(&plain) }
    }
}

/// FIN and the opcode of a binary message.
pub(crate) const BINARY: u8 = 0x82;

/// A frame as a client sends it. The mask comes from the seed: what is measured must not vary.
pub(crate) fn masked_frame(first: u8, payload: &[u8], seed: u64) -> Vec<u8> {
    let mut frame = vec![first];
    push_length(payload.len(), 0x80, &mut frame);
    let mask: Vec<u8> = noise(4, seed ^ 0x5eed);
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn plain_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    push_length(payload.len(), 0, &mut frame);
    frame.extend_from_slice(payload);
    frame
}

fn push_length(len: usize, mask_bit: u8, frame: &mut Vec<u8>) {
    match len {
        0..=125 => frame.push(mask_bit | len as u8),
        126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask_bit | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Bytes without a pattern, always the same for a seed (xorshift64).
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(byte).take(len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_knows_its_bytes_from_any_place() {
        let script = Script::binary(20, 32);
        let period = script.answer.period() as u64;
        assert_eq!(period % 22, 0);
        let mut all = script.answer.from(0, period).to_vec();
        all.extend_from_slice(script.answer.from(0, 30));
        assert!(script.answer.is_at(0, &all));
        assert!(script.answer.is_at(period + 7, &all[7..]));
        assert!(!script.answer.is_at(1, &all));
        assert_eq!(script.answer.place(65), period + 22);
        assert_eq!(script.question.frame(), 26);
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        assert_eq!(plain_frame(BINARY, &[0; 125])[..2], [0x82, 125]);
        assert_eq!(plain_frame(BINARY, &[0; 126])[..4], [0x82, 126, 0, 126]);
        assert_eq!(plain_frame(BINARY, &[0; 65_536])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(masked_frame(BINARY, b"abc", 1).len(), 2 + 4 + 3);
    }
}
