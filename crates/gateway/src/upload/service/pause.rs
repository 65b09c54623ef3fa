//! Giving way to others who need the same thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::task::yield_now;

/// A pause of a task that could go on at once: it ends when the runtime has looked what has come from the network
/// meanwhile, and not before.
///
/// Whoever only wakes himself, or is woken by a thread of the store, keeps a runtime's thread busy, and then it looks at
/// the network only after some sixty tasks have had their turn. A small upload beside large ones would wait for that at
/// each of its steps.
#[derive(Default)]
pub(super) struct Pause {
    end: Option<Arc<End>>,
}

#[derive(Default)]
struct End {
    has_come: AtomicBool,
    task: AtomicWaker,
}

impl Pause {
    /// Begins one; the task is woken when it ends.
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) {
        let end = self.end.get_or_insert_default();
        end.has_come.store(false, Ordering::Release);
        end.task.register(cx.waker());
        let waker = Waker::from(Arc::clone(end));
        // It says to the runtime when to wake the waker, and has nothing more to do.
        if let Poll::Ready(()) = pin!(yield_now()).poll(&mut Context::from_waker(&waker)) {
            waker.wake();
        }
    }

    /// Whether it still lasts; then the task is woken when it ends.
    pub(super) fn is_on(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(end) = &self.end else { return false };
        end.task.register(cx.waker());
        !end.has_come.load(Ordering::Acquire)
    }
}

impl Wake for End {
    fn wake(self: Arc<Self>) {
        self.has_come.store(true, Ordering::Release);
        self.task.wake();
    }
}
