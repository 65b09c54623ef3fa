//! A scripted peer: what it sends are bytes, what it receives are bytes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_proto::credit::{Config, Endpoint, Event, Failure, Violation};
use tidegate_proto::websocket::{CloseInfo, Message};

/// The endpoint under test, seen from its peer.
pub(crate) struct End {
    pub(crate) endpoint: Endpoint,
    pub(crate) now: Instant,
}

/// A greeting with limit 128 and max message 256: one of a small peer.
pub(crate) const SMALL_HELLO: &[u8] = &[0x01, 9, 1, 1, 2, 0x40, 0x80, 2, 2, 0x41, 0x00];

/// The same from a server, without a protocol.
pub(crate) const SMALL_WELCOME: &[u8] = &[0x02, 9, 1, 1, 2, 0x40, 0x80, 2, 2, 0x41, 0x00];

/// A moment. The machine has no clock, so any start will do.
#[expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
pub(crate) fn moment() -> Instant {
    Instant::now()
}

/// A window of 128, which does not grow, and messages of 256 bytes, so that a test can see the end of both.
pub(crate) fn small() -> Config {
    Config::default().window(128).max_window(128).max_message(256)
}

pub(crate) fn info(close_code: u16, reason: &str) -> CloseInfo {
    CloseInfo { close_code: close_code.into(), reason: reason.to_owned() }
}

impl End {
    /// A server that has greeted and been greeted.
    pub(crate) fn server() -> Self {
        Self::server_with(small())
    }

    /// The same, whose window may grow to 512.
    pub(crate) fn growing_server() -> Self {
        Self::server_with(small().max_window(512))
    }

    pub(crate) fn server_with(config: Config) -> Self {
        let mut end = Self::new_server(config, "");
        end.gets(SMALL_HELLO);
        assert_eq!(end.sends()[..], [SMALL_WELCOME, &[5, 1, 1]].concat());
        end
    }

    /// A client that has greeted and been greeted.
    pub(crate) fn client() -> Self {
        let mut end = Self::new_client(small(), &[]);
        end.gets(SMALL_WELCOME);
        assert_eq!(end.sends()[..], [SMALL_HELLO, &[5, 1, 1]].concat());
        end
    }

    pub(crate) fn new_server(config: Config, protocol: &str) -> Self {
        let now = moment();
        Self { endpoint: Endpoint::server(now, config, protocol), now }
    }

    pub(crate) fn new_client(config: Config, offered: &[&str]) -> Self {
        let now = moment();
        let offered = offered.iter().map(|protocol| (*protocol).to_owned()).collect();
        Self { endpoint: Endpoint::client(now, config, offered), now }
    }

    /// The peer sends a batch.
    pub(crate) fn gets(&mut self, batch: impl AsRef<[u8]>) -> &mut Self {
        self.endpoint.handle_batch(self.now, &Bytes::copy_from_slice(batch.as_ref()));
        self
    }

    /// All that the endpoint has to send, batch by batch.
    pub(crate) fn batches(&mut self) -> Vec<Bytes> {
        let mut batches = Vec::new();
        while let Some(batch) = self.endpoint.poll_transmit(self.now) {
            batches.push(batch.into_bytes());
        }
        batches
    }

    /// All that the endpoint has to send.
    pub(crate) fn sends(&mut self) -> Vec<u8> {
        self.batches().concat()
    }

    pub(crate) fn event(&mut self) -> Option<Result<Event, Failure>> {
        self.endpoint.poll_event(self.now)
    }

    pub(crate) fn reads(&mut self, message: impl Into<Message>) -> &mut Self {
        assert_eq!(self.event(), Some(Ok(Event::Message(message.into()))));
        self
    }

    pub(crate) fn reads_nothing(&mut self) -> &mut Self {
        assert_eq!(self.event(), None);
        self
    }

    pub(crate) fn reads_end(&mut self, close_code: u16, reason: &str) -> &mut Self {
        assert_eq!(self.event(), Some(Ok(Event::End(info(close_code, reason)))));
        self
    }

    /// The peer broke a rule: the next event says which, an END with the code and the reason is on the wire, and the
    /// WebSocket is closed with the same; after that nothing more comes.
    pub(crate) fn fails(&mut self, violation: Violation) {
        let info = CloseInfo { close_code: violation.close_code(), reason: violation.to_string() };
        assert_eq!(self.event(), Some(Err(Failure::Violation(violation))));
        assert_eq!(self.event(), None);
        let sent = self.sends();
        assert!(sent.ends_with(&end(info.close_code.get(), &info.reason)), "no END at the end of {sent:x?}");
        assert_eq!(self.endpoint.poll_close(), Some(info));
        assert_eq!(self.endpoint.poll_close(), None);
        assert!(self.endpoint.send("more".into()).is_err());
        self.gets([0x10, 1, b'x']).reads_nothing();
        assert_eq!(self.sends(), b"");
    }

    pub(crate) fn waits(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.endpoint.handle_timeout(self.now);
        self
    }
}

/// A frame whose payload is under 64 bytes.
pub(crate) fn frame(frame_type: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    assert!(payload.len() < 64, "only short frames here");
    [&[frame_type, payload.len() as u8], payload].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(0x10, text)
}

/// A message of exactly so many units, at most 95.
pub(crate) fn costing(units: usize) -> Vec<u8> {
    frame(0x11, vec![0; units - 32])
}

/// CREDIT with a limit from 64 to 16383.
pub(crate) fn credit(limit: u16, ack: u8) -> Vec<u8> {
    let [high, low] = (0x4000 | limit).to_be_bytes();
    vec![3, 3, high, low, ack]
}

pub(crate) fn end(close_code: u16, reason: &str) -> Vec<u8> {
    frame(7, [&close_code.to_be_bytes()[..], reason.as_bytes()].concat())
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
