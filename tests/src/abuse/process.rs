//! The server's process as the system sees it.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// A process on this machine.
#[derive(Clone)]
pub(crate) struct Process {
    pid: u32,
}

/// Linux counts CPU time in hundredths of a second wherever it tells it to programs.
const TICK: Duration = Duration::from_millis(10);

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Resident memory, in KiB.
    pub(crate) fn rss(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| io::Error::other("the process has no memory: it has ended"))
    }

    /// The time that its threads have run, in the kernel too.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The second field is a name in brackets that may hold anything; utime and stime are fields 14 and 15.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times: Vec<u32> =
            after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
        match times.as_slice() {
            [user, system] => Ok(TICK * (user + system)),
            _ => Err(io::Error::other("/proc does not tell CPU times here")),
        }
    }
}

/// Looks at a process's memory all the time, from a thread of its own that no scenario can starve.
pub(crate) struct Watch {
    peak: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(process: Process) -> Self {
        let (peak, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let shared = (peak.clone(), is_over.clone());
        let thread = spawn(move || {
            let (peak, is_over) = shared;
            while !is_over.load(Ordering::Relaxed) {
                // That the process has ended is found by those who ask it next.
                peak.fetch_max(process.rss().unwrap_or(0), Ordering::Relaxed);
                sleep(Duration::from_millis(5));
            }
        });
        Self { peak, is_over, thread }
    }

    /// The most that was seen, in KiB.
    pub(crate) fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        // It has nothing to say, and cannot fail.
        let _ = self.thread.join();
        self.peak.load(Ordering::Relaxed)
    }
}
