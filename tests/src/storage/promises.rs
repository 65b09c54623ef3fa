//! What a store has promised to a process that is no more.

use futures_util::StreamExt;
use std::collections::BTreeMap;
use tidegate_gateway::upload::store::{Store, StoreError, UploadId};

use super::writer::content;

/// What the process has said, upload by upload.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    uploads: BTreeMap<String, Promise>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Promise {
    is_made: bool,
    is_going: bool,
    is_gone: bool,
    pushed: u64,
    acked: u64,
}

/// What a crash has cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// How many uploads were looked at.
    pub uploads: u64,
    /// How many acknowledged bytes were found again.
    pub kept: u64,
    /// The most bytes of one upload that were pushed and are to be sent again.
    pub most_again: u64,
}

/// How closely is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// How many bytes there are. They are for a later look.
    Offsets,
    /// Every byte.
    Bytes,
    /// Every byte, of uploads that are taken over and ended first: a bucket gives out no others.
    Ended,
}

/// What may be written and not durable, and what waits for the disk.
const MOST_AGAIN: u64 = (16 + 1) * 1024 * 1024;

impl Promises {
    /// Takes a line of the process. One that was cut off in the middle promises nothing.
    pub fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (Some(what), Some(id)) = (words.next(), words.next()) else { return };
        if UploadId::parse(id).is_none() {
            return;
        }
        let offset = words.next().and_then(|word| word.parse().ok());
        let promise = self.uploads.entry(id.to_owned()).or_default();
        match (what, offset) {
            ("begin", _) => *promise = Promise::default(),
            ("made", _) => promise.is_made = true,
            ("going", _) => promise.is_going = true,
            ("gone", _) => promise.is_gone = true,
            ("pushed", Some(offset)) => promise.pushed = offset,
            ("acked", Some(offset)) => {
                promise.is_made = true;
                promise.acked = promise.acked.max(offset);
            }
            _ => {}
        }
    }

    /// Looks whether the store has kept everything. Afterwards the promises are what it says now.
    ///
    /// # Errors
    ///
    /// What was promised and is not there, or bytes that are not those that were sent; or an error of the store.
    pub async fn check(&mut self, store: &dyn Store, depth: Depth) -> Result<Cost, String> {
        let mut cost = Cost::default();
        let mut left = BTreeMap::new();
        for (text, promise) in &self.uploads {
            let id = UploadId::parse(text).ok_or("an id that is none")?;
            let offset = match store.look(&id).await {
                Ok(_) if promise.is_gone => return Err(format!("{text} was removed and is back")),
                Ok(stored) => stored.offset,
                Err(StoreError::Missing) if !promise.is_made || promise.is_going => continue,
                Err(error) => return Err(format!("{text}, {promise:?}: {error}")),
            };
            if offset < promise.acked {
                return Err(format!("{text}: {offset} bytes of {} acknowledged ones", promise.acked));
            }
            if depth == Depth::Ended {
                end(store, &id).await.map_err(|error| format!("{text} cannot be ended: {error}"))?;
            }
            if depth != Depth::Offsets {
                check_bytes(store, &id, offset).await?;
            }
            cost.uploads += 1;
            cost.kept += promise.acked;
            cost.most_again = cost.most_again.max(promise.pushed.saturating_sub(offset));
            let kept = Promise { is_made: true, pushed: offset, acked: offset, ..Promise::default() };
            left.insert(text.clone(), kept);
        }
        if cost.most_again > MOST_AGAIN {
            return Err(format!("{} bytes would have to be sent again", cost.most_again));
        }
        self.uploads = left;
        Ok(cost)
    }
}

/// Takes an upload over and makes it complete as it is.
async fn end(store: &dyn Store, id: &UploadId) -> Result<(), StoreError> {
    let mut writer = store.append(id).await?;
    let mut record = writer.record().clone();
    (record.is_complete, record.length) = (true, Some(writer.durable()));
    writer.update(record).await
}

async fn check_bytes(store: &dyn Store, id: &UploadId, offset: u64) -> Result<(), String> {
    let mut pieces = store.read(id, 0);
    let mut at = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| format!("{}: {error}", id.as_str()))?;
        if content(id, at, piece.len()) != piece {
            return Err(format!("{}: wrong bytes from {at} on", id.as_str()));
        }
        at += piece.len() as u64;
    }
    if at == offset { Ok(()) } else { Err(format!("{}: {at} of {offset} bytes can be read", id.as_str())) }
}
