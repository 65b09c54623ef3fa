//! The POSTs of a session: one in flight.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long the body of a POST may be silent before a newer one may take its place.
const SILENCE: Duration = Duration::from_secs(1);

/// The one POST that is in flight, if any.
#[derive(Debug, Default)]
pub(super) struct Uplink {
    state: Mutex<State>,
    /// Told when a POST has lost its place.
    displaced: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How many there have been: the newest has this number.
    count: u64,
    in_flight: Option<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    /// When something of its body has come.
    heard_at: Instant,
    is_whole: bool,
}

impl Uplink {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every step leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a POST and gives its number; `None` while another is in flight, but one whose body does not come: that
    /// loses its place. Its client has likely given it up, or lost it with its network.
    pub(super) fn begin(&self) -> Option<u64> {
        let mut state = self.lock();
        let is_free = state
            .in_flight
            .as_ref()
            .is_none_or(|older| !older.is_whole && older.heard_at.elapsed() >= SILENCE);
        if !is_free {
            return None;
        }
        state.count += 1;
        state.in_flight = Some(InFlight { heard_at: Instant::now(), is_whole: false });
        let number = state.count;
        drop(state);
        self.displaced.notify_waiters();
        Some(number)
    }

    /// Something of its body has come, or all of it.
    pub(super) fn heard(&self, number: u64, is_whole: bool) {
        let mut state = self.lock();
        if state.count == number
            && let Some(in_flight) = &mut state.in_flight
        {
            *in_flight = InFlight { heard_at: Instant::now(), is_whole };
        }
    }

    /// Waits until a newer one has taken the place of this one.
    pub(super) async fn displaced(&self, number: u64) {
        loop {
            let displaced = self.displaced.notified();
            if self.lock().count != number {
                return;
            }
            displaced.await;
        }
    }

    pub(super) fn end(&self, number: u64) {
        let mut state = self.lock();
        if state.count == number {
            state.in_flight = None;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_post_takes_the_place_of_a_silent_one_alone() {
    let uplink = Uplink::default();
    let first = uplink.begin().expect("the first");
    tokio::time::advance(SILENCE / 2).await;
    uplink.heard(first, false);
    tokio::time::advance(SILENCE / 2).await;
    assert_eq!(uplink.begin(), None, "its body comes");
    tokio::time::advance(SILENCE / 2).await;
    let second = uplink.begin().expect("the first is silent");
    uplink.displaced(first).await;
    // It means nothing any more.
    uplink.heard(first, true);
    uplink.end(first);
    assert_eq!(uplink.begin(), None);
    uplink.heard(second, true);
    tokio::time::advance(10 * SILENCE).await;
    assert_eq!(uplink.begin(), None, "it waits for room");
    uplink.end(second);
    assert!(uplink.begin().is_some());
}
