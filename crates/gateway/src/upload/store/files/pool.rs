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

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    news: Condvar,
    /// How many threads may do bulk work at a time; the others are for small uploads.
    bulk_threads: usize,
}

struct Queue<T> {
    lanes: Lanes<T>,
    /// What is to be done later, by time: all wait equally long, so they come in that order.
    later: VecDeque<(Instant, T)>,
    busy_with_bulk: usize,
    is_closing: bool,
}

/// How many threads do nothing but what belongs to small uploads.
const KEPT: usize = 2;

/// What the stack of a thread needs: its buffers are on the heap.
const STACK: usize = 256 * 1024;

impl<T: Work> Pool<T> {
    /// Starts the threads.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let queue =
            Queue { lanes: Lanes::new(), later: VecDeque::new(), busy_with_bulk: 0, is_closing: false };
        let bulk_threads = threads.saturating_sub(KEPT).max(1);
        let shared = Arc::new(Shared { queue: Mutex::new(queue), news: Condvar::new(), bulk_threads });
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
            Class::Small => queue.lanes.add_small(work),
            Class::Bulk => queue.lanes.add_write(owner, bytes, work),
        }
        drop(queue);
        self.shared.news.notify_one();
    }

    /// A sync.
    pub(super) fn sync(&self, class: Class, work: T) {
        let mut queue = self.shared.lock();
        match class {
            Class::Small => queue.lanes.add_small(work),
            Class::Bulk => queue.lanes.add_sync(work),
        }
        drop(queue);
        self.shared.news.notify_one();
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
            if let Some((class, work)) = queue.take(only_small) {
                let bulk = usize::from(class == Class::Bulk);
                queue.busy_with_bulk += bulk;
                drop(queue);
                work.run();
                queue = self.lock();
                queue.busy_with_bulk -= bulk;
                // What came meanwhile may have woken a thread that was not allowed to take it.
                if bulk > 0 {
                    self.news.notify_one();
                }
                continue;
            }
            if queue.is_closing {
                return;
            }
            queue = match queue.later.front().map(|(at, _)| at.saturating_duration_since(Instant::now())) {
                Some(while_) => {
                    self.news.wait_timeout(queue, while_).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.news.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl<T> Queue<T> {
    fn take(&mut self, only_small: bool) -> Option<(Class, T)> {
        if self.later.front().is_some_and(|(at, _)| *at <= Instant::now() || self.is_closing) {
            return self.later.pop_front().map(|(_, work)| (Class::Small, work));
        }
        self.lanes.take(only_small)
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
