//! How the process ends: a code that means something, and one clear message.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// What every command comes to.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command failed, ready to be shown.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

/// The connection failed, or ended uncleanly.
const FAILED: u8 = 1;

/// The command line cannot work.
const USAGE: u8 = 2;

impl Failure {
    /// Something outside failed: the network, the peer, a pipe.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into() }
    }

    /// What was asked for cannot work, whatever the world does.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }
}

/// Says what there is to say, and gives the code to exit with.
pub(crate) fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            say(&format!("tidegate: {message}"));
            ExitCode::from(code)
        }
    }
}

/// Shows what the parser of the command line has to say: help, the version, or what is wrong.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody to show it to, as in `tidegate --help | true`, is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    match text.strip_prefix("error: ") {
        Some(message) => say(&format!("tidegate: {}", message.trim_end())),
        // The help, for a command line that is empty.
        None => say(text.trim_end()),
    }
    ExitCode::from(USAGE)
}

/// Writes a line to standard error, where there may be nobody.
pub(crate) fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// An error and what caused it, as one line; a cause whose words are there already is left out.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_once() {
        #[derive(Debug)]
        struct Outer(io::Error, &'static str);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.1)
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let outer = |text| Outer(io::Error::other("no route"), text);
        assert_eq!(explain(&outer("cannot connect")), "cannot connect: no route");
        assert_eq!(explain(&outer("cannot connect: no route")), "cannot connect: no route");
    }
}
