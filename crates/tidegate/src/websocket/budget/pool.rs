//! The one account of all connections, and the queue of those that wait.
//!
//! Below the mark there are only additions and subtractions of one number. All else happens under a lock, which
//! nobody takes while nobody waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

pub(super) struct Pool {
    pub(super) limit: usize,
    pub(super) mark: usize,
    patience: Duration,
    used: AtomicUsize,
    /// The length of the queue. Whoever gives something back and sees none here need not take the lock: it is
    /// counted before the queuing connection looks at `used` for the last time.
    waiting: AtomicUsize,
    failed: AtomicU64,
    queue: Mutex<Queue>,
}

/// What one connection holds beyond its floor. Exists only while it holds, or waits for, anything.
pub(super) struct Account {
    pub(super) charged: AtomicUsize,
    /// Chosen to fail for the others' sake.
    pub(super) is_doomed: AtomicBool,
    /// In the queue. Changed under the lock.
    is_waiting: AtomicBool,
    /// Admitted beyond the mark. Changed under the lock.
    is_admitted: AtomicBool,
    /// The connection's own, for all its tasks.
    waker: Waker,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<Account>>,
    admitted: Option<Arc<Account>>,
    /// Everyone who holds anything, to find the one that holds the most. Those that have left are swept out when
    /// it would have to grow.
    holders: Vec<Weak<Account>>,
    /// Grants so far: what counts as moving.
    grants: u64,
    /// The grants to the admitted one.
    admitted_grants: u64,
    last: Option<Look>,
}

/// When there was last something new, and what it was.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    grants: u64,
    moved_at: Instant,
    admitted_grants: u64,
    admitted_at: Instant,
}

/// What a connection that waits is given at a time: one read.
pub(super) const GRANT_BYTES: usize = 64 * 1024;

/// How long the admitted one may stand still before it is somebody else's turn.
const TURN: Duration = Duration::from_secs(1);

impl Pool {
    pub(super) fn new(limit: usize, patience: Duration) -> Self {
        Self {
            limit,
            mark: limit / 4 * 3,
            patience,
            used: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            failed: AtomicU64::new(0),
            queue: Mutex::default(),
        }
    }

    /// Whether there is no room below the mark for one more read. Whoever waits is served before this ends, so
    /// nobody overtakes.
    #[inline]
    pub(super) fn is_pressed(&self) -> bool {
        self.used.load(Ordering::Relaxed) + GRANT_BYTES > self.mark
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic under this lock is a bug of ours, but every step leaves the queue usable.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open_account(&self, waker: Waker) -> Arc<Account> {
        let account = Arc::new(Account {
            charged: AtomicUsize::new(0),
            is_doomed: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            is_admitted: AtomicBool::new(false),
            waker,
        });
        let mut queue = self.lock();
        if queue.holders.len() == queue.holders.capacity() {
            queue.holders.retain(|holder| holder.strong_count() > 0);
            // Room for as many again, so that this is rare.
            let living = queue.holders.len();
            queue.holders.reserve(living.max(4));
        }
        queue.holders.push(Arc::downgrade(&account));
        account
    }

    /// Counts more for an account, which is held already.
    pub(super) fn charge(&self, account: &Account, bytes: usize) {
        account.charged.fetch_add(bytes, Ordering::Relaxed);
        self.used.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Gives back some of what an account was charged.
    pub(super) fn give_back(&self, account: &Account, bytes: usize) {
        account.charged.fetch_sub(bytes, Ordering::Relaxed);
        self.used.fetch_sub(bytes, Ordering::SeqCst);
        // Whoever has finished leaves the place beyond the mark to the next one.
        let has_finished =
            account.is_admitted.load(Ordering::Relaxed) && account.charged.load(Ordering::Relaxed) == 0;
        if has_finished || self.waiting.load(Ordering::SeqCst) > 0 {
            let mut queue = self.lock();
            if has_finished {
                queue.dismiss(account);
            }
            self.serve(queue);
        }
    }

    /// Waits in turn for [`GRANT_BYTES`]; unless they are there at once, the account's waker is called when they are.
    pub(super) fn enqueue(&self, account: &Arc<Account>) {
        let mut queue = self.lock();
        if !account.is_waiting.swap(true, Ordering::Relaxed) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            queue.waiting.push_back(account.clone());
        }
        self.serve(queue);
    }

    /// Everything back, and out of the queue.
    pub(super) fn close_account(&self, account: &Account) {
        let mut queue = self.lock();
        if account.is_waiting.load(Ordering::Relaxed) {
            queue.waiting.retain(|other| !std::ptr::eq(&**other, account));
            self.leave_queue(account);
        }
        queue.dismiss(account);
        // Under the lock, so that nothing is granted behind this.
        self.used.fetch_sub(account.charged.swap(0, Ordering::Relaxed), Ordering::SeqCst);
        self.serve(queue);
    }

    fn leave_queue(&self, account: &Account) {
        account.is_waiting.store(false, Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Gives as many as there is room for their grants, and wakes them.
    fn serve(&self, mut queue: MutexGuard<'_, Queue>) {
        let mut woken = Vec::new();
        while let Some(account) = self.next(&mut queue) {
            self.leave_queue(&account);
            self.charge(&account, GRANT_BYTES);
            queue.grants += 1;
            queue.admitted_grants += u64::from(account.is_admitted.load(Ordering::Relaxed));
            woken.push(account);
        }
        drop(queue);
        for account in woken {
            account.waker.wake_by_ref();
        }
    }

    /// Whose turn it is, if there is room: below the mark the first one's, beyond it that of the admitted one, or if
    /// nobody is, of the first one.
    fn next(&self, queue: &mut Queue) -> Option<Arc<Account>> {
        let used = self.used.load(Ordering::SeqCst);
        if used + GRANT_BYTES <= self.mark {
            return queue.waiting.pop_front();
        }
        if used + GRANT_BYTES > self.limit {
            return None;
        }
        if queue.admitted.is_none() {
            let first = queue.waiting.front()?.clone();
            first.is_admitted.store(true, Ordering::Relaxed);
            queue.admitted = Some(first);
        }
        let admitted = queue.admitted.as_ref()?;
        let place = queue.waiting.iter().position(|account| Arc::ptr_eq(account, admitted))?;
        queue.waiting.remove(place)
    }

    /// Sees, on behalf of one that waits, whether anybody goes on: ends the turn of an admitted one that stands still,
    /// and at the limit, after the patience, fails the connection that holds the most.
    pub(super) fn look(&self, now: Instant) {
        let mut queue = self.lock();
        let (grants, admitted_grants) = (queue.grants, queue.admitted_grants);
        let new = Look { at: now, grants, moved_at: now, admitted_grants, admitted_at: now };
        // A look of long ago says nothing of what has stood still since: nobody waited.
        let mut last = queue.last.filter(|last| now.duration_since(last.at) <= 2 * TURN).unwrap_or(new);
        last.at = now;
        if last.grants != new.grants || queue.waiting.is_empty() {
            (last.grants, last.moved_at) = (new.grants, now);
        }
        if last.admitted_grants != new.admitted_grants || queue.admitted.is_none() {
            (last.admitted_grants, last.admitted_at) = (new.admitted_grants, now);
        }
        let is_full = self.used.load(Ordering::SeqCst) + GRANT_BYTES > self.limit;
        if is_full && now.duration_since(last.moved_at) >= self.patience {
            last.moved_at = now;
            queue.last = Some(last);
            let victim = queue.largest();
            drop(queue);
            if let Some(victim) = victim {
                self.failed.fetch_add(1, Ordering::Relaxed);
                victim.is_doomed.store(true, Ordering::Release);
                victim.waker.wake_by_ref();
            }
            return;
        }
        if !is_full && now.duration_since(last.admitted_at) >= TURN {
            last.admitted_at = now;
            if let Some(admitted) = queue.admitted.take() {
                admitted.is_admitted.store(false, Ordering::Relaxed);
            }
        }
        queue.last = Some(last);
        self.serve(queue);
    }
}

impl Queue {
    /// Ends the turn of the admitted one, if it is this.
    fn dismiss(&mut self, account: &Account) {
        if self.admitted.as_ref().is_some_and(|admitted| std::ptr::eq(&**admitted, account)) {
            account.is_admitted.store(false, Ordering::Relaxed);
            self.admitted = None;
        }
    }

    /// Who holds the most and is not doomed yet.
    fn largest(&self) -> Option<Arc<Account>> {
        let holders = self.holders.iter().filter_map(Weak::upgrade);
        let living = holders.filter(|account| !account.is_doomed.load(Ordering::Relaxed));
        living.max_by_key(|account| account.charged.load(Ordering::Relaxed))
    }
}

impl Account {
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }
}
