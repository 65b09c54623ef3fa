//! The CRC-32C of each block of the data.

/// How many bytes have a checksum of their own.
pub(super) const BLOCK: u64 = 64 * 1024;

/// Where the data ends, and the checksum of its last block as far as that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Blocks {
    /// How many bytes there are.
    pub(super) end: u64,
    /// The checksum of those behind the last whole block.
    pub(super) tail: u32,
}

impl Blocks {
    /// Adds bytes; gives the checksums of the blocks that they complete to `whole`.
    pub(super) fn add(&mut self, mut bytes: &[u8], whole: &mut Vec<u32>) {
        while !bytes.is_empty() {
            let missing = usize::try_from(BLOCK - self.end % BLOCK).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.tail = crc32c::crc32c_append(self.tail, now);
            self.end += now.len() as u64;
            if self.end.is_multiple_of(BLOCK) {
                whole.push(self.tail);
                self.tail = 0;
            }
            bytes = later;
        }
    }

    /// Where the last block begins that is not whole.
    pub(super) fn last_block(&self) -> u64 {
        self.end - self.end % BLOCK
    }
}

#[test]
fn pieces_of_any_size_make_the_same_checksums() {
    let data: Vec<u8> = (0..200_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut expected = Vec::new();
    let mut once = Blocks::default();
    once.add(&data, &mut expected);
    assert_eq!(
        expected,
        [
            crc32c::crc32c(&data[..65_536]),
            crc32c::crc32c(&data[65_536..131_072]),
            crc32c::crc32c(&data[131_072..196_608])
        ]
    );
    assert_eq!(once.tail, crc32c::crc32c(&data[196_608..]));
    for size in [1, 7, 4096, 65_535, 65_536, 65_537] {
        let (mut blocks, mut whole) = (Blocks::default(), Vec::new());
        data.chunks(size).for_each(|piece| blocks.add(piece, &mut whole));
        assert_eq!((blocks, &whole), (once, &expected));
    }
}
