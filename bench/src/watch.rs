//! What a process uses, as the system counts it.

use std::fs;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// A process that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The time that its threads have run, in nanoseconds. A thread that ended is not counted any more.
    pub(crate) fn cpu(self) -> Result<u64, Failure> {
        let folder = format!("/proc/{}/task", self.0);
        let tasks = fs::read_dir(&folder).map_err(Failure::because(&folder))?;
        let run = |text: String| text.split_whitespace().next()?.parse::<u64>().ok();
        let times =
            tasks.flatten().filter_map(|task| run(fs::read_to_string(task.path().join("schedstat")).ok()?));
        Ok(times.sum())
    }

    /// The resident set in bytes.
    pub(crate) fn rss(self) -> Result<u64, Failure> {
        let path = format!("/proc/{}/status", self.0);
        let status = fs::read_to_string(&path).map_err(Failure::because(&path))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        kib.map(|kib: u64| kib * 1024).ok_or_else(|| Failure(format!("{path} tells no VmRSS")))
    }
}

/// The time that the calling thread has run.
pub(crate) fn own_cpu() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How long is measured: until the server has used so much CPU, or the time is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Before anything counts.
    pub(crate) warm_up: Duration,
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

/// Work done, and what it cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    pub(crate) done: u64,
    pub(crate) bytes_back: u64,
    pub(crate) server_ns: u64,
    pub(crate) load_ns: u64,
    pub(crate) wall_ns: u64,
}

impl Rate {
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.done as f64 * 1e9 / self.server_ns.max(1) as f64
    }
}

/// Takes the time of a load while it runs.
pub(crate) struct Stopwatch {
    process: Process,
    budget: Budget,
    began: Instant,
    /// The counters when the warm-up was over.
    from: Option<(Instant, Rate)>,
    next_look: Instant,
}

/// How often the counters are read.
const LOOK: Duration = Duration::from_millis(20);

impl Stopwatch {
    pub(crate) fn start(process: Process, budget: Budget) -> Self {
        let began = Instant::now();
        Self { process, budget, began, from: None, next_look: began }
    }

    /// Told now and then how much is done; gives the result when enough is.
    pub(crate) fn look(&mut self, done: u64, bytes_back: u64) -> Result<Option<Rate>, Failure> {
        let now = Instant::now();
        if now < self.next_look {
            return Ok(None);
        }
        self.next_look = now + LOOK;
        if self.from.is_none() && now < self.began + self.budget.warm_up {
            return Ok(None);
        }
        let counters =
            Rate { done, bytes_back, server_ns: self.process.cpu()?, load_ns: own_cpu(), wall_ns: 0 };
        let Some((began, from)) = &self.from else {
            self.from = Some((now, counters));
            return Ok(None);
        };
        let wall = now - *began;
        let rate = Rate {
            done: counters.done - from.done,
            bytes_back: counters.bytes_back - from.bytes_back,
            server_ns: counters.server_ns.saturating_sub(from.server_ns),
            load_ns: counters.load_ns.saturating_sub(from.load_ns),
            wall_ns: wall.as_nanos() as u64,
        };
        let is_enough = u128::from(rate.server_ns) >= self.budget.cpu.as_nanos() || wall >= self.budget.wall;
        Ok(is_enough.then_some(rate))
    }
}

/// The highest resident set that was seen, against that at the beginning.
pub(crate) struct Peak {
    process: Process,
    base: u64,
    highest: u64,
    next_look: Instant,
}

impl Peak {
    pub(crate) fn from(process: Process) -> Result<Self, Failure> {
        let base = process.rss()?;
        Ok(Self { process, base, highest: base, next_look: Instant::now() })
    }

    /// Looks, unless it has just looked.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.highest = self.highest.max(self.process.rss()?);
        }
        Ok(())
    }

    pub(crate) fn growth(&self) -> u64 {
        self.highest - self.base
    }
}
