//! The task that brings publications to connections.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use tokio::time::{Instant, timeout_at};

use super::hub::{Hub, Joined, Told};
use super::ring::Publication;
use crate::websocket::shared::{Offered, Shared};

pub(super) struct Fanout {
    hub: Arc<Hub>,
    entries: HashMap<u64, Entry>,
}

/// One subscription.
struct Entry {
    shared: Arc<Shared>,
    told: Arc<Told>,
    /// Of the next publication to send.
    position: u64,
    /// Since when its connection takes nothing.
    blocked_since: Option<Instant>,
    waker: Waker,
    /// Nothing can be written to its connection any more.
    is_over: bool,
}

/// Connections served before other tasks get a turn.
const TURN: usize = 128;

/// Publications taken from the ring at once, to be sent without its lock.
const BATCH: usize = 64;

impl Fanout {
    /// Runs until nobody subscribes any more.
    pub(super) async fn run(hub: Arc<Hub>) {
        let mut fanout = Self { hub, entries: HashMap::new() };
        // Its many small writes are one piece of work: it yields by itself.
        tokio::task::unconstrained(async move {
            while fanout.wait().await {
                fanout.turn().await;
            }
        })
        .await;
    }

    /// Waits until there is something to do; `false` when there never will be.
    async fn wait(&mut self) -> bool {
        let hub = self.hub.clone();
        let work = poll_fn(|cx| {
            hub.fanout.register(cx.waker());
            let mut state = hub.lock();
            if state.joined.is_empty() && self.entries.is_empty() {
                state.left.clear();
                // Under this lock: whoever subscribes next starts another fan-out.
                state.is_running = false;
                return Poll::Ready(false);
            }
            let end = state.ring.end();
            let has_news = !(state.joined.is_empty() && state.left.is_empty() && state.ready.is_empty());
            let is_behind = || self.entries.values().any(|entry| entry.is_behind(end));
            if has_news || is_behind() { Poll::Ready(true) } else { Poll::Pending }
        });
        match self.grace_ends() {
            // Then nobody waits for it any more, so that is something to do.
            Some(at) => timeout_at(at, work).await.unwrap_or(true),
            None => work.await,
        }
    }

    /// When a connection has been blocked for so long that nobody who sends waits for it any more.
    fn grace_ends(&self) -> Option<Instant> {
        if self.hub.lock().senders == 0 {
            return None;
        }
        let now = Instant::now();
        let blocked = self.entries.values().filter_map(|entry| entry.blocked_since);
        blocked.map(|since| since + self.hub.grace).filter(|at| *at > now).min()
    }

    async fn turn(&mut self) {
        let batch = self.take_changes();
        for (served, (id, entry)) in self.entries.iter_mut().enumerate() {
            if served % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            if entry.blocked_since.is_none() {
                entry.serve(*id, &self.hub, &batch);
            }
        }
        self.entries.retain(|_, entry| !entry.is_over);
        self.make_room();
    }

    /// Takes over who came and went, and what was published since all were served.
    fn take_changes(&mut self) -> Batch {
        let mut state = self.hub.lock();
        for id in std::mem::take(&mut state.left) {
            self.entries.remove(&id);
            state.joined.retain(|joined| joined.id != id);
        }
        for joined in std::mem::take(&mut state.joined) {
            self.entries.insert(joined.id, Entry::new(joined, &self.hub));
        }
        for id in std::mem::take(&mut state.ready) {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.blocked_since = None;
            }
        }
        let free = self.entries.values().filter(|entry| entry.blocked_since.is_none());
        let start = free.map(|entry| entry.position).max().unwrap_or(0).max(state.ring.start());
        let publications = (start..state.ring.end()).take(BATCH);
        Batch { start, publications: publications.filter_map(|at| state.ring.at(at).cloned()).collect() }
    }

    /// Tells those who wait to send how far everybody is who is waited for.
    fn make_room(&mut self) {
        let now = Instant::now();
        let is_waited_for =
            |entry: &&Entry| entry.blocked_since.is_none_or(|since| now < since + self.hub.grace);
        let waited_for = self.entries.values().filter(is_waited_for);
        let needed_from = waited_for.map(|entry| entry.position).min().unwrap_or(u64::MAX);
        let mut state = self.hub.lock();
        if state.needed_from != needed_from {
            state.needed_from = needed_from;
            if state.senders > 0 {
                self.hub.room.notify_waiters();
            }
        }
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        // The runtime may end before the last subscription does; another one's may take over.
        let mut state = self.hub.lock();
        state.is_running = false;
        state.needed_from = u64::MAX;
        self.hub.room.notify_waiters();
    }
}

/// What most connections need next, taken from the ring once for all of them.
struct Batch {
    start: u64,
    publications: Vec<Publication>,
}

impl Batch {
    fn at(&self, position: u64) -> Option<&Publication> {
        self.publications.get(usize::try_from(position.checked_sub(self.start)?).ok()?)
    }
}

impl Entry {
    fn new(joined: Joined, hub: &Arc<Hub>) -> Self {
        let Joined { id, shared, position, told } = joined;
        let waker = Waker::from(Arc::new(HasRoom { id, hub: hub.clone() }));
        Self { shared, told, position, blocked_since: None, waker, is_over: false }
    }

    fn is_behind(&self, end: u64) -> bool {
        self.position < end && self.blocked_since.is_none()
    }

    /// Sends what lies behind the position, until the connection takes no more.
    fn serve(&mut self, id: u64, hub: &Hub, batch: &Batch) {
        while self.blocked_since.is_none() {
            let (start, mine) = if batch.at(self.position).is_some() {
                (batch.start, None)
            } else {
                match self.take_old(hub) {
                    Some(old) => (old.start, Some(old)),
                    None => return,
                }
            };
            let publications = mine.as_ref().map_or(&batch.publications, |old| &old.publications);
            let behind = &publications[(self.position - start) as usize..];
            let messages = behind
                .iter()
                .map(|publication| (publication.except != Some(id)).then_some(&publication.message));
            let (taken, offered) = self.shared.offer(messages, &self.waker);
            self.position += taken as u64;
            match offered {
                Offered::Taken => {}
                Offered::Blocked => self.blocked_since = Some(Instant::now()),
                Offered::Over => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    /// What a connection needs that is not where the others are; notes what it has missed.
    fn take_old(&mut self, hub: &Hub) -> Option<Batch> {
        let state = hub.lock();
        let start = state.ring.start();
        if self.position < start {
            self.told.tell(self.position..start);
            self.position = start;
        }
        let publications: Vec<_> = (self.position..state.ring.end())
            .take(BATCH)
            .filter_map(|at| state.ring.at(at).cloned())
            .collect();
        (!publications.is_empty()).then_some(Batch { start: self.position, publications })
    }
}

/// Called by a connection that has room again.
struct HasRoom {
    id: u64,
    hub: Arc<Hub>,
}

impl Wake for HasRoom {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.hub.lock().ready.push(self.id);
        self.hub.fanout.wake();
    }
}
