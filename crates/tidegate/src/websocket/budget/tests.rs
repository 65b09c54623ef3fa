use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::time::Instant;

use super::pool::GRANT_BYTES;
use super::share::FLOOR_BYTES;
use super::{Budget, Share};

const KIB: usize = 1024;

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A connection that is nothing but what it holds.
struct Holder {
    share: Share,
    held: usize,
    calls: Arc<Calls>,
}

impl Holder {
    fn new(budget: &Budget) -> Self {
        Self { share: budget.share(), held: 0, calls: Arc::default() }
    }

    fn hold(&mut self, held: usize) {
        let waker = Waker::from(self.calls.clone());
        self.held = held;
        self.share.settle(held, &Context::from_waker(&waker));
    }

    /// Reads as a link does: at most a read buffer, as much as there is room for. Whether it could.
    fn read(&mut self) -> bool {
        let waker = Waker::from(self.calls.clone());
        match self.share.poll_room(self.held, &mut Context::from_waker(&waker)) {
            Poll::Ready(room) => {
                self.hold(self.held + room.min(GRANT_BYTES));
                true
            }
            Poll::Pending => false,
        }
    }

    fn calls(&self) -> usize {
        self.calls.0.load(Ordering::SeqCst)
    }
}

/// A budget of 1 MiB of which everything up to the mark is held, by one.
fn pressed() -> (Budget, Holder) {
    let budget = Budget::with_patience(1024 * KIB, Duration::from_secs(10));
    let mut big = Holder::new(&budget);
    big.hold(FLOOR_BYTES + 768 * KIB);
    assert_eq!(budget.used(), 768 * KIB);
    (budget, big)
}

#[test]
fn the_floor_is_free_and_beyond_it_steps_are_counted() {
    let budget = Budget::new(0);
    assert_eq!(budget.limit(), 1024 * KIB);
    let mut holder = Holder::new(&budget);
    holder.hold(FLOOR_BYTES);
    assert_eq!((budget.used(), holder.share.is_open()), (0, false));
    holder.hold(FLOOR_BYTES + 1);
    assert_eq!(budget.used(), 4 * KIB);
    // What goes up and down is not booked back and forth.
    holder.hold(FLOOR_BYTES + 60 * KIB);
    holder.hold(FLOOR_BYTES + 10 * KIB);
    assert_eq!(budget.used(), 60 * KIB);
    assert!(holder.share.look(holder.held, Instant::now()));
    assert_eq!(budget.used(), 12 * KIB);
    holder.hold(0);
    assert_eq!(budget.used(), 0);
    assert!(!holder.share.look(0, Instant::now()), "an idle connection has no account");
    assert!(!holder.share.is_open());
}

#[test]
fn under_pressure_a_connection_goes_on_up_to_the_floor() {
    let (budget, _big) = pressed();
    let mut small = Holder::new(&budget);
    small.hold(FLOOR_BYTES - 100);
    assert!(small.read());
    assert_eq!(small.held, FLOOR_BYTES);
    assert!((0..100).all(|_| small.held == FLOOR_BYTES && {
        small.hold(1);
        small.read()
    }));
    assert_eq!(budget.used(), 768 * KIB);
}

#[test]
fn room_is_given_in_turn_and_only_who_gets_it_is_woken() {
    let (budget, mut big) = pressed();
    let mut waiting: Vec<_> = (0..5).map(|_| Holder::new(&budget)).collect();
    for holder in &mut waiting {
        holder.hold(FLOOR_BYTES);
    }
    // The first one is admitted beyond the mark, and all of the others wait.
    let went_on: Vec<_> = waiting.iter_mut().map(Holder::read).collect();
    assert_eq!(went_on, [true, false, false, false, false]);
    assert_eq!(budget.waiting(), 4);
    let before: Vec<_> = waiting.iter().map(Holder::calls).collect();
    big.hold(FLOOR_BYTES + 768 * KIB - 3 * GRANT_BYTES - 4 * KIB);
    let woken: Vec<_> = waiting.iter().zip(before).map(|(holder, before)| holder.calls() - before).collect();
    assert_eq!(woken, [0, 1, 1, 0, 0], "room for three, one of which the admitted one has already");
    let went_on: Vec<_> = waiting.iter_mut().skip(1).map(Holder::read).collect();
    assert_eq!(went_on, [true, true, false, false]);
    // Newcomers do not overtake.
    let mut late = Holder::new(&budget);
    late.hold(FLOOR_BYTES);
    assert!(!late.read());
    drop(big);
    assert_eq!(budget.waiting(), 0);
    assert!(waiting.iter_mut().all(Holder::read) && late.read());
    drop((waiting, late));
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_admitted_one_finishes_and_then_it_is_the_next_ones_turn() {
    let (budget, _big) = pressed();
    let mut first = Holder::new(&budget);
    let mut second = Holder::new(&budget);
    first.hold(FLOOR_BYTES);
    second.hold(FLOOR_BYTES);
    for _ in 0..3 {
        assert!(first.read());
        assert!(!second.read());
    }
    let woken = second.calls();
    first.hold(0);
    assert!(second.calls() > woken && second.read());
    assert_eq!(budget.stats().failed, 0);
}

#[test]
fn an_admitted_one_that_stands_still_loses_its_turn_and_one_that_leaves_passes_it_on() {
    let (budget, _big) = pressed();
    let mut holders: Vec<_> = (0..3).map(|_| Holder::new(&budget)).collect();
    let went_on: Vec<_> = holders
        .iter_mut()
        .map(|holder| {
            holder.hold(FLOOR_BYTES);
            holder.read()
        })
        .collect();
    assert_eq!(went_on, [true, false, false]);
    let mut now = Instant::now();
    let mut waits = 0;
    while !holders[1].read() {
        let held = holders[2].held;
        assert!(holders[2].share.look(held, now));
        now += Duration::from_millis(300);
        waits += 1;
    }
    assert!(waits > 3, "not before its time");
    assert!(!holders[2].read());
    drop(holders.remove(1));
    assert!(holders[1].read());
}

#[test]
fn at_the_limit_the_holder_of_the_most_fails_once_nobody_has_gone_on_for_long() {
    let (budget, big) = pressed();
    let mut holder = Holder::new(&budget);
    holder.hold(FLOOR_BYTES);
    while holder.read() {}
    assert!(budget.used() + GRANT_BYTES > budget.limit() && budget.used() <= budget.limit());
    let start = Instant::now();
    let look =
        |holder: &mut Holder, seconds| holder.share.look(holder.held, start + Duration::from_secs(seconds));
    for second in 0..10 {
        assert!(look(&mut holder, second));
        assert!(!big.share.is_doomed());
    }
    // A connection that fell asleep proves nothing.
    assert!(look(&mut holder, 3600));
    assert!(!big.share.is_doomed());
    for second in 3601..3610 {
        assert!(look(&mut holder, second));
        assert!(!big.share.is_doomed());
    }
    let woken = big.calls();
    assert!(look(&mut holder, 3610));
    assert!(big.share.is_doomed() && !holder.share.is_doomed());
    assert_eq!((big.calls() - woken, budget.stats().failed), (1, 1));
    drop(big);
    assert!(holder.read());
}

/// The books agree with what is held, whatever happens, and nobody waits while there is room.
#[test]
fn the_books_are_right_after_any_course_of_events() {
    let budget = Budget::new(1024 * KIB);
    let mut holders: Vec<_> = (0..20).map(|_| Holder::new(&budget)).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut now = Instant::now();
    let mut most = 0;
    for step in 0..100_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let which = (state >> 32) as usize % holders.len();
        let holder = &mut holders[which];
        match state % 16 {
            0 => *holder = Holder::new(&budget),
            1 | 2 => holder.hold(0),
            3 => holder.hold(holder.held / 2),
            4 => {
                holder.share.look(holder.held, now);
                now += Duration::from_millis(100);
            }
            5 if holder.share.is_doomed() => *holder = Holder::new(&budget),
            _ => {
                holder.read();
            }
        }
        let held: usize = holders.iter().map(|holder| holder.held.saturating_sub(FLOOR_BYTES)).sum();
        assert!(budget.used() >= held, "step {step}: {held} held, {} counted", budget.used());
        assert!(budget.used() <= budget.limit(), "step {step}");
        assert!(budget.waiting() == 0 || budget.used() + GRANT_BYTES > budget.stats().mark, "step {step}");
        most = most.max(budget.waiting());
    }
    assert!(most > 5, "nobody ever waited");
    drop(holders);
    assert_eq!((budget.used(), budget.waiting()), (0, 0));
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Threads that sleep until they are woken, and want more together than there is: a wake-up that is lost, or a place
/// beyond the mark that nobody gets, would leave them asleep for ever.
#[test]
fn no_wake_up_is_lost_between_threads() {
    let budget = Budget::new(8192 * KIB);
    let waits = AtomicUsize::new(0);
    thread::scope(|scope| {
        for index in 0..16 {
            let (budget, waits) = (&budget, &waits);
            scope.spawn(move || {
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                let mut cx = Context::from_waker(&waker);
                for round in 0..50 {
                    let mut share = budget.share();
                    let (mut held, most) = (0, FLOOR_BYTES + (880 + index) * KIB);
                    while held < most {
                        match share.poll_room(held, &mut cx) {
                            Poll::Ready(room) => held += room.min(GRANT_BYTES),
                            Poll::Pending => {
                                waits.fetch_add(1, Ordering::Relaxed);
                                thread::park();
                            }
                        }
                        // So that they are at it all at the same time, on few cores too.
                        thread::sleep(Duration::from_micros(20));
                        share.settle(held, &cx);
                        assert!(budget.used() <= budget.limit());
                    }
                    // Half of them finish, half of them vanish.
                    if round % 2 == 0 {
                        share.settle(0, &cx);
                    }
                }
            });
        }
    });
    assert!(waits.into_inner() > 100, "hardly anybody waited");
    let stats = budget.stats();
    assert_eq!((stats.used, stats.waiting, stats.failed), (0, 0, 0));
    assert_eq!(Some(stats.mark), budget.limit().checked_mul(3).map(|thrice| thrice / 4));
}
