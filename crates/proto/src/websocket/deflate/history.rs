//! The last bytes of a direction, which what follows may refer back to.

use std::collections::VecDeque;

/// The last bytes of a direction, at most a window of them.
pub(super) struct History {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl History {
    /// Remembers as many as `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit }
    }

    /// Appends `bytes` and forgets what no window reaches any more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        let forgotten = (self.bytes.len() + bytes.len()).saturating_sub(self.limit);
        self.bytes.drain(..forgotten);
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            // Doubling from an arbitrary size would pass the limit; powers of two end at it.
            self.bytes.reserve_exact(needed.next_power_of_two().min(self.limit) - self.bytes.len());
        }
        self.bytes.extend(bytes);
    }

    /// The bytes remembered, oldest first.
    pub(super) fn bytes(&mut self) -> &[u8] {
        self.bytes.make_contiguous()
    }

    /// Forgets everything, and gives up the room for it.
    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }

    /// Gives up the room beside the bytes.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn history_is_the_last_bytes_and_no_more() {
        let bytes: Vec<u8> = (0..5000_u32).map(|i| (i % 251) as u8).collect();
        for step in [1, 7, 511, 512, 513, 2000] {
            let mut history = History::new(512);
            for (index, piece) in bytes.chunks(step).enumerate() {
                history.push(piece);
                let end = (index * step + step).min(bytes.len());
                assert_eq!(history.bytes(), &bytes[end.saturating_sub(512)..end]);
                assert!(history.memory() <= 512, "step {step}: {}", history.memory());
                if index % 3 == 0 {
                    history.shrink();
                }
            }
        }
    }
}
