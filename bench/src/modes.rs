//! What is measured.

use std::time::Duration;

use crate::contenders::{Contender, Task};
use crate::failure::Failure;
use crate::load::echo::{self, Echo};
use crate::load::fanout::{self, Fanout};
use crate::load::{deflate, memory, stuck};
use crate::socket::Speech;
pub(crate) use crate::socket::Target;
use crate::watch::{Budget, Process, Rate};

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) task: Task,
    pub(crate) kind: Kind,
    /// What the main figure is.
    pub(crate) unit: &'static str,
    /// The other figures.
    pub(crate) columns: &'static [&'static str],
    /// Whose figure the others are divided by.
    pub(crate) yardstick: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Echo(Echo),
    Deflate,
    Fanout(Fanout),
    Stuck,
    Open(usize),
    Idle(usize),
    Flood,
    SlowReader,
}

/// What a sample gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) main: f64,
    /// As many as the mode has columns.
    pub(crate) others: Vec<f64>,
    /// What numbers cannot say.
    pub(crate) note: String,
    pub(crate) server_ns: u64,
    pub(crate) load_ns: u64,
    pub(crate) wall_ns: u64,
}

const fn echo(
    name: &'static str,
    title: &'static str,
    size: usize,
    connections: usize,
    depth: usize,
) -> Mode {
    let kind = Kind::Echo(Echo { size, connections, depth });
    let unit = "messages per CPU-second";
    Mode { name, title, task: Task::Echo, kind, unit, columns: &[], yardstick: Some("tcp-epoll") }
}

const fn wss(name: &'static str, title: &'static str, size: usize, connections: usize, depth: usize) -> Mode {
    Mode { task: Task::Wss, yardstick: None, ..echo(name, title, size, connections, depth) }
}

const fn deflate(name: &'static str, title: &'static str, task: Task) -> Mode {
    let (unit, columns) = ("messages per CPU-second", &["bytes back"]);
    Mode { name, title, task, kind: Kind::Deflate, unit, columns, yardstick: None }
}

const fn fanout(name: &'static str, title: &'static str, depth: usize) -> Mode {
    let kind = Kind::Fanout(Fanout { size: 125, listeners: 1000, depth });
    let (unit, columns) = ("deliveries per CPU-second", &[]);
    Mode { name, title, task: Task::Broadcast, kind, unit, columns, yardstick: Some("ws-epoll-min") }
}

const fn memory(name: &'static str, title: &'static str, task: Task, kind: Kind) -> Mode {
    let (unit, columns): (_, &[&str]) = match kind {
        Kind::Idle(_) => ("bytes a connection after an echo", &["before it"]),
        Kind::Stuck => ("growth in MiB", &["healthy got %", "stuck got %"]),
        Kind::Flood => ("growth in MiB", &["MiB taken", "answers back %"]),
        Kind::Open(_) => ("CPU µs each", &[]),
        _ => ("growth in MiB", &[]),
    };
    Mode { name, title, task, kind, unit, columns, yardstick: None }
}

/// In the order of the page.
pub(crate) const ALL: &[Mode] = &[
    echo("echo-20-p32", "Echo of 20 B, 64 connections, 32 in flight", 20, 64, 32),
    echo("echo-125-p1", "Echo of 125 B, 64 connections, 1 in flight", 125, 64, 1),
    echo("echo-125-p32", "Echo of 125 B, 64 connections, 32 in flight", 125, 64, 32),
    echo("echo-1k-p16", "Echo of 1 KiB, 64 connections, 16 in flight", 1024, 64, 16),
    echo("echo-16k-p4", "Echo of 16 KiB, 32 connections, 4 in flight", 16 * 1024, 32, 4),
    echo("echo-1m-p2", "Echo of 1 MiB, 4 connections, 2 in flight", 1 << 20, 4, 2),
    wss("wss-125-p1", "wss echo of 125 B, 64 connections, 1 in flight", 125, 64, 1),
    wss("wss-125-p32", "wss echo of 125 B, 64 connections, 32 in flight", 125, 64, 32),
    wss("wss-16k-p4", "wss echo of 16 KiB, 32 connections, 4 in flight", 16 * 1024, 32, 4),
    deflate("deflate-fast", "Compressed echo of 1 KiB JSON, fastest setting", Task::DeflateFast),
    deflate("deflate-small", "Compressed echo of 1 KiB JSON, usual setting", Task::DeflateSmall),
    fanout("fanout-p1", "Fan-out of 125 B to 1,000 listeners, 1 in flight", 1),
    fanout("fanout-p16", "Fan-out of 125 B to 1,000 listeners, 16 in flight", 16),
    memory("stuck", "256 MiB to five listeners, one of which never reads", Task::Broadcast, Kind::Stuck),
    memory("open", "Opening a connection", Task::Echo, Kind::Open(2000)),
    memory("idle", "Memory of 10,000 idle connections", Task::Echo, Kind::Idle(10_000)),
    memory("idle-wss", "Memory of 2,000 idle connections over TLS", Task::Wss, Kind::Idle(2000)),
    memory("flood", "512 MiB sent to an echo before any answer is read", Task::Echo, Kind::Flood),
    memory("slow-reader", "A fire hose read at 1 MiB/s", Task::Firehose, Kind::SlowReader),
];

/// How long a sample may take.
fn budget(quick: bool) -> Budget {
    let ms = Duration::from_millis;
    if quick {
        Budget { warm_up: ms(100), cpu: ms(200), wall: ms(1500) }
    } else {
        Budget { warm_up: ms(300), cpu: ms(700), wall: ms(5000) }
    }
}

impl Mode {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|mode| mode.name == name).copied()
    }

    /// Whether the contender takes part.
    pub(crate) fn includes(&self, contender: &Contender) -> bool {
        // Raw echoes are a yardstick for echoes, and for nothing that is about WebSocket.
        contender.tasks.contains(&self.task) && (!contender.is_raw() || matches!(self.kind, Kind::Echo(_)))
    }

    /// Whether it is measured in rounds; memory comes out the same each time.
    pub(crate) fn has_rounds(&self) -> bool {
        self.is_a_rate() || matches!(self.kind, Kind::Open(_))
    }

    /// Whether the main figure is work per CPU-second.
    pub(crate) fn is_a_rate(&self) -> bool {
        matches!(self.kind, Kind::Echo(_) | Kind::Deflate | Kind::Fanout(_))
    }

    /// Whether it means something to divide the figures by one another. Of a growth of nearly nothing it does not.
    pub(crate) fn has_ratios(&self) -> bool {
        !matches!(self.kind, Kind::Stuck | Kind::Flood | Kind::SlowReader)
    }

    pub(crate) fn is_less_better(&self) -> bool {
        !self.is_a_rate()
    }

    pub(crate) fn needs_tls(&self) -> bool {
        self.task == Task::Wss
    }

    /// How a contender is spoken to.
    pub(crate) fn speech(&self, is_raw: bool) -> Speech {
        match self.kind {
            _ if is_raw => Speech::Raw,
            Kind::Deflate => Speech::Deflate,
            _ => Speech::WebSocket,
        }
    }

    /// Measures once.
    pub(crate) fn measure(&self, target: &Target, process: Process, quick: bool) -> Result<Figures, Failure> {
        let budget = budget(quick);
        match self.kind {
            Kind::Echo(load) => Ok(echo::run(target, process, load, budget)?.into()),
            Kind::Fanout(load) => Ok(fanout::run(target, process, load, budget)?.into()),
            Kind::Deflate => {
                let rate = deflate::run(target, process, budget)?;
                let bytes_back = rate.bytes_back as f64 / rate.done.max(1) as f64;
                Ok(Figures { others: vec![bytes_back], ..rate.into() })
            }
            Kind::Stuck => stuck::run(target, process),
            Kind::Open(connections) => memory::open(target, process, connections),
            Kind::Idle(connections) => memory::idle(target, process, connections),
            Kind::Flood => memory::flood(target, process),
            Kind::SlowReader => memory::slow_reader(target, process, quick),
        }
    }
}

impl From<Rate> for Figures {
    fn from(rate: Rate) -> Self {
        Self {
            main: rate.per_cpu_second(),
            server_ns: rate.server_ns,
            load_ns: rate.load_ns,
            wall_ns: rate.wall_ns,
            ..Self::default()
        }
    }
}
