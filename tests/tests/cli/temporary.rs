//! The folder that a demo keeps uploads in, unless it is told where.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::Tidegate;

/// A place for temporary folders, removed when this is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let place = std::env::temp_dir().join(format!("tidegate-place-{}", std::process::id()));
        fs::create_dir(&place).unwrap();
        Self(place)
    }

    /// Starts a demo that has this for its temporary folders, and waits until it serves.
    fn demo(&self) -> (Tidegate, String) {
        let mut demo = Tidegate::start_with(["demo", "--listen", ":0"], [("TMPDIR", &*self.0)]);
        let url = demo.stdout_line();
        (demo, url)
    }

    fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A demo that ends takes its folder along; one that is killed leaves it to the next, which takes none that is in use.
#[test]
fn what_a_killed_demo_has_left_goes_with_the_next_one() {
    let place = Place::new();
    let file = place.0.join("file");
    fs::write(&file, vec![7; 100_000]).unwrap();
    let (killed, url) = place.demo();
    let upload = Tidegate::run(["upload", file.to_str().unwrap(), &format!("{url}/uploads"), "--quiet"], b"");
    assert_eq!(upload.code, Some(0), "{upload:?}");
    let left = place.folders();
    assert_eq!(left.len(), 1);
    assert!(bytes_in(&left[0]) >= 100_000);
    killed.signal("KILL");
    drop(killed);
    assert_eq!(place.folders(), left);
    let (mut second, _) = place.demo();
    let in_use = place.folders();
    assert!(in_use.len() == 1 && in_use != left, "{left:?}, {in_use:?}");
    let (mut third, _) = place.demo();
    assert_eq!(place.folders().len(), 2);
    third.signal("INT");
    assert_eq!(third.finish().code, Some(0));
    assert_eq!(place.folders(), in_use);
    second.signal("TERM");
    assert_eq!(second.finish().code, Some(0));
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "the file alone is left");
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { bytes_in(&entry.path()) } else { entry.metadata().unwrap().len() }
            },
        )
        .sum()
}
