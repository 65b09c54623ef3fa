//! A connection with permessage-deflate, and a scripted peer: what it sends are frames, what it receives are frames.

use bytes::Buf;
use tidegate_proto::websocket::deflate::{DeflateConfig, DeflateParams, Deflater, Inflater};
use tidegate_proto::websocket::{
    Config, Connection, Event, Failure, FrameHeader, Message, Opcode, PeerMisbehaved, Side, apply_mask,
};

/// The endpoint under test, a server unless said otherwise, seen from its peer.
pub(crate) struct Endpoint {
    pub(crate) connection: Connection,
    side: Side,
}

/// The parameters without any limit.
pub(crate) const UNLIMITED: DeflateParams = DeflateParams {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

impl Endpoint {
    pub(crate) fn server() -> Self {
        Self::new(Side::Server, compress_all(), UNLIMITED)
    }

    pub(crate) fn new(side: Side, config: Config, params: DeflateParams) -> Self {
        Self { connection: Connection::new(side, config, Some(params), [7; 32]), side }
    }

    /// The peer sends one frame, masked if it is the client. `first` is the first byte: FIN, RSV and opcode.
    pub(crate) fn gets(&mut self, first: u8, payload: impl AsRef<[u8]>) -> &mut Self {
        let frame = frame(first, payload.as_ref(), self.side == Side::Server);
        assert_eq!(self.connection.handle_input(&frame), frame.len(), "the input buffer is full");
        self
    }

    pub(crate) fn event(&mut self) -> Option<Result<Event, Failure>> {
        self.connection.poll_event()
    }

    #[track_caller]
    pub(crate) fn reads(&mut self, message: impl Into<Message>) -> &mut Self {
        assert_eq!(self.event(), Some(Ok(Event::Message(message.into()))));
        self
    }

    #[track_caller]
    pub(crate) fn reads_nothing(&mut self) -> &mut Self {
        assert_eq!(self.event(), None);
        self
    }

    /// The peer broke a rule: the next event says which, and a Close with the right code is the next frame out.
    #[track_caller]
    pub(crate) fn fails(&mut self, misbehaved: PeerMisbehaved) {
        let code = misbehaved.close_code().get().to_be_bytes();
        assert_eq!(self.event(), Some(Err(Failure::PeerMisbehaved(misbehaved))));
        let frames = self.sends();
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].0, &frames[0].1[..2]), (0x88, &code[..]));
    }

    /// All frames that the endpoint has to send, unmasked: first byte and payload of each.
    pub(crate) fn sends(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.connection.poll_transmit() {
            let len = transmit.chunk().len();
            bytes.extend_from_slice(transmit.chunk());
            transmit.advance(len);
        }
        frames(&bytes)
    }
}

/// A default configuration that compresses messages of any size.
pub(crate) fn compress_all() -> Config {
    Config::default().deflate(Some(DeflateConfig::default().min_bytes(0)))
}

/// A peer's compressor, with context takeover and the largest window.
pub(crate) fn deflater() -> Deflater {
    Deflater::new(15, true, 6, 8)
}

pub(crate) fn deflate(deflater: &mut Deflater, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    deflater.deflate(payload.as_ref(), &mut out);
    out
}

pub(crate) fn inflate(inflater: &mut Inflater, compressed: &[u8]) -> Result<Vec<u8>, PeerMisbehaved> {
    let mut out = Vec::new();
    inflater.inflate(compressed, &mut |bytes| {
        out.extend_from_slice(bytes);
        Ok(())
    })?;
    inflater.finish_message()?;
    Ok(out)
}

/// Bytes that no compressor makes smaller.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let header = FrameHeader {
        fin: true,
        rsv1: false,
        opcode: Opcode::Binary,
        masking_key: is_masked.then_some(key),
        payload_len: payload.len() as u64,
    };
    let mut out = Vec::new();
    header.encode(&mut out);
    out[0] = first;
    let start = out.len();
    out.extend_from_slice(payload);
    if is_masked {
        apply_mask(key, 0, &mut out[start..]);
    }
    out
}

fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (header, header_len) =
            FrameHeader::parse(bytes).ok().flatten().expect("whole and right frames go out");
        let end = header_len + header.payload_len as usize;
        let mut payload = bytes[header_len..end].to_vec();
        if let Some(key) = header.masking_key {
            apply_mask(key, 0, &mut payload);
        }
        frames.push((bytes[0], payload));
        bytes = &bytes[end..];
    }
    frames
}
