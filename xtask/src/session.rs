//! Where the output of a series of commands goes, and how long they may take.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::process;
use crate::screen::Progress;

/// Commands that belong together: run by hand with everything shown, or as a step of the tests with a log.
pub(crate) struct Session {
    log: Option<Log>,
    deadline: Option<Instant>,
}

struct Log {
    path: PathBuf,
    progress: Progress,
}

impl Session {
    /// Everything is shown, and nothing is limited.
    pub(crate) fn shown() -> Self {
        Self { log: None, deadline: None }
    }

    /// Everything goes to a fresh file, one line of progress is shown, and what is not done in time is ended.
    pub(crate) fn logged(title: &'static str, path: PathBuf, limit: Duration) -> Result<Self, Failure> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Failure::because(folder.display()))?;
        }
        fs::write(&path, "").map_err(Failure::because(path.display()))?;
        let log = Log { path, progress: Progress::new(title) };
        Ok(Self { log: Some(log), deadline: Some(Instant::now() + limit) })
    }

    /// Runs a command and tells whether it succeeded. That it ran out of time is said in the log.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<bool, Failure> {
        self.say(&format!("$ {}", words(command)))?;
        if let Some(log) = &self.log {
            let file = OpenOptions::new().append(true).open(&log.path);
            let file = file.map_err(Failure::because(log.path.display()))?;
            let errors = file.try_clone().map_err(Failure::because(log.path.display()))?;
            command.stdout(Stdio::from(file)).stderr(Stdio::from(errors)).env("CARGO_TERM_COLOR", "never");
        }
        let mut child = process::spawn(command)?;
        let deadline = self.deadline;
        let status = process::wait(&mut child, deadline, || self.tick())?;
        match status {
            Some(status) if status.success() => Ok(true),
            Some(status) => {
                self.say(&format!("{} ended with {status}", words(command)))?;
                Ok(false)
            }
            None => {
                self.say(&format!("{} was ended: no time is left for it", words(command)))?;
                Ok(false)
            }
        }
    }

    /// Runs a command that must succeed.
    pub(crate) fn must(&mut self, command: &mut Command) -> Result<(), Failure> {
        if self.run(command)? { Ok(()) } else { Err(Failure(format!("failed: {}", words(command)))) }
    }

    /// A line of our own, in the log or on the screen.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), Failure> {
        let Some(log) = &self.log else {
            println!("{line}");
            return Ok(());
        };
        let file = OpenOptions::new().append(true).open(&log.path);
        file.and_then(|mut file| writeln!(file, "{line}")).map_err(Failure::because(log.path.display()))
    }

    /// What the log holds; nothing for a session that is shown.
    pub(crate) fn text(&self) -> String {
        self.log.as_ref().map(|log| process::read_text(&log.path)).unwrap_or_default()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.log.as_ref().map_or(Duration::ZERO, |log| log.progress.elapsed())
    }

    /// Takes the line of progress away.
    pub(crate) fn clear(&self) {
        if let Some(log) = &self.log {
            log.progress.clear();
        }
    }

    fn tick(&mut self) {
        if let Some(log) = &mut self.log {
            let path = &log.path;
            log.progress.tick(|| process::tail(process::read_text(path).trim_end(), 1));
        }
    }
}

/// A command as one would type it, its own folder left out.
fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|word| word.to_string_lossy().into_owned());
    let line: Vec<String> = std::iter::once(name).chain(arguments).collect();
    line.join(" ")
}
