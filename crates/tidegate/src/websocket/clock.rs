//! One timer for all connections of a runtime: an idle connection waits for its next ping in 24 bytes.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

use super::waiting::Waiting;

/// Calls drivers when their time has come.
#[derive(Default)]
struct Clock {
    state: Mutex<State>,
    /// The task that keeps the time.
    keeper: AtomicWaker,
}

#[derive(Default)]
struct State {
    alarms: BinaryHeap<Reverse<Entry>>,
    /// How many of them are of connections that have ended.
    dead: usize,
    /// How many connections go by this clock.
    connections: usize,
    /// Whether the keeper runs: it does while there are connections.
    is_kept: bool,
}

struct Entry {
    at: Instant,
    whom: Weak<Waiting>,
}

/// The alarm of one connection: at any time it wants to be called at one time at most.
pub(super) struct Alarm {
    clock: Arc<Clock>,
    /// When it goes off.
    at: Option<Instant>,
}

/// How many alarms go off before other tasks have a turn.
const BATCH: usize = 64;

/// The clocks of the runtimes that have connections.
static CLOCKS: LazyLock<Mutex<HashMap<Id, Weak<Clock>>>> = LazyLock::new(Mutex::default);

impl Alarm {
    /// An alarm of the current tokio runtime.
    pub(super) fn new() -> Self {
        let runtime = Handle::current();
        let clock = Clock::of(runtime.id());
        let mut state = clock.lock();
        state.connections += 1;
        let was_kept = std::mem::replace(&mut state.is_kept, true);
        drop(state);
        if !was_kept {
            runtime.spawn(Clock::keep(clock.clone()));
        }
        Self { clock, at: None }
    }

    /// Has the driver called when it is `due`, or before, if that was asked for already.
    pub(super) fn set(&mut self, now: Instant, due: Instant, whom: &Arc<Waiting>) {
        if self.at.is_none_or(|at| at <= now || due < at) {
            self.at = Some(due);
            self.clock.set(due, whom);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clock.leave(self.at.is_some());
    }
}

impl Clock {
    /// The clock of a tokio runtime.
    fn of(runtime: Id) -> Arc<Self> {
        let mut clocks = CLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clock) = clocks.get(&runtime).and_then(Weak::upgrade) {
            return clock;
        }
        // Runtimes come and go, as in tests.
        clocks.retain(|_, clock| clock.strong_count() > 0);
        let clock = Arc::new(Self::default());
        clocks.insert(runtime, Arc::downgrade(&clock));
        clock
    }

    /// Keeps the time for as long as there are connections.
    async fn keep(self: Arc<Self>) {
        let mut sleep = Box::pin(sleep_until(Instant::now()));
        poll_fn(|cx| self.poll_keep(&mut sleep, cx)).await;
    }

    /// Has the driver called at this time.
    fn set(&self, at: Instant, whom: &Arc<Waiting>) {
        let mut state = self.lock();
        let is_next = state.alarms.peek().is_none_or(|Reverse(next)| at < next.at);
        state.alarms.push(Reverse(Entry { at, whom: Arc::downgrade(whom) }));
        drop(state);
        if is_next {
            self.keeper.wake();
        }
    }

    /// Takes note that a connection has ended, and whether it had an alarm set.
    fn leave(&self, has_alarm: bool) {
        let mut state = self.lock();
        state.connections -= 1;
        state.dead += usize::from(has_alarm);
        // Each is looked at once for every one that is dropped, on the average.
        if state.dead * 2 > state.alarms.len() {
            state.alarms.retain(|Reverse(alarm)| alarm.whom.strong_count() > 0);
            state.dead = 0;
        }
        let is_last = state.connections == 0;
        drop(state);
        if is_last {
            self.keeper.wake();
        }
    }

    fn poll_keep(&self, sleep: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
        self.keeper.register(cx.waker());
        let mut due = Vec::new();
        let mut state = self.lock();
        if state.connections == 0 {
            *state = State::default();
            return Poll::Ready(());
        }
        let next = state.take_due(Instant::now(), &mut due);
        drop(state);
        for waiting in &due {
            waiting.driver.wake();
        }
        if due.len() == BATCH {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(next) = next else { return Poll::Pending };
        if sleep.deadline() != next {
            sleep.as_mut().reset(next);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes those whose time has come, [`BATCH`] at most, and tells when the next one's does.
    fn take_due(&mut self, now: Instant, due: &mut Vec<Arc<Waiting>>) -> Option<Instant> {
        while due.len() < BATCH {
            let next = self.alarms.peek().map(|Reverse(alarm)| alarm.at)?;
            if now < next {
                return Some(next);
            }
            let whom = self.alarms.pop().and_then(|Reverse(alarm)| alarm.whom.upgrade());
            match whom {
                Some(waiting) => due.push(waiting),
                None => self.dead = self.dead.saturating_sub(1),
            }
        }
        None
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}
