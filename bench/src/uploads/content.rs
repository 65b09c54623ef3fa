//! What is uploaded: bytes without a pattern that come again after a little more than 4 MiB, so that a piece that is lost,
//! doubled or in another's place shows.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, fail};
use crate::frames::noise;

/// Bytes from any place on.
pub(crate) struct Content {
    /// A period, and the beginning of the next one.
    bytes: Vec<u8>,
}

/// A prime number, so that no block begins as another one does.
const PERIOD: usize = 4_194_319;

/// The most that is taken at a time.
pub(crate) const PIECE: usize = 256 * 1024;

impl Content {
    pub(crate) fn new() -> Self {
        let mut bytes = noise(PERIOD, 7);
        bytes.extend_from_within(..PIECE);
        Self { bytes }
    }

    /// At most [`PIECE`] bytes from this place on.
    pub(crate) fn from(&self, place: u64, left: u64) -> &[u8] {
        let begin = (place % PERIOD as u64) as usize;
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        &self.bytes[begin..begin + length]
    }

    /// Looks for the one file of this length below the folder, and compares it byte by byte.
    pub(crate) fn compare(&self, folder: &Path, length: u64) -> Result<(), Failure> {
        let found: Vec<PathBuf> =
            files(folder)?.into_iter().filter(|(_, found)| *found == length).map(|(path, _)| path).collect();
        let [path] = &found[..] else { fail!("{} files of {length} bytes", found.len()) };
        let mut file = File::open(path)?;
        let mut buffer = vec![0; PIECE];
        let mut place = 0;
        while place < length {
            let read = file.read(&mut buffer)?;
            if read == 0 || buffer[..read] != *self.from(place, read as u64) {
                fail!("the file differs from what was sent, behind byte {place}");
            }
            place += read as u64;
        }
        Ok(())
    }

    /// How many bytes of each file below the folder are the beginning of what is sent, together.
    pub(crate) fn kept(&self, folder: &Path) -> Result<u64, Failure> {
        let mut kept = 0;
        for (path, _) in files(folder)? {
            let mut beginning = Vec::new();
            File::open(path)?.take(PIECE as u64).read_to_end(&mut beginning)?;
            let sent = self.from(0, PIECE as u64);
            kept += beginning.iter().zip(sent).take_while(|(one, other)| one == other).count() as u64;
        }
        Ok(kept)
    }
}

/// All files below a folder, and how long they are.
fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::because(folder.display()))? {
        let entry = entry?;
        let kind = entry.metadata()?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push((entry.path(), kind.len()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_differs_is_noticed() {
        let content = Content::new();
        let folder = std::env::temp_dir().join(format!("bench-content-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).expect("a folder");
        let length = 5 << 20;
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend_from_slice(content.from(bytes.len() as u64, (length - bytes.len()) as u64));
        }
        let path = folder.join("below/file");
        fs::write(&path, &bytes).expect("a file");
        assert!(content.compare(&folder, length as u64).is_ok());
        assert!(content.compare(&folder, length as u64 + 1).is_err());
        assert_eq!(content.kept(&folder).ok(), Some(PIECE as u64));
        bytes[PERIOD + 3] ^= 1;
        fs::write(&path, &bytes).expect("a file");
        assert!(content.compare(&folder, length as u64).is_err());
        fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
