//! What carries a connection now.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// What can carry a connection, in the order in which a client tries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A WebSocket, over HTTP/1.1 or HTTP/2.
    WebSocket,
    /// The body of one long response, and POST.
    Stream,
    /// Server-Sent Events, and POST.
    EventStream,
    /// Long polling, and POST.
    LongPoll,
    /// Polling, and POST.
    Poll,
}

/// What carries a session, where anything does.
#[derive(Debug, Default)]
pub(crate) struct Carrier(AtomicU8);

/// No session, but a WebSocket of its own.
const PLAIN: u8 = u8::MAX;

impl Transport {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::WebSocket, Self::Stream, Self::EventStream, Self::LongPoll, Self::Poll];

    /// The name in the parameter `transport` (docs/sessions.md, section 1).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Stream => "stream",
            Self::EventStream => "sse",
            Self::LongPoll => "long-poll",
            Self::Poll => "poll",
        }
    }

    /// The transport of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Carrier {
    pub(crate) fn get(&self) -> Option<Transport> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            PLAIN => Some(Transport::WebSocket),
            number => Some(Transport::ALL[usize::from(number) - 1]),
        }
    }

    /// A client's connection turned out to be a plain WebSocket, for the server keeps no sessions.
    pub(crate) fn set_plain(&self) {
        self.0.store(PLAIN, Ordering::Relaxed);
    }

    /// Whether it is a session that is carried.
    pub(crate) fn carries_session(&self) -> bool {
        self.0.load(Ordering::Relaxed) != PLAIN
    }

    pub(crate) fn set(&self, transport: Option<Transport>) {
        let index = transport.and_then(|transport| Transport::ALL.iter().position(|one| *one == transport));
        // There are five.
        self.0.store(index.map_or(0, |index| index as u8 + 1), Ordering::Relaxed);
    }
}

#[test]
fn a_carrier_gives_back_what_was_set() {
    let carrier = Carrier::default();
    assert_eq!(carrier.get(), None);
    for transport in Transport::ALL {
        carrier.set(Some(transport));
        assert_eq!(
            (carrier.get(), Transport::from_name(transport.name())),
            (Some(transport), Some(transport))
        );
    }
    carrier.set(None);
    assert_eq!(carrier.get(), None);
}
