//! A network in virtual time that delays, loses, repeats, cuts and freezes what goes between a client and its server.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::random::Random;

/// What is to happen, in the order of time; at one time in the order of being planned.
pub(crate) struct Schedule<E> {
    now: u64,
    planned: u64,
    queue: BinaryHeap<Reverse<Planned<E>>>,
}

struct Planned<E> {
    at: (u64, u64),
    event: E,
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<E> Eq for Planned<E> {}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Planned<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl<E> Schedule<E> {
    pub(crate) fn new() -> Self {
        Self { now: 0, planned: 0, queue: BinaryHeap::new() }
    }

    /// Milliseconds since the beginning.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn at(&mut self, time: u64, event: E) {
        self.planned += 1;
        self.queue.push(Reverse(Planned { at: (time.max(self.now), self.planned), event }));
    }

    pub(crate) fn after(&mut self, delay: u64, event: E) {
        self.at(self.now + delay, event);
    }

    pub(crate) fn next(&mut self) -> Option<E> {
        let Reverse(Planned { at, event }) = self.queue.pop()?;
        self.now = at.0;
        Some(event)
    }
}

/// How bad a network is.
#[derive(Debug)]
pub(crate) struct Weather {
    pub(crate) max_delay: u64,
    /// One request or answer in so many is lost, 0 for none.
    pub(crate) loses: u64,
    /// One request in so many arrives twice.
    pub(crate) repeats: u64,
    /// One piece in so many is the last that comes through, in part.
    pub(crate) cuts: u64,
    /// One broken pipe in so many is noticed by nobody.
    pub(crate) freezes: u64,
    /// One event in so many finds the server asleep for a while.
    pub(crate) pauses: u64,
}

impl Weather {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut some = |mild: u64| if random.one_in(3) { 0 } else { 2 + random.below(mild) };
        let (loses, repeats, cuts, freezes, pauses) = (some(30), some(20), some(40), some(6), some(400));
        Self { max_delay: 1 + random.below(2) * random.below(3000), loses, repeats, cuts, freezes, pauses }
    }

    /// No trouble at all, so that a conversation can end.
    pub(crate) fn clear(&mut self) {
        *self = Self { max_delay: 1, loses: 0, repeats: 0, cuts: 0, freezes: 0, pauses: 0 };
    }
}
