//! What is measured of channels, and what is wanted.

use super::contender::{Contender, Wire};
use super::load;
use crate::comparison::{Goal, Sample, Subject};
use crate::contenders::Places;
use crate::failure::Failure;
use crate::server::Server;

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) wire: Wire,
    pub(crate) load: Load,
    pub(crate) goals: &'static [Goal],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Hold,
    Fanout { publishers: usize },
    Stalled,
    Loss,
}

/// How many readers are held.
pub(crate) const HELD: usize = 18_000;

impl Load {
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Hold => &["bytes each", "after a message", "CPU µs to let in", "got it once %"],
            Self::Fanout { .. } => {
                &["deliveries per CPU-second", "server busy", "published/s", "lost %", "twice or wrong %"]
            }
            Self::Stalled => &[
                "MiB of growth, none stalled",
                "one stalled",
                "published/s, none stalled",
                "one stalled",
                "fast ones' rate, ratio",
                "by CPU, ratio",
                "refused",
                "fast ones lost",
            ],
            Self::Loss => &["lost of 300", "twice", "missing at the end"],
        }
    }

    /// What a note says, as the head of its column.
    pub(crate) fn note(self) -> Option<&'static str> {
        (self == Self::Stalled).then_some("what the stalled one is told when it reads")
    }
}

use Goal::{AtLeast, AtMost, Noted, OfHighest};

const fn hold(name: &'static str, title: &'static str, wire: Wire, goals: &'static [Goal]) -> Case {
    Case { name, title, wire, load: Load::Hold, goals }
}

const fn fanout(
    name: &'static str,
    title: &'static str,
    wire: Wire,
    publishers: usize,
    goals: &'static [Goal],
) -> Case {
    Case { name, title, wire, load: Load::Fanout { publishers }, goals }
}

const fn stalled(name: &'static str, title: &'static str, wire: Wire) -> Case {
    const GOALS: &[Goal] =
        &[AtMost(1, RING_MIB + 4.0), AtLeast(4, 0.95), AtMost(6, 0.0), AtMost(7, 0.0), TOLD];
    Case { name, title, wire, load: Load::Stalled, goals: GOALS }
}

const fn loss(name: &'static str, title: &'static str, wire: Wire) -> Case {
    Case { name, title, wire, load: Load::Loss, goals: &[AtMost(0, 0.0), AtMost(1, 0.0), AtMost(2, 15.0)] }
}

const TOLD: Goal = Noted(
    |note| note.contains("missed exactly") || note.starts_with("all "),
    "the stalled one is told what it missed",
    "the stalled one is NOT told",
);

/// What a channel of `tidegate serve` keeps, unless it is told otherwise.
const RING_MIB: f64 = 1.0;

const HOLD: &[Goal] = &[AtMost(0, 3072.0), AtMost(1, 3072.0), AtMost(2, 30.0), AtLeast(3, 100.0)];
const HOLD_WS: &[Goal] = &[AtMost(0, 1536.0), AtMost(1, 1536.0), AtMost(2, 45.0), AtLeast(3, 100.0)];

const WS_1: &[Goal] = &[OfHighest(0, 1.2), AtMost(3, 0.0), AtMost(4, 0.0)];
const WS_4: &[Goal] = &[OfHighest(0, 0.9), AtMost(3, 0.0), AtMost(4, 0.0)];
const STREAM_1: &[Goal] = &[OfHighest(0, 2.0), AtMost(3, 0.0), AtMost(4, 0.0)];
const STREAM_4: &[Goal] = &[OfHighest(0, 4.0), AtMost(3, 0.0), AtMost(4, 0.0)];
const POLL_1: &[Goal] = &[OfHighest(0, 1.3), AtMost(3, 0.0), AtMost(4, 0.0)];
const POLL_4: &[Goal] = &[OfHighest(0, 1.5), AtMost(3, 0.0), AtMost(4, 0.0)];

/// In the order of the page.
pub(crate) const ALL: &[Case] = &[
    hold("hold-ws", "18,000 WebSockets wait", Wire::WebSocket, HOLD_WS),
    hold("hold-sse", "18,000 event streams wait", Wire::Events, HOLD),
    hold("hold-ndjson", "18,000 NDJSON streams wait", Wire::Stream, HOLD),
    hold("hold-longpoll", "18,000 long polls wait", Wire::LongPoll, HOLD),
    fanout("fanout-ws-1", "125 B to 1,000 WebSockets, one publisher", Wire::WebSocket, 1, WS_1),
    fanout("fanout-ws-4", "125 B to 1,000 WebSockets, four publishers", Wire::WebSocket, 4, WS_4),
    fanout("fanout-sse-1", "125 B to 1,000 event streams, one publisher", Wire::Events, 1, STREAM_1),
    fanout("fanout-sse-4", "125 B to 1,000 event streams, four publishers", Wire::Events, 4, STREAM_4),
    fanout("fanout-ndjson-1", "125 B to 1,000 NDJSON streams, one publisher", Wire::Stream, 1, STREAM_1),
    fanout("fanout-ndjson-4", "125 B to 1,000 NDJSON streams, four publishers", Wire::Stream, 4, STREAM_4),
    fanout("fanout-longpoll-1", "125 B to 1,000 long polls, one publisher", Wire::LongPoll, 1, POLL_1),
    fanout("fanout-longpoll-4", "125 B to 1,000 long polls, four publishers", Wire::LongPoll, 4, POLL_4),
    stalled("stalled-ws", "256 MiB in 16 KiB, one of five WebSockets is never read", Wire::WebSocket),
    stalled("stalled-sse", "256 MiB in 16 KiB, one of five event streams is never read", Wire::Events),
    stalled("stalled-ndjson", "256 MiB in 16 KiB, one of five NDJSON streams is never read", Wire::Stream),
    loss("loss-longpoll", "A plain long poller that sleeps between polls", Wire::PlainLongPoll),
    loss("loss-poll", "A plain poller that sleeps between polls", Wire::PlainPoll),
];

impl Case {
    pub(crate) fn subject(&self) -> Subject {
        let Self { name, title, load, goals, .. } = *self;
        Subject { name, title, columns: load.columns(), note: load.note(), goals, has_ranges: false }
    }

    /// Measures once, with a server of its own.
    pub(crate) fn measure(
        &self,
        contender: Contender,
        quick: bool,
        places: &Places,
        scratch: &std::path::Path,
    ) -> Result<Sample, Failure> {
        let start = || -> Result<Server, Failure> { contender.start(places, scratch) };
        match self.load {
            Load::Hold => load::hold(contender, self.wire, &start()?, HELD),
            Load::Fanout { publishers } => load::fanout(contender, self.wire, &start()?, publishers, quick),
            Load::Stalled => load::stalled(contender, self.wire, start),
            Load::Loss => load::loss(contender, self.wire, &start()?),
        }
    }
}
