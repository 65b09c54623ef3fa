//! `kill -9`, again and again, of a process that writes.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::ceph::Ceph;
use super::{Depth, Promises, open_store};

/// A process that writes, and what it has said so far.
pub struct Victim {
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// How long a process may be silent. It writes all the time.
const SILENCE: Duration = Duration::from_secs(60);

/// How many lines may wait to be heard; the process then waits as well.
const LINES: usize = 4096;

impl Victim {
    /// Starts `program write PLACE SEED`: a place as [`open_store`] knows it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(program: &Path, place: &OsStr, seed: u64) -> Result<Self, String> {
        let mut child = Command::new(program)
            .arg("write")
            .arg(place)
            .arg(seed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let (sender, lines) = mpsc::sync_channel(LINES);
        thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            // A line without its end was cut off, and says nothing for sure.
            while matches!(reader.read_line(&mut line), Ok(read) if read > 0 && line.ends_with('\n')) {
                if sender.send(line.trim_end().to_owned()).is_err() {
                    break;
                }
                line.clear();
            }
            // So that the process never waits for a reader that has gone.
            let _ = reader.read_to_end(&mut Vec::new());
        });
        Ok(Self { child, lines })
    }

    /// Listens to so many lines.
    ///
    /// # Errors
    ///
    /// When the process ends or falls silent.
    pub fn listen(&mut self, count: u32, promises: &mut Promises) -> Result<(), String> {
        for _ in 0..count {
            let line = self.lines.recv_timeout(SILENCE).map_err(|_| "the process that writes has ended")?;
            promises.hear(&line);
        }
        Ok(())
    }

    /// Hears what was said and not heard yet.
    pub fn catch_up(&mut self, promises: &mut Promises) {
        self.lines.try_iter().for_each(|line| promises.hear(&line));
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL, and hears its last words if `promises` are to count.
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub fn kill(mut self, promises: Option<&mut Promises>) -> Result<(), String> {
        self.child.kill().map_err(|error| error.to_string())?;
        self.child.wait().map_err(|error| error.to_string())?;
        if let Some(promises) = promises {
            self.lines.iter().for_each(|line| promises.hear(&line));
        }
        Ok(())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills the process `kills` times at places that the seed says, and looks after each. Gives the most bytes that one
/// upload would have had to send again.
///
/// # Errors
///
/// What was promised and not kept, with the number of the kill.
pub async fn kill_on_and_on(
    program: &Path,
    folder: &Path,
    kills: u64,
    seed: u64,
    mut tell: impl FnMut(u64, u64),
) -> Result<u64, String> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut promises = Promises::default();
    let mut most_again = 0;
    for number in 0..kills {
        let at = |error: String| format!("kill {number} of seed {seed}: {error}");
        let mut victim = Victim::start(program, folder.as_os_str(), seed ^ number).map_err(at)?;
        let lines = 1 + dice.next_u32() % [20, 200, 1500][dice.next_u32() as usize % 3];
        victim.listen(lines, &mut promises).map_err(at)?;
        thread::sleep(Duration::from_micros(u64::from(dice.next_u32() % 3000)));
        victim.kill(Some(&mut promises)).map_err(at)?;
        let store = open_store(folder.as_os_str()).await.map_err(at)?;
        let cost = promises.check(&*store, Depth::Bytes).await.map_err(at)?;
        most_again = most_again.max(cost.most_again);
        tell(number, cost.kept);
    }
    Ok(most_again)
}

/// Kills the process and the S3 server that it writes to, `rounds` times at places that the seed says, in any order, and
/// looks after each whether the server has kept everything. Gives the most bytes that one upload would have had to send
/// again.
///
/// # Errors
///
/// What was promised and not kept, with the number of the round.
pub async fn kill_both_on_and_on(
    program: &Path,
    ceph: &mut Ceph,
    rounds: u64,
    seed: u64,
    mut tell: impl FnMut(u64, u64),
) -> Result<u64, String> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut promises = Promises::default();
    let mut most_again = 0;
    let url = ceph.url();
    for round in 0..rounds {
        let at = |error: String| format!("round {round} of seed {seed}: {error}");
        let mut victim = Victim::start(program, url.as_ref(), seed ^ (round << 8)).map_err(at)?;
        let lines = 1 + dice.next_u32() % [50, 500, 3000][dice.next_u32() as usize % 3];
        victim.listen(lines, &mut promises).map_err(at)?;
        thread::sleep(Duration::from_micros(u64::from(dice.next_u32() % 100_000)));
        match dice.next_u32() % 3 {
            0 => {
                victim.kill(Some(&mut promises)).map_err(at)?;
                ceph.kill();
            }
            1 => {
                ceph.kill();
                victim.kill(Some(&mut promises)).map_err(at)?;
            }
            _ => {
                ceph.kill_gateway();
                victim.kill(Some(&mut promises)).map_err(at)?;
                ceph.kill();
            }
        }
        ceph.start().map_err(at)?;
        let store = open_store(url.as_ref()).await.map_err(at)?;
        // Now and then the bytes are read, for which the uploads must be ended; otherwise the next process goes on with
        // them, and they are read later.
        let is_last = round + 1 == rounds;
        let depth = if is_last || dice.next_u32().is_multiple_of(3) { Depth::Ended } else { Depth::Offsets };
        let cost = promises.check(&*store, depth).await.map_err(at)?;
        most_again = most_again.max(cost.most_again);
        tell(round, cost.kept);
    }
    Ok(most_again)
}

/// A fresh folder for a test, in the folder of temporary files.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    folder
}
