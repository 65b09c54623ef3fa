//! Who publishes to a channel, and who reads it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::ring::{Entry, Limits, Ring};

/// What a channel keeps: enough that a reader may be slow for a while, and a megabyte at most.
const LIMITS: Limits = Limits { publications: 1024, bytes: 1 << 20 };

/// One channel. Publishing never waits for a reader.
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Wakes the readers that wait. It holds no value: a reader looks into the state by itself.
    news: watch::Sender<()>,
}

struct State {
    ring: Ring,
    /// How many subscriptions there are.
    online: usize,
}

impl Default for Hub {
    fn default() -> Self {
        let state = State { ring: Ring::new(LIMITS), online: 0 };
        Self { state: Mutex::new(state), news: watch::Sender::new(()) }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every step under this lock leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what `encode` makes of the publication's offset. It runs under the channel's lock, so that the
    /// offset in the text is the place in the order.
    pub(crate) fn publish(&self, encode: impl FnOnce(u64) -> Arc<str>) {
        let mut state = self.lock();
        let publication = encode(state.ring.next());
        state.ring.append(publication);
        drop(state);
        self.news.send_replace(());
    }

    /// Subscribes: first come the last `history` publications, then how many are online, then what is published.
    pub(crate) fn subscribe(self: &Arc<Self>, history: u64) -> Subscription {
        let mut state = self.lock();
        state.online += 1;
        let (offset, joined_at) = (state.ring.last(history), state.ring.next());
        drop(state);
        self.news.send_replace(());
        Subscription { hub: self.clone(), news: self.news.subscribe(), offset, joined_at, online_told: 0 }
    }
}

/// One reader: a position in the channel's history. Dropping it leaves the channel.
pub(crate) struct Subscription {
    hub: Arc<Hub>,
    news: watch::Receiver<()>,
    /// Of the publication to read next.
    offset: u64,
    /// Of the first publication after the history that was asked for.
    joined_at: u64,
    /// How many were online when the reader was last told.
    online_told: usize,
}

/// What a reader is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Publication(Arc<str>),
    /// So many publications were dropped before this reader came to read them.
    Missed(u64),
    /// So many subscriptions there are now. A count that changed twice is told once.
    Online(usize),
}

impl Subscription {
    /// Waits for what comes next. May be dropped at any await: nothing is lost.
    pub(crate) async fn next(&mut self) -> Delivery {
        loop {
            self.news.mark_unchanged();
            if let Some(delivery) = self.take() {
                return delivery;
            }
            // The hub, which this holds, has the sender, so that this cannot fail.
            let _ = self.news.changed().await;
        }
    }

    fn take(&mut self) -> Option<Delivery> {
        let state = self.hub.lock();
        if self.offset >= self.joined_at && self.online_told != state.online {
            self.online_told = state.online;
            return Some(Delivery::Online(state.online));
        }
        match state.ring.at(self.offset) {
            Entry::Publication(publication) => {
                self.offset += 1;
                Some(Delivery::Publication(publication))
            }
            Entry::Gone { oldest } => {
                let missed = oldest - std::mem::replace(&mut self.offset, oldest);
                Some(Delivery::Missed(missed))
            }
            Entry::Future => None,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.lock().online -= 1;
        self.hub.news.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(publications: u64) -> Arc<Hub> {
        let hub = Arc::new(Hub::default());
        publish(&hub, publications);
        hub
    }

    fn publish(hub: &Hub, count: u64) {
        for _ in 0..count {
            hub.publish(|offset| offset.to_string().into());
        }
    }

    fn publication(offset: u64) -> Delivery {
        Delivery::Publication(offset.to_string().into())
    }

    #[tokio::test]
    async fn history_then_online_then_what_comes() {
        let hub = hub(60);
        let mut reader = hub.subscribe(50);
        publish(&hub, 1);
        for offset in 10..60 {
            assert_eq!(reader.next().await, publication(offset));
        }
        assert_eq!(reader.next().await, Delivery::Online(1));
        assert_eq!(reader.next().await, publication(60));
    }

    #[tokio::test]
    async fn a_reader_that_falls_out_goes_on_at_the_oldest_and_is_told() {
        let hub = hub(0);
        let mut reader = hub.subscribe(50);
        assert_eq!(reader.next().await, Delivery::Online(1));
        publish(&hub, 1030);
        assert_eq!(reader.next().await, Delivery::Missed(6));
        assert_eq!(reader.next().await, publication(6));
    }

    #[tokio::test]
    async fn coming_and_going_wakes_those_who_wait() {
        let hub = hub(0);
        let mut reader = hub.subscribe(0);
        assert_eq!(reader.next().await, Delivery::Online(1));
        let waiting = tokio::spawn(async move { (reader.next().await, reader.next().await) });
        let guest = hub.subscribe(0);
        tokio::task::yield_now().await;
        drop(guest);
        assert_eq!(waiting.await.unwrap(), (Delivery::Online(2), Delivery::Online(1)));
        assert_eq!(hub.lock().online, 0);
    }
}
