//! Folders that go with the process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder that is removed when this is dropped.
///
/// A file beside it is locked as long as this process lives. Where one is killed, the system lets go of the lock, and
/// the next one knows by that whose folder is nobody's any more.
#[derive(Debug)]
pub(crate) struct Temporary {
    folder: PathBuf,
    /// Locked from before the folder was there.
    _lock: File,
}

/// How the names of these folders begin.
const PREFIX: &str = "tidegate-demo-";

/// What the name of the lock has behind that of the folder.
const LOCK: &str = ".lock";

impl Temporary {
    /// Makes one in this place, which nobody else may look into.
    pub(crate) fn new(place: &Path) -> io::Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{PREFIX}{}-{}", std::process::id(), since.as_nanos());
        let folder = place.join(name);
        // Fails if there is one of this name.
        let lock = OpenOptions::new().write(true).create_new(true).open(lock_of(&folder))?;
        // Fails if another process takes it at this moment for one that was left.
        lock.try_lock()?;
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes those in this place whose process was killed. What cannot be removed is left to whoever cleans temporary
    /// folders.
    pub(crate) fn remove_stale(place: &Path) {
        let Ok(entries) = fs::read_dir(place) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let folder = name.to_str().and_then(|name| name.strip_suffix(LOCK));
            let Some(folder) = folder.filter(|folder| folder.starts_with(PREFIX)) else { continue };
            // Not a pipe, say, which somebody else has put there.
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let Ok(lock) = OpenOptions::new().write(true).open(entry.path()) else { continue };
            if lock.try_lock().is_ok() {
                remove(&place.join(folder));
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(LOCK);
    name.into()
}

/// Removes a folder whose lock is held, and the lock behind it.
fn remove(folder: &Path) {
    let removed = fs::remove_dir_all(folder);
    // As long as there is something of the folder, the next one finds it by its lock.
    if removed.is_ok() || removed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        let _ = fs::remove_file(lock_of(folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(place: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(place)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A place of this test's own.
    fn place(test: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("tidegate-cli-{test}-{}", std::process::id()));
        fs::create_dir(&place).unwrap();
        place
    }

    #[test]
    fn a_temporary_folder_goes_and_one_that_is_in_use_stays() {
        let place = place("goes");
        let temporary = Temporary::new(&place).unwrap();
        fs::write(temporary.folder().join("file"), b"x").unwrap();
        assert_eq!(names(&place).len(), 2);
        Temporary::remove_stale(&place);
        assert!(temporary.folder().join("file").exists());
        drop(temporary);
        assert_eq!(names(&place), Vec::<String>::new());
        fs::remove_dir(&place).unwrap();
    }

    #[test]
    fn what_a_killed_process_has_left_goes_and_nothing_else() {
        let place = place("stale");
        let left = place.join("tidegate-demo-1-1");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("file"), b"x").unwrap();
        fs::write(lock_of(&left), b"").unwrap();
        // A lock whose folder was never made, a folder without a lock, and what is somebody else's.
        fs::write(place.join("tidegate-demo-1-2.lock"), b"").unwrap();
        let others = ["other", "other.lock", "tidegate-demo-1-3"];
        fs::create_dir(place.join(others[0])).unwrap();
        fs::write(place.join(others[1]), b"").unwrap();
        fs::create_dir(place.join(others[2])).unwrap();
        Temporary::remove_stale(&place);
        assert_eq!(names(&place), others);
        fs::remove_dir_all(&place).unwrap();
    }
}
