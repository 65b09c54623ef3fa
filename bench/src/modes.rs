//! What is measured.

use std::time::Duration;

use crate::contenders::{Contender, Task};
use crate::failure::Failure;
use crate::load::echo::{self, Echo};
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
    /// The part of its core that the load used.
    pub(crate) load_share: f64,
}

const fn echo(
    name: &'static str,
    title: &'static str,
    size: usize,
    connections: usize,
    depth: usize,
) -> Mode {
    let kind = Kind::Echo(Echo { size, connections, depth });
    Mode {
        name,
        title,
        task: Task::Echo,
        kind,
        unit: "messages per CPU-second",
        columns: &[],
        yardstick: Some("tcp-epoll"),
    }
}

/// In the order of the page.
pub(crate) const ALL: &[Mode] = &[
    echo("echo-20-p32", "Echo of 20 B, 64 connections, 32 in flight", 20, 64, 32),
    echo("echo-125-p1", "Echo of 125 B, 64 connections, 1 in flight", 125, 64, 1),
    echo("echo-125-p32", "Echo of 125 B, 64 connections, 32 in flight", 125, 64, 32),
    echo("echo-1k-p16", "Echo of 1 KiB, 64 connections, 16 in flight", 1024, 64, 16),
    echo("echo-16k-p4", "Echo of 16 KiB, 32 connections, 4 in flight", 16 * 1024, 32, 4),
    echo("echo-1m-p2", "Echo of 1 MiB, 4 connections, 2 in flight", 1 << 20, 4, 2),
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
        contender.tasks.contains(&self.task)
    }

    /// Whether one round says it all.
    pub(crate) fn is_repeatable(&self) -> bool {
        !self.is_a_rate()
    }

    /// Whether the main figure is work per CPU-second.
    pub(crate) fn is_a_rate(&self) -> bool {
        matches!(self.kind, Kind::Echo(_))
    }

    pub(crate) fn is_less_better(&self) -> bool {
        !self.is_a_rate()
    }

    pub(crate) fn needs_tls(&self) -> bool {
        self.task == Task::Wss
    }

    /// How a contender is spoken to.
    pub(crate) fn speech(&self, contender: Option<&Contender>) -> Speech {
        match self.kind {
            Kind::Echo(_) if contender.is_some_and(Contender::is_raw) => Speech::Raw,
            Kind::Echo(_) => Speech::WebSocket,
        }
    }

    /// Measures once.
    pub(crate) fn measure(&self, target: &Target, process: Process, quick: bool) -> Result<Figures, Failure> {
        match self.kind {
            Kind::Echo(load) => Ok(echo::run(target, process, load, budget(quick))?.into()),
        }
    }
}

impl From<Rate> for Figures {
    fn from(rate: Rate) -> Self {
        Self {
            main: rate.per_cpu_second(),
            server_ns: rate.server_ns,
            load_share: rate.load_share(),
            ..Self::default()
        }
    }
}
