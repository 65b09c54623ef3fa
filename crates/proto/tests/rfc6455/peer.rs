//! A scripted peer: what it sends are bytes, what it receives are bytes.

use std::time::{Duration, Instant};

use bytes::Buf;
use tidegate_proto::websocket::{
    CloseInfo, Config, Connection, Event, Failure, Message, PeerMisbehaved, Side, apply_mask,
};

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The endpoint under test, seen from its peer.
pub(crate) struct Endpoint {
    pub(crate) connection: Connection,
}

impl Endpoint {
    pub(crate) fn server() -> Self {
        Self::new(Side::Server, Config::default())
    }

    pub(crate) fn client() -> Self {
        Self::new(Side::Client, Config::default())
    }

    pub(crate) fn new(side: Side, config: Config) -> Self {
        Self { connection: Connection::new(side, config, None, [7; 32]) }
    }

    /// The peer sends bytes, as they are.
    pub(crate) fn gets(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        assert_eq!(self.connection.handle_input(bytes), bytes.len(), "the input buffer is full");
        self
    }

    pub(crate) fn event(&mut self) -> Option<Result<Event, Failure>> {
        self.connection.poll_event()
    }

    pub(crate) fn reads(&mut self, message: impl Into<Message>) -> &mut Self {
        assert_eq!(self.event(), Some(Ok(Event::Message(message.into()))));
        self
    }

    pub(crate) fn reads_nothing(&mut self) -> &mut Self {
        assert_eq!(self.event(), None);
        self
    }

    pub(crate) fn reads_close(&mut self, close_code: u16, reason: &str) -> &mut Self {
        let info = CloseInfo { close_code: close_code.into(), reason: reason.to_owned() };
        assert_eq!(self.event(), Some(Ok(Event::Close(info))));
        self
    }

    /// The peer broke a rule: the next event says which, and a Close with the right code is on the wire, after
    /// which nothing more comes.
    pub(crate) fn fails(&mut self, misbehaved: PeerMisbehaved) {
        let close_code = misbehaved.close_code().get();
        assert_eq!(self.event(), Some(Err(Failure::PeerMisbehaved(misbehaved))));
        assert_eq!(self.event(), None);
        let sent = self.sends();
        assert_eq!(sent[0], 0x88, "the last frame is a Close: {sent:x?}");
        assert_eq!(u16::from_be_bytes([sent[2], sent[3]]), close_code);
        assert_eq!(sent.len(), 2 + usize::from(sent[1] & 0x7f));
        assert!(self.connection.shuts_down_first());
        assert!(self.connection.send("more".into()).is_err());
    }

    /// All that the endpoint has to send, a client's frames unmasked as far as they are short.
    pub(crate) fn sends(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.connection.poll_transmit() {
            let chunk = transmit.chunk().to_vec();
            transmit.advance(chunk.len());
            sent.extend(chunk);
        }
        match self.connection.side() {
            Side::Server => sent,
            Side::Client => unmask_short_frames(&sent),
        }
    }
}

fn unmask_short_frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let &[first, second, a, b, c, d, ref rest @ ..] = bytes {
        assert!(second & 0x80 != 0, "a client masks every frame (RFC 6455 §5.1)");
        let len = usize::from(second & 0x7f);
        assert!(len <= 125, "only short frames here");
        let mut payload = rest[..len].to_vec();
        apply_mask([a, b, c, d], 0, &mut payload);
        out.extend([first, second & 0x7f]);
        out.extend(payload);
        bytes = &rest[len..];
    }
    assert!(bytes.is_empty());
    out
}

/// A frame from a client: masked. `first` is the first byte, FIN, RSV and opcode.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut payload = payload.as_ref().to_vec();
    let mut frame = vec![first];
    extend_length(&mut frame, 0x80, payload.len());
    frame.extend(KEY);
    apply_mask(KEY, 0, &mut payload);
    frame.extend(payload);
    frame
}

/// A frame from a server: not masked.
pub(crate) fn plain(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![first];
    extend_length(&mut frame, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn extend_length(frame: &mut Vec<u8>, mask_bit: u8, len: usize) {
    match len {
        0..=125 => frame.push(mask_bit | len as u8),
        126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask_bit | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
}

pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    masked(0x88, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// A moment, and moments after it. The machine has no clock, so any start will do.
#[expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
pub(crate) fn moment() -> Instant {
    Instant::now()
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
