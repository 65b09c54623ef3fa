//! Masking (RFC 6455 §5.3).

/// Masks or unmasks `bytes` in place, `offset` being how many payload bytes of the frame came before them.
pub fn apply_mask(masking_key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let mut key = masking_key;
    key.rotate_left((offset % 4) as usize);
    let wide: [u8; 32] = std::array::from_fn(|i| key[i % 4]);
    // Blocks of a constant size are what the compiler turns into vector instructions.
    let mut blocks = bytes.chunks_exact_mut(32);
    for block in &mut blocks {
        for (byte, key) in block.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in blocks.into_remainder().iter_mut().zip(wide) {
        *byte ^= key;
    }
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
