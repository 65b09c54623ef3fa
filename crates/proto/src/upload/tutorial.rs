//! The heads of the tutorial's scheme: `X-File-Id`, `X-Start-Byte`.

use http::HeaderMap;

use super::field::{self, Repeated, single};

/// What the head of a request for a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// What the client calls the file: any bytes, as browsers send Latin-1. Never to be taken for text, nor for a path.
    pub file_id: &'a [u8],
    /// Where the body begins. Without the field, at the beginning.
    pub start: u64,
}

/// Why a head is no such request: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Nobody knows which file is meant.
    #[error("no X-File-Id")]
    NoFileId,
    /// More than [`MAX_FILE_ID_BYTES`], or there twice.
    #[error("bad X-File-Id")]
    BadFileId,
    /// Not one number.
    #[error("bad X-Start-Byte")]
    BadStartByte,
}

/// The longest file id, in bytes: three times what a file's name may have.
pub const MAX_FILE_ID_BYTES: usize = 1024;

/// Reads the head of a request.
///
/// # Errors
///
/// See [`BadHead`].
pub fn read(headers: &HeaderMap) -> Result<Head<'_>, BadHead> {
    let file_id = match single(headers, &field::FILE_ID) {
        Ok(None | Some(b"")) => return Err(BadHead::NoFileId),
        Ok(Some(id)) if id.len() <= MAX_FILE_ID_BYTES => id,
        Ok(Some(_)) | Err(Repeated) => return Err(BadHead::BadFileId),
    };
    let start = match single(headers, &field::START_BYTE) {
        Ok(None) => 0,
        Ok(Some(value)) => field::bytes(value).ok_or(BadHead::BadStartByte)?,
        Err(Repeated) => return Err(BadHead::BadStartByte),
    };
    Ok(Head { file_id, start })
}
