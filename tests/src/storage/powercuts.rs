//! Power cuts: an ext4 in a file, mounted through a loop device; a copy of the file is what a disk without power has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::kills::Victim;
use super::{Depth, Promises, open_store};

/// A file system in a file, mounted until this is dropped.
struct Mounted {
    folder: PathBuf,
}

/// How large the file system is: four uploads of 24 MiB fit, before and after their removal.
const IMAGE: u64 = 256 * 1024 * 1024;

/// How often a copy is made anew, because something was written meanwhile.
const COPIES: usize = 20;

/// Why power cuts cannot be tried here. `None`: they can.
#[must_use]
pub fn obstacle(scratch: &Path) -> Option<String> {
    let image = scratch.join("probe.img");
    let tried = make(&image).and_then(|()| Mounted::mount(&image, &scratch.join("probe")).map(drop));
    let _ = fs::remove_file(&image);
    tried.err()
}

/// Cuts the power `cuts` times at places that the seed says, and looks after each. Gives the most bytes that one upload
/// would have had to send again.
///
/// # Errors
///
/// What was promised and not kept, with the number of the cut; or what stood in the way.
pub async fn cut_on_and_on(
    program: &Path,
    scratch: &Path,
    cuts: u64,
    seed: u64,
    mut tell: impl FnMut(u64, u64),
) -> Result<u64, String> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut promises = Promises::default();
    let mut most_again = 0;
    let (image, copy) = (scratch.join("disk.img"), scratch.join("copy.img"));
    make(&image)?;
    for number in 0..cuts {
        let at = |error: String| format!("cut {number} of seed {seed}: {error}");
        let mounted = Mounted::mount(&image, &scratch.join("disk")).map_err(at)?;
        let folder = mounted.folder.join("uploads");
        let mut victim = Victim::start(program, folder.as_os_str(), seed ^ number).map_err(at)?;
        let lines = 1 + dice.next_u32() % [30, 300, 1500][dice.next_u32() as usize % 3];
        victim.listen(lines, &mut promises).map_err(at)?;
        // What it says now it may say in vain: only what was heard before the copy counts.
        signal(&victim, "-STOP").map_err(at)?;
        victim.catch_up(&mut promises);
        copy_still(&image, &copy).map_err(at)?;
        victim.kill(None).map_err(at)?;
        drop(mounted);
        fs::rename(&copy, &image).map_err(|error| at(error.to_string()))?;
        let mounted = Mounted::mount(&image, &scratch.join("disk")).map_err(at)?;
        let store = open_store(mounted.folder.join("uploads").as_os_str()).await.map_err(at)?;
        let cost = promises.check(&*store, Depth::Bytes).await.map_err(at)?;
        drop(store);
        drop(mounted);
        most_again = most_again.max(cost.most_again);
        tell(number, cost.kept);
    }
    Ok(most_again)
}

fn make(image: &Path) -> Result<(), String> {
    let file = fs::File::create(image).map_err(|error| error.to_string())?;
    file.set_len(IMAGE).map_err(|error| error.to_string())?;
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))
}

impl Mounted {
    fn mount(image: &Path, folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(folder))?;
        Ok(Self { folder: folder.to_owned() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // At once, and the loop device goes with it.
        if run(Command::new("umount").arg(&self.folder)).is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(&self.folder));
        }
    }
}

/// Copies the file while nothing is written to it, as the power would end all at one moment.
fn copy_still(image: &Path, copy: &Path) -> Result<(), String> {
    for _ in 0..COPIES {
        let before = written(image)?;
        run(Command::new("cp").arg("--sparse=always").arg(image).arg(copy))?;
        if written(image)? == before {
            return Ok(());
        }
    }
    Err("the disk was never still".into())
}

/// How many sectors the loop device has written.
fn written(image: &Path) -> Result<u64, String> {
    let name = run_for(Command::new("losetup").args(["--noheadings", "--output", "NAME", "-j"]).arg(image))?;
    let name = name.trim().trim_start_matches("/dev/");
    let stat = fs::read_to_string(format!("/sys/block/{name}/stat")).map_err(|error| error.to_string())?;
    // Documentation/block/stat.rst: the seventh field is `write sectors`.
    let sectors = stat.split_whitespace().nth(6).and_then(|field| field.parse().ok());
    sectors.ok_or_else(|| "the loop device does not count".to_owned())
}

fn signal(victim: &Victim, signal: &str) -> Result<(), String> {
    run(Command::new("kill").arg(signal).arg(victim.id().to_string()))
}

fn run(command: &mut Command) -> Result<(), String> {
    run_for(command).map(drop)
}

fn run_for(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
