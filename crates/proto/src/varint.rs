//! Numbers on the wire: RFC 9000 §16, in their shortest form, up to 2^53 - 1.

/// Why bytes are no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidVarint {
    NotShortest,
    TooLarge,
}

/// The largest number on the wire.
pub(crate) const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Appends `number`, which is at most [`MAX_NUMBER`].
pub(crate) fn write(out: &mut Vec<u8>, number: u64) {
    debug_assert!(number <= MAX_NUMBER);
    match number {
        0..=0x3f => out.push(number as u8),
        0x40..=0x3fff => out.extend_from_slice(&(0x4000 | number as u16).to_be_bytes()),
        0x4000..=0x3fff_ffff => out.extend_from_slice(&(0x8000_0000 | number as u32).to_be_bytes()),
        _ => out.extend_from_slice(&(0xc000_0000_0000_0000 | number).to_be_bytes()),
    }
}

/// Takes a number off the front of `bytes`; `None` when they end inside it.
pub(crate) fn read(bytes: &mut &[u8]) -> Result<Option<u64>, InvalidVarint> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let len = 1usize << (first >> 6);
    let Some((number, rest)) = bytes.split_at_checked(len) else { return Ok(None) };
    let number =
        number[1..].iter().fold(u64::from(first & 0x3f), |number, byte| number << 8 | u64::from(*byte));
    if number > MAX_NUMBER {
        return Err(InvalidVarint::TooLarge);
    }
    let is_shortest = match len {
        1 => true,
        2 => number > 0x3f,
        4 => number > 0x3fff,
        _ => number > 0x3fff_ffff,
    };
    if !is_shortest {
        return Err(InvalidVarint::NotShortest);
    }
    *bytes = rest;
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::{InvalidVarint, MAX_NUMBER, read, write};

    #[test]
    fn numbers_come_back_and_have_the_length_of_the_table() {
        let edges = [0x3f, 0x3fff, 0x3fff_ffff];
        let samples = edges.into_iter().flat_map(|edge| [edge, edge + 1]).chain([0, 1, MAX_NUMBER]);
        for number in samples {
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            let len = 1 << edges.iter().filter(|edge| number > **edge).count();
            assert_eq!(bytes.len(), len, "{number}");
            for cut in 0..len {
                assert_eq!(read(&mut &bytes[..cut]), Ok(None));
            }
            let mut rest = &bytes[..];
            assert_eq!((read(&mut rest), rest), (Ok(Some(number)), &[][..]));
        }
    }

    #[test]
    fn a_longer_form_or_a_larger_number_is_refused() {
        for long in [&[0x40, 0x3f][..], &[0x80, 0, 0x3f, 0xff], &[0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff]] {
            assert_eq!(read(&mut &long[..]), Err(InvalidVarint::NotShortest));
        }
        let large = (0xc000_0000_0000_0000 | (MAX_NUMBER + 1)).to_be_bytes();
        assert_eq!(read(&mut &large[..]), Err(InvalidVarint::TooLarge));
    }
}
