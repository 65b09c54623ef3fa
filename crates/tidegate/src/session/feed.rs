//! What a link receives: the frames of the other end, each in a WebSocket message.

use bytes::{Buf, Bytes};
use tidegate_proto::websocket::Side;
use tokio::io::ReadBuf;

use super::outlet::OPCODES;

/// Bytes on their way to the link.
#[derive(Debug)]
pub(super) struct Feed {
    /// Which end the link is. What a client sends is masked, so a server's link wants a mask: a key of zeros, which
    /// changes nothing.
    link: Side,
    head: Bytes,
    body: Bytes,
    /// Answers to the link's own control frames; the newest pong is enough.
    pong: Option<Bytes>,
    close: Option<Bytes>,
    is_closed: bool,
}

impl Feed {
    pub(super) fn new(link: Side) -> Self {
        Self { link, head: Bytes::new(), body: Bytes::new(), pong: None, close: None, is_closed: false }
    }

    pub(super) fn pong(&mut self, payload: Bytes) {
        self.pong = Some(payload);
    }

    /// Answers a Close: nothing comes behind it.
    pub(super) fn close(&mut self, payload: Bytes) {
        self.close = Some(payload);
    }

    /// Whether the last word has been said.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed && self.head.is_empty() && self.body.is_empty()
    }

    /// Puts a frame of the conversation in, when there is nothing else.
    pub(super) fn frame(&mut self, frame: Bytes) {
        self.put(OPCODES.0, frame);
    }

    /// Takes what waits; tells whether there is something to give, else a frame may be put in.
    pub(super) fn prepare(&mut self) -> bool {
        if self.head.is_empty() && self.body.is_empty() {
            if let Some(payload) = self.pong.take() {
                self.put(OPCODES.1, payload);
            } else if let Some(payload) = self.close.take() {
                self.put(OPCODES.2, payload);
                self.is_closed = true;
            }
        }
        !(self.head.is_empty() && self.body.is_empty())
    }

    /// Gives as much as fits.
    pub(super) fn read(&mut self, buffer: &mut ReadBuf<'_>) {
        for part in [&mut self.head, &mut self.body] {
            let length = part.len().min(buffer.remaining());
            buffer.put_slice(&part[..length]);
            part.advance(length);
        }
        if self.body.is_empty() {
            // So that it does not keep alive what it was cut from.
            self.body = Bytes::new();
        }
    }

    fn put(&mut self, opcode: u8, payload: Bytes) {
        let mask: &[u8] = if self.link == Side::Server { &[0; 4] } else { &[] };
        let masked = if mask.is_empty() { 0 } else { 0x80 };
        let mut head = Vec::with_capacity(14);
        head.push(0x80 | opcode);
        match payload.len() {
            few @ 0..=125 => head.push(masked | few as u8),
            some @ 126..=0xffff => {
                head.push(masked | 126);
                head.extend_from_slice(&(some as u16).to_be_bytes());
            }
            many => {
                head.push(masked | 127);
                head.extend_from_slice(&(many as u64).to_be_bytes());
            }
        }
        head.extend_from_slice(mask);
        self.head = head.into();
        self.body = payload;
    }
}
