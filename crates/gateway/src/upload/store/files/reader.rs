//! Reading what is durable, with the checksums.

use std::path::PathBuf;

use bytes::Bytes;

use super::blocks::{BLOCK, Blocks};
use super::disk::DiskFile;
use super::sidecar::read_table;
use crate::upload::store::StoreError;

/// The durable bytes of an upload, from some offset on.
pub(super) struct Reader {
    data: Box<dyn DiskFile>,
    sidecar: Box<dyn DiskFile>,
    path: PathBuf,
    at: u64,
    durable: Blocks,
}

/// How many blocks are read at a time.
const BLOCKS: u64 = 4;

impl Reader {
    pub(super) fn new(
        data: Box<dyn DiskFile>,
        sidecar: Box<dyn DiskFile>,
        path: PathBuf,
        at: u64,
        durable: Blocks,
    ) -> Self {
        Self { data, sidecar, path, at, durable }
    }

    /// Where the data is.
    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.durable.end
    }

    /// The next bytes, at most 256 KiB. Bytes whose checksum is wrong are not given out.
    pub(super) fn next_piece(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.at >= self.durable.end {
            return Ok(None);
        }
        let from = self.at - self.at % BLOCK;
        let count = usize::try_from((self.durable.end - from).min(BLOCKS * BLOCK)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; count];
        if self.data.read_at(from, &mut bytes)? < count {
            return Err(StoreError::Dead);
        }
        let mut found = Blocks { end: from, tail: 0 };
        let mut whole = Vec::new();
        found.add(&bytes, &mut whole);
        let is_tail_right = found.end < self.durable.end || found.tail == self.durable.tail;
        if !is_tail_right || read_table(&*self.sidecar, from, whole.len())? != whole {
            return Err(StoreError::Dead);
        }
        let skipped = usize::try_from(self.at - from).unwrap_or(0);
        self.at = found.end;
        Ok(Some(Bytes::from(bytes).slice(skipped..)))
    }
}
