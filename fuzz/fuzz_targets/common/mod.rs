//! How a target takes decisions from its input.

/// The input that is left. Past its end everything is zero.
pub(crate) struct Choices<'a> {
    rest: &'a [u8],
}

#[allow(dead_code, reason = "each target takes what it needs")]
impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => 0,
        }
    }

    /// At most `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
