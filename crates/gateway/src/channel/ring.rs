//! The history of a channel: the newest publications, in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tidegate::{Message, Prepared};

use super::budget::Budget;
use super::encoding;
use super::position::{Gap, Position};

/// The newest publications of a channel, each encoded once for each form that somebody reads.
pub(super) struct Ring {
    epoch: u32,
    kept: VecDeque<Kept>,
    /// Of everything that is kept, its encodings included.
    bytes: usize,
    /// The offset of the newest publication; the first one has 1.
    newest: u64,
    max_publications: usize,
    max_bytes: usize,
    budget: Arc<Budget>,
    /// The last batch that was made of each form.
    batches: [Option<Batch>; FORMS],
}

/// What is published: text, and what it is in `text/plain` if that is something else.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    text: Bytes,
    line: Option<Bytes>,
}

struct Kept {
    publication: Publication,
    encoded: [Option<Bytes>; FORMS],
    frame: Option<Prepared>,
}

/// How publications follow each other on a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines of `text/plain`.
    Line,
    /// Events of an event stream.
    Event,
    /// Lines of NDJSON.
    Record,
}

const FORMS: usize = 3;

/// Publications that follow each other, in one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The offset before the first of them.
    after: u64,
    /// The offset of the last of them.
    pub(crate) to: u64,
    pub(crate) bytes: Bytes,
}

/// What stands behind an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Batch(Batch),
    /// What was there is kept no longer.
    Gap(Gap),
    /// Nothing has come yet.
    Nothing,
}

/// What a publication costs beside its bytes.
const OVERHEAD: usize = 256;

impl Publication {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into().into(), line: None }
    }

    /// As [`new`](Self::new), but `line` is what readers of `text/plain` get.
    pub(crate) fn with_line(text: String, line: &str) -> Self {
        Self { text: text.into(), line: Some(encoding::line(line)) }
    }

    fn text(&self) -> &str {
        // It was made of a string.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.line.as_ref().map_or(0, Bytes::len) + OVERHEAD
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        let encoded: usize = self.encoded.iter().flatten().map(Bytes::len).sum();
        self.publication.bytes() + encoded + self.frame.as_ref().map_or(0, Prepared::memory)
    }
}

impl Ring {
    pub(super) fn new(epoch: u32, max_publications: usize, max_bytes: usize, budget: Arc<Budget>) -> Self {
        let batches = [const { None }; FORMS];
        Self {
            epoch,
            kept: VecDeque::new(),
            bytes: 0,
            newest: 0,
            max_publications,
            max_bytes,
            budget,
            batches,
        }
    }

    /// The position behind everything.
    pub(super) fn end(&self) -> Position {
        Position { epoch: self.epoch, offset: self.newest }
    }

    /// The offset before the oldest publication that is kept.
    fn start(&self) -> u64 {
        self.newest - self.kept.len() as u64
    }

    /// The offset before the last `count` publications.
    pub(super) fn before_last(&self, count: u64) -> u64 {
        self.newest.saturating_sub(count).max(self.start())
    }

    /// Where a reader goes on that was at `position`, and what it has missed if that is of another history.
    pub(super) fn resume(&self, position: Position) -> (u64, Option<Gap>) {
        if position.epoch == self.epoch && position.offset <= self.newest {
            return (position.offset, None);
        }
        let to = Position { epoch: self.epoch, offset: self.start() };
        (to.offset, Some(Gap::Unknown { was: position, to }))
    }

    /// Appends a publication, drops the oldest ones beyond the limits, and returns the position behind it.
    pub(super) fn append(&mut self, publication: Publication) -> Position {
        self.charge(publication.bytes());
        self.kept.push_back(Kept { publication, encoded: [const { None }; FORMS], frame: None });
        self.newest += 1;
        let max_bytes = if self.budget.is_exceeded() { Budget::FLOOR } else { self.max_bytes };
        while self.kept.len() > 1 && (self.kept.len() > self.max_publications || self.bytes > max_bytes) {
            let Some(oldest) = self.kept.pop_front() else { break };
            let bytes = oldest.bytes();
            self.bytes -= bytes;
            self.budget.give_back(bytes);
        }
        // Made of what may be gone, and the next one is made of more.
        self.batches = [const { None }; FORMS];
        self.end()
    }

    fn charge(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.take(bytes);
    }

    /// What stands behind `offset`, encoded, up to `max_bytes`: one publication in any case.
    pub(super) fn after(&mut self, offset: u64, form: Form, max_bytes: usize) -> Found {
        if let Some(batch) = &self.batches[form as usize]
            && batch.after == offset
            && batch.bytes.len() <= max_bytes
        {
            return Found::Batch(batch.clone());
        }
        let first = match self.index_behind(offset) {
            Ok(Some(index)) => index,
            Ok(None) => return Found::Nothing,
            Err(gap) => return Found::Gap(gap),
        };
        let mut last = first;
        let mut bytes = self.encode(first, form).len();
        while last + 1 < self.kept.len() {
            bytes += self.encode(last + 1, form).len();
            if bytes > max_bytes {
                break;
            }
            last += 1;
        }
        let batch =
            Batch { after: offset, to: self.start() + last as u64 + 1, bytes: self.join(first, last, form) };
        if self.kept.len() - 1 == last {
            self.batches[form as usize] = Some(batch.clone());
        }
        Found::Batch(batch)
    }

    /// The index of the publication behind `offset`, if it has come.
    fn index_behind(&self, offset: u64) -> Result<Option<usize>, Gap> {
        let Some(index) = offset.checked_sub(self.start()) else {
            return Err(Gap::Counted { epoch: self.epoch, from: offset + 1, to: self.start() });
        };
        Ok(usize::try_from(index).ok().filter(|index| *index < self.kept.len()))
    }

    fn join(&mut self, first: usize, last: usize, form: Form) -> Bytes {
        if first == last {
            return self.encode(first, form);
        }
        let mut joined = BytesMut::new();
        for index in first..=last {
            let encoded = self.encode(index, form);
            joined.extend_from_slice(&encoded);
        }
        joined.freeze()
    }

    fn encode(&mut self, index: usize, form: Form) -> Bytes {
        let position = Position { epoch: self.epoch, offset: self.start() + index as u64 + 1 };
        let kept = &mut self.kept[index];
        if let Some(encoded) = &kept.encoded[form as usize] {
            return encoded.clone();
        }
        let Publication { line, .. } = &kept.publication;
        let text = kept.publication.text();
        let encoded = match (form, line) {
            (Form::Line, Some(line)) => return line.clone(),
            (Form::Line, None) => encoding::line(text),
            (Form::Event, _) => encoding::event(position, text),
            (Form::Record, _) => encoding::record(position, text),
        };
        kept.encoded[form as usize] = Some(encoded.clone());
        self.charge(encoded.len());
        encoded
    }

    /// The frames of WebSocket messages behind `offset`, at most `count`.
    pub(super) fn frames_after(&mut self, offset: u64, count: usize, out: &mut Vec<Prepared>) -> Option<Gap> {
        let first = match self.index_behind(offset) {
            Ok(Some(index)) => index,
            Ok(None) => return None,
            Err(gap) => return Some(gap),
        };
        for index in first..self.kept.len().min(first + count) {
            let kept = &mut self.kept[index];
            let frame = match &kept.frame {
                Some(frame) => frame.clone(),
                None => {
                    let frame = Prepared::new(Message::Text(kept.publication.text().to_owned()));
                    kept.frame = Some(frame.clone());
                    self.charge(frame.memory());
                    frame
                }
            };
            out.push(frame);
        }
        None
    }

    /// How far into `batch` its first `written` bytes reach: the offset of the publication that they end in, and what
    /// is left of that. `None` where it is kept no longer.
    pub(super) fn split(&mut self, batch: &Batch, form: Form, written: usize) -> Option<(u64, Bytes)> {
        let mut left = written;
        for offset in batch.after..batch.to {
            let index = self.index_behind(offset).ok()??;
            let encoded = self.encode(index, form);
            if left < encoded.len() {
                return Some(if left == 0 {
                    (offset, Bytes::new())
                } else {
                    (offset + 1, encoded.slice(left..))
                });
            }
            left -= encoded.len();
        }
        Some((batch.to, Bytes::new()))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
