//! The newest messages of a broadcast, in bounded memory.

use std::collections::VecDeque;

use tidegate_proto::websocket::Prepared;

/// The newest publications, each with its position.
pub(super) struct Ring {
    kept: VecDeque<Kept>,
    /// Of the publication that comes next.
    end: u64,
    /// Bytes of all publications so far.
    total_bytes: u64,
    max_bytes: u64,
}

/// A message to all but one.
#[derive(Clone)]
pub(super) struct Publication {
    pub(super) message: Prepared,
    pub(super) except: Option<u64>,
}

struct Kept {
    publication: Publication,
    /// Bytes of all publications before this one.
    bytes_before: u64,
}

/// What a publication costs beside its bytes.
const OVERHEAD: usize = 64;

impl Ring {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { kept: VecDeque::new(), end: 0, total_bytes: 0, max_bytes: max_bytes as u64 }
    }

    /// The position of the publication that comes next.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The position of the oldest publication that is kept.
    pub(super) fn start(&self) -> u64 {
        self.end - self.kept.len() as u64
    }

    /// Whether a message can come in without anything being dropped from `needed_from` on. One always can when nothing
    /// is.
    pub(super) fn has_room_for(&self, bytes: usize, needed_from: u64) -> bool {
        match self.index(needed_from.max(self.start())) {
            Some(index) => {
                let needed = self.total_bytes - self.kept[index].bytes_before;
                needed + (bytes + OVERHEAD) as u64 <= self.max_bytes
            }
            None => true,
        }
    }

    /// Appends a publication, drops the oldest ones beyond the limit, and returns its position.
    pub(super) fn push(&mut self, publication: Publication) -> u64 {
        let bytes_before = self.total_bytes;
        self.total_bytes += (publication.message.memory() + OVERHEAD) as u64;
        self.kept.push_back(Kept { publication, bytes_before });
        self.end += 1;
        while let Some(oldest) = self.kept.front()
            && self.kept.len() > 1
            && self.total_bytes - oldest.bytes_before > self.max_bytes
        {
            self.kept.pop_front();
        }
        self.end - 1
    }

    /// What stands at `position`; `None` if that is gone or has not come.
    pub(super) fn at(&self, position: u64) -> Option<&Publication> {
        Some(&self.kept[self.index(position)?].publication)
    }

    fn index(&self, position: u64) -> Option<usize> {
        let index = usize::try_from(position.checked_sub(self.start())?).ok()?;
        (index < self.kept.len()).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_proto::websocket::Message;

    use super::*;

    fn publication(bytes: usize) -> Publication {
        let message = Message::from(vec![0; bytes - 2]);
        Publication { message: Prepared::new(message), except: None }
    }

    #[test]
    fn keeps_the_newest_within_its_limit_and_one_always() {
        let mut ring = Ring::new(3 * (100 + OVERHEAD));
        for position in 0..5 {
            assert_eq!(ring.push(publication(100)), position);
        }
        assert_eq!((ring.start(), ring.end()), (2, 5));
        assert!(ring.at(1).is_none() && ring.at(2).is_some() && ring.at(5).is_none());
        ring.push(publication(100_000));
        assert_eq!((ring.start(), ring.end()), (5, 6));
    }

    #[test]
    fn there_is_room_as_long_as_nothing_needed_is_dropped() {
        let mut ring = Ring::new(3 * (100 + OVERHEAD));
        for _ in 0..5 {
            ring.push(publication(100));
        }
        assert!(!ring.has_room_for(100, 0) && !ring.has_room_for(100, 2));
        assert!(ring.has_room_for(100, 3) && !ring.has_room_for(101, 3));
        assert!(ring.has_room_for(100_000, 5) && ring.has_room_for(100_000, u64::MAX));
    }
}
