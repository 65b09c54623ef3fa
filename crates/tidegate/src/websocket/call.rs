//! How the driver of a connection is called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// Calls the driver, once however often: it may run in a task of its own, or beside the handler in the handler's.
#[derive(Default)]
pub(crate) struct Call {
    waker: AtomicWaker,
    /// The driver has been called, and has not come since.
    is_made: AtomicBool,
    /// The driver comes in any case, as soon as the handler that is polled right now has yielded.
    is_heard: AtomicBool,
}

impl Call {
    /// Has the driver polled before long.
    pub(crate) fn wake(&self) {
        // In this order, against that of `answer`: whoever still finds it heard has made the call before it is looked
        // for.
        self.is_made.store(true, Ordering::SeqCst);
        if !self.is_heard.load(Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// From now on a call wakes this task.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// From now on a call wakes nobody, until the driver is [free to answer](Self::answer).
    pub(crate) fn hear(&self) {
        self.is_heard.store(true, Ordering::SeqCst);
    }

    /// Tells whether the driver was called since it last came, and takes note that it comes.
    pub(crate) fn answer(&self) -> bool {
        self.is_heard.store(false, Ordering::SeqCst);
        self.is_made.load(Ordering::SeqCst) && self.is_made.swap(false, Ordering::SeqCst)
    }
}
