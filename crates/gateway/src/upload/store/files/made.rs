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
    joined(engine, record, Vec::new())
}

/// Makes an upload out of the durable bytes of others, durable.
pub(super) fn joined(engine: &Engine, record: &Record, parts: Vec<Reader>) -> Result<Opened, StoreError> {
    match existing::open(engine, &record.id, false) {
        Err(StoreError::Missing) => {}
        Ok(_) | Err(StoreError::Dead) => return Err(StoreError::Exists),
        Err(error) => return Err(error),
    }
    let paths = Paths::of(&engine.root, &record.id);
    existing::make_folder_durable(engine, &record.id.owner())?;
    let result = write_files(engine, record, &paths, parts);
    if result.is_err() {
        // Whatever is left is nobody's, and goes when the folder is listed.
        let _ = engine.disk.remove(&paths.new);
        let _ = engine.disk.remove(&paths.data);
    }
    result
}

fn write_files(
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
    let slot = Slot {
        sequence: 0,
        run: engine.run,
        blocks,
        is_strict: false,
        is_dead: false,
        record: record.clone(),
    };
    slot.write_first(&*sidecar)?;
    data.sync()?;
    sidecar.sync()?;
    if slot.blocks.end > 0 {
        // The sidecar's name must not survive without that of the data that it promises.
        engine.disk.sync_folder(&paths.folder)?;
    }
    engine.disk.rename(&paths.new, &paths.sidecar)?;
    if let Err(error) = engine.disk.sync_folder(&paths.folder) {
        // Nobody can tell whether it is there after a crash; it must not be there without one.
        let _ = engine.disk.remove(&paths.sidecar);
        return Err(error.into());
    }
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
    let is_gone =
        matches!(engine.disk.open(&paths.sidecar), Err(error) if error.kind() == io::ErrorKind::NotFound);
    if is_gone {
        let _ = engine.disk.remove(&paths.data);
    }
    let _ = engine.disk.remove(&paths.new);
}
