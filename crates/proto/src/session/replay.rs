//! The sending half of a flow: frames that are kept until they are acknowledged.

use std::collections::VecDeque;

use bytes::Bytes;

use super::error::{AttachError, Violation};
use crate::credit::MAX_BATCH_BYTES;

#[derive(Debug)]
pub(super) struct Replay {
    /// Frames `acknowledged + 1` to `acknowledged + kept.len()`.
    kept: VecDeque<Bytes>,
    kept_bytes: usize,
    acknowledged: u64,
    max_bytes: usize,
}

impl Replay {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { kept: VecDeque::new(), kept_bytes: 0, acknowledged: 0, max_bytes }
    }

    pub(super) fn has_room(&self) -> bool {
        self.kept_bytes < self.max_bytes
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// How many frames there are, from the beginning.
    pub(super) fn position(&self) -> u64 {
        self.acknowledged + self.kept.len() as u64
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn push(&mut self, frame: Bytes) {
        self.kept_bytes += frame.len();
        self.kept.push_back(frame);
    }

    /// The other end has so many frames. Less than before is old news.
    pub(super) fn acknowledge(&mut self, position: u64) -> Result<(), Violation> {
        if position > self.position() {
            return Err(Violation::AckOfUnsent);
        }
        while self.acknowledged < position {
            let Some(frame) = self.kept.pop_front() else { break };
            self.kept_bytes -= frame.len();
            self.acknowledged += 1;
        }
        if self.kept.is_empty() && self.kept.capacity() > IDLE_CAPACITY {
            self.kept = VecDeque::new();
        }
        Ok(())
    }

    /// Whether the flow can go on behind this position, which acknowledges what lies before it.
    pub(super) fn resume(&mut self, after: u64) -> Result<(), AttachError> {
        if after < self.acknowledged {
            return Err(AttachError::NotKept { after, kept: self.acknowledged });
        }
        self.acknowledge(after).map_err(|_| AttachError::Ahead { after, at: self.position() })
    }

    /// Frames behind `after`, which is acknowledged or lies ahead of that, in one piece of at most `max_bytes`, or one frame; and how many they are.
    pub(super) fn gather(&self, after: u64, max_bytes: usize) -> Option<(Bytes, u64)> {
        let skipped = usize::try_from(after.checked_sub(self.acknowledged)?).ok()?;
        let first = self.kept.get(skipped)?;
        let max_bytes = max_bytes.min(MAX_BATCH_BYTES);
        let mut bytes = 0;
        let fits = |frame: &&Bytes| {
            bytes += frame.len();
            bytes <= max_bytes
        };
        let count = self.kept.range(skipped..).take_while(fits).count().max(1);
        if count == 1 {
            return Some((first.clone(), 1));
        }
        let mut joined = Vec::with_capacity(max_bytes.min(self.kept_bytes));
        for frame in self.kept.range(skipped..skipped + count) {
            joined.extend_from_slice(frame);
        }
        Some((joined.into(), count as u64))
    }
}

/// A session that rests holds no more places than this for frames.
const IDLE_CAPACITY: usize = 8;
