//! Others who follow an upload.

use super::store::UploadId;

/// How far an upload has come. All numbers are of durable bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes are durable.
    pub offset: u64,
    /// How many there will be, once that is known.
    pub length: Option<u64>,
    /// Whether all are there, and the client has said so.
    pub is_complete: bool,
    /// Whether the upload was removed, has expired, or was given up.
    pub is_gone: bool,
}

/// Whoever wants to know how far uploads have come.
pub trait Watch: Send + Sync + 'static {
    /// An upload has come so far. Called at its creation, at checkpoints, and at its end, never under a lock; it must not
    /// block.
    fn progress(&self, id: &UploadId, progress: Progress);

    /// Where a client may follow the upload: the target of a link. It must not tell the id, with which one may write.
    fn link(&self, id: &UploadId) -> Option<String>;
}
