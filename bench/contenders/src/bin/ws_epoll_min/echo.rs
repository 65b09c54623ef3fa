//! The echo: each frame's header is rewritten, its payload unmasked, and both leave at once.

use std::io;

use crate::Output;
use crate::frame::{self, Header};

/// Where in a frame a connection is.
#[derive(Default)]
pub(crate) struct Echo {
    /// Of the payload, still to come.
    left: u64,
    mask: [u8; 4],
    /// How much of the mask is used up.
    mask_at: usize,
    /// A header of which only a part has come.
    partial: Vec<u8>,
}

const CLOSE: u8 = 8;

impl Echo {
    /// Sends back what has come.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        scratch: &mut Vec<u8>,
        output: &mut Output,
    ) -> io::Result<()> {
        scratch.clear();
        let joined;
        let mut input = input;
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(input);
            joined = std::mem::take(&mut self.partial);
            input = &joined;
        }
        let mut closes = false;
        while !input.is_empty() {
            if self.left == 0 {
                let Some(header) = Header::parse(input) else {
                    self.partial = input.to_vec();
                    break;
                };
                input = &input[header.len..];
                closes |= header.first & 0x0f == CLOSE;
                frame::header(header.first & 0x0f, header.payload, scratch);
                (self.left, self.mask, self.mask_at) = (header.payload, header.mask, 0);
            }
            let len = input.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (payload, rest) = input.split_at(len);
            frame::unmask(payload, self.mask, self.mask_at, scratch);
            self.left -= len as u64;
            self.mask_at = (self.mask_at + len) % 4;
            input = rest;
        }
        output.send(scratch)?;
        if closes { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}
