//! Who is there.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep};

use super::person::{Person, Via};

/// Everybody who takes part. Whoever holds a connection is there as long as it stands; whoever polls, until it should
/// have polled again.
#[derive(Default)]
pub(super) struct Presence {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// In the order in which they came.
    guests: Vec<Guest>,
    /// How many changes there were.
    version: u64,
}

struct Guest {
    person: Person,
    /// How many connections it holds.
    holds: usize,
    /// Until when it counts without one.
    until: Instant,
}

/// Who is there, as all are told.
#[derive(Serialize)]
struct Told {
    online: usize,
    participants: Vec<Participant>,
}

#[derive(Serialize)]
struct Participant {
    name: String,
    via: Via,
}

/// The most that are counted, and the most that are named.
const MAX_GUESTS: usize = 4096;
const MAX_NAMED: usize = 50;

impl Via {
    /// How long somebody counts as present after its last answer.
    fn linger(self) -> Duration {
        Duration::from_secs(match self {
            // It asks again at once, or after a second when something was wrong.
            Self::LongPoll => 5,
            // It asks every ten seconds.
            Self::Poll => 25,
            _ => 0,
        })
    }
}

impl Presence {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every step under this lock leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(self: &Arc<Self>, person: Person) -> Present {
        let (id, via) = (person.id, person.via);
        let now = Instant::now();
        self.change(|state| {
            let was_swept = state.sweep(now);
            if let Some(guest) = state.guest(id) {
                guest.holds += 1;
                let is_new = guest.person.via != via;
                guest.person.via = via;
                return is_new | was_swept;
            }
            let is_counted = state.guests.len() < MAX_GUESTS;
            if is_counted {
                state.guests.push(Guest { person, holds: 1, until: now });
            }
            is_counted | was_swept
        });
        Present { presence: self.clone(), id, via }
    }

    fn leave(&self, id: u32, via: Via) {
        let now = Instant::now();
        self.change(|state| {
            if let Some(guest) = state.guest(id) {
                guest.holds -= 1;
                guest.until = now + via.linger();
            }
            state.sweep(now)
        });
    }

    pub(super) fn rename(&self, id: u32, name: &str) {
        self.change(|state| {
            let Some(guest) = state.guest(id) else { return false };
            let is_new = guest.person.name.as_deref() != Some(name) && guest.person.called() != name;
            if is_new {
                guest.person.name = Some(name.to_owned());
            }
            is_new
        });
    }

    pub(super) fn recognize(&self, stranger: Person) -> Person {
        let mut state = self.lock();
        let Some(guest) = state.guest(stranger.id) else { return stranger };
        let known = guest.person.clone();
        Person { name: stranger.name.or(known.name), ..known }
    }

    pub(super) fn to_json(&self) -> String {
        self.change(|state| state.sweep(Instant::now()));
        self.lock().to_json()
    }

    /// Tells those who listen, if anything has changed.
    fn change(&self, change: impl FnOnce(&mut State) -> bool) {
        let mut state = self.lock();
        let has_changed = change(&mut state);
        state.version += u64::from(has_changed);
        drop(state);
        if has_changed {
            self.changed.notify_waiters();
        }
    }
}

impl State {
    fn guest(&mut self, id: u32) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.person.id == id)
    }

    /// Forgets those who have not come again; tells whether there were any.
    fn sweep(&mut self, now: Instant) -> bool {
        let before = self.guests.len();
        self.guests.retain(|guest| guest.holds > 0 || guest.until > now);
        self.guests.len() < before
    }

    fn to_json(&self) -> String {
        let named = self.guests.iter().take(MAX_NAMED);
        let participants =
            named.map(|guest| Participant { name: guest.person.called(), via: guest.person.via }).collect();
        let told = Told { online: self.guests.len(), participants };
        // Strings and numbers always have a JSON form.
        serde_json::to_string(&told).unwrap_or_default()
    }
}

/// Somebody is there for as long as this lives, and a while longer if it is likely to come again.
pub(crate) struct Present {
    presence: Arc<Presence>,
    id: u32,
    via: Via,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.presence.leave(self.id, self.via);
    }
}

/// Somebody who is there, and is told who else is.
pub(crate) struct Listening {
    present: Present,
    /// The version of the state that was told last.
    told: Option<u64>,
    changed: Pin<Box<OwnedNotified>>,
    /// Those who poll go without a word, so somebody has to look.
    look: Pin<Box<Sleep>>,
}

/// How often to look for those who have not come again.
const LOOK: Duration = Duration::from_secs(5);

impl Listening {
    pub(super) fn new(present: Present) -> Self {
        let changed = Box::pin(present.presence.changed.clone().notified_owned());
        Self { present, told: None, changed, look: Box::pin(sleep(LOOK)) }
    }

    /// Whether anything was told yet.
    pub(crate) fn has_been_told(&self) -> bool {
        self.told.is_some()
    }

    /// Who is there, if that has changed since it was told; else the task is woken when it has.
    pub(crate) fn news(&mut self, cx: &mut Context<'_>) -> Option<String> {
        let presence = self.present.presence.clone();
        while self.look.as_mut().poll(cx).is_ready() {
            self.look.as_mut().reset(Instant::now() + LOOK);
            presence.change(|state| state.sweep(Instant::now()));
        }
        while let Poll::Ready(()) = self.changed.as_mut().poll(cx) {
            self.changed.set(presence.changed.clone().notified_owned());
        }
        let state = presence.lock();
        (self.told.replace(state.version) != Some(state.version)).then(|| state.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: u32, via: Via) -> Person {
        Person { id, name: None, via }
    }

    fn named(presence: &Presence) -> Vec<(String, String)> {
        let told: serde_json::Value = serde_json::from_str(&presence.to_json()).unwrap();
        let participants = told["participants"].as_array().unwrap();
        assert_eq!(told["online"], participants.len());
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        participants.iter().map(|one| (text(&one["name"]), text(&one["via"]))).collect()
    }

    fn pair(name: &str, via: &str) -> (String, String) {
        (name.to_owned(), via.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_counts_while_it_stands_and_a_poller_a_while_longer() {
        let presence = Arc::new(Presence::default());
        let socket = presence.enter(person(1, Via::WebSocket));
        drop(presence.enter(person(2, Via::Poll)));
        presence.rename(2, "Ann");
        let socket_and_poller = [pair("guest 0001", "websocket"), pair("Ann", "poll")];
        assert_eq!(named(&presence), socket_and_poller);
        tokio::time::advance(Duration::from_secs(20)).await;
        drop(presence.enter(person(2, Via::Poll)));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(named(&presence), socket_and_poller);
        drop(socket);
        assert_eq!(named(&presence), [pair("Ann", "poll")]);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(named(&presence).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_listens_is_told_of_every_change_and_of_nothing_else() {
        let presence = Arc::new(Presence::default());
        let mut listening = Listening::new(presence.enter(person(1, Via::WebSocket)));
        let online = async |listening: &mut Listening| {
            let told = std::future::poll_fn(|cx| listening.news(cx).map_or(Poll::Pending, Poll::Ready)).await;
            serde_json::from_str::<serde_json::Value>(&told).unwrap()["online"].as_u64().unwrap()
        };
        assert_eq!(online(&mut listening).await, 1);
        let waker = std::task::Waker::noop();
        assert_eq!(listening.news(&mut Context::from_waker(waker)), None);
        drop(presence.enter(person(2, Via::LongPoll)));
        assert_eq!(online(&mut listening).await, 2);
        // It does not come again, and nobody says so.
        assert_eq!(online(&mut listening).await, 1);
    }

    #[tokio::test]
    async fn who_speaks_is_known_by_its_id() {
        let presence = Arc::new(Presence::default());
        let _there = presence.enter(Person { id: 1, name: Some("Ann".into()), via: Via::EventStream });
        let known = presence.recognize(person(1, Via::Post));
        assert_eq!((known.name.as_deref(), known.via), (Some("Ann"), Via::EventStream));
        assert_eq!(presence.recognize(person(2, Via::Post)).via, Via::Post);
    }
}
