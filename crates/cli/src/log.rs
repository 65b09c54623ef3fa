//! Lines to standard error that no connection waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::exit::say;

/// A log on a thread of its own: when standard error takes no more, lines are dropped and counted, and nobody waits.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
}

/// Lines that may wait for standard error.
const WAITING_LINES: usize = 1024;

impl Log {
    /// A log that says everything, or nothing.
    pub(crate) fn new(is_verbose: bool) -> Self {
        let dropped = Arc::new(AtomicU64::new(0));
        let lines = is_verbose.then(|| {
            let (sender, receiver) = sync_channel(WAITING_LINES);
            let dropped = dropped.clone();
            thread::spawn(move || write(&receiver, &dropped));
            sender
        });
        Self { lines, dropped }
    }

    /// Whether anybody sees what is logged.
    pub(crate) fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Logs a line.
    pub(crate) fn line(&self, line: String) {
        if let Some(lines) = &self.lines
            && lines.try_send(line).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write(lines: &Receiver<String>, dropped: &AtomicU64) {
    for line in lines {
        say(&line);
        let dropped = dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            say(&format!("({dropped} lines dropped)"));
        }
    }
}
