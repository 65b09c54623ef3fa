//! Tasks that serve one connection after the other.
//!
//! A WebSocket leaves the task that read its request for one of its own. glibc cannot give memory that was aligned as
//! tokio's tasks are to the next task of that kind, so a fresh one for each connection would leave a hole of its size
//! between what stays.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::client::Client;

/// Gives clients to workers that rest. When it is dropped, these end.
pub(super) struct Crew<J = Client> {
    resting: Mutex<Vec<oneshot::Sender<J>>>,
}

/// How many may rest; those beyond end.
const MAX_RESTING: usize = 16;

impl<J> Crew<J> {
    pub(super) fn new() -> Self {
        Self { resting: Mutex::default() }
    }

    /// Gives the job to a worker that rests. If there is none, it comes back, for a new worker to begin with.
    pub(super) fn give(&self, mut job: J) -> Result<(), J> {
        loop {
            let Some(worker) = self.lock().pop() else { return Err(job) };
            match worker.send(job) {
                Ok(()) => return Ok(()),
                // It has ended with its runtime.
                Err(refused) => job = refused,
            }
        }
    }

    /// Where the next job of a worker comes that has done one; none when enough others rest.
    pub(super) fn rest(&self) -> Option<oneshot::Receiver<J>> {
        let mut resting = self.lock();
        (resting.len() < MAX_RESTING).then(|| {
            let (give, take) = oneshot::channel();
            resting.push(give);
            take
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<oneshot::Sender<J>>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_rests_gets_the_next_job_and_all_end_with_the_crew() {
        let crew = Crew::new();
        assert_eq!(crew.give(1), Err(1), "nobody rests yet");
        let (gone, worker) = (crew.rest().unwrap(), crew.rest().unwrap());
        assert_eq!(crew.give(2), Ok(()));
        assert_eq!(worker.await, Ok(2));
        drop(gone);
        assert_eq!(crew.give(3), Err(3), "who has gone does nothing");
        let resting: Vec<_> = (0..MAX_RESTING).map(|_| crew.rest().unwrap()).collect();
        assert!(crew.rest().is_none(), "one too many");
        drop(crew);
        for worker in resting {
            assert!(worker.await.is_err());
        }
    }
}
