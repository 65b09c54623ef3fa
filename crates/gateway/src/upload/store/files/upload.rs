//! An upload that is open: its files, and the work that the threads do for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::disk::DiskFile;
use super::engine::Engine;
use super::lanes::Class;
use super::pool::{Pool, Work};
use super::sidecar::{Slot, write_table};
use super::state::{Failure, Grave, Plan, State};
use crate::upload::store::{Record, StoreError, Stored, UploadId};

/// The uploads that are open.
#[derive(Default)]
pub(super) struct Live(Mutex<HashMap<UploadId, Arc<Upload>>>);

/// An upload that is open.
pub(super) struct Upload {
    id: UploadId,
    data: Box<dyn DiskFile>,
    sidecar: Box<dyn DiskFile>,
    engine: Arc<Engine>,
    pool: Arc<Pool<Task>>,
    live: Weak<Live>,
    state: Mutex<State>,
}

/// The files of an upload, and how it stands.
pub(super) struct Opened {
    pub(super) data: Box<dyn DiskFile>,
    pub(super) sidecar: Box<dyn DiskFile>,
    pub(super) slot: Slot,
    pub(super) table_size: u64,
}

/// What a thread does.
pub(super) enum Task {
    Write(Arc<Upload>),
    Sync(Arc<Upload>),
    /// Bytes have waited for long enough.
    Due(Weak<Upload>),
}

/// Up to here an upload is small.
const SMALL: u64 = 1024 * 1024;

/// How much room is reserved ahead of what is written.
const AHEAD: u64 = 64 * 1024 * 1024;

impl Live {
    pub(super) fn find(&self, id: &UploadId) -> Option<Arc<Upload>> {
        self.lock().get(id).cloned()
    }

    pub(super) fn add(&self, upload: &Arc<Upload>) {
        self.lock().insert(upload.id.clone(), Arc::clone(upload));
    }

    fn remove(&self, upload: &Upload) {
        let mut uploads = self.lock();
        if uploads.get(&upload.id).is_some_and(|other| std::ptr::eq(Arc::as_ptr(other), upload)) {
            uploads.remove(&upload.id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Upload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work for Task {
    fn run(self) {
        match self {
            Self::Write(upload) => upload.write(),
            Self::Sync(upload) => upload.sync(),
            Self::Due(upload) => {
                if let Some(upload) = upload.upgrade() {
                    upload.due();
                }
            }
        }
    }
}

impl Upload {
    pub(super) fn new(
        opened: Opened,
        engine: Arc<Engine>,
        pool: Arc<Pool<Task>>,
        live: &Arc<Live>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: opened.slot.record.id.clone(),
            data: opened.data,
            sidecar: opened.sidecar,
            engine,
            pool,
            live: Arc::downgrade(live),
            state: Mutex::new(State::new(opened.slot, opened.table_size)),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How it stands. `None`: it is no longer open.
    pub(super) fn look(&self) -> Option<Result<Stored, StoreError>> {
        let state = self.lock();
        match &state.failure {
            _ if state.is_evicted => None,
            Some(Failure::Dead(_)) => Some(Err(StoreError::Dead)),
            Some(Failure::Missing) => Some(Err(StoreError::Missing)),
            Some(Failure::Full) | None => {
                Some(Ok(Stored { record: state.record.clone(), offset: state.durable.end }))
            }
        }
    }

    /// Starts what there is to do. To be called after every change.
    pub(super) fn stir(self: &Arc<Self>, state: &mut State) {
        state.settle();
        let settings = &self.engine.settings;
        let class = if state.accepted <= SMALL { Class::Small } else { Class::Bulk };
        let step = settings.checkpoint_bytes / 2;
        // Large uploads that share a disk give it less at a time, so that a small one waits less long.
        let is_half_full = state.written.end.saturating_sub(state.flushed) >= step;
        let is_enough = is_half_full && self.pool.are_syncs_scarce();
        let limit = if is_enough { step } else { settings.checkpoint_bytes };
        if state.wants_write(limit, self.engine.room.is_scarce()) {
            state.is_writing = true;
            let bytes = state.pending_bytes.min(settings.queue_bytes);
            self.pool.write(class, self.id.owner(), bytes, Task::Write(Arc::clone(self)));
        }
        if state.wants_sync(step) {
            state.is_syncing = true;
            self.pool.sync(class, Task::Sync(Arc::clone(self)));
        }
        if state.wants_timer() {
            state.is_armed = true;
            self.pool.later(settings.checkpoint_interval, Task::Due(Arc::downgrade(self)));
        }
        if state.is_closing && state.is_quiet() && !state.is_evicted {
            state.is_evicted = true;
            if let Some(live) = self.live.upgrade() {
                live.remove(self);
            }
        }
    }

    /// After a change by a thread, or by somebody else than the one who waits.
    fn stir_and_wake(self: &Arc<Self>, state: &mut State) {
        self.stir(state);
        state.wake();
    }

    /// Gives the upload to a new writer. `None`: it is no longer open.
    pub(super) fn take_over(self: &Arc<Self>) -> Option<(u64, Record)> {
        let mut state = self.lock();
        if state.is_evicted {
            return None;
        }
        state.writer += 1;
        state.is_closing = false;
        self.leave(&mut state);
        state.wake();
        Some((state.writer, state.record.clone()))
    }

    /// A writer goes: what it has pushed is kept, unless it was held.
    pub(super) fn leave(self: &Arc<Self>, state: &mut State) {
        if state.held.is_some() {
            state.is_rolling = true;
            self.engine.room.give(state.clear());
        } else {
            state.goal = state.accepted;
        }
        self.stir(state);
    }

    /// Ends the upload because its files are to be removed.
    pub(super) fn forget(self: &Arc<Self>) {
        let mut state = self.lock();
        state.failure = Some(Failure::Missing);
        state.grave = Grave::None;
        state.is_closing = true;
        self.engine.room.give(state.clear());
        self.stir_and_wake(&mut state);
    }

    fn due(self: &Arc<Self>) {
        let mut state = self.lock();
        state.is_armed = false;
        if state.held.is_none() {
            state.goal = state.goal.max(state.accepted);
        }
        self.stir(&mut state);
    }

    fn write(self: &Arc<Self>) {
        let (batch, mut blocks, table_size, mut reserved, length) = {
            let mut state = self.lock();
            let batch = state.take_batch();
            (batch, state.written, state.table_size, state.reserved, state.record.length)
        };
        let mut written = || {
            let pieces: Vec<&[u8]> = batch.iter().map(AsRef::as_ref).collect();
            let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
            let (at, from) = (blocks.end, blocks.last_block());
            let end = at + bytes as u64;
            if let Some(length) = length.filter(|length| *length > SMALL && end > reserved) {
                // As much again as there is: an upload that stops early has not taken much for nothing.
                let ahead = length.min(end + end.min(AHEAD)).saturating_sub(reserved);
                if ahead > 0 {
                    self.data.reserve(reserved, ahead)?;
                }
                reserved += ahead;
            }
            self.data.write_at(at, &pieces)?;
            let mut whole = Vec::new();
            pieces.iter().for_each(|piece| blocks.add(piece, &mut whole));
            if whole.is_empty() {
                return Ok((table_size, whole));
            }
            Ok((write_table(&*self.sidecar, table_size, from, &whole)?, whole))
        };
        let result: Result<(u64, Vec<u32>), StoreError> = written();
        drop(batch);
        let mut state = self.lock();
        let given = std::mem::take(&mut state.in_flight);
        state.is_writing = false;
        match result {
            Ok((table_size, whole)) => {
                state.table_size = table_size;
                state.reserved = reserved;
                if state.failure.is_none() {
                    state.written = blocks;
                    state.newest.extend(whole);
                }
            }
            Err(error) => self.fail(&mut state, Failure::of_write(error)),
        }
        self.stir_and_wake(&mut state);
        drop(state);
        self.engine.room.give(given);
    }

    fn sync(self: &Arc<Self>) {
        let plan = {
            let mut state = self.lock();
            if state.grave == Grave::Wanted {
                drop(state);
                return self.bury();
            }
            state.plan(self.engine.run)
        };
        let result = self.carry_out(&plan);
        let mut state = self.lock();
        state.is_syncing = false;
        match result {
            Ok(()) => state.synced(plan),
            Err(failure) => self.fail(&mut state, failure),
        }
        self.stir_and_wake(&mut state);
    }

    /// The data first: a slot must never say more than what is durable. The table's new entries are in the slot as well,
    /// so both become durable by one sync, unless they are too many.
    fn carry_out(&self, plan: &Plan) -> Result<(), Failure> {
        let dead = |error| Failure::Dead(Some(Arc::new(error)));
        if plan.data {
            self.data.sync().map_err(dead)?;
        }
        if plan.table {
            self.sidecar.sync().map_err(dead)?;
        }
        if let Some(slot) = &plan.slot {
            slot.write(&*self.sidecar).map_err(Failure::of_write)?;
            self.sidecar.sync().map_err(dead)?;
        }
        Ok(())
    }

    /// Notes in both slots that the upload was given up, each by itself: either may be damaged.
    fn bury(self: &Arc<Self>) {
        let (slot, next) = {
            let state = self.lock();
            let slot = Slot { is_dead: true, ..state.slot(self.engine.run, state.durable) };
            (slot.clone(), Slot { sequence: slot.sequence + 1, ..slot })
        };
        let write = |slot: Slot| slot.write(&*self.sidecar).is_ok() && self.sidecar.sync().is_ok();
        let is_dug = [write(slot), write(next)].contains(&true);
        if !is_dug {
            self.engine.graves.add(self.id.clone());
        }
        let mut state = self.lock();
        state.is_syncing = false;
        state.grave = if is_dug { Grave::Dug } else { Grave::Failed };
        self.stir_and_wake(&mut state);
    }

    /// Ends the upload, for the first reason that there is.
    pub(super) fn fail(&self, state: &mut State, failure: Failure) {
        if state.failure.is_some() {
            return;
        }
        if matches!(failure, Failure::Dead(_)) {
            state.grave = Grave::Wanted;
        }
        state.failure = Some(failure);
        self.engine.room.give(state.clear());
    }
}
