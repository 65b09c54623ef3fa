//! How much of all uploads may wait for the disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use crate::upload::store::MAX_PUSH;

/// The bytes of all queues together.
pub(super) struct Room {
    limit: usize,
    used: AtomicUsize,
    waiting: Mutex<VecDeque<Waker>>,
}

impl Room {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0), waiting: Mutex::new(VecDeque::new()) }
    }

    /// Whether `bytes` more may come. If not, the waker is called when it is worth asking again.
    pub(super) fn has(&self, bytes: usize, waker: &Waker) -> bool {
        if self.fits(bytes) {
            return true;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // What was given back before the lock was taken called nobody.
        if self.fits(bytes) {
            return true;
        }
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push_back(waker.clone());
        }
        false
    }

    fn fits(&self, bytes: usize) -> bool {
        self.used.load(Ordering::SeqCst) + bytes <= self.limit
    }

    /// Whether so much is taken that nobody should wait for more before it writes.
    pub(super) fn is_scarce(&self) -> bool {
        self.used.load(Ordering::SeqCst) > self.limit / 2
    }

    /// Takes room.
    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Gives room back, and calls those who can use it, in the order in which they came. Whoever is called and brings
    /// nothing keeps nobody waiting for good: more are called whenever bytes are given back, and all once half is free.
    pub(super) fn give(&self, bytes: usize) {
        let used = self.used.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        let called: Vec<Waker> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let count = if used <= self.limit / 2 { waiting.len() } else { bytes / MAX_PUSH + 1 };
            let count = count.min(waiting.len());
            waiting.drain(..count).collect()
        };
        called.into_iter().for_each(Waker::wake);
    }

    /// How much is taken.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }
}
