//! A message encoded once, for many connections.

use bytes::Bytes;

use super::encoder::{BY_REFERENCE_BYTES, Encoder, Head};
use super::message::{Message, MessageKind};
use super::transmit::Transmit;

/// A message whose frame is made already. Copies share it.
///
/// It goes out uncompressed, since what compresses it would have to be each connection's own. A client has to mask what
/// it sends (RFC 6455 §5.3), and so encodes it again.
#[derive(Clone, Debug)]
pub struct Prepared {
    kind: MessageKind,
    /// Header and payload, unmasked.
    frame: Bytes,
    header_bytes: usize,
}

impl Prepared {
    /// Encodes a message.
    #[must_use]
    pub fn new(message: Message) -> Self {
        let kind = message.kind();
        let head = Head { fin: true, rsv1: false, opcode: kind.opcode() };
        let mut frame = Vec::new();
        Encoder::server().write(head, message.as_bytes(), &mut frame);
        let header_bytes = frame.len() - message.len();
        Self { kind, frame: frame.into(), header_bytes }
    }

    /// Whether it is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The payload, shared.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.frame.slice(self.header_bytes..)
    }

    /// Payload length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.len() - self.header_bytes
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that this holds, shared by all copies.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.frame.len()
    }

    /// Appends the frame as a server sends it: by reference when it is large.
    pub(crate) fn put(&self, out: &mut Transmit) {
        if self.frame.len() < BY_REFERENCE_BYTES {
            out.gathering().extend_from_slice(&self.frame);
        } else {
            out.push(self.frame.clone());
        }
    }
}

impl From<Message> for Prepared {
    fn from(message: Message) -> Self {
        Self::new(message)
    }
}
