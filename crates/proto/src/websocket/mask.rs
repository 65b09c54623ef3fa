//! Masking (RFC 6455 §5.3).

/// Masks or unmasks `bytes` in place, `offset` being how many payload bytes of the frame came before them.
pub fn apply_mask(masking_key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    match bytes.len() {
        32.. => mask_blocks::<32>(masking_key, offset, bytes),
        8..32 => mask_blocks::<8>(masking_key, offset, bytes),
        _ => {
            for (byte, key) in bytes.iter_mut().zip(wide_key::<8>(masking_key, offset)) {
                *byte ^= key;
            }
        }
    }
}

/// Masks at least one block. Blocks of a constant size are what the compiler turns into vector instructions.
#[inline]
fn mask_blocks<const BLOCK: usize>(masking_key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let Some(&tail) = bytes.last_chunk::<BLOCK>() else { return };
    // The last block overlaps the one before it, so what it will be is fixed before that one is masked.
    let tail_at = offset.wrapping_add((bytes.len() - BLOCK) as u64);
    let tail = xor(tail, wide_key(masking_key, tail_at));
    let key = wide_key(masking_key, offset);
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        *block = xor(*block, key);
    }
    if let Some(last) = bytes.last_chunk_mut::<BLOCK>() {
        *last = tail;
    }
}

/// The key as it falls on the bytes from `offset` on.
#[inline]
fn wide_key<const BLOCK: usize>(masking_key: [u8; 4], offset: u64) -> [u8; BLOCK] {
    let key = u32::from_le_bytes(masking_key).rotate_right(8 * (offset % 4) as u32).to_le_bytes();
    std::array::from_fn(|i| key[i % 4])
}

#[inline]
fn xor<const BLOCK: usize>(block: [u8; BLOCK], key: [u8; BLOCK]) -> [u8; BLOCK] {
    std::array::from_fn(|i| block[i] ^ key[i])
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
