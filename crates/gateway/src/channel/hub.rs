//! One channel: who publishes to it, and who reads it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate::Prepared;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::position::{Gap, Position};
use super::ring::{Batch, Form, Found, Publication, Ring};

/// One channel. Publishing never waits for a reader.
pub(crate) struct Channel {
    state: Mutex<State>,
    /// Wakes the readers that wait. It holds no value: a reader looks into the history by itself.
    news: Arc<Notify>,
    /// A task is about to wake them.
    is_called: AtomicBool,
    readers: AtomicUsize,
}

struct State {
    ring: Ring,
    /// When it was last published to, or a reader left.
    used: Instant,
}

impl Channel {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            state: Mutex::new(State { ring, used: Instant::now() }),
            news: Arc::default(),
            is_called: AtomicBool::new(false),
            readers: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every step under this lock leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a publication, and returns the position behind it.
    pub(crate) fn publish(self: &Arc<Self>, publication: Publication) -> Position {
        self.publish_with(|_| publication)
    }

    /// Appends what `make` makes of the publication's offset. It runs under the channel's lock, so that the offset in
    /// the text is the place in the order.
    ///
    /// The readers are woken by a task of its own, so that whoever publishes does not wait until all are. What is
    /// published until a reader comes to its turn goes out to it in one write.
    pub(crate) fn publish_with(self: &Arc<Self>, make: impl FnOnce(u64) -> Publication) -> Position {
        let mut state = self.lock();
        let offset = state.ring.end().offset + 1;
        let position = state.ring.append(make(offset));
        state.used = Instant::now();
        drop(state);
        self.call_readers();
        position
    }

    /// Wakes the readers that wait, soon.
    pub(crate) fn call_readers(self: &Arc<Self>) {
        if self.readers.load(Ordering::Relaxed) == 0 || self.is_called.swap(true, Ordering::AcqRel) {
            return;
        }
        let channel = self.clone();
        tokio::spawn(async move {
            channel.is_called.store(false, Ordering::Release);
            channel.news.notify_waiters();
        });
    }

    /// The position behind everything that was published.
    pub(crate) fn end(&self) -> Position {
        self.lock().ring.end()
    }

    /// Reads on behind `position`.
    pub(crate) fn read_after(self: &Arc<Self>, position: Position) -> Reading {
        let state = self.lock();
        let (offset, gap) = state.ring.resume(position);
        Reading::new(self, &state, offset, gap)
    }

    /// Reads the last `count` publications that are kept, then what is published.
    pub(crate) fn read_last(self: &Arc<Self>, count: u64) -> Reading {
        let state = self.lock();
        let offset = state.ring.before_last(count);
        Reading::new(self, &state, offset, None)
    }

    pub(super) fn idle_since(&self) -> Instant {
        self.lock().used
    }
}

/// One reader: a place in the channel's history.
pub(crate) struct Reading {
    channel: Arc<Channel>,
    /// Of the publication that was read last.
    offset: u64,
    epoch: u32,
    /// What is to be told before anything else. Hardly anybody has one.
    gap: Option<Box<Gap>>,
}

impl Reading {
    fn new(channel: &Arc<Channel>, state: &MutexGuard<'_, State>, offset: u64, gap: Option<Gap>) -> Self {
        // Under the channel's lock: whoever publishes next finds a reader.
        channel.readers.fetch_add(1, Ordering::Relaxed);
        let epoch = state.ring.end().epoch;
        Self { channel: channel.clone(), offset, epoch, gap: gap.map(Box::new) }
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// Where this reader stands.
    pub(crate) fn position(&self) -> Position {
        Position { epoch: self.epoch, offset: self.offset }
    }

    /// Ready when something has come since this was called. Ask for it before [`take`](Self::take), which may find
    /// nothing.
    pub(crate) fn news(&self) -> OwnedNotified {
        self.channel.news.clone().notified_owned()
    }

    /// What comes next, up to `max_bytes`, one publication in any case; the reader stands behind it then.
    pub(crate) fn take(&mut self, form: Form, max_bytes: usize) -> Found {
        if let Some(gap) = self.gap.take() {
            return Found::Gap(*gap);
        }
        let found = self.channel.lock().ring.after(self.offset, form, max_bytes);
        match &found {
            Found::Batch(batch) => self.offset = batch.to,
            Found::Gap(gap) => self.offset = gap.end().offset,
            Found::Nothing => {}
        }
        found
    }

    /// Of the batch that was taken last only so many bytes went out: stands behind the publication that they end in,
    /// and gives what is left of that. What follows it is not held.
    pub(crate) fn put_back(&mut self, batch: Batch, form: Form, written: usize) -> bytes::Bytes {
        match self.channel.lock().ring.split(&batch, form, written) {
            Some((offset, rest)) => {
                self.offset = offset;
                rest
            }
            // A part of it is kept by nobody else.
            None => batch.bytes.slice(written..),
        }
    }

    /// The frames of the next WebSocket messages, at most `count`, or what was missed. Call
    /// [`sent`](Self::sent) with how many went out.
    pub(crate) fn frames(&mut self, count: usize, out: &mut Vec<Prepared>) -> Option<Gap> {
        let gap = match self.gap.take() {
            Some(gap) => Some(*gap),
            None => self.channel.lock().ring.frames_after(self.offset, count, out),
        };
        if let Some(gap) = &gap {
            self.offset = gap.end().offset;
        }
        gap
    }

    /// So many of the frames went out.
    pub(crate) fn sent(&mut self, frames: usize) {
        self.offset += frames as u64;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.channel.readers.fetch_sub(1, Ordering::Relaxed);
        self.channel.lock().used = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;

    fn channel(publications: usize) -> Arc<Channel> {
        let ring = Ring::new(7, 100, 1 << 20, Arc::new(Budget::new(1 << 20)));
        let channel = Arc::new(Channel::new(ring));
        publish(&channel, publications);
        channel
    }

    fn publish(channel: &Arc<Channel>, count: usize) {
        for _ in 0..count {
            channel.publish_with(|offset| Publication::new(offset.to_string()));
        }
    }

    fn taken(reading: &mut Reading) -> Vec<u64> {
        match reading.take(Form::Line, usize::MAX) {
            Found::Batch(batch) => {
                let text = String::from_utf8(batch.bytes.to_vec()).unwrap();
                text.lines().map(|line| line.parse().unwrap()).collect()
            }
            Found::Nothing => Vec::new(),
            Found::Gap(gap) => panic!("{gap:?}"),
        }
    }

    #[tokio::test]
    async fn history_then_what_comes() {
        let channel = channel(60);
        let mut reading = channel.read_last(50);
        publish(&channel, 1);
        assert_eq!(taken(&mut reading), (11..=61).collect::<Vec<_>>());
        assert_eq!(reading.position(), channel.end());
        let news = reading.news();
        assert!(taken(&mut reading).is_empty());
        publish(&channel, 2);
        news.await;
        assert_eq!(taken(&mut reading), [62, 63]);
    }

    #[tokio::test]
    async fn a_reader_that_falls_out_goes_on_at_the_oldest_and_is_told() {
        let channel = channel(0);
        let mut reading = channel.read_last(50);
        publish(&channel, 106);
        let gap = Gap::Counted { epoch: 7, from: 1, to: 6 };
        assert_eq!(reading.take(Form::Event, 100), Found::Gap(gap));
        assert_eq!(taken(&mut reading).len(), 100);
        let mut late = channel.read_last(50);
        publish(&channel, 51);
        assert_eq!(late.frames(10, &mut Vec::new()), Some(Gap::Counted { epoch: 7, from: 57, to: 57 }));
        let mut frames = Vec::new();
        assert_eq!(late.frames(10, &mut frames), None);
        late.sent(3);
        assert_eq!((frames.len(), late.position().offset), (10, 60));
    }

    #[tokio::test]
    async fn a_position_of_another_history_is_a_gap_of_unknown_size() {
        let channel = channel(3);
        let was = Position { epoch: 8, offset: 2 };
        let mut reading = channel.read_after(was);
        let gap = Gap::Unknown { was, to: Position { epoch: 7, offset: 0 } };
        assert_eq!(reading.take(Form::Record, 100), Found::Gap(gap));
        assert_eq!(taken(&mut reading), [1, 2, 3]);
    }

    #[tokio::test]
    async fn nothing_is_held_of_what_did_not_go_out() {
        let channel = channel(3);
        let mut reading = channel.read_last(3);
        let Found::Batch(batch) = reading.take(Form::Line, 100) else { panic!("there are three") };
        assert_eq!(reading.put_back(batch, Form::Line, 3), "\n");
        assert_eq!(taken(&mut reading), [3]);
    }
}
