//! Whose turn it is: fair between owners, and small uploads first.

use std::collections::{HashMap, VecDeque};

use crate::upload::store::Owner;

/// What kind of work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Of an upload that is small so far.
    Small,
    /// Of any other.
    Bulk,
    /// The sync of any other.
    BulkSync,
}

/// Work that waits, in the order in which it is to be done.
///
/// Small work goes first, though not for ever. Bulk writes go by deficit round robin over the owners: each gets as many
/// bytes in a round as the others, however many uploads he has, and his uploads take turns.
pub(super) struct Lanes<T> {
    small: VecDeque<T>,
    /// How many small ones went before a bulk one since the last.
    ahead: usize,
    syncs: VecDeque<T>,
    /// Whether a sync was the last bulk work, so that a write is next.
    synced: bool,
    owners: HashMap<Owner, Share<T>>,
    round: VecDeque<Owner>,
}

struct Share<T> {
    /// How many bytes this owner may still write in this round; negative for what the last one was too long.
    credit: i64,
    writes: VecDeque<(i64, T)>,
}

/// How many small ones may go before a bulk one that waits.
const AHEAD: usize = 4;

/// How many bytes an owner gets in a round: those of one write.
const QUANTUM: i64 = 512 * 1024;

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        Self {
            small: VecDeque::new(),
            ahead: 0,
            syncs: VecDeque::new(),
            synced: false,
            owners: HashMap::new(),
            round: VecDeque::new(),
        }
    }

    /// Work of a small upload.
    pub(super) fn add_small(&mut self, work: T) {
        self.small.push_back(work);
    }

    /// A sync of a large upload.
    pub(super) fn add_sync(&mut self, work: T) {
        self.syncs.push_back(work);
    }

    /// A write of a large upload, of so many bytes.
    pub(super) fn add_write(&mut self, owner: Owner, bytes: usize, work: T) {
        let share = self.owners.entry(owner).or_insert_with_key(|owner| {
            self.round.push_back(owner.clone());
            Share { credit: QUANTUM, writes: VecDeque::new() }
        });
        share.writes.push_back((i64::try_from(bytes).unwrap_or(i64::MAX), work));
    }

    /// The next work; only of a small upload if `only_small`, and no sync of a large one unless `may_sync`.
    pub(super) fn take(&mut self, only_small: bool, may_sync: bool) -> Option<(Class, T)> {
        let is_turn_of_bulk = self.ahead >= AHEAD && !only_small;
        if !is_turn_of_bulk && let Some(work) = self.small.pop_front() {
            self.ahead += 1;
            return Some((Class::Small, work));
        }
        if only_small {
            return None;
        }
        self.ahead = 0;
        if let Some(bulk) = self.take_bulk(may_sync) {
            return Some(bulk);
        }
        self.small.pop_front().map(|work| (Class::Small, work))
    }

    fn take_bulk(&mut self, may_sync: bool) -> Option<(Class, T)> {
        let is_turn_of_sync = may_sync && (!self.synced || self.round.is_empty());
        self.synced = is_turn_of_sync && !self.syncs.is_empty();
        if !self.synced
            && let Some(work) = self.take_write()
        {
            return Some((Class::Bulk, work));
        }
        if may_sync { self.syncs.pop_front().map(|work| (Class::BulkSync, work)) } else { None }
    }

    fn take_write(&mut self) -> Option<T> {
        loop {
            let owner = self.round.front()?;
            let Some(share) = self.owners.get_mut(owner) else {
                self.round.pop_front();
                continue;
            };
            if share.credit <= 0 {
                share.credit += QUANTUM;
                self.round.rotate_left(1);
                continue;
            }
            let Some((bytes, work)) = share.writes.pop_front() else {
                self.owners.remove(owner);
                self.round.pop_front();
                continue;
            };
            share.credit -= bytes;
            if share.writes.is_empty() {
                self.owners.remove(owner);
                self.round.pop_front();
            }
            return Some(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(number: u64) -> Owner {
        Owner::parse(&format!("{number:016x}")).unwrap()
    }

    /// Takes `rounds` times, each work coming back at once, and counts the bytes of each.
    fn run(lanes: &mut Lanes<(u64, usize)>, rounds: usize) -> HashMap<u64, usize> {
        let mut done = HashMap::new();
        for _ in 0..rounds {
            let Some((class, (who, bytes))) = lanes.take(false, true) else { break };
            *done.entry(who).or_default() += bytes;
            match class {
                Class::Bulk => lanes.add_write(owner(who / 100), bytes, (who, bytes)),
                Class::Small | Class::BulkSync => {}
            }
        }
        done
    }

    #[test]
    fn eight_uploads_of_eight_owners_get_the_same() {
        let mut lanes = Lanes::new();
        (0..8).for_each(|who| lanes.add_write(owner(who), 512 * 1024, (who * 100, 512 * 1024)));
        let done = run(&mut lanes, 800);
        assert_eq!(done.values().min(), done.values().max());
    }

    #[test]
    fn the_number_of_uploads_gives_no_owner_more() {
        let mut lanes = Lanes::new();
        (0..7).for_each(|who| lanes.add_write(owner(1), 512 * 1024, (100 + who, 512 * 1024)));
        lanes.add_write(owner(2), 512 * 1024, (200, 512 * 1024));
        let done = run(&mut lanes, 1400);
        let (many, one): (Vec<_>, Vec<_>) = done.iter().partition(|(who, _)| **who < 200);
        let (many, one) = (many.iter().map(|(_, n)| **n).sum::<usize>(), *one[0].1);
        assert!(many.abs_diff(one) <= 1024 * 1024, "{many} and {one}");
    }

    #[test]
    fn small_writes_cost_their_bytes_and_not_their_turns() {
        let mut lanes = Lanes::new();
        // The first always has two in the queue, so that it may use up what a round gives.
        lanes.add_write(owner(1), 64 * 1024, (100, 64 * 1024));
        lanes.add_write(owner(1), 64 * 1024, (101, 64 * 1024));
        lanes.add_write(owner(2), 512 * 1024, (200, 512 * 1024));
        let done = run(&mut lanes, 9_000);
        let (small, large) = (done[&100] + done[&101], done[&200]);
        assert!(small.abs_diff(large) <= 1024 * 1024, "{small} and {large}");
    }

    #[test]
    fn small_uploads_go_first_but_not_for_ever() {
        let mut lanes = Lanes::new();
        lanes.add_write(owner(1), 1, "bulk");
        lanes.add_sync("sync");
        (0..20).for_each(|_| lanes.add_small("small"));
        let order: Vec<_> = std::iter::from_fn(|| lanes.take(false, true)).map(|(_, work)| work).collect();
        assert_eq!(order[..4], ["small"; 4]);
        assert_eq!((order[4], order[9]), ("sync", "bulk"));
        assert_eq!(order.len(), 22);
    }

    #[test]
    fn syncs_wait_until_they_may_come() {
        let mut lanes = Lanes::new();
        lanes.add_sync("sync");
        assert_eq!(lanes.take(false, false), None);
        lanes.add_write(owner(1), 1, "write");
        assert_eq!(lanes.take(false, false), Some((Class::Bulk, "write")));
        assert_eq!(lanes.take(false, true), Some((Class::BulkSync, "sync")));
    }

    #[test]
    fn a_thread_for_small_uploads_takes_nothing_else() {
        let mut lanes = Lanes::new();
        lanes.add_write(owner(1), 1, "bulk");
        lanes.add_sync("sync");
        assert_eq!(lanes.take(true, true), None);
        lanes.add_small("small");
        assert_eq!(lanes.take(true, true), Some((Class::Small, "small")));
    }
}
