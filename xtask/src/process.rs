//! Processes of ours, ended together with what they started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Failure;

/// How often a process is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A process that runs beside us; dropping it ends it and its descendants.
pub(crate) struct Background {
    child: Child,
    output: PathBuf,
}

impl Background {
    /// Starts `command` with its output, both streams, in the file `output`.
    pub(crate) fn start(command: &mut Command, output: &Path) -> Result<Self, Failure> {
        if let Some(folder) = output.parent() {
            fs::create_dir_all(folder).map_err(Failure::because(folder.display()))?;
        }
        let file = File::create(output).map_err(Failure::because(output.display()))?;
        let errors = file.try_clone().map_err(Failure::because(output.display()))?;
        let child = spawn(command.stdout(file).stderr(errors))?;
        Ok(Self { child, output: output.to_path_buf() })
    }

    /// The number that the system gave it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a complete line of output in which `find` sees what it looks for.
    pub(crate) fn wait_for<T>(
        &mut self,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + limit;
        loop {
            // Asked before reading, so that the last words of a process that ended are read.
            let ended = self.child.try_wait().map_err(Failure::because("waiting"))?;
            let output = read_text(&self.output);
            let complete = output.rfind('\n').map_or("", |end| &output[..end]);
            if let Some(found) = complete.lines().find_map(&find) {
                return Ok(found);
            }
            if let Some(status) = ended {
                return Err(Failure(format!("it ended with {status}:\n{}", tail(&output, 20))));
            }
            if Instant::now() > deadline {
                return Err(Failure(format!("nothing of use within {} s:\n{output}", limit.as_secs())));
            }
            sleep(TICK);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Starts a process that reads nothing.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).spawn().map_err(Failure::because(format!("cannot start {program}")))
}

/// Waits for a process until the deadline, and calls `tick` meanwhile. `None`: it was ended at the deadline.
pub(crate) fn wait(
    child: &mut Child,
    deadline: Option<Instant>,
    mut tick: impl FnMut(),
) -> Result<Option<ExitStatus>, Failure> {
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::because("waiting"))? {
            return Ok(Some(status));
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            end(child);
            return Ok(None);
        }
        tick();
        sleep(TICK);
    }
}

/// The first line that a program prints, if it can be run and succeeds.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

/// A file's text, or nothing when it cannot be read.
pub(crate) fn read_text(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Asks a process and its descendants to end; those still there after 5 s are killed.
fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    // Listed before any of them ends: an orphan is nobody's descendant any more.
    let family = family(child.id());
    signal("-TERM", &family);
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        sleep(TICK);
    }
    signal("-KILL", &family);
    // It has ended or cannot be ended; either way nothing is left to do about it.
    let _ = child.kill();
    let _ = child.wait();
}

/// A process and all below it, with the time each was started, as a number may be given to another process later.
fn family(root: u32) -> Vec<(u32, String)> {
    let Some(started) = start_time(root) else { return Vec::new() };
    let mut found = vec![(root, started)];
    let mut next = 0;
    while let Some(&(parent, _)) = found.get(next) {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = read_text(&task.path().join("children"));
            let children = children.split_whitespace().filter_map(|number| number.parse().ok());
            found.extend(children.filter_map(|number| Some((number, start_time(number)?))));
        }
        next += 1;
    }
    found
}

fn signal(kind: &str, family: &[(u32, String)]) {
    let still_there = family.iter().filter(|(number, started)| start_time(*number).as_ref() == Some(started));
    let numbers: Vec<String> = still_there.map(|(number, _)| number.to_string()).collect();
    if !numbers.is_empty() {
        // One that ended in between makes `kill` complain, which is of no interest.
        let _ = Command::new("kill").arg(kind).args(numbers).stderr(Stdio::null()).status();
    }
}

/// Field 22 of `/proc/N/stat`. The second field is a name in brackets that may hold anything.
fn start_time(number: u32) -> Option<String> {
    let stat = read_text(Path::new(&format!("/proc/{number}/stat")));
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_past_its_deadline_is_ended_with_its_descendants() {
        let mut command = Command::new("sh");
        let mut child = spawn(command.args(["-c", "sleep 60 & sleep 60 & wait"])).unwrap();
        let members = loop {
            let members = family(child.id());
            if members.len() == 3 {
                break members;
            }
            sleep(TICK);
        };
        let ended = wait(&mut child, Some(Instant::now()), || ()).unwrap();
        assert!(ended.is_none());
        let alive = |(number, started): &(u32, String)| {
            let stat = read_text(Path::new(&format!("/proc/{number}/stat")));
            start_time(*number).as_ref() == Some(started) && !stat.contains(") Z ")
        };
        while members.iter().any(alive) {
            sleep(TICK);
        }
    }

    #[test]
    fn the_last_words_of_a_process_that_ended_are_told() {
        let output = std::env::temp_dir().join(format!("xtask-{}", std::process::id()));
        let mut command = Command::new("sh");
        let mut child =
            Background::start(command.args(["-c", "echo no such option >&2; exit 2"]), &output).unwrap();
        let Err(Failure(reason)) = child.wait_for(Duration::from_secs(10), |_| None::<()>) else {
            panic!("it printed nothing of use");
        };
        fs::remove_file(output).unwrap();
        assert!(reason.contains("exit status: 2") && reason.contains("no such option"), "{reason}");
    }
}
