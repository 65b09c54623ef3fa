//! Tasks that do one job after the other.
//!
//! The task of an opening handshake is large and short. A fresh one for each would leave a hole of its size between what
//! stays of the connections, so that an idle connection would cost twice what it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, mpsc};

/// Gives jobs to workers that rest. When it is dropped, these end.
pub(super) struct Crew<J> {
    jobs: mpsc::Sender<J>,
    rest: Rest<J>,
}

/// Where workers wait for the next job.
pub(super) struct Rest<J>(Arc<Waiting<J>>);

struct Waiting<J> {
    /// How many wait.
    idle: AtomicUsize,
    jobs: Mutex<mpsc::Receiver<J>>,
}

/// How many may wait; those beyond end.
const MAX_IDLE: usize = 16;

impl<J> Crew<J> {
    pub(super) fn new() -> Self {
        let (give, take) = mpsc::channel(MAX_IDLE);
        let waiting = Waiting { idle: AtomicUsize::new(0), jobs: Mutex::new(take) };
        Self { jobs: give, rest: Rest(Arc::new(waiting)) }
    }

    /// Gives the job to a worker that rests. If there is none, the job comes back, for a new worker to begin with. To be
    /// called by one task only.
    pub(super) fn give(&self, job: J) -> Result<(), (J, Rest<J>)> {
        let rest = &self.rest.0;
        let is_idle = rest.idle.fetch_update(Ordering::AcqRel, Ordering::Acquire, |idle| idle.checked_sub(1));
        let job = match is_idle {
            // As many as wait fit in.
            Ok(_) => match self.jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(refused) => refused.into_inner(),
            },
            Err(_) => job,
        };
        Err((job, Rest(self.rest.0.clone())))
    }
}

impl<J> Rest<J> {
    /// The next job of a worker that has done one; none when enough others wait, or there will be no more.
    pub(super) async fn next(&self) -> Option<J> {
        let more = |idle: usize| (idle < MAX_IDLE).then_some(idle + 1);
        self.0.idle.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        self.0.jobs.lock().await.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_rests_gets_the_next_job() {
        let crew = Crew::new();
        let Err((job, rest)) = crew.give(1) else { panic!("nobody rests yet") };
        assert_eq!(job, 1);
        let worker = tokio::spawn(async move { (rest.next().await, rest.next().await) });
        while crew.give(2).is_err() {
            tokio::task::yield_now().await;
        }
        while crew.give(3).is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(worker.await.unwrap(), (Some(2), Some(3)));
        assert!(crew.give(4).is_err(), "it has gone");
    }

    #[tokio::test]
    async fn no_more_rest_than_may_and_all_end_with_the_crew() {
        let crew = Crew::<u8>::new();
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..=MAX_IDLE {
            let Err((_, rest)) = crew.give(0) else { panic!("nobody rests yet") };
            workers.spawn(async move { rest.next().await });
        }
        assert_eq!(workers.join_next().await.unwrap().unwrap(), None, "one too many");
        assert_eq!(workers.len(), MAX_IDLE);
        drop(crew);
        assert!(workers.join_all().await.iter().all(Option::is_none));
    }
}
