//! What goes out: control frames first, then messages as far as credit reaches, then END.

use std::time::Instant;

use super::Endpoint;
use crate::credit::ending::OwnEnd;
use crate::credit::frame::{self, FrameType};
use crate::credit::outgoing::{Batch, PART_BYTES};
use crate::websocket::{CloseCode, CloseInfo, Side};

/// How much is gathered into one batch: a long part, and control frames before it.
const BATCH_BYTES: usize = PART_BYTES + 1024;

/// From this size on a payload is not copied, and ends its batch. What is shorter goes with others: a WebSocket message
/// costs a browser far more than copying this much costs us.
const BY_REFERENCE_BYTES: usize = 32 << 10;

/// Type and length of a frame take no more.
const MAX_HEAD_BYTES: usize = 9;

impl Endpoint {
    /// The next WebSocket message to send, of the binary kind, if any. It may be empty.
    ///
    /// What is taken here cannot be overtaken by a CREDIT or a PONG any more, so take only as much as the transport
    /// has use for.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Batch> {
        if self.ending.is_over {
            return None;
        }
        if let Some(batch) = self.behind.pop_front() {
            return Some(batch);
        }
        let mut batch = Batch::default();
        self.write_control(now, &mut batch.head);
        if !self.outgoing.is_apart() {
            self.write_batch(&mut batch);
            return (!batch.is_empty()).then_some(batch);
        }
        if batch.is_empty() {
            if let Some(message) = self.outgoing.pop_apart() {
                return Some(message);
            }
            // A BLOCKED here would cost the peer three more WebSocket messages for each of its grants.
            if self.outgoing.waits_apart() {
                return None;
            }
        }
        self.outgoing.set_apart(false);
        self.write_batch(&mut batch);
        if batch.is_empty() {
            // Nothing waits but what has no credit, and that was told.
            self.outgoing.set_apart(true);
            return None;
        }
        // An empty WebSocket message says that a batch comes.
        self.behind.push_front(batch);
        Some(Batch::default())
    }

    fn write_batch(&mut self, batch: &mut Batch) {
        self.write_messages(batch);
        if batch.tail.is_empty()
            && let Some(message) = self.outgoing.pop_apart()
        {
            frame::write(&mut batch.head, FrameType::Apart, &[]);
            self.outgoing.set_apart(true);
            self.behind.push_back(message);
            return;
        }
        // Nothing fits between a head and its payload.
        if batch.tail.is_empty() {
            if let Some(at) = self.outgoing.take_blocked() {
                frame::write_numbers(&mut batch.head, FrameType::Blocked, &[at]);
            }
            self.write_end(&mut batch.head);
        }
    }

    fn write_control(&mut self, now: Instant, out: &mut Vec<u8>) {
        if let Some(greeting) = self.greeting.take() {
            let frame_type = match self.side {
                Side::Client => FrameType::Hello,
                Side::Server => FrameType::Welcome,
            };
            frame::write(out, frame_type, &greeting.encode());
            self.write_ping(now, out);
        }
        if let Some(pong) = self.pong_owed.take() {
            frame::write(out, FrameType::Pong, &pong.bytes[..pong.len]);
        }
        if self.ending.is_over() {
            return;
        }
        if let Some(grant) = self.incoming.take_grant(now) {
            frame::write_numbers(out, FrameType::Credit, &[grant.limit, grant.ack]);
            self.write_ping(now, out);
        }
    }

    fn write_ping(&mut self, now: Instant, out: &mut Vec<u8>) {
        if let Some(ping) = self.round_trip.ping(now) {
            frame::write(out, FrameType::Ping, &[ping]);
        }
    }

    fn write_messages(&mut self, batch: &mut Batch) {
        while let Some(front) = self.outgoing.front() {
            if self.outgoing.goes_apart(front) {
                return;
            }
            let len = batch.head.len() + MAX_HEAD_BYTES + front.payload.len();
            if len > BATCH_BYTES && !batch.head.is_empty() {
                return;
            }
            let Some(frame) = self.outgoing.pop() else { return };
            if frame.payload.len() >= BY_REFERENCE_BYTES {
                frame::write_head(&mut batch.head, frame.frame_type, frame.payload.len());
                batch.tail = frame.payload;
                return;
            }
            frame::write(&mut batch.head, frame.frame_type, &frame.payload);
        }
    }

    fn write_end(&mut self, out: &mut Vec<u8>) {
        if !self.outgoing.is_empty() {
            return;
        }
        if let OwnEnd::Queued(info) = &self.ending.own {
            let info = info.clone();
            frame::write(out, FrameType::End, &end_payload(&info));
            self.ending.own = OwnEnd::Sent(info);
            self.look_at_end();
        }
    }
}

fn end_payload(info: &CloseInfo) -> Vec<u8> {
    if info.close_code == CloseCode::NO_STATUS {
        return Vec::new();
    }
    [&info.close_code.get().to_be_bytes()[..], info.reason.as_bytes()].concat()
}
