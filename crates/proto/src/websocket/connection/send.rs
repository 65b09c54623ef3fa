//! What goes out: messages into frames, pings and pongs.

use bytes::{Buf, Bytes};

use super::{Connection, SMALL_MESSAGE_BYTES, State};
use crate::websocket::api_misuse::ApiMisuse;
use crate::websocket::config::MESSAGE_OVERHEAD;
use crate::websocket::encoder::Head;
use crate::websocket::fragmenter::fragments;
use crate::websocket::frame::{MAX_CONTROL_PAYLOAD, Opcode, Side};
use crate::websocket::message::Message;
use crate::websocket::pongs::{MAX_QUEUED_PONG_BYTES, Ping};
use crate::websocket::prepared::Prepared;
use crate::websocket::transmit::Transmit;

impl Connection {
    /// Queues a message. Whether there is room for it is the caller's to ask: [`queued_bytes`](Self::queued_bytes).
    ///
    /// # Errors
    ///
    /// [`ApiMisuse::SendAfterClose`] once a Close was sent or received; nothing is queued then.
    pub fn send(&mut self, message: Message) -> Result<(), ApiMisuse> {
        if self.send_small(&message) {
            return Ok(());
        }
        self.check_sendable()?;
        let opcode = message.kind().opcode();
        self.peer_progress.accept(message.len() + MESSAGE_OVERHEAD);
        match &mut self.deflater {
            Some(deflater) if message.len() >= self.config.min_deflated_bytes() => {
                let mut compressed = Vec::new();
                deflater.deflate(message.as_bytes(), &mut compressed);
                if compressed.len() < SMALL_MESSAGE_BYTES && compressed.len() <= self.config.fragment_bytes {
                    let head = Head { fin: true, rsv1: true, opcode };
                    self.encoder.frame(&mut self.transmit, head, &compressed);
                } else {
                    self.send_payload(opcode, true, compressed.into());
                }
            }
            _ => self.send_payload(opcode, false, message.into_bytes()),
        }
        Ok(())
    }

    /// Queues a message if it is small, goes out as it is, and nothing stands in its way, as with nearly all. `false` says
    /// nothing: the message is then for [`send`](Self::send), which tries this first.
    #[inline]
    pub fn send_small(&mut self, message: &Message) -> bool {
        let (opcode, payload) = match message {
            Message::Text(text) => (Opcode::Text, text.as_bytes()),
            Message::Binary(bytes) => (Opcode::Binary, &bytes[..]),
        };
        let is_free = matches!(self.state, State::Open) && self.streaming.is_none();
        if payload.len() >= usize::from(self.plain_below) || !is_free {
            return false;
        }
        self.peer_progress.accept(payload.len() + MESSAGE_OVERHEAD);
        let head = Head { fin: true, rsv1: false, opcode };
        self.encoder.frame(&mut self.transmit, head, payload);
        true
    }

    /// Queues a message that was encoded before, uncompressed whatever was agreed on.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), ApiMisuse> {
        self.check_sendable()?;
        self.peer_progress.accept(message.len() + MESSAGE_OVERHEAD);
        if self.side == Side::Server && message.len() <= self.config.fragment_bytes {
            message.put(&mut self.transmit);
        } else {
            self.send_payload(message.kind().opcode(), false, message.payload());
        }
        Ok(())
    }

    /// Queues a ping.
    ///
    /// # Errors
    ///
    /// A payload over 125 bytes, or a ping after a Close; nothing is queued then.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), ApiMisuse> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(ApiMisuse::LongControlPayload(payload.len()));
        }
        self.check_sendable()?;
        self.encoder.frame(&mut self.transmit, Head::control(Opcode::Ping), payload);
        self.peer_progress.ping = Some(Box::new(Ping {
            payload: Bytes::copy_from_slice(payload),
            accepted: self.peer_progress.accepted,
            ends_at: self.transmit.sent() + self.transmit.remaining() as u64,
        }));
        Ok(())
    }

    /// What there is to send, if anything. Advance it by what the transport took.
    pub fn poll_transmit(&mut self) -> Option<&mut Transmit> {
        if self.pongs.is_some() {
            self.settle_pongs();
        }
        self.transmit.has_remaining().then_some(&mut self.transmit)
    }

    pub(super) fn answer_ping(&mut self, payload: Bytes) {
        self.pongs.get_or_insert_default().owed = Some(payload);
        self.settle_pongs();
    }

    /// Sends the pong that is owed, if those before it have left or are few.
    fn settle_pongs(&mut self) {
        // Nothing fits between the bytes of one frame.
        let is_within_frame = self.is_within_frame();
        let Some(pongs) = &mut self.pongs else { return };
        if self.transmit.sent() >= pongs.queued_until {
            pongs.queued_bytes = 0;
        }
        if pongs.queued_bytes >= MAX_QUEUED_PONG_BYTES || is_within_frame {
            return;
        }
        if let (Some(payload), State::Open) = (pongs.owed.take(), &self.state) {
            let before = self.transmit.remaining();
            self.encoder.frame(&mut self.transmit, Head::control(Opcode::Pong), &payload);
            pongs.queued_bytes += self.transmit.remaining() - before;
            pongs.queued_until = self.transmit.sent() + self.transmit.remaining() as u64;
        }
        if pongs.queued_bytes == 0 {
            // All have left, and none is owed.
            self.pongs = None;
        }
    }

    /// Queues a Close, behind the end of a frame that has begun: nothing fits between the bytes of one.
    pub(super) fn send_close(&mut self, payload: &[u8]) {
        match &mut self.streaming {
            Some(streaming) if streaming.is_within_frame() => streaming.close_owed = Some(payload.into()),
            _ => self.encoder.frame(&mut self.transmit, Head::control(Opcode::Close), payload),
        }
    }

    fn send_payload(&mut self, opcode: Opcode, is_compressed: bool, payload: Bytes) {
        for fragment in fragments(payload.len(), self.config.fragment_bytes) {
            let head = Head {
                fin: fragment.fin,
                rsv1: is_compressed && fragment.is_first,
                opcode: if fragment.is_first { opcode } else { Opcode::Continuation },
            };
            if fragment.is_first && fragment.fin {
                return self.encoder.frame_owned(&mut self.transmit, head, payload);
            }
            self.encoder.frame_owned(&mut self.transmit, head, payload.slice(fragment.range));
        }
    }

    #[inline]
    pub(super) fn check_sendable(&self) -> Result<(), ApiMisuse> {
        match (&self.state, &self.streaming) {
            (State::Open, None) => Ok(()),
            (State::Open, Some(_)) => Err(ApiMisuse::UnfinishedMessage),
            _ => Err(ApiMisuse::SendAfterClose),
        }
    }
}
