//! Why a store cannot do what it is asked.

use std::io;

/// Why a store cannot do what it is asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such upload.
    Missing,
    /// There is one of this id already.
    Exists,
    /// The upload was deactivated: its bytes cannot be vouched for.
    Dead,
    /// A newer writer has taken over.
    Fenced,
    /// There is no room left, on the disk or within a quota of the store.
    Full,
    /// The storage failed.
    Io(io::Error),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such upload"),
            Self::Exists => f.write_str("there is an upload of this id already"),
            Self::Dead => f.write_str("the upload was given up: its bytes cannot be vouched for"),
            Self::Fenced => f.write_str("a newer request writes this upload"),
            Self::Full => f.write_str("the storage is full"),
            Self::Io(error) => write!(f, "the storage failed: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}
