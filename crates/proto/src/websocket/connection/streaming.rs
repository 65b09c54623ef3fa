//! One message sent in parts: in a single frame when its length is known, in fragments otherwise.

use bytes::Bytes;

use super::{Connection, State};
use crate::websocket::api_misuse::ApiMisuse;
use crate::websocket::close_code::CloseCode;
use crate::websocket::config::MESSAGE_OVERHEAD;
use crate::websocket::encoder::{Encoder, Head};
use crate::websocket::frame::Opcode;
use crate::websocket::message::MessageKind;
use crate::websocket::outgoing::{Shape, Streaming};
use crate::websocket::utf8::TextBuilder;

impl Connection {
    /// Begins a message that is sent in parts.
    ///
    /// With a length it becomes one frame, uncompressed, whose header leaves now; nothing else, no pong and no Close,
    /// can leave before its last byte. Without, each part becomes a fragment, compressed where that was agreed on.
    ///
    /// # Errors
    ///
    /// Another unfinished message, a length over 2^63 - 1, or a Close sent or received.
    pub fn begin_message(&mut self, kind: MessageKind, len: Option<u64>) -> Result<(), ApiMisuse> {
        self.check_sendable()?;
        let opcode = kind.opcode();
        let shape = match len {
            Some(len) if len > i64::MAX as u64 => return Err(ApiMisuse::LongMessage(len - i64::MAX as u64)),
            Some(len) => {
                let head = Head { fin: true, rsv1: false, opcode };
                Shape::Frame { header: self.encoder.begin_frame(&mut self.transmit, head, len), sent: 0 }
            }
            None => Shape::Fragments { opcode, rsv1: self.deflater.is_some() },
        };
        self.peer_progress.accept(MESSAGE_OVERHEAD);
        let text = (kind == MessageKind::Text).then(TextBuilder::default);
        self.streaming = Some(Box::new(Streaming { shape, text, close_owed: None }));
        Ok(())
    }

    /// Queues the next part of the message that [`begin_message`](Self::begin_message) began. A compressed part may
    /// leave together with a later one.
    ///
    /// # Errors
    ///
    /// No message begun, more than the announced length, or text that is not UTF-8; nothing is queued then.
    pub fn send_part(&mut self, part: Bytes) -> Result<(), ApiMisuse> {
        if matches!(self.state, State::Closed | State::Failed | State::Ended) {
            return Err(ApiMisuse::SendAfterClose);
        }
        let streaming = self.streaming.as_mut().ok_or(ApiMisuse::NoMessage)?;
        if let Shape::Frame { header, sent } = &streaming.shape {
            let room = header.payload_len - sent;
            if part.len() as u64 > room {
                return Err(ApiMisuse::LongMessage(part.len() as u64 - room));
            }
        }
        if let Some(text) = &mut streaming.text {
            let mut checked = text.clone();
            checked.push(&part).map_err(|_| ApiMisuse::InvalidUtf8)?;
            checked.take();
            *text = checked;
        }
        self.peer_progress.accept(part.len());
        match &mut streaming.shape {
            Shape::Frame { header, sent } => {
                let offset = *sent;
                *sent += part.len() as u64;
                Encoder::payload(&mut self.transmit, header, offset, part);
            }
            Shape::Fragments { .. } if part.is_empty() => {}
            Shape::Fragments { .. } => self.send_fragment(&part, false),
        }
        Ok(())
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// No message begun, one that lacks bytes of its announced length, or a text that ends inside a character. It
    /// stays unfinished then.
    pub fn finish_message(&mut self) -> Result<(), ApiMisuse> {
        let streaming = self.streaming.as_ref().ok_or(ApiMisuse::NoMessage)?;
        if streaming.text.as_ref().is_some_and(|text| text.len() > 0) {
            return Err(ApiMisuse::InvalidUtf8);
        }
        match &streaming.shape {
            Shape::Frame { header, sent } if *sent < header.payload_len => {
                return Err(ApiMisuse::ShortMessage(header.payload_len - sent));
            }
            Shape::Frame { .. } => {}
            Shape::Fragments { .. } => self.send_fragment(&[], true),
        }
        if let Some(payload) = self.streaming.take().and_then(|streaming| streaming.close_owed) {
            self.send_close(&payload);
        }
        Ok(())
    }

    /// Gives up an unfinished message, and with it the connection: the peer cannot be told where it would have ended.
    /// Between fragments it is sent a Close 1011; within a frame the stream just ends.
    pub fn abandon_message(&mut self) {
        if self.streaming.is_none() || !matches!(self.state, State::Open | State::CloseSent) {
            return;
        }
        if matches!(self.state, State::Open) {
            let payload = [&CloseCode::INTERNAL_ERROR.get().to_be_bytes()[..], b"message abandoned"].concat();
            self.send_close(&payload);
        }
        self.stop_receiving(State::Failed);
    }

    /// Whether a streamed message is unfinished.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.streaming.is_some()
    }

    /// Whether the next byte on the wire belongs to a frame that has begun.
    pub(super) fn is_within_frame(&self) -> bool {
        self.streaming.as_ref().is_some_and(|streaming| streaming.is_within_frame())
    }

    fn send_fragment(&mut self, part: &[u8], fin: bool) {
        let Some(Streaming { shape: Shape::Fragments { opcode, rsv1 }, .. }) = self.streaming.as_deref_mut()
        else {
            return;
        };
        let head = Head { fin, rsv1: *rsv1, opcode: *opcode };
        match &mut self.deflater {
            Some(deflater) => {
                let mut compressed = Vec::new();
                deflater.deflate_part(part, fin, &mut compressed);
                if compressed.is_empty() && !fin {
                    return;
                }
                self.encoder.frame_owned(&mut self.transmit, head, compressed.into());
            }
            None => self.encoder.frame_owned(&mut self.transmit, head, Bytes::copy_from_slice(part)),
        }
        // The bit and the opcode belong to the first fragment (RFC 6455 §5.4, RFC 7692 §6.1).
        *opcode = Opcode::Continuation;
        *rsv1 = false;
    }
}
