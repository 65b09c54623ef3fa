//! Making and removing the files of an upload, so that a crash leaves all of it or nothing that anybody sees.

use std::io;

use super::blocks::Blocks;
use super::engine::{DATA, Engine, NEW, Paths, SIDECAR};
use super::existing;
use super::reader::Reader;
use super::sidecar::{Slot, write_table};
use super::upload::Opened;
use crate::upload::store::{Owner, Record, StoreError, UploadId};

/// Makes an upload without bytes, durable.
pub(super) fn create(engine: &Engine, record: &Record) -> Result<Opened, StoreError> {
    made(engine, record, |paths| write_empty(engine, record, paths))
}

/// Makes an upload out of the durable bytes of others, durable.
pub(super) fn joined(engine: &Engine, record: &Record, parts: Vec<Reader>) -> Result<Opened, StoreError> {
    made(engine, record, |paths| write_joined(engine, record, paths, parts))
}

fn made(
    engine: &Engine,
    record: &Record,
    write: impl FnOnce(&Paths) -> Result<Opened, StoreError>,
) -> Result<Opened, StoreError> {
    match existing::open(engine, &record.id, false) {
        Err(StoreError::Missing) => {}
        Ok(_) | Err(StoreError::Dead) => return Err(StoreError::Exists),
        Err(error) => return Err(error),
    }
    let paths = Paths::of(&engine.root, &record.id);
    existing::make_folder_durable(engine, &record.id.owner())?;
    let result = write(&paths);
    if result.is_err() {
        // Nobody can tell what of it is there after a crash; none of it must be there without one. Whatever is left is
        // nobody's, and goes when the folder is listed.
        for path in [&paths.sidecar, &paths.new, &paths.data] {
            let _ = engine.disk.remove(path);
        }
    }
    result
}

/// The sidecar has its name from the beginning on: without a slot that is whole it stands for nothing. The file of the
/// data has nothing to sync but its name.
fn write_empty(engine: &Engine, record: &Record, paths: &Paths) -> Result<Opened, StoreError> {
    let data = engine.disk.create(&paths.data)?;
    let sidecar = engine.disk.create(&paths.sidecar)?;
    let slot = first_slot(engine, record, Blocks::default());
    let table_size = slot.write_first(&*sidecar)?;
    sidecar.sync()?;
    engine.disk.sync_folder(&paths.folder)?;
    Ok(Opened { data, sidecar, slot, table_size })
}

fn first_slot(engine: &Engine, record: &Record, blocks: Blocks) -> Slot {
    Slot {
        sequence: 0,
        run: engine.run,
        blocks,
        is_strict: false,
        is_dead: false,
        record: record.clone(),
        newest: Vec::new(),
    }
}

fn write_joined(
    engine: &Engine,
    record: &Record,
    paths: &Paths,
    parts: Vec<Reader>,
) -> Result<Opened, StoreError> {
    let data = engine.disk.create(&paths.data)?;
    let sidecar = engine.disk.create(&paths.new)?;
    let mut blocks = Blocks::default();
    let mut table_size = 0;
    for mut part in parts {
        engine.disk.copy(&part.path(), &paths.data, blocks.end, part.end())?;
        // The blocks lie differently now, so the checksums are made anew, from bytes whose old ones were right.
        while let Some(bytes) = part.next_piece()? {
            let (from, mut whole) = (blocks.last_block(), Vec::new());
            blocks.add(&bytes, &mut whole);
            if !whole.is_empty() {
                table_size = write_table(&*sidecar, table_size, from, &whole)?;
            }
        }
    }
    let slot = first_slot(engine, record, blocks);
    let table_size = slot.write_first(&*sidecar)?.max(table_size);
    data.sync()?;
    sidecar.sync()?;
    // The sidecar's name must not survive without that of the data that it promises.
    engine.disk.sync_folder(&paths.folder)?;
    engine.disk.rename(&paths.new, &paths.sidecar)?;
    engine.disk.sync_folder(&paths.folder)?;
    Ok(Opened { data, sidecar, slot, table_size })
}

/// Removes an upload. It is gone once its sidecar is, durably; what is left of it goes then, or when its folder is
/// listed.
pub(super) fn remove(engine: &Engine, id: &UploadId) -> Result<(), StoreError> {
    let paths = Paths::of(&engine.root, id);
    let is_there = match engine.disk.remove(&paths.sidecar) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    // Also where it was not there: an earlier call may have removed it and failed here.
    match engine.disk.sync_folder(&paths.folder) {
        Err(error) if is_there || error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    engine.graves.remove(id);
    let _ = engine.disk.remove(&paths.data);
    let _ = engine.disk.remove(&paths.new);
    Ok(())
}

/// Whose file this is, and whether it is one that only a crash can have left behind, unless it is just being made.
pub(super) fn upload_of(owner: &Owner, name: &str) -> Option<(UploadId, bool)> {
    let (secret, is_sidecar) = match name.strip_suffix(SIDECAR) {
        Some(secret) => (secret, true),
        None => (name.strip_suffix(DATA).or_else(|| name.strip_suffix(NEW))?, false),
    };
    Some((UploadId::parse(&format!("{}-{secret}", owner.as_str()))?, is_sidecar))
}

/// Removes what a crash has left of an upload that was never made, or is removed.
pub(super) fn sweep(engine: &Engine, id: &UploadId) {
    let paths = Paths::of(&engine.root, id);
    if matches!(existing::peek(engine, id), Err(StoreError::Missing)) {
        let _ = engine.disk.remove(&paths.sidecar);
        let _ = engine.disk.remove(&paths.data);
    }
    let _ = engine.disk.remove(&paths.new);
}
