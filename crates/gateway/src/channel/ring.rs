//! The history of a channel: the newest publications, in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;

/// The newest publications of a channel, each encoded once.
pub(crate) struct Ring {
    kept: VecDeque<Arc<str>>,
    kept_bytes: usize,
    /// The offset of the publication that comes next.
    next: u64,
    limits: Limits,
}

/// What a [`Ring`] keeps at most. One publication is kept whatever its size.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) publications: usize,
    pub(crate) bytes: usize,
}

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Publication(Arc<str>),
    /// It is kept no longer; the oldest that is kept stands at this offset.
    Gone {
        oldest: u64,
    },
    /// It has not come yet.
    Future,
}

impl Ring {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { kept: VecDeque::new(), kept_bytes: 0, next: 0, limits }
    }

    /// The offset of the publication that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    fn oldest(&self) -> u64 {
        self.next - self.kept.len() as u64
    }

    /// Where a reader begins that wants the last `count` publications first.
    pub(crate) fn last(&self, count: u64) -> u64 {
        self.next.saturating_sub(count).max(self.oldest())
    }

    pub(crate) fn append(&mut self, publication: Arc<str>) {
        self.kept_bytes += publication.len();
        self.kept.push_back(publication);
        self.next += 1;
        while self.kept.len() > self.limits.publications.max(1)
            || (self.kept_bytes > self.limits.bytes && self.kept.len() > 1)
        {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.len();
        }
    }

    pub(crate) fn at(&self, offset: u64) -> Entry {
        let Some(index) = offset.checked_sub(self.oldest()) else {
            return Entry::Gone { oldest: self.oldest() };
        };
        let publication = usize::try_from(index).ok().and_then(|index| self.kept.get(index));
        publication.map_or(Entry::Future, |publication| Entry::Publication(publication.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(publications: usize, bytes: usize, texts: &[&str]) -> Ring {
        let mut ring = Ring::new(Limits { publications, bytes });
        for text in texts {
            ring.append((*text).into());
        }
        ring
    }

    #[test]
    fn keeps_the_newest_and_knows_what_is_gone() {
        let ring = ring(2, 100, &["a", "b", "c"]);
        assert_eq!(ring.at(0), Entry::Gone { oldest: 1 });
        assert_eq!(ring.at(1), Entry::Publication("b".into()));
        assert_eq!(ring.at(2), Entry::Publication("c".into()));
        assert_eq!(ring.at(3), Entry::Future);
        assert_eq!(ring.next(), 3);
    }

    #[test]
    fn bytes_are_bounded_but_for_one_publication() {
        let ring = ring(100, 10, &["aaaa", "bbbb", "cccc"]);
        assert_eq!(ring.at(0), Entry::Gone { oldest: 1 });
        let ring = self::ring(100, 10, &["a", "a publication of its own size"]);
        assert_eq!(ring.at(0), Entry::Gone { oldest: 1 });
        assert_eq!(ring.at(1), Entry::Publication("a publication of its own size".into()));
    }

    #[test]
    fn the_last_ones_are_those_that_are_kept() {
        assert_eq!(ring(10, 100, &[]).last(50), 0);
        assert_eq!(ring(10, 100, &["a", "b", "c"]).last(2), 1);
        assert_eq!(ring(2, 100, &["a", "b", "c"]).last(50), 1);
        assert_eq!(ring(2, 100, &["a", "b", "c"]).last(0), 3);
    }
}
