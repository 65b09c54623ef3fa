//! Masking (RFC 6455 §5.3).

/// Masks or unmasks `bytes` in place, `offset` being how many payload bytes of the frame came before them.
pub fn apply_mask(masking_key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let key = u64::from(u32::from_le_bytes(masking_key)) * 0x1_0000_0001;
    let key = advanced(key, offset as usize);
    match bytes.len() {
        32.. => mask_blocks::<32>(key, bytes),
        8..32 => mask_blocks::<8>(key, bytes),
        _ => {
            for (byte, key) in bytes.iter_mut().zip(key.to_le_bytes()) {
                *byte ^= key;
            }
        }
    }
}

/// The key, twice in a word, as it falls on the bytes from `offset` on.
#[inline]
fn advanced(key: u64, offset: usize) -> u64 {
    key.rotate_right(8 * (offset % 4) as u32)
}

/// Masks at least one block. Blocks of a constant size are what the compiler turns into vector instructions.
#[inline]
fn mask_blocks<const BLOCK: usize>(key: u64, bytes: &mut [u8]) {
    let Some(&tail) = bytes.last_chunk::<BLOCK>() else { return };
    // The last block overlaps the one before it, so what it will be is fixed before that one is masked.
    let tail = xor(tail, advanced(key, bytes.len() - BLOCK));
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        *block = xor(*block, key);
    }
    if let Some(last) = bytes.last_chunk_mut::<BLOCK>() {
        *last = tail;
    }
}

/// `BLOCK` is a multiple of a word.
#[inline]
fn xor<const BLOCK: usize>(mut block: [u8; BLOCK], key: u64) -> [u8; BLOCK] {
    for word in block.as_chunks_mut::<8>().0 {
        *word = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
    }
    block
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
