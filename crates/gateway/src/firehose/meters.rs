//! How much each hose has pushed, for those who know its id.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How many meters there are at most, those of hoses that are done included.
const MAX_METERS: usize = 256;

/// How long a meter can be read after its hose is done.
const KEPT: Duration = Duration::from_secs(30);

/// The meters of the hoses that were opened with an id.
#[derive(Default)]
pub(crate) struct Meters {
    /// In the order in which they were laid.
    laid: Mutex<VecDeque<(u128, Arc<Meter>)>>,
}

/// How much one hose has pushed: what its `write` has accepted. Of that, at most the high water mark and one message
/// wait in this process; the rest has gone to the network.
#[derive(Default)]
pub(crate) struct Meter {
    pushed: AtomicU64,
    messages: AtomicU64,
    done_at: OnceLock<Instant>,
}

/// A hose that runs; when this is dropped, it is done.
pub(crate) struct Running {
    meter: Arc<Meter>,
}

/// What a meter shows.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reading {
    pushed: u64,
    messages: u64,
    done: bool,
}

/// Why a hose cannot be laid.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LayError {
    InUse,
    Full,
}

impl Meters {
    /// A meter for a hose that is about to run. Without an id nobody can read it, and it is not kept.
    pub(crate) fn lay(&self, id: Option<u128>) -> Result<Running, LayError> {
        let running = Running { meter: Arc::default() };
        let Some(id) = id else { return Ok(running) };
        let mut laid = self.laid.lock().unwrap_or_else(PoisonError::into_inner);
        laid.retain(|(_, meter)| meter.done_at.get().is_none_or(|at| at.elapsed() < KEPT));
        if let Some(index) = laid.iter().position(|(other, _)| *other == id) {
            if !laid[index].1.is_done() {
                return Err(LayError::InUse);
            }
            laid.remove(index);
        }
        if laid.len() >= MAX_METERS {
            let done = (0..laid.len()).filter(|index| laid[*index].1.is_done());
            let oldest = done.min_by_key(|index| laid[*index].1.done_at.get()).ok_or(LayError::Full)?;
            laid.remove(oldest);
        }
        laid.push_back((id, running.meter.clone()));
        Ok(running)
    }

    pub(crate) fn read(&self, id: u128) -> Option<Reading> {
        let laid = self.laid.lock().unwrap_or_else(PoisonError::into_inner);
        laid.iter().find(|(other, _)| *other == id).map(|(_, meter)| meter.read())
    }
}

impl Meter {
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.pushed.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    fn is_done(&self) -> bool {
        self.done_at.get().is_some()
    }

    fn read(&self) -> Reading {
        // First, so that what is done is shown with all that it pushed.
        let done = self.is_done();
        Reading { pushed: self.pushed(), messages: self.messages.load(Ordering::Relaxed), done }
    }
}

impl Running {
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody else sets it.
        let _ = self.meter.done_at.set(Instant::now());
    }
}

impl Reading {
    pub(crate) fn to_json(&self) -> String {
        // Numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl std::fmt::Display for LayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InUse => "this id is in use",
            Self::Full => "too many hoses run with an id: try again later, or without one",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_read_by_its_id_while_and_after_the_hose_runs() {
        let meters = Meters::default();
        let running = meters.lay(Some(7)).ok().unwrap();
        running.meter().add(10);
        assert_eq!(meters.read(7).unwrap().to_json(), r#"{"pushed":10,"messages":1,"done":false}"#);
        drop(running);
        assert_eq!(meters.read(7), Some(Reading { pushed: 10, messages: 1, done: true }));
        assert_eq!(meters.read(8), None);
    }

    #[test]
    fn an_id_is_taken_while_its_hose_runs() {
        let meters = Meters::default();
        let running = meters.lay(Some(7)).ok().unwrap();
        assert_eq!(meters.lay(Some(7)).err(), Some(LayError::InUse));
        drop(running);
        assert!(meters.lay(Some(7)).is_ok());
    }

    #[test]
    fn the_oldest_that_is_done_makes_room_and_running_ones_do_not() {
        let meters = Meters::default();
        let mut running: Vec<_> = (0..256).map(|id| meters.lay(Some(id)).ok().unwrap()).collect();
        assert_eq!(meters.lay(Some(256)).err(), Some(LayError::Full));
        assert!(meters.lay(None).is_ok());
        drop(running.remove(9));
        drop(running.remove(3));
        running.push(meters.lay(Some(256)).ok().unwrap());
        assert_eq!((meters.read(9), meters.read(3).is_some()), (None, true));
    }
}
