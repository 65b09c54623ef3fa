//! Opening an upload that is on the disk, and recovering it after a crash.

use std::io;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use super::blocks::{BLOCK, Blocks};
use super::disk::DiskFile;
use super::engine::{Engine, Paths};
use super::sidecar::{Slot, Slots, read_table, table_size};
use super::upload::Opened;
use crate::upload::store::{Owner, StoreError, UploadId};

/// How much of what is durable is read again when an upload is met for the first time after a crash.
const CHECKED: u64 = 1024 * 1024;

/// How many owners are remembered whose folder is durable.
const OWNERS: usize = 65_536;

/// How much is read at a time.
const STEP: usize = 1024 * 1024;

/// How an upload stands on the disk, as it was written. It may say more than what is durable, if this process has not
/// yet met the upload.
pub(super) fn peek(engine: &Engine, id: &UploadId) -> Result<Slot, StoreError> {
    let paths = Paths::of(&engine.root, id);
    let sidecar = engine.disk.open(&paths.sidecar).map_err(missing)?;
    alive(engine, id, &*sidecar)
}

/// The slot of an upload that was not given up.
fn alive(engine: &Engine, id: &UploadId, sidecar: &dyn DiskFile) -> Result<Slot, StoreError> {
    let slot = match Slot::read(sidecar)? {
        Slots::Found(slot) => slot,
        Slots::Unmade => return Err(StoreError::Missing),
        Slots::Damaged => return Err(StoreError::Dead),
    };
    if slot.is_dead || slot.record.id != *id || engine.graves.has(id) {
        Err(StoreError::Dead)
    } else {
        Ok(slot)
    }
}

/// Whether an upload was given up and has expired, so that nobody will ask for it again.
pub(super) fn is_over(engine: &Engine, id: &UploadId) -> bool {
    let paths = Paths::of(&engine.root, id);
    let slot = engine.disk.open(&paths.sidecar).and_then(|sidecar| Slot::read(&*sidecar));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    match slot {
        Ok(Slots::Found(slot)) => {
            slot.is_dead && slot.record.expires.is_some_and(|expires| u128::from(expires) <= now)
        }
        _ => false,
    }
}

/// Opens an upload. What the process before this one has left is checked and made durable first; nothing of that is
/// done twice, unless `is_to_write` and there is something behind the end.
pub(super) fn open(engine: &Engine, id: &UploadId, is_to_write: bool) -> Result<Opened, StoreError> {
    let paths = Paths::of(&engine.root, id);
    let sidecar = engine.disk.open(&paths.sidecar).map_err(missing)?;
    let slot = alive(engine, id, &*sidecar)?;
    let data = match engine.disk.open(&paths.data) {
        Ok(data) => data,
        // Its creation was not finished, so nobody was told of it.
        Err(error) if is_missing(&error) && slot.blocks.end == 0 => {
            return Err(StoreError::Missing);
        }
        Err(error) if is_missing(&error) => return Err(given_up(engine, &*sidecar, slot)),
        Err(error) => return Err(error.into()),
    };
    let is_met = slot.run == engine.run;
    let mut opened = Opened { data, sidecar, slot, table_size: 0 };
    if !is_met || (is_to_write && opened.data.size()? != opened.slot.blocks.end) {
        recover(engine, &mut opened)?;
    }
    opened.table_size = table_size(&*opened.sidecar)?;
    Ok(opened)
}

/// Finds the longest beginning that is whole, and makes it durable.
fn recover(engine: &Engine, opened: &mut Opened) -> Result<(), StoreError> {
    make_folder_durable(engine, &opened.slot.record.id.owner())?;
    let promised = opened.slot.blocks;
    opened.slot.mend_table(&*opened.sidecar)?;
    let size = opened.data.size()?;
    if size < promised.end || !is_whole(opened)? {
        return Err(given_up(engine, &*opened.sidecar, opened.slot.clone()));
    }
    let end = if opened.slot.is_strict { promised } else { extended(opened, size)? };
    if size > end.end {
        opened.data.set_size(end.end)?;
    }
    let next = Slot {
        sequence: opened.slot.sequence + 1,
        run: engine.run,
        blocks: end,
        newest: Vec::new(),
        ..opened.slot.clone()
    };
    let synced = if size > promised.end { opened.data.sync() } else { Ok(()) };
    let synced = synced.and_then(|()| {
        // The slot that was found may only be in the memory of the system. It must be durable before the other one,
        // which may be the only one on the disk, is written over. Writing the same bytes again cannot tear it. The table
        // is in the same file.
        opened.slot.write(&*opened.sidecar).map_err(io::Error::other)?;
        opened.sidecar.sync()
    });
    let synced = match synced {
        Ok(()) => next.write(&*opened.sidecar).map(|()| opened.sidecar.sync())?,
        Err(error) => Err(error),
    };
    if synced.is_err() {
        return Err(given_up(engine, &*opened.sidecar, next));
    }
    opened.slot = next;
    Ok(())
}

/// Makes the names in the folder of an owner durable, and its own, once in the life of a process: one that was killed may
/// have made or renamed files there that nobody has synced.
pub(super) fn make_folder_durable(engine: &Engine, owner: &Owner) -> io::Result<()> {
    if engine.owners.lock().unwrap_or_else(PoisonError::into_inner).contains(owner) {
        return Ok(());
    }
    let folder = engine.root.join(owner.as_str());
    engine.disk.create_folder(&folder)?;
    engine.disk.sync_folder(&folder)?;
    engine.disk.sync_folder(&engine.root)?;
    let mut owners = engine.owners.lock().unwrap_or_else(PoisonError::into_inner);
    if owners.len() >= OWNERS {
        owners.clear();
    }
    owners.insert(owner.clone());
    Ok(())
}

/// Whether the last bytes that were promised are what they were.
fn is_whole(opened: &Opened) -> Result<bool, StoreError> {
    let promised = opened.slot.blocks;
    let from = promised.end.saturating_sub(CHECKED).next_multiple_of(BLOCK).min(promised.last_block());
    let mut found = Blocks { end: from, tail: 0 };
    let mut whole = Vec::new();
    let mut buffer = vec![0; STEP.min(usize::try_from(promised.end - from).unwrap_or(STEP))];
    while found.end < promised.end {
        let count = buffer.len().min(usize::try_from(promised.end - found.end).unwrap_or(usize::MAX));
        let read = opened.data.read_at(found.end, &mut buffer[..count])?;
        if read < count {
            return Ok(false);
        }
        found.add(&buffer[..read], &mut whole);
    }
    Ok(found == promised && read_table(&*opened.sidecar, from, whole.len())? == whole)
}

/// Goes on behind what was promised, block by block, as long as the checksums are right. What is found is written
/// again: the kernel may hold it without ever having got it onto the disk.
fn extended(opened: &Opened, size: u64) -> Result<Blocks, StoreError> {
    let mut end = opened.slot.blocks;
    let limit = opened.slot.record.length.unwrap_or(u64::MAX).min(size);
    let mut at = end.last_block();
    let mut buffer = vec![0; usize::try_from(BLOCK).unwrap_or(STEP)];
    while at + BLOCK <= limit {
        let expected = read_table(&*opened.sidecar, at, 1)?;
        let read = opened.data.read_at(at, &mut buffer)?;
        if read < buffer.len() || expected != [crc32c::crc32c(&buffer)] {
            break;
        }
        opened.data.write_at(at, &[&buffer])?;
        at += BLOCK;
        end = Blocks { end: at, tail: 0 };
    }
    Ok(end)
}

/// Notes that an upload can no longer be vouched for.
fn given_up(engine: &Engine, sidecar: &dyn DiskFile, slot: Slot) -> StoreError {
    let id = slot.record.id.clone();
    let dead = Slot { sequence: slot.sequence + 1, is_dead: true, ..slot };
    let noted = dead.write(sidecar).is_ok() && sidecar.sync().is_ok();
    if !noted {
        engine.graves.add(id);
    }
    StoreError::Dead
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn missing(error: io::Error) -> StoreError {
    if is_missing(&error) { StoreError::Missing } else { error.into() }
}
