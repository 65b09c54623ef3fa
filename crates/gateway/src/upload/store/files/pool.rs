//! The threads of a disk.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::lanes::{Class, Lanes};
use crate::upload::store::Owner;

/// Something that a thread of the pool does.
pub(super) trait Work: Send + 'static {
    fn run(self);
}

/// The threads, which end when this is dropped and nothing waits any more.
pub(super) struct Pool<T: Work> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

/// Somebody who waits for the disk on a thread of his own.
pub(super) struct Small<'a, T: Work>(&'a Shared<T>);

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    news: Condvar,
    /// How many threads may do bulk work at a time; the others are for small uploads.
    bulk_threads: usize,
    /// How many large uploads are synced at a time: a small one waits for all that the disk was given before.
    bulk_syncs: usize,
}

struct Queue<T> {
    lanes: Lanes<T>,
    /// What is to be done later, by time: all wait equally long, so they come in that order.
    later: VecDeque<(Instant, T)>,
    busy_with_bulk: usize,
    /// How many of these sync.
    syncing: usize,
    /// How many large uploads wait for a sync.
    to_sync: usize,
    /// How many small ones wait or are at work, here or elsewhere.
    small: usize,
    /// When the last sync of a large upload began.
    synced: Instant,
    is_closing: bool,
}

/// For how long the next sync of a large upload lets small ones go first.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many threads do nothing but what belongs to small uploads.
const KEPT: usize = 2;

/// What the stack of a thread needs: its buffers are on the heap.
const STACK: usize = 256 * 1024;

impl<T: Work> Pool<T> {
    /// Starts the threads, of which so many sync large uploads at a time.
    pub(super) fn start(threads: usize, bulk_syncs: usize) -> io::Result<Self> {
        let queue = Queue {
            lanes: Lanes::new(),
            later: VecDeque::new(),
            busy_with_bulk: 0,
            syncing: 0,
            to_sync: 0,
            small: 0,
            synced: Instant::now(),
            is_closing: false,
        };
        let bulk_threads = threads.saturating_sub(KEPT).max(1);
        let shared =
            Arc::new(Shared { queue: Mutex::new(queue), news: Condvar::new(), bulk_threads, bulk_syncs });
        let mut pool = Self { shared, threads: Vec::new() };
        for _ in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            let builder = thread::Builder::new().name("upload-store".to_owned()).stack_size(STACK);
            pool.threads.push(builder.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// A write of so many bytes.
    pub(super) fn write(&self, class: Class, owner: Owner, bytes: usize, work: T) {
        let mut queue = self.shared.lock();
        match class {
            Class::Small => queue.add_small(work),
            Class::Bulk | Class::BulkSync => queue.lanes.add_write(owner, bytes, work),
        }
        drop(queue);
        self.shared.news.notify_one();
    }

    /// A sync.
    pub(super) fn sync(&self, class: Class, work: T) {
        let mut queue = self.shared.lock();
        match class {
            Class::Small => queue.add_small(work),
            Class::Bulk | Class::BulkSync => {
                queue.to_sync += 1;
                queue.lanes.add_sync(work);
            }
        }
        drop(queue);
        self.shared.news.notify_one();
    }

    /// Whether more large uploads wait for a sync, or are synced, than one.
    pub(super) fn are_syncs_scarce(&self) -> bool {
        let queue = self.shared.lock();
        queue.to_sync + queue.syncing > 1
    }

    /// Somebody waits for the disk for a small upload, on a thread of his own, until what this gives is dropped.
    pub(super) fn small(&self) -> Small<'_, T> {
        self.shared.lock().small += 1;
        Small(&self.shared)
    }

    /// Something to be done in a while, the same for all that comes here.
    pub(super) fn later(&self, while_: Duration, work: T) {
        let mut queue = self.shared.lock();
        let is_first = queue.later.is_empty();
        queue.later.push_back((Instant::now() + while_, work));
        drop(queue);
        // The others wait for what was first already.
        if is_first {
            self.shared.news.notify_one();
        }
    }
}

impl<T: Work> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            let only_small = queue.busy_with_bulk >= self.bulk_threads;
            let may_sync = queue.syncing < self.bulk_syncs && !queue.is_turn_of_small();
            if let Some((class, work)) = queue.take(only_small, may_sync) {
                queue.begin(class);
                drop(queue);
                work.run();
                queue = self.lock();
                queue.end(class);
                // What came meanwhile may have woken a thread that was not allowed to take it.
                self.news.notify_one();
                continue;
            }
            if queue.is_closing {
                return;
            }
            let until_later = queue.later.front().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            let until_sync = (queue.to_sync > 0 && queue.syncing < self.bulk_syncs).then_some(PATIENCE);
            queue = match until_later.into_iter().chain(until_sync).min() {
                Some(while_) => {
                    self.news.wait_timeout(queue, while_).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.news.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl<T> Queue<T> {
    fn add_small(&mut self, work: T) {
        self.small += 1;
        self.lanes.add_small(work);
    }

    /// Whether the syncs of large uploads have to wait for small ones.
    fn is_turn_of_small(&self) -> bool {
        self.small > 0 && self.synced.elapsed() < PATIENCE
    }

    fn take(&mut self, only_small: bool, may_sync: bool) -> Option<(Class, T)> {
        if self.later.front().is_some_and(|(at, _)| *at <= Instant::now() || self.is_closing) {
            self.small += 1;
            return self.later.pop_front().map(|(_, work)| (Class::Small, work));
        }
        self.lanes.take(only_small, may_sync)
    }

    fn begin(&mut self, class: Class) {
        self.busy_with_bulk += usize::from(class != Class::Small);
        if class == Class::BulkSync {
            self.to_sync -= 1;
            self.syncing += 1;
            self.synced = Instant::now();
        }
    }

    fn end(&mut self, class: Class) {
        match class {
            Class::Small => self.small -= 1,
            Class::Bulk => self.busy_with_bulk -= 1,
            Class::BulkSync => {
                self.busy_with_bulk -= 1;
                self.syncing -= 1;
            }
        }
    }
}

impl<T: Work> Drop for Small<'_, T> {
    fn drop(&mut self) {
        self.0.lock().small -= 1;
        self.0.news.notify_one();
    }
}

impl<T: Work> Drop for Pool<T> {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.news.notify_all();
        let this = thread::current().id();
        // The last upload may have been closed by one of the threads, which cannot wait for itself.
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != this) {
            // A thread that has panicked has nothing more to do.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[derive(Default)]
    struct Count {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    struct Sync(Arc<Count>, mpsc::SyncSender<()>);

    impl Work for Sync {
        fn run(self) {
            let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most.fetch_max(now, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            self.0.now.fetch_sub(1, Ordering::SeqCst);
            let _ = self.1.send(());
        }
    }

    /// Has so many done, and tells how many were at work at once.
    fn most(pool: &Pool<Sync>, class: Class, works: usize) -> usize {
        let (count, (done, all)) = (Arc::new(Count::default()), mpsc::sync_channel(works));
        (0..works).for_each(|_| pool.sync(class, Sync(Arc::clone(&count), done.clone())));
        (0..works).for_each(|_| all.recv().unwrap());
        count.most.load(Ordering::SeqCst)
    }

    #[test]
    fn large_uploads_are_synced_one_at_a_time_though_somebody_else_uses_the_disk() {
        let pool = Pool::start(8, 1).unwrap();
        assert_eq!(most(&pool, Class::Bulk, 10), 1);
        let _small = pool.small();
        assert_eq!(most(&pool, Class::Bulk, 3), 1);
        assert!(most(&pool, Class::Small, 40) > 1);
    }

    #[test]
    fn more_are_synced_at_a_time_where_that_was_asked_for() {
        assert!((2..=3).contains(&most(&Pool::start(8, 3).unwrap(), Class::Bulk, 40)));
    }
}
