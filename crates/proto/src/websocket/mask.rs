//! Masking (RFC 6455 §5.3).

/// Masks or unmasks `bytes` in place, `offset` being how many payload bytes of the frame came before them.
pub fn apply_mask(masking_key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let wide = wide_key(masking_key, offset);
    let Some(&tail) = bytes.last_chunk::<BLOCK>() else {
        for (byte, key) in bytes.iter_mut().zip(wide) {
            *byte ^= key;
        }
        return;
    };
    // The last block overlaps the one before it, so what it will be is fixed before that one is masked.
    let tail_at = offset.wrapping_add((bytes.len() - BLOCK) as u64);
    let tail = xor(tail, wide_key(masking_key, tail_at));
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        *block = xor(*block, wide);
    }
    if let Some(last) = bytes.last_chunk_mut::<BLOCK>() {
        *last = tail;
    }
}

/// What every processor of today handles at once; the compiler does the rest.
const BLOCK: usize = 16;

/// The key as it falls on the bytes from `offset` on.
#[inline]
fn wide_key(masking_key: [u8; 4], offset: u64) -> [u8; BLOCK] {
    let key = u32::from_le_bytes(masking_key).rotate_right(8 * (offset % 4) as u32);
    let wide = u128::from(key) * 0x0000_0001_0000_0001_0000_0001_0000_0001;
    wide.to_le_bytes()
}

#[inline]
fn xor(block: [u8; BLOCK], key: [u8; BLOCK]) -> [u8; BLOCK] {
    (u128::from_ne_bytes(block) ^ u128::from_ne_bytes(key)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::apply_mask;

    #[test]
    fn every_length_and_offset_agrees_with_the_definition() {
        let key = [0x12, 0x00, 0xff, 0x81];
        let original: Vec<u8> = (0..200u8).collect();
        for offset in 0..9u64 {
            for len in 0..original.len() {
                let mut masked = original[..len].to_vec();
                apply_mask(key, offset, &mut masked);
                // RFC 6455 §5.3: transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)
                let expected: Vec<u8> = original[..len]
                    .iter()
                    .enumerate()
                    .map(|(i, b)| b ^ key[(i + offset as usize) % 4])
                    .collect();
                assert_eq!(masked, expected, "offset {offset}, length {len}");
            }
        }
    }
}
