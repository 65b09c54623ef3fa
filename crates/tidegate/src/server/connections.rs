//! The connections of a server: counted, limited, and closed together.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tidegate_proto::websocket::CloseCode;
use tidegate_proto::websocket::handshake::Refusal;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::places::Places;
use crate::websocket::{CloseOptions, Shared};

/// The connections of one server, whatever [`Acceptor`](crate::Acceptor)s opened them. Cheap to clone; clones are
/// the same connections.
///
/// Every acceptor has one of its own, which its clones share; [`Acceptor::connections`](crate::Acceptor::connections)
/// makes several acceptors share one. The limits of the acceptors hold for all that are counted here. A connection
/// counts from the judgement of its request until its transport is dropped, and costs some 100 bytes here.
#[derive(Clone, Default)]
pub struct Connections {
    registry: Arc<Registry>,
}

/// What became of the connections that a shutdown found open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Closed cleanly: all that was written was sent, and the peer answered the Close.
    pub closed: usize,
    /// Ended in any other way: cut off at the deadline, or lost before.
    pub cut_off: usize,
}

/// How many connections there may be.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) total: usize,
    pub(super) per_ip: usize,
}

/// A place among the connections, free again when this is dropped.
pub(super) struct Slot {
    registry: Arc<Registry>,
    key: usize,
}

#[derive(Default)]
struct Registry {
    table: Mutex<Table>,
    going_away: CancellationToken,
    /// Told of every place that becomes free while the server goes away.
    left: Notify,
}

#[derive(Default)]
struct Table {
    is_going_away: bool,
    places: Places<Place>,
    per_ip: HashMap<IpAddr, usize>,
    /// Those that left while the server goes away: how they ended is to be told.
    left: Vec<Arc<Shared>>,
    /// How many of them nobody can tell it of.
    lost: usize,
}

struct Place {
    ip: Option<IpAddr>,
    /// Absent until the connection is open.
    open: Option<Weak<Shared>>,
}

/// What a client that finds no place is told to wait, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// How long the drivers have to tell how connections ended whose transport is gone: a matter of being polled.
const LAST_WORD: Duration = Duration::from_secs(1);

impl Connections {
    /// No connection yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are now, those included whose opening handshake is being judged or answered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.registry.lock().places.len()
    }

    /// Ends the service: from now on every request is refused with 503, and every open connection gets a Close with
    /// 1001 behind what was written. Waits until all have ended, at most for `drain`, and drops the rest.
    ///
    /// A handler sees the end as ever: what the peer sent before its Close can be read, then `read` gives `None`; a
    /// `write` fails. A peer that does not answer the Close is given up after
    /// [`Config::close_timeout`](crate::Config::close_timeout), 10 s by default, even if `drain` is longer.
    ///
    /// There is no way back: a server that starts anew takes new `Connections`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops no connection: all have been asked to close. It may be called again, and then counts
    /// what it would have counted.
    pub async fn shut_down(&self, drain: Duration) -> Drained {
        let deadline = Instant::now() + drain;
        self.registry.go_away();
        for shared in self.registry.open() {
            close(&shared);
        }
        if timeout_at(deadline, self.registry.emptied()).await.is_err() {
            for shared in self.registry.open() {
                // Frees the place, whose lock is therefore not held here.
                shared.lock().link.finish();
                shared.wake_driver();
            }
        }
        let mut uncounted = self.registry.take_left();
        let mut drained = Drained { cut_off: uncounted.lost, ..Drained::default() };
        let last_word = Instant::now() + LAST_WORD;
        for shared in &uncounted.left {
            match timeout_at(last_word, shared.ended()).await {
                Ok(ending) if ending.is_ok() => drained.closed += 1,
                Ok(_) | Err(_) => drained.cut_off += 1,
            }
        }
        uncounted.forget();
        drained
    }

    /// Resolves when the server goes away and `grace` has passed since.
    pub(super) async fn gone(&self, grace: Duration) {
        self.registry.going_away.cancelled().await;
        tokio::time::sleep(grace).await;
    }

    /// Takes a place, if there is one for this address.
    ///
    /// # Errors
    ///
    /// 503 when all are taken or the server goes away, 429 when the address has its share.
    pub(super) fn enter(&self, limits: Limits, ip: Option<IpAddr>) -> Result<Slot, Refusal> {
        let ip = ip.map(household);
        let mut table = self.registry.lock();
        if table.is_going_away {
            return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "this server is going away"));
        }
        if table.places.len() >= limits.total {
            let reason = "every connection that this server may have is taken: try again later";
            return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, reason));
        }
        if let Some(ip) = ip {
            if table.per_ip.get(&ip).is_some_and(|count| *count >= limits.per_ip) {
                let reason = "too many connections from this address";
                return Err(refusal(StatusCode::TOO_MANY_REQUESTS, reason));
            }
            *table.per_ip.entry(ip).or_default() += 1;
        }
        let key = table.places.insert(Place { ip, open: None });
        Ok(Slot { registry: self.registry.clone(), key })
    }

    /// Takes note that the connection in this place is open.
    pub(super) fn opened(&self, key: usize, shared: &Arc<Shared>) {
        let mut table = self.registry.lock();
        if let Some(place) = table.places.get_mut(key) {
            place.open = Some(Arc::downgrade(shared));
        }
        let is_going_away = table.is_going_away;
        drop(table);
        if is_going_away {
            close(shared);
        }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic under this lock is a bug of ours, but every step leaves the table usable.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_away(&self) {
        self.lock().is_going_away = true;
        self.going_away.cancel();
    }

    /// The connections that are open. They are locked without this table: they take its lock when they leave.
    fn open(&self) -> Vec<Arc<Shared>> {
        let table = self.lock();
        table.places.iter().filter_map(|place| place.open.as_ref()?.upgrade()).collect()
    }

    fn take_left(&self) -> Uncounted<'_> {
        let mut table = self.lock();
        let (left, lost) = (std::mem::take(&mut table.left), std::mem::take(&mut table.lost));
        Uncounted { registry: self, left, lost }
    }

    async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            if self.lock().places.is_empty() {
                return;
            }
            left.await;
        }
    }
}

/// Connections that are being counted; what is left of them when this is dropped is counted by the next shutdown.
struct Uncounted<'a> {
    registry: &'a Registry,
    left: Vec<Arc<Shared>>,
    lost: usize,
}

impl Uncounted<'_> {
    /// All were counted.
    fn forget(&mut self) {
        self.left.clear();
        self.lost = 0;
    }
}

impl Drop for Uncounted<'_> {
    fn drop(&mut self) {
        let mut table = self.registry.lock();
        table.left.append(&mut self.left);
        table.lost += self.lost;
    }
}

impl Table {
    fn leave(&mut self, key: usize) {
        let Some(place) = self.places.remove(key) else { return };
        if let Some(ip) = place.ip
            && let Some(count) = self.per_ip.get_mut(&ip)
        {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
        if let (true, Some(open)) = (self.is_going_away, place.open) {
            match open.upgrade() {
                Some(shared) => self.left.push(shared),
                None => self.lost += 1,
            }
        }
    }
}

impl Slot {
    pub(super) fn key(&self) -> usize {
        self.key
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.registry.lock();
        table.leave(self.key);
        if table.is_going_away {
            drop(table);
            self.registry.left.notify_waiters();
        }
    }
}

fn close(shared: &Shared) {
    let options = CloseOptions { close_code: Some(CloseCode::GOING_AWAY), reason: "going away".into() };
    // This code and reason may always be sent.
    let _ = shared.close(&options);
}

fn refusal(status: StatusCode, reason: &str) -> Refusal {
    Refusal::new(status, reason).header(RETRY_AFTER, RETRY_AFTER_SECONDS)
}

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that a household is given.
fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("count", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(connections: &Connections, ip: &str) -> Result<Slot, StatusCode> {
        let limits = Limits { total: 3, per_ip: 2 };
        connections.enter(limits, Some(ip.parse().unwrap())).map_err(|refusal| refusal.status())
    }

    #[test]
    fn a_household_has_its_share_and_what_is_left_is_free_again() {
        let connections = Connections::new();
        let first = enter(&connections, "2001:db8::1").unwrap();
        let _second = enter(&connections, "2001:db8::2").unwrap();
        assert_eq!(enter(&connections, "2001:db8::3").err(), Some(StatusCode::TOO_MANY_REQUESTS));
        let _third = enter(&connections, "::ffff:192.0.2.1").unwrap();
        assert_eq!(enter(&connections, "192.0.2.2").err(), Some(StatusCode::SERVICE_UNAVAILABLE));
        drop(first);
        let _fourth = enter(&connections, "192.0.2.1").unwrap();
        assert_eq!(connections.count(), 3);
    }

    #[tokio::test]
    async fn nobody_enters_a_server_that_goes_away() {
        let connections = Connections::new();
        assert_eq!(connections.shut_down(Duration::from_secs(10)).await, Drained::default());
        assert_eq!(enter(&connections, "192.0.2.1").err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    }
}
