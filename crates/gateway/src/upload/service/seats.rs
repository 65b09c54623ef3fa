//! Whose turn it is at each upload that somebody uses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tidegate_proto::upload::{Claim, Snapshot, Upload};
use tokio::sync::OwnedMutexGuard;

use super::super::store::UploadId;

/// The uploads that are in use. One that nobody uses takes no room here.
pub(super) struct Seats {
    table: Mutex<HashMap<UploadId, Arc<Seat>>>,
    max_bytes: u64,
}

/// One upload that is in use.
struct Seat {
    machine: Mutex<Upload>,
    /// Held by whoever has the turn. It is fair: who asked first is next.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Of the one who has the turn, and waits for bytes.
    holder: AtomicWaker,
}

/// A request's turn at an upload: nobody else writes or looks while it is held.
pub(super) struct Turn {
    use_: Use,
    claim: Claim,
    _guard: OwnedMutexGuard<()>,
}

/// Keeps a seat in the table.
struct Use {
    seats: Arc<Seats>,
    id: UploadId,
    seat: Arc<Seat>,
}

impl Seats {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { table: Mutex::default(), max_bytes }
    }

    /// Takes the turn at an upload. Whoever has it is told, and gives way as soon as what came is durable.
    pub(super) async fn take(self: &Arc<Self>, id: &UploadId) -> Turn {
        let use_ = self.enter(id);
        let claim = use_.seat.lock().claim();
        use_.seat.holder.wake();
        let guard = use_.seat.turn.clone().lock_owned().await;
        Turn { use_, claim, _guard: guard }
    }

    /// Takes the turn at an upload that nobody uses.
    pub(super) fn take_unused(self: &Arc<Self>, id: &UploadId) -> Option<Turn> {
        let use_ = self.enter(id);
        let guard = use_.seat.turn.clone().try_lock_owned().ok()?;
        let claim = use_.seat.lock().claim();
        Some(Turn { use_, claim, _guard: guard })
    }

    /// The uploads that are in use.
    pub(super) fn in_use(&self) -> Vec<UploadId> {
        self.lock().keys().cloned().collect()
    }

    fn enter(self: &Arc<Self>, id: &UploadId) -> Use {
        let seat =
            self.lock().entry(id.clone()).or_insert_with(|| Arc::new(Seat::new(self.max_bytes))).clone();
        Use { seats: self.clone(), id: id.clone(), seat }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Seat>>> {
        // Every step under this lock leaves the table whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut table = self.seats.lock();
        let is_listed = table.get(&self.id).is_some_and(|found| Arc::ptr_eq(found, &self.seat));
        // One in the table, one here: a seat is only ever given out under the lock.
        if is_listed && Arc::strong_count(&self.seat) == 2 {
            table.remove(&self.id);
        }
    }
}

impl Seat {
    fn new(max_bytes: u64) -> Self {
        Self {
            machine: Mutex::new(Upload::new(Snapshot::default(), max_bytes)),
            turn: Arc::default(),
            holder: AtomicWaker::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Upload> {
        // The machine is whole between its steps.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    pub(super) fn id(&self) -> &UploadId {
        &self.use_.id
    }

    /// Runs a step of the machine.
    pub(super) fn with<T>(&self, step: impl FnOnce(&mut Upload, Claim) -> T) -> T {
        step(&mut self.use_.seat.lock(), self.claim)
    }

    /// Ready when a newer request wants the turn.
    pub(super) fn poll_superseded(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.use_.seat.holder.register(cx.waker());
        if self.use_.seat.lock().is_current(self.claim) { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The upload was removed: whoever comes next under its name begins anew.
    pub(super) fn forget(&self) {
        let Use { seats, id, seat } = &self.use_;
        let mut table = seats.lock();
        if table.get(id).is_some_and(|found| Arc::ptr_eq(found, seat)) {
            table.remove(id);
        }
    }
}
