//! A session from its first attachment to its end: carried, lost, attached anew, and by something better when that
//! works again.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::backoff::{Backoff, jitter};
use super::choose::{Nothing, choose};
use super::ended::Ended;
use super::held::Held;
use super::post::{farewell, post_all};
use super::trip::Trip;
use crate::session::Transport;
use crate::websocket::NotResumed;

/// How long a session is carried on when the conversation on top is over, so that the server gets its last frames: at
/// least, and at most. Between them it is as long as the server keeps it, since nothing may carry it just then.
const FAREWELL: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(300);

/// How long something better may take to attach, while something worse works.
const CLIMB_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest time between two looks for something better, in units of the first.
const MAX_CLIMB_FACTOR: u32 = 20;

/// An attachment that lasted so long has worked, whether frames came or not.
const LASTING: Duration = Duration::from_secs(5);

/// Carries the session until it is over or lost, or nobody wants it.
///
/// # Cancellation
///
/// Dropping the future ends its attachment; the server waits for it for a while.
pub(super) async fn conduct(trip: &Trip, order: &[Transport], first: Held) {
    let core = &trip.core;
    let unwanted = async {
        core.left().await;
        let last_words = async {
            core.drained().await;
            core.over().await;
        };
        let time = core.keep().clamp(*FAREWELL.start(), *FAREWELL.end());
        let _ = tokio::time::timeout(time, last_words).await;
    };
    let last = tokio::select! {
        last = Attachments::new(trip, order).keep(first) => last,
        lost = post_all(trip) => {
            core.fail(lost);
            None
        }
        limit = core.doomed() => {
            core.fail(NotResumed::BudgetExhausted(limit));
            None
        }
        () = unwanted => None,
    };
    // A WebSocket is closed by the server in the end, and needs no more words.
    if last.is_some_and(|transport| transport != Transport::WebSocket) {
        farewell(trip).await;
    }
}

/// One attachment after the other.
struct Attachments<'a> {
    trip: &'a Trip,
    /// What may be used, best first.
    order: &'a [Transport],
    backoff: Backoff,
    /// When to look for something better, and how long to wait after that.
    climb_at: Instant,
    climb_in: Duration,
}

impl<'a> Attachments<'a> {
    fn new(trip: &'a Trip, order: &'a [Transport]) -> Self {
        let climb_in = trip.pace.climb;
        Self { trip, order, backoff: Backoff::new(), climb_at: Instant::now() + climb_in, climb_in }
    }

    /// Tells what carried the session when it was over; `None` when it failed.
    async fn keep(mut self, first: Held) -> Option<Transport> {
        let core = &self.trip.core;
        let mut held = first;
        loop {
            let (attached_at, before) = (Instant::now(), core.progress());
            let transport = held.transport;
            core.carried_by(transport);
            let ended = match self.carry_or_climb(held).await {
                Next::Climbed(better) => {
                    held = better;
                    continue;
                }
                Next::Ended(ended) => ended,
            };
            core.dropped();
            if core.progress() != before || attached_at.elapsed() > LASTING {
                self.backoff.reset();
            }
            let is_first = self.backoff.is_fresh();
            let at_once = ended.has_taken_time() || (is_first && ended.asks_back_at_once());
            match ended {
                Ended::Over => {
                    core.settle();
                    return Some(transport);
                }
                Ended::Lost(lost) => {
                    core.fail(lost);
                    return None;
                }
                Ended::ComeAgain | Ended::Newer | Ended::Broke(_) => {}
            }
            match self.come_again(transport, at_once).await {
                Ok(again) => held = again,
                Err(lost) => {
                    core.fail(lost);
                    return None;
                }
            }
        }
    }

    /// Carries until that ends, and meanwhile tries what is better from time to time.
    async fn carry_or_climb(&mut self, mut held: Held) -> Next {
        let trip = self.trip;
        let place = self.order.iter().position(|one| *one == held.transport).unwrap_or_default();
        let better = &self.order[..place];
        let mut carry = std::pin::pin!(held.carry(trip));
        loop {
            tokio::select! {
                ended = &mut carry => return Next::Ended(ended),
                () = sleep_until(self.climb_at), if !better.is_empty() => {}
            }
            let mut climb = std::pin::pin!(timeout_at(Instant::now() + CLIMB_TIMEOUT, choose(trip, better)));
            tokio::select! {
                climbed = &mut climb => if let Ok(Ok(better)) = climbed {
                    self.climbed();
                    return Next::Climbed(better);
                },
                ended = &mut carry => {
                    // It may have been ended by what is better, which the server has seen before it is known here.
                    if matches!(ended, Ended::Newer)
                        && let Ok(Ok(better)) = climb.await
                    {
                        self.climbed();
                        return Next::Climbed(better);
                    }
                    self.slipped();
                    return Next::Ended(ended);
                }
            }
            self.slipped();
        }
    }

    fn climbed(&mut self) {
        self.climb_in = self.trip.pace.climb;
        self.climb_at = Instant::now() + self.climb_in;
    }

    fn slipped(&mut self) {
        let longest = self.trip.pace.climb * MAX_CLIMB_FACTOR;
        self.climb_at = Instant::now() + self.climb_in / 2 + jitter(self.climb_in);
        self.climb_in = (self.climb_in * 2).min(longest);
    }

    /// Attaches anew, beginning with what worked last, until the server has forgotten the session.
    async fn come_again(&mut self, worked: Transport, mut at_once: bool) -> Result<Held, NotResumed> {
        let keep = self.trip.core.keep();
        let give_up_at = Instant::now() + keep;
        let others = self.order.iter().copied().filter(|transport| *transport != worked);
        let order: Vec<Transport> = std::iter::once(worked).chain(others).collect();
        loop {
            let pause = self.backoff.next();
            if !at_once {
                sleep(pause.min(give_up_at.saturating_duration_since(Instant::now()))).await;
            }
            match timeout_at(give_up_at, choose(self.trip, &order)).await {
                Ok(Ok(held)) => return Ok(held),
                Ok(Err(Nothing::Lost(lost))) => return Err(lost),
                Ok(Err(nothing)) if Instant::now() < give_up_at => at_once = nothing.has_taken_time(),
                Ok(Err(_)) | Err(_) => return Err(NotResumed::Expired(keep)),
            }
        }
    }
}

/// What became of an attachment.
enum Next {
    /// Another, better one has taken its place.
    Climbed(Held),
    Ended(Ended),
}
