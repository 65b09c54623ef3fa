//! Frames → bytes out (RFC 6455 §5.2), masked where this side is the client.

use bytes::{Bytes, BytesMut};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::transmit::Transmit;
use super::{FrameHeader, Opcode, apply_mask};

/// Writes frames into a [`Transmit`].
pub(crate) struct Encoder {
    /// The masking keys to come; `None` on a server. Unpredictable, as RFC 6455 §10.3 asks.
    masking_keys: Option<Box<ChaCha8Rng>>,
}

/// From this size on a payload goes out by reference instead of being gathered.
const BY_REFERENCE_BYTES: usize = 4096;

impl Encoder {
    pub(crate) fn server() -> Self {
        Self { masking_keys: None }
    }

    /// `seed` must come from a secure random source: it makes all masking keys of the connection.
    pub(crate) fn client(seed: [u8; 32]) -> Self {
        Self { masking_keys: Some(Box::new(ChaCha8Rng::from_seed(seed))) }
    }

    /// Appends one frame whose payload is copied.
    pub(crate) fn frame(&mut self, out: &mut Transmit, head: Head, payload: &[u8]) {
        let header = self.header(head, payload.len());
        out.gather(|out| {
            header.encode(out);
            let start = out.len();
            out.extend_from_slice(payload);
            if let Some(key) = header.masking_key {
                apply_mask(key, 0, &mut out[start..]);
            }
        });
    }

    /// Appends one frame, the payload by reference when it is large.
    pub(crate) fn frame_owned(&mut self, out: &mut Transmit, head: Head, payload: Bytes) {
        if payload.len() < BY_REFERENCE_BYTES {
            return self.frame(out, head, &payload);
        }
        let header = self.header(head, payload.len());
        out.gather(|out| header.encode(out));
        match header.masking_key {
            None => out.push(payload),
            Some(key) => {
                // Nobody else sees a payload of which this is the only handle: mask it where it is.
                let mut payload = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                apply_mask(key, 0, &mut payload);
                out.push(payload.freeze());
            }
        }
    }

    fn header(&mut self, head: Head, payload_len: usize) -> FrameHeader {
        let masking_key = self.masking_keys.as_mut().map(|keys| keys.next_u32().to_ne_bytes());
        let Head { fin, rsv1, opcode } = head;
        FrameHeader { fin, rsv1, opcode, masking_key, payload_len: payload_len as u64 }
    }
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
