//! How an upload stands that is open: what was pushed, written and synced, and what there is to do. Nothing here
//! touches a disk.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::blocks::{BLOCK, Blocks};
use super::sidecar::{NEWEST, Slot};
use crate::upload::store::{Record, StoreError};

/// How an upload stands.
///
/// ```text
/// durable ≤ flushed ≤ written ≤ accepted        slot synced, data synced, in the file, pushed
/// ```
pub(super) struct State {
    /// The record, as the last slot has it.
    pub(super) record: Record,
    /// The record for the slot behind all that was pushed.
    pub(super) next_record: Option<Record>,
    /// Which writer may write. Older ones are fenced off.
    pub(super) writer: u64,
    pub(super) pending: VecDeque<Bytes>,
    pub(super) pending_bytes: usize,
    pub(super) in_flight: usize,
    pub(super) accepted: u64,
    pub(super) written: Blocks,
    pub(super) flushed: u64,
    pub(super) durable: Blocks,
    /// Up to here somebody waits for durable bytes.
    pub(super) goal: u64,
    pub(super) sequence: u64,
    pub(super) is_strict: bool,
    pub(super) is_strict_saved: bool,
    /// Where the bytes end that count, while a chunk is on probation.
    pub(super) held: Option<Blocks>,
    /// The chunk is to be forgotten, once no thread works on it.
    pub(super) is_rolling: bool,
    pub(super) is_writing: bool,
    pub(super) is_syncing: bool,
    pub(super) is_armed: bool,
    /// There is no writer any more.
    pub(super) is_closing: bool,
    /// It is no longer among the open uploads: whoever still knows it must look again.
    pub(super) is_evicted: bool,
    pub(super) failure: Option<Failure>,
    pub(super) grave: Grave,
    pub(super) table_size: u64,
    /// The checksums of the whole blocks up to `written` that no slot has made durable.
    pub(super) newest: Vec<u32>,
    pub(super) reserved: u64,
    pub(super) room_waker: Option<Waker>,
    pub(super) waiting: Vec<Waker>,
}

/// Why an upload can no longer be written.
#[derive(Clone)]
pub(super) enum Failure {
    /// No room. What is durable stays good.
    Full,
    /// It was given up, for this reason or because somebody said so.
    Dead(Option<Arc<io::Error>>),
    /// It was removed.
    Missing,
}

/// Whether the disk knows that an upload was given up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grave {
    /// It is alive.
    None,
    /// It is to be written down.
    Wanted,
    /// It is written down.
    Dug,
    /// It could not be written down.
    Failed,
}

/// What a sync makes durable.
pub(super) struct Plan {
    pub(super) data: bool,
    /// The table has more new checksums than a slot.
    pub(super) table: bool,
    pub(super) at: Blocks,
    pub(super) slot: Option<Slot>,
}

/// Below this, a write waits for more, unless somebody waits for it.
const WORTH_WRITING: usize = 256 * 1024;

/// The most bytes of one write.
const ONE_WRITE: usize = 512 * 1024;

impl State {
    /// An upload that has just been opened.
    pub(super) fn new(slot: Slot, table_size: u64) -> Self {
        let blocks = slot.blocks;
        Self {
            record: slot.record,
            next_record: None,
            writer: 0,
            pending: VecDeque::new(),
            pending_bytes: 0,
            in_flight: 0,
            accepted: blocks.end,
            written: blocks,
            flushed: blocks.end,
            durable: blocks,
            goal: blocks.end,
            sequence: slot.sequence,
            is_strict: slot.is_strict,
            is_strict_saved: slot.is_strict,
            held: None,
            is_rolling: false,
            is_writing: false,
            is_syncing: false,
            is_armed: false,
            is_closing: false,
            is_evicted: false,
            failure: None,
            grave: Grave::None,
            table_size,
            newest: Vec::new(),
            reserved: blocks.end,
            room_waker: None,
            waiting: Vec::new(),
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.pending_bytes + self.in_flight
    }

    /// Whether a write is to be started, when `limit` bytes may be written and not flushed.
    pub(super) fn wants_write(&self, limit: u64, is_room_scarce: bool) -> bool {
        let is_worth_it =
            self.pending_bytes >= WORTH_WRITING || self.goal > self.written.end || is_room_scarce;
        self.failure.is_none()
            && !self.is_writing
            && !self.is_rolling
            && !self.pending.is_empty()
            && is_worth_it
            && self.written.end.saturating_sub(self.flushed) < limit
    }

    /// Whether a sync is to be started, when one is due at `step` bytes that are not flushed.
    pub(super) fn wants_sync(&self, step: u64) -> bool {
        if self.is_syncing {
            return false;
        }
        if self.grave == Grave::Wanted {
            return !self.is_writing;
        }
        if self.failure.is_some() || self.is_rolling {
            return false;
        }
        let is_due = self.written.end.saturating_sub(self.flushed) >= step;
        let is_reached = self.written.end >= self.goal;
        let is_asked = is_reached && (self.goal > self.durable.end || self.is_dirty());
        is_due || (is_asked && self.held.is_none())
    }

    /// Whether there is something to make durable besides bytes.
    pub(super) fn is_dirty(&self) -> bool {
        self.next_record.is_some() || self.is_strict != self.is_strict_saved
    }

    /// Whether the timer must come, for bytes that nobody waits for.
    pub(super) fn wants_timer(&self) -> bool {
        !self.is_armed && self.failure.is_none() && self.held.is_none() && self.accepted > self.goal
    }

    /// Whether no thread works on it and nothing is left to do.
    pub(super) fn is_quiet(&self) -> bool {
        let is_done = match self.failure {
            Some(_) => self.grave != Grave::Wanted,
            None => self.accepted == self.durable.end && !self.is_dirty() && !self.is_rolling,
        };
        self.is_idle() && is_done
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.is_writing && !self.is_syncing
    }

    /// Takes what the next write writes.
    pub(super) fn take_batch(&mut self) -> Vec<Bytes> {
        let mut batch = Vec::new();
        while let Some(piece) = self.pending.front() {
            if !batch.is_empty() && self.in_flight + piece.len() > ONE_WRITE {
                break;
            }
            self.in_flight += piece.len();
            self.pending_bytes -= piece.len();
            batch.extend(self.pending.pop_front());
        }
        batch
    }

    /// What the next sync makes durable.
    pub(super) fn plan(&mut self, run: u64) -> Plan {
        let is_reached = self.written.end >= self.goal;
        let wants_slot =
            self.held.is_none() && (self.written != self.durable || (is_reached && self.is_dirty()));
        let slot = wants_slot.then(|| {
            let mut slot = self.slot(run, self.written);
            // The new record stands behind all that was pushed.
            if let Some(record) = self.next_record.as_ref().filter(|_| is_reached) {
                slot.record = record.clone();
            }
            slot
        });
        let table = slot.is_some() && self.newest.len() > NEWEST;
        Plan { data: self.written.end > self.flushed, table, at: self.written, slot }
    }

    /// The slot that comes next.
    pub(super) fn slot(&self, run: u64, blocks: Blocks) -> Slot {
        let newest = self.newest.get(..whole_between(self.durable, blocks)).unwrap_or_default();
        Slot {
            sequence: self.sequence + 1,
            run,
            blocks,
            is_strict: self.is_strict,
            is_dead: false,
            record: self.record.clone(),
            newest: if newest.len() > NEWEST { Vec::new() } else { newest.to_vec() },
        }
    }

    /// A plan was carried out.
    pub(super) fn synced(&mut self, plan: Plan) {
        self.flushed = self.flushed.max(plan.at.end);
        let Some(slot) = plan.slot else { return };
        self.sequence = slot.sequence;
        // Blocks may have been written meanwhile.
        let durable = whole_between(self.durable, slot.blocks).min(self.newest.len());
        self.newest.drain(..durable);
        self.durable = slot.blocks;
        self.is_strict_saved = slot.is_strict;
        if self.next_record.as_ref() == Some(&slot.record) {
            self.next_record = None;
        }
        self.record = slot.record;
    }

    /// Forgets the chunk that was held, once no thread works on it.
    pub(super) fn settle(&mut self) {
        if !self.is_rolling || !self.is_idle() {
            return;
        }
        self.is_rolling = false;
        if let Some(blocks) = self.held.take() {
            self.accepted = blocks.end;
            self.goal = self.goal.min(blocks.end);
            self.written = blocks;
            self.newest.truncate(whole_between(self.durable, blocks));
            self.flushed = self.flushed.min(blocks.end);
        }
    }

    /// Empties the queue; tells how many bytes were in it.
    pub(super) fn clear(&mut self) -> usize {
        self.pending.clear();
        std::mem::take(&mut self.pending_bytes)
    }

    /// Calls everybody who waits.
    pub(super) fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
        self.room_waker.take().into_iter().for_each(Waker::wake);
    }

    /// Calls this waker when something has changed.
    pub(super) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }
}

/// How many blocks become whole on the way from one end to the other.
fn whole_between(from: Blocks, to: Blocks) -> usize {
    usize::try_from((to.last_block() - from.last_block()) / BLOCK).unwrap_or(usize::MAX)
}

impl Failure {
    /// What an error of the disk means for the upload. An error of a sync is always the end of it: what the kernel
    /// could not write it may have forgotten (`fsync` reports an error once).
    pub(super) fn of_write(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::Io(error) => Self::Dead(Some(Arc::new(error))),
            _ => Self::Dead(None),
        }
    }

    /// What a caller gets.
    pub(super) fn error(&self) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Missing => StoreError::Missing,
            Self::Dead(None) => StoreError::Dead,
            Self::Dead(Some(error)) => StoreError::Io(io::Error::new(error.kind(), Arc::clone(error))),
        }
    }
}
