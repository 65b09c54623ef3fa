//! What a reader has got: every publication is known by its publisher and its number, and compared byte by byte.
//!
//! Whatever a wire puts around a publication is skipped: no wire puts the mark that publications begin with there.

/// What a publication begins and ends with. Neither is a byte of a frame's length or of a wire's own text here.
const BEGIN: u8 = b'|';
const END: u8 = b'^';

/// The mark, the publisher and the number.
const HEAD: usize = 12;

/// How many publishers there may be.
pub(crate) const PUBLISHERS: usize = 4;

/// The most that is kept of what lies around publications.
const AROUND: usize = 1024;

/// A publication as it was posted.
pub(crate) fn publication(size: usize, publisher: usize, number: u64) -> Vec<u8> {
    let mut bytes = vec![b'x'; size];
    bytes[..HEAD].copy_from_slice(format!("{}{publisher}{number:010}", char::from(BEGIN)).as_bytes());
    bytes[size - 1] = END;
    bytes
}

/// Counts publications as they come.
#[derive(Default)]
pub(crate) struct Tally {
    /// How much of the publication that comes just now there is.
    inside: Option<usize>,
    head: [u8; HEAD],
    /// By publisher, the number that has to come next.
    next: [u64; PUBLISHERS],
    /// Publications that came.
    pub(crate) got: u64,
    /// Publications that were passed over, and did not come later.
    pub(crate) passed: u64,
    /// Publications that came again, or too late.
    pub(crate) twice: u64,
    /// Publications whose bytes were others.
    pub(crate) broken: u64,
    /// What came around publications, for whoever wants to know.
    around: Option<Vec<u8>>,
    /// How many publications the server said that the reader has missed.
    pub(crate) told: u64,
}

impl Tally {
    /// Hears what the server says of publications that were missed, too.
    pub(crate) fn hearing() -> Self {
        Self { around: Some(Vec::new()), ..Self::default() }
    }

    /// Takes the next bytes; `sample` is any publication of the size that all have.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sample: &[u8]) {
        while !bytes.is_empty() {
            let Some(inside) = self.inside else {
                let begin = bytes.iter().position(|&byte| byte == BEGIN);
                let (around, rest) = bytes.split_at(begin.unwrap_or(bytes.len()));
                self.hear(around);
                self.inside = begin.map(|_| 0);
                bytes = rest;
                continue;
            };
            let (part, rest) = bytes.split_at(bytes.len().min(sample.len() - inside));
            let end = inside + part.len();
            if inside < HEAD {
                let end = end.min(HEAD);
                self.head[inside..end].copy_from_slice(&part[..end - inside]);
            }
            let from = inside.max(HEAD);
            if from < end && part[from - inside..] != sample[from..end] {
                self.broken += 1;
            }
            self.inside = (end < sample.len()).then_some(end);
            if self.inside.is_none() {
                self.count();
            }
            bytes = rest;
        }
    }

    fn count(&mut self) {
        let digit = |byte: u8| u64::from(byte.wrapping_sub(b'0'));
        let number = self.head[2..].iter().fold(0_u64, |sum, &byte| sum.wrapping_mul(10) + digit(byte));
        let Some(next) = self.next.get_mut(digit(self.head[1]) as usize) else {
            self.broken += 1;
            return;
        };
        if number < *next {
            self.twice += 1;
            return;
        }
        self.passed += number - *next;
        *next = number + 1;
        self.got += 1;
    }

    fn hear(&mut self, bytes: &[u8]) {
        const WORD: &[u8] = b"\"missed\":";
        let Some(around) = &mut self.around else { return };
        around.extend_from_slice(bytes);
        while let Some(at) = around.windows(WORD.len()).position(|window| window == WORD) {
            let digits = &around[at + WORD.len()..];
            let Some(len) = digits.iter().position(|byte| !byte.is_ascii_digit()) else { return };
            let missed = digits[..len].iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
            self.told += missed;
            around.drain(..at + WORD.len() + len);
        }
        let surplus = around.len().saturating_sub(AROUND);
        around.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(parts: &[&[u8]], cut: usize) -> Tally {
        let bytes = parts.concat();
        let mut tally = Tally::hearing();
        for part in bytes.chunks(cut) {
            tally.feed(part, &publication(40, 0, 0));
        }
        tally
    }

    #[test]
    fn what_is_missing_and_what_comes_again_is_counted_however_it_is_cut() {
        let message = |publisher, number| publication(40, publisher, number);
        let gap = br#"event: gap {"missed":2} "#;
        for cut in 1..200 {
            let all = [&message(0, 0)[..], b"\nid: 5\n", &message(1, 0), gap, &message(0, 3), &message(0, 3)];
            let tally = fed(&all, cut);
            assert_eq!((tally.got, tally.passed, tally.twice, tally.broken), (3, 2, 1, 0), "{cut}");
            assert_eq!(tally.told, 2, "{cut}");
        }
    }

    #[test]
    fn a_byte_that_is_another_is_noticed() {
        let mut message = publication(40, 0, 0);
        message[20] = b'y';
        for cut in 1..50 {
            assert_eq!(fed(&[&message], cut).broken, 1, "{cut}");
        }
    }
}
