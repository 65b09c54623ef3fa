//! One stream of messages to many connections: encoded once, kept once, and a position for each connection.
//!
//! ```text
//! send() ─▶ Ring ◀── Fanout (one task): for each subscription, what lies behind its position ─▶ Shared ─▶ transport
//! ```
//!
//! There is no queue and no task per subscription. The fan-out writes to a connection itself while that has room, and
//! is called by the connection when it has room again.

mod fanout;
mod hub;
mod ring;

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tidegate_proto::websocket::{Message, Prepared};
use tokio::sync::Notify;

use super::writable::Writable;
use fanout::Fanout;
use hub::{Hub, Joined, State, Told};
use ring::{Publication, Ring};

/// Sends messages to every connection that subscribes.
///
/// A message is encoded once and kept once, in a ring of bounded size. A connection is a position in the ring: it gets
/// what lies behind its position, in order, as fast as it takes it, and whatever its own [`Writable`] writes goes in
/// between. [`send`](Self::send) waits for the slowest connection that makes progress; one that takes nothing for the
/// [grace](Self::grace) holds up nobody. Such a connection may fall out of the ring: then it goes on at the oldest
/// message kept, and [`Subscription::missed`] tells which it has lost.
///
/// Messages go out uncompressed, whatever the connections agreed on. Clones send to the same connections.
#[derive(Clone)]
pub struct Broadcast {
    hub: Arc<Hub>,
}

/// A connection that receives a [`Broadcast`]. Dropping it ends that.
pub struct Subscription {
    hub: Arc<Hub>,
    id: u64,
    told: Arc<Told>,
}

impl Broadcast {
    /// A broadcast that keeps messages of up to `max_bytes`, at least one.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self::with_grace(max_bytes, Duration::from_secs(1))
    }

    /// As [`new`](Self::new), with another [grace](Self::grace) than one second.
    #[must_use]
    pub fn with_grace(max_bytes: usize, grace: Duration) -> Self {
        let state = State {
            ring: Ring::new(max_bytes),
            needed_from: u64::MAX,
            senders: 0,
            next_id: 0,
            joined: Vec::new(),
            left: Vec::new(),
            ready: Vec::new(),
            is_running: false,
        };
        let hub = Hub { state: Mutex::new(state), fanout: AtomicWaker::new(), room: Notify::new(), grace };
        Self { hub: Arc::new(hub) }
    }

    /// How long a connection may take nothing before nobody waits for it any more; until it takes something again.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.hub.grace
    }

    /// Sends a message to every connection that subscribes now, and returns its position, counted from 0.
    ///
    /// Waits while the ring is full of messages that connections which make progress have yet to take. May be dropped
    /// at any await: then the message was not sent.
    pub async fn send(&self, message: impl Into<Message>) -> u64 {
        self.append(Prepared::new(message.into()), None).await
    }

    /// As [`send`](Self::send), but not to the connection of `subscription`: for what it sent itself. May be dropped at
    /// any await: then the message was not sent.
    pub async fn send_to_others(&self, message: impl Into<Message>, subscription: &Subscription) -> u64 {
        self.append(Prepared::new(message.into()), Some(subscription.id)).await
    }

    /// Has a connection receive what is sent from now on, behind all that was written to `writable` before.
    ///
    /// The connection's end ends it; dropping the [`Subscription`] ends it earlier. Must be called in a tokio runtime,
    /// which the first subscription's fan-out runs on.
    #[must_use]
    pub fn subscribe(&self, writable: &Writable) -> Subscription {
        let told = Arc::new(Told::default());
        let mut state = self.hub.lock();
        let (id, position) = (state.next_id, state.ring.end());
        state.next_id += 1;
        state.needed_from = state.needed_from.min(position);
        state.joined.push(Joined { id, shared: writable.shared(), position, told: told.clone() });
        if !std::mem::replace(&mut state.is_running, true) {
            tokio::spawn(Fanout::run(self.hub.clone()));
        }
        drop(state);
        self.hub.fanout.wake();
        Subscription { hub: self.hub.clone(), id, told }
    }

    async fn append(&self, message: Prepared, except: Option<u64>) -> u64 {
        let mut waiting = Waiting { hub: &self.hub, is_counted: false };
        loop {
            let has_room = self.hub.room.notified();
            {
                let mut state = self.hub.lock();
                if state.ring.has_room_for(message.memory(), state.needed_from) {
                    let position = state.ring.push(Publication { message, except });
                    drop(state);
                    self.hub.fanout.wake();
                    return position;
                }
                waiting.count(&mut state);
            }
            self.hub.fanout.wake();
            has_room.await;
        }
    }
}

impl std::fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.hub.lock();
        f.debug_struct("Broadcast").field("sent", &state.ring.end()).finish_non_exhaustive()
    }
}

impl Subscription {
    /// Waits until this connection has lost messages, and tells which, by their positions. Losses that come before they
    /// are told are told together, with what came through in between.
    ///
    /// May be dropped at any await.
    pub async fn missed(&mut self) -> Range<u64> {
        loop {
            let news = self.told.news.notified();
            if let Some(missed) = self.told.lock().take() {
                return missed;
            }
            news.await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.lock().left.push(self.id);
        self.hub.fanout.wake();
    }
}

/// Counts a sender that waits, however its waiting ends.
struct Waiting<'a> {
    hub: &'a Hub,
    is_counted: bool,
}

impl Waiting<'_> {
    fn count(&mut self, state: &mut State) {
        state.senders += usize::from(!std::mem::replace(&mut self.is_counted, true));
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_counted {
            self.hub.lock().senders -= 1;
        }
    }
}
