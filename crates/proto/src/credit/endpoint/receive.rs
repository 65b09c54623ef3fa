//! What comes in: batches into frames, control frames answered or obeyed.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;

use super::{Endpoint, Pong};
use crate::credit::frame::{self, FrameType, MAX_BATCH_BYTES, MAX_PING_BYTES};
use crate::credit::greeting::Greeting;
use crate::credit::violation::Violation;
use crate::websocket::{CloseInfo, MAX_REASON_BYTES, PeerMisbehaved, Side};

impl Endpoint {
    /// Takes a WebSocket message of the binary kind.
    pub fn handle_batch(&mut self, now: Instant, batch: &Bytes) {
        if self.ending.is_over() {
            return;
        }
        if let Err(violation) = self.take_batch(now, batch) {
            self.fail(violation);
        }
        self.look_at_end();
    }

    /// Takes a WebSocket message of the text kind, which breaks the rules.
    pub fn handle_text(&mut self) {
        if !self.ending.is_over() {
            self.fail(Violation::TextBatch);
        }
    }

    fn take_batch(&mut self, now: Instant, batch: &Bytes) -> Result<(), Violation> {
        if batch.len() > MAX_BATCH_BYTES {
            return Err(Violation::BatchTooLarge);
        }
        if self.incoming.is_apart() {
            return self.take_apart(now, batch);
        }
        if batch.is_empty() {
            return Err(Violation::EmptyBatch);
        }
        let mut at = 0;
        while let Some((frame_type, payload)) = frame::next(batch, at)? {
            at = payload.end;
            self.take_frame(now, frame_type, batch, payload)?;
            if frame_type == FrameType::Apart && at < batch.len() {
                return Err(Violation::BadApart);
            }
            if self.ending.is_over() {
                break;
            }
        }
        Ok(())
    }

    /// Takes a WebSocket message that is one of the application, or that ends these.
    fn take_apart(&mut self, now: Instant, message: &Bytes) -> Result<(), Violation> {
        if message.is_empty() {
            return self.incoming.end_apart();
        }
        self.take_message(now, FrameType::Binary, message, message)
    }

    fn take_message(
        &mut self,
        now: Instant,
        frame_type: FrameType,
        payload: &[u8],
        batch: &Bytes,
    ) -> Result<(), Violation> {
        self.ending.progress += 1;
        if let Some(message) = self.incoming.take_frame(frame_type, payload, batch)? {
            self.incoming.hold(message, now, self.round_trip.get());
        }
        Ok(())
    }

    fn take_frame(
        &mut self,
        now: Instant,
        frame_type: FrameType,
        batch: &Bytes,
        payload: Range<usize>,
    ) -> Result<(), Violation> {
        let payload = &batch[payload];
        match (frame_type, self.side) {
            (FrameType::Hello, Side::Server) | (FrameType::Welcome, Side::Client) => {
                return self.take_greeting(payload);
            }
            (FrameType::Hello | FrameType::Welcome, _) => return Err(Violation::NoGreeting),
            (FrameType::Apart, _) if self.config.apart.is_none() => return Err(Violation::ReservedFrameType),
            _ if !self.is_greeted() => return Err(Violation::NoGreeting),
            _ => {}
        }
        match frame_type {
            FrameType::Credit => {
                let [limit, ack] = frame::read_numbers(payload)?;
                self.ending.progress += 1;
                self.outgoing.take_credit(limit, ack)
            }
            FrameType::Blocked => {
                let [at] = frame::read_numbers(payload)?;
                self.incoming.take_blocked(at)
            }
            FrameType::Ping => self.take_ping(payload),
            FrameType::Pong if payload.len() > MAX_PING_BYTES => Err(Violation::BadControlFrame),
            FrameType::Pong => self.round_trip.take_pong(now, payload),
            FrameType::End => self.incoming.take_end(parse_end(payload)?),
            FrameType::Apart => self.incoming.begin_apart(payload),
            _ => self.take_message(now, frame_type, payload, batch),
        }
    }

    fn take_greeting(&mut self, payload: &[u8]) -> Result<(), Violation> {
        if self.is_greeted() {
            return Err(Violation::SecondGreeting);
        }
        let greeting = Greeting::decode(payload)?;
        if self.side == Side::Client {
            self.protocol = match &greeting.protocol {
                Some(protocol) if self.offered.contains(protocol) => protocol.clone(),
                None if self.offered.is_empty() => String::new(),
                _ => return Err(Violation::WrongProtocol),
            };
        }
        self.outgoing.greeted(&greeting);
        if self.outgoing.has_oversize() {
            self.abandon();
        }
        Ok(())
    }

    fn take_ping(&mut self, payload: &[u8]) -> Result<(), Violation> {
        let mut bytes = [0; MAX_PING_BYTES];
        bytes.get_mut(..payload.len()).ok_or(Violation::BadControlFrame)?.copy_from_slice(payload);
        if self.pong_owed.is_some() {
            return Err(Violation::SecondPing);
        }
        self.pong_owed = Some(Pong { bytes, len: payload.len() });
        Ok(())
    }
}

fn parse_end(payload: &[u8]) -> Result<CloseInfo, Violation> {
    let info = CloseInfo::parse(payload).map_err(|misbehaved| match misbehaved {
        PeerMisbehaved::SentInvalidUtf8 => Violation::NotUtf8,
        _ => Violation::BadEnd,
    })?;
    if info.reason.len() > MAX_REASON_BYTES { Err(Violation::BadEnd) } else { Ok(info) }
}
