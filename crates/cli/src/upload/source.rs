//! The file that is uploaded.

use std::fs::Metadata;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha1::Digest;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::args::ChecksumName;

/// A file, as it was when it was first looked at.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root.
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) stamp: Stamp,
}

/// By what a change is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// Since 1970; nothing for files from before.
    seconds: u64,
    nanoseconds: u32,
}

/// What is read at once to make a checksum.
const PIECE_BYTES: usize = 256 * 1024;

impl Source {
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let metadata = path.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file; from a pipe, upload -"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, stamp: Stamp::of(&metadata), path })
    }

    /// Whether it is still the same.
    pub(super) fn is_unchanged(&self) -> bool {
        self.path.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }

    /// The file from a place on.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has changed.
    pub(super) async fn open_at(&self, offset: u64) -> io::Result<File> {
        let mut file = File::open(&self.path).await?;
        if Stamp::of(&file.metadata().await?) != self.stamp {
            return Err(io::Error::other("it has changed"));
        }
        file.seek(SeekFrom::Start(offset)).await?;
        Ok(file)
    }

    /// The checksum of some of its bytes, as `Upload-Checksum` has it.
    pub(super) async fn checksum(&self, name: ChecksumName, offset: u64, bytes: u64) -> io::Result<String> {
        let mut sum = Sum::new(name);
        let mut file = self.open_at(offset).await?.take(bytes);
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut buffer).await? {
                0 if file.limit() > 0 => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter"));
                }
                0 => return Ok(sum.finish()),
                read => sum.add(&buffer[..read]),
            }
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.unwrap_or_default();
        Self { size: metadata.len(), seconds: modified.as_secs(), nanoseconds: modified.subsec_nanos() }
    }
}

/// A checksum in the making.
pub(super) enum Sum {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Sum {
    pub(super) fn new(name: ChecksumName) -> Self {
        match name {
            ChecksumName::Sha1 => Self::Sha1(sha1::Sha1::new()),
            ChecksumName::Sha256 => Self::Sha256(sha2::Sha256::new()),
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(sum) => sum.update(bytes),
            Self::Sha256(sum) => sum.update(bytes),
        }
    }

    /// As `Upload-Checksum` has it.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Sha1(sum) => format!("sha1 {}", BASE64.encode(sum.finalize())),
            Self::Sha256(sum) => format!("sha256 {}", BASE64.encode(sum.finalize())),
        }
    }
}

#[test]
fn checksums_are_those_of_others() {
    let of = |name| {
        let mut sum = Sum::new(name);
        sum.add(b"hello");
        sum.add(b" world");
        sum.finish()
    };
    // The first stands in the specification of tus.
    assert_eq!(of(ChecksumName::Sha1), "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_eq!(of(ChecksumName::Sha256), "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=");
}
