//! The broadcast: a frame that is complete goes to every other connection as the same bytes.

use std::io;

use crate::frame::{self, Header};

/// What one may leave unread before it is closed.
pub(crate) const MAX_UNSENT: usize = 1 << 20;

/// A publisher's or a listener's input.
#[derive(Default)]
pub(crate) struct Broadcast {
    /// A frame of which only a part has come.
    partial: Vec<u8>,
}

const CLOSE: u8 = 8;

impl Broadcast {
    /// Appends the frames that have come, as the others are to get them.
    pub(crate) fn read(&mut self, input: &[u8], frames: &mut Vec<u8>) -> io::Result<()> {
        let joined;
        let mut input = input;
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(input);
            joined = std::mem::take(&mut self.partial);
            input = &joined;
        }
        while let Some(header) = Header::parse(input) {
            let end = header.len + header.payload as usize;
            let Some(payload) = input.get(header.len..end) else { break };
            if header.first & 0x0f == CLOSE {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            frame::header(header.first & 0x0f, header.payload, frames);
            frame::unmask(payload, header.mask, 0, frames);
            input = &input[end..];
        }
        if !input.is_empty() {
            self.partial = input.to_vec();
        }
        Ok(())
    }
}
