//! What a person sees meanwhile: a line that moves on a terminal, and nothing between the results elsewhere.

use std::io::{IsTerminal, Write, stderr};

pub(crate) struct Screen {
    terminal: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { terminal: stderr().is_terminal() }
    }

    /// What is being done.
    pub(crate) fn show(&mut self, line: &str) {
        if self.terminal {
            eprint!("\r  …   {line}\x1b[K");
            // A screen that cannot be written to is no reason to stop.
            let _ = stderr().flush();
        }
    }

    /// A line that stays.
    pub(crate) fn say(&mut self, line: &str) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
        println!("{line}");
    }
}
