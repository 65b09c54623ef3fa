//! Frames → bytes out (RFC 6455 §5.2), masked where this side is the client.

use bytes::{Bytes, BytesMut};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::transmit::Transmit;
use super::{FrameHeader, MAX_HEADER_BYTES, Opcode, apply_mask};

/// Writes frames into a [`Transmit`].
pub(crate) struct Encoder {
    /// The masking keys to come; `None` on a server. Unpredictable, as RFC 6455 §10.3 asks.
    masking_keys: Option<Box<ChaCha8Rng>>,
}

/// From this size on a payload goes out by reference instead of being gathered.
pub(crate) const BY_REFERENCE_BYTES: usize = 4096;

impl Encoder {
    pub(crate) fn server() -> Self {
        Self { masking_keys: None }
    }

    /// `seed` must come from a secure random source: it makes all masking keys of the connection.
    pub(crate) fn client(seed: [u8; 32]) -> Self {
        Self { masking_keys: Some(Box::new(ChaCha8Rng::from_seed(seed))) }
    }

    /// Appends one frame whose payload is copied.
    #[inline]
    pub(crate) fn frame(&mut self, out: &mut Transmit, head: Head, payload: &[u8]) {
        self.write(head, payload, out.gathering());
    }

    /// Appends one frame to plain bytes.
    #[inline]
    pub(crate) fn write(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) {
        let header = self.header(head, payload.len());
        out.reserve(MAX_HEADER_BYTES + payload.len());
        header.encode(out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let Some(key) = header.masking_key {
            apply_mask(key, 0, &mut out[start..]);
        }
    }

    /// Appends one frame, the payload by reference when it is large.
    pub(crate) fn frame_owned(&mut self, out: &mut Transmit, head: Head, payload: Bytes) {
        if payload.len() < BY_REFERENCE_BYTES {
            return self.frame(out, head, &payload);
        }
        let header = self.begin_frame(out, head, payload.len() as u64);
        Self::payload(out, &header, 0, payload);
    }

    /// Appends the header of a frame whose payload follows by [`payload`](Self::payload).
    pub(crate) fn begin_frame(&mut self, out: &mut Transmit, head: Head, payload_len: u64) -> FrameHeader {
        let header = FrameHeader { payload_len, ..self.header(head, 0) };
        header.encode(out.gathering());
        header
    }

    /// Appends a stretch of the payload of the frame that `header` began, `offset` bytes behind its start.
    pub(crate) fn payload(out: &mut Transmit, header: &FrameHeader, offset: u64, payload: Bytes) {
        let payload = match header.masking_key {
            None => payload,
            Some(key) => {
                let mut payload = make_mut(payload);
                apply_mask(key, offset, &mut payload);
                payload.freeze()
            }
        };
        if payload.len() < BY_REFERENCE_BYTES {
            out.gathering().extend_from_slice(&payload);
        } else {
            out.push(payload);
        }
    }

    #[inline]
    fn header(&mut self, head: Head, payload_len: usize) -> FrameHeader {
        let masking_key = self.masking_keys.as_mut().map(|keys| next_key(keys));
        let Head { fin, rsv1, opcode } = head;
        FrameHeader { fin, rsv1, opcode, masking_key, payload_len: payload_len as u64 }
    }
}

/// Out of the way of servers, which have none.
#[cold]
fn next_key(keys: &mut ChaCha8Rng) -> [u8; 4] {
    keys.next_u32().to_ne_bytes()
}

/// Nobody else sees a payload of which this is the only handle, so it is masked where it is; others are copied.
fn make_mut(payload: Bytes) -> BytesMut {
    payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]))
}

/// What of a header is the caller's to say.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: Opcode,
}

impl Head {
    pub(crate) fn control(opcode: Opcode) -> Self {
        Self { fin: true, rsv1: false, opcode }
    }
}
