//! Where a future is dropped.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// A place to drop a future: after so many polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) polls: usize,
    pub(crate) moment: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Right after it said that it waits.
    Waiting,
    /// When it was woken, before it is polled again: the wake-up has gone to it, and to nobody else.
    Woken,
}

pub(crate) const MOMENTS: [Moment; 2] = [Moment::Waiting, Moment::Woken];

impl Cut {
    /// What `future` comes to, or `None` if it was dropped here. It must be the only thing that its task waits for.
    pub(crate) async fn run<F: Future>(self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut polls = 0;
        poll_fn(|cx| {
            if polls == self.polls {
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            polls += 1;
            match self.moment {
                Moment::Waiting if polls == self.polls => Poll::Ready(None),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

/// Runs `case` with every place to drop a future, until it says that the future was done before that. There must be
/// at least `least` such places, or the case does not show what it should.
pub(crate) async fn at_every_await(least: usize, mut case: impl AsyncFnMut(Cut) -> bool) {
    for moment in MOMENTS {
        let mut polls = 0;
        while !case(Cut { polls, moment }).await {
            polls += 1;
            assert!(polls < 10_000, "it is never done");
        }
        assert!(polls >= least, "{moment:?}: done after {polls} polls, so dropping it shows little");
    }
}

/// Runs a test under a clock that turns by itself.
pub(crate) fn paused(test: impl Future<Output = ()>) {
    run(true, test);
}

/// Runs a test that needs the system's sockets, and so its clock.
pub(crate) fn unpaused(test: impl Future<Output = ()>) {
    run(false, test);
}

/// The test is looked at after every step of another task. By tokio's default that is after 61, in which those would
/// do everything, and a future of the test would wait once.
fn run(start_paused: bool, test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(start_paused).event_interval(1).build();
    runtime.unwrap().block_on(test);
}
