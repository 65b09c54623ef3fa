//! The file beside the data: two slots that say how the upload stands, written in turn, and a table of checksums.
//!
//! ```text
//! 0        slot 0     magic, sequence, run, offset, tail, flags, length, record as JSON, count, newest, CRC-32C of all this
//! 64 KiB   slot 1     the same; the one with the higher sequence counts, if its checksum is right
//! 128 KiB  table      the CRC-32C of each whole block of 64 KiB of the data, 4 bytes each
//! ```
//!
//! All numbers are little-endian. A slot is written over the older one, so a write that is torn leaves the newer one.
//! `newest` are the last entries of the table up to the offset: those that became durable with this slot, by the same
//! sync. Where only the slot got onto the disk, they are put into the table from here.

use std::io;

use super::blocks::{BLOCK, Blocks};
use super::disk::DiskFile;
use crate::upload::store::{Record, StoreError};

/// How an upload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// How often a slot was written before.
    pub(super) sequence: u64,
    /// Which opening of the store wrote it.
    pub(super) run: u64,
    /// The durable bytes.
    pub(super) blocks: Blocks,
    /// What is behind them never counts, not even if its checksums are right: it was held.
    pub(super) is_strict: bool,
    /// The upload was given up.
    pub(super) is_dead: bool,
    /// What is known of it besides.
    pub(super) record: Record,
    /// The checksums of the last whole blocks, at most [`NEWEST`]: those that the table may lack if this slot is on the disk.
    pub(super) newest: Vec<u32>,
}

/// What a file beside the data has in its slots.
pub(super) enum Slots {
    /// The newest one that is whole.
    Found(Slot),
    /// None yet: its creation was not finished.
    Unmade,
    /// None is whole.
    Damaged,
}

const MAGIC: &[u8; 8] = b"tidegate";
const HEAD: usize = 44;
const SLOT: usize = 64 * 1024;
const TABLE: u64 = 2 * SLOT as u64;
const STRICT: u32 = 1;
const DEAD: u32 = 2;

/// The most entries of the table that a slot has: those of 32 MiB.
pub(super) const NEWEST: usize = 512;

/// The longest record as JSON.
const RECORD: usize = SLOT - HEAD - 4 - NEWEST * 4 - 4;

/// What one read of a slot brings, and by how much the table grows: a page.
const PAGE: usize = 4096;

impl Slot {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let json = serde_json::to_vec(&self.record).map_err(io::Error::other)?;
        if json.len() > RECORD || self.newest.len() > NEWEST {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "the record is over 61 KiB");
            return Err(StoreError::Io(error));
        }
        let flags = if self.is_strict { STRICT } else { 0 } | if self.is_dead { DEAD } else { 0 };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = Vec::with_capacity(room_of(json.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.run.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.end.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.tail.to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(&number(json.len()));
        bytes.extend_from_slice(&json);
        bytes.extend_from_slice(&number(self.newest.len()));
        self.newest.iter().for_each(|checksum| bytes.extend_from_slice(&checksum.to_le_bytes()));
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// `None`: these bytes are no slot, or were torn.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let json = HEAD..HEAD + json_length(bytes)?;
        let entries = json.end + 4..json.end + 4 + newest_count(bytes, json.end)? * 4;
        let (body, crc) = (bytes.get(..entries.end)?, u32_at(bytes, entries.end)?);
        if crc32c::crc32c(body) != crc {
            return None;
        }
        let flags = u32_at(body, 36)?;
        Some(Self {
            sequence: u64_at(body, 8)?,
            run: u64_at(body, 16)?,
            blocks: Blocks { end: u64_at(body, 24)?, tail: u32_at(body, 32)? },
            is_strict: flags & STRICT != 0,
            is_dead: flags & DEAD != 0,
            record: serde_json::from_slice(&body[json]).ok()?,
            newest: numbers(&body[entries]).collect(),
        })
    }

    /// Writes it over the older slot. It counts once the file was synced.
    pub(super) fn write(&self, file: &dyn DiskFile) -> Result<(), StoreError> {
        let place = if self.sequence.is_multiple_of(2) { 0 } else { SLOT as u64 };
        Ok(file.write_at(place, &[&self.encode()?])?)
    }

    /// Writes the first slot of a new file, and takes the room for the second and for the first page of the table: a
    /// full disk does not stand in the way of a checkpoint then, and most find the file as long as it was. The table's
    /// size is given back.
    pub(super) fn write_first(&self, file: &dyn DiskFile) -> Result<u64, StoreError> {
        let bytes = self.encode()?;
        let mut second = vec![0; room_of(bytes.len()).next_multiple_of(PAGE).min(SLOT)];
        if self.blocks.end == 0 {
            file.write_at(TABLE, &[&[0; PAGE]])?;
        } else {
            // One that has bytes from its beginning on is never taken for one that was not made.
            second[..bytes.len()].copy_from_slice(&bytes);
        }
        file.write_at(SLOT as u64, &[&second])?;
        file.write_at(0, &[&bytes])?;
        Ok(table_size(file)?)
    }

    /// Puts the checksums that came with the slot into the table, in case that lacks them.
    pub(super) fn mend_table(&self, file: &dyn DiskFile) -> io::Result<()> {
        if self.newest.is_empty() {
            return Ok(());
        }
        let from = self.blocks.last_block().checked_sub(self.newest.len() as u64 * BLOCK);
        let from = from.ok_or(io::ErrorKind::InvalidData)?;
        write_table(file, table_size(file)?, from, &self.newest).map(drop)
    }

    /// The newest slot that is whole.
    pub(super) fn read(file: &dyn DiskFile) -> io::Result<Slots> {
        let (one, _) = read_slot(file, 0)?;
        let (other, is_blank) = read_slot(file, SLOT as u64)?;
        Ok(match [one, other].into_iter().flatten().max_by_key(|slot| slot.sequence) {
            Some(slot) => Slots::Found(slot),
            // The second is written when the first is durable, and whoever was told of the upload comes behind that.
            None if is_blank => Slots::Unmade,
            None => Slots::Damaged,
        })
    }
}

/// The slot at this place, and whether nothing was ever written there.
fn read_slot(file: &dyn DiskFile, at: u64) -> io::Result<(Option<Slot>, bool)> {
    let mut bytes = vec![0; PAGE];
    let read = file.read_at(at, &mut bytes)?;
    bytes.truncate(read);
    let Some(length) = json_length(&bytes) else {
        return Ok((None, bytes.iter().all(|byte| *byte == 0)));
    };
    let missing = room_of(HEAD + length).saturating_sub(PAGE);
    if missing > 0 && read == PAGE {
        let mut more = vec![0; missing];
        let read = file.read_at(at + PAGE as u64, &mut more)?;
        bytes.extend_from_slice(&more[..read]);
    }
    Ok((Slot::decode(&bytes), false))
}

/// How long a slot may become whose head and record are so long.
fn room_of(bytes: usize) -> usize {
    bytes + 4 + NEWEST * 4 + 4
}

/// How long the record is. `None`: this is no slot.
fn json_length(bytes: &[u8]) -> Option<usize> {
    if bytes.get(..8)? != MAGIC {
        return None;
    }
    usize::try_from(u32_at(bytes, 40)?).ok().filter(|length| *length <= RECORD)
}

fn newest_count(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok().filter(|count| *count <= NEWEST)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|entry| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Writes the checksums of whole blocks, the first of which begins at `from` in the data. The file grows by pages, so
/// that most syncs find it as long as it was. `size` is how long the table is; gives how long it is now.
pub(super) fn write_table(file: &dyn DiskFile, size: u64, from: u64, checksums: &[u32]) -> io::Result<u64> {
    let start = from / BLOCK * 4;
    let mut bytes: Vec<u8> = checksums.iter().flat_map(|checksum| checksum.to_le_bytes()).collect();
    let end = start + bytes.len() as u64;
    let grown = if end > size { end.next_multiple_of(PAGE as u64) } else { end };
    bytes.resize(usize::try_from(grown - start).map_err(io::Error::other)?, 0);
    file.write_at(TABLE + start, &[&bytes])?;
    Ok(size.max(grown))
}

/// How long the table is.
pub(super) fn table_size(file: &dyn DiskFile) -> io::Result<u64> {
    Ok(file.size()?.saturating_sub(TABLE))
}

/// The checksums of whole blocks, of at most `count` from the one at `from` in the data on. Those that are not there
/// are missing.
pub(super) fn read_table(file: &dyn DiskFile, from: u64, count: usize) -> io::Result<Vec<u32>> {
    let mut bytes = vec![0; count * 4];
    let read = file.read_at(TABLE + from / BLOCK * 4, &mut bytes)?;
    Ok(numbers(&bytes[..read]).collect())
}
