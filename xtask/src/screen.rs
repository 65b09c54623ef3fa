//! What a person sees while a step runs: one line that moves on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

/// How long a log may stay silent when nobody watches a terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Shows that a step is alive.
pub(crate) struct Progress {
    title: &'static str,
    began: Instant,
    due: Instant,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(title: &'static str) -> Self {
        let began = Instant::now();
        let terminal = stderr().is_terminal();
        Self { title, began, due: if terminal { began } else { began + HEARTBEAT }, terminal }
    }

    /// Shows the time and `last_line`, when it is time for that.
    pub(crate) fn tick(&mut self, last_line: impl FnOnce() -> String) {
        if Instant::now() < self.due {
            return;
        }
        let seconds = self.began.elapsed().as_secs();
        let line: String = last_line().chars().filter(|c| !c.is_control()).take(70).collect();
        if self.terminal {
            self.due = Instant::now() + Duration::from_millis(200);
            eprint!("\r  …   {:<16} {seconds:>4} s  {line}\x1b[K", self.title);
            // A screen that cannot be written to is no reason to stop.
            let _ = stderr().flush();
        } else {
            self.due = Instant::now() + HEARTBEAT;
            println!("  …   {:<16} {seconds:>4} s  {line}", self.title);
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

/// The colours of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Dim,
}

/// Colours a word, on a terminal only.
pub(crate) fn paint(tone: Tone, word: &str) -> String {
    if !stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return word.to_owned();
    }
    let code = match tone {
        Tone::Good => 32,
        Tone::Bad => 31,
        Tone::Dim => 33,
    };
    format!("\x1b[{code}m{word}\x1b[0m")
}
