//! One upload resource: created, looked at and appended to until all of its bytes are there.

use std::cell::RefCell;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use url::Url;

use super::args::ChecksumName;
use super::board::Board;
use super::lane::Lane;
use super::memory::Memory;
use super::patience::Patience;
use super::payload::{Failure, Payload};
use super::source::Source;
use super::trouble::Trouble;
use super::tus::{Chunk, Plan, Server};

/// What all parts of a file have in common.
pub(super) struct Common<'a> {
    pub(super) server: &'a Server,
    pub(super) source: &'a Source,
    pub(super) memory: &'a RefCell<Memory>,
    pub(super) board: &'a Board,
    pub(super) checksum: Option<ChecksumName>,
    pub(super) chunk: u64,
    pub(super) patience: Duration,
}

/// Some bytes of a file, and the upload that they go to.
pub(super) struct Part<'a> {
    pub(super) common: &'a Common<'a>,
    pub(super) number: usize,
    /// Where it begins in the file.
    pub(super) from: u64,
    pub(super) length: u64,
    /// Whether there are others.
    pub(super) is_one_of_many: bool,
}

impl Part<'_> {
    /// Uploads it, from where it is. Gives its URL.
    pub(super) async fn carry(&self) -> Result<Url, Trouble> {
        let Common { board, patience, .. } = *self.common;
        let mut lane = Lane::default();
        let mut patience = Patience::new(patience, board);
        let (mut at, mut best) = (None, 0);
        loop {
            match self.step(&mut lane, at).await {
                Ok(Step::Complete(url)) => return Ok(url),
                Ok(Step::At(now)) => {
                    board.reached();
                    board.part(self.number).store(now, Ordering::Relaxed);
                    if now > best {
                        best = now;
                        patience.restore();
                    }
                    at = Some(now);
                }
                Err(trouble) => {
                    at = None;
                    patience.wait(trouble).await?;
                }
            }
        }
    }

    /// How far an upload is that was begun before, where there is one.
    pub(super) async fn look(&self, lane: &mut Lane) -> Result<Option<u64>, Trouble> {
        let Some(url) = self.common.memory.borrow().upload(self.number).cloned() else { return Ok(None) };
        let standing = self.common.server.look(lane, &url).await?;
        if standing.length.is_some_and(|length| length != self.length) || standing.offset > self.length {
            return Err(Trouble::Gone("the upload there is another one".to_owned()));
        }
        Ok(Some(standing.offset))
    }

    async fn step(&self, lane: &mut Lane, at: Option<u64>) -> Result<Step, Trouble> {
        let Some(at) = at else {
            return match self.look(lane).await? {
                Some(offset) => Ok(Step::At(offset)),
                None => self.create(lane).await,
            };
        };
        let url = self.common.memory.borrow().upload(self.number).cloned();
        let url = url.ok_or_else(|| Trouble::Gone("the upload is forgotten".to_owned()))?;
        if at == self.length {
            return Ok(Step::Complete(url));
        }
        let bytes = self.common.chunk.min(self.length - at);
        self.append(lane, &url, at, bytes).await.map(Step::At)
    }

    async fn create(&self, lane: &mut Lane) -> Result<Step, Trouble> {
        let Common { server, source, memory, .. } = self.common;
        let name = (!self.is_one_of_many).then_some(source.name.as_str());
        let plan = Plan { length: Some(self.length), is_part: self.is_one_of_many, name };
        let url = server.create(lane, plan).await?;
        let remembered = memory.borrow_mut().remember(self.number, &url);
        remembered.map_err(|error| Trouble::Here(format!("cannot remember the upload: {error}")))?;
        Ok(Step::At(0))
    }

    async fn append(&self, lane: &mut Lane, url: &Url, at: u64, bytes: u64) -> Result<u64, Trouble> {
        let Common { server, source, board, .. } = self.common;
        let checksum = match self.common.checksum {
            None => None,
            Some(name) => {
                let sum = source.checksum(name, self.from + at, bytes).await;
                Some(sum.map_err(|error| about(source, &error))?)
            }
        };
        let file = source.open_at(self.from + at).await.map_err(|error| about(source, &error))?;
        let (moved, failure) = (board.part(self.number), Failure::default());
        moved.store(at, Ordering::Relaxed);
        let payload = Payload::file(file, bytes, moved.clone(), failure.clone());
        let chunk = Chunk { offset: at, bytes, payload, checksum, length: None };
        let counter: &AtomicU64 = &moved;
        let appended = server.append(lane, url, chunk, counter).await;
        let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            Some(error) => Err(about(source, &error)),
            None => appended,
        }
    }
}

/// What is known after a step.
enum Step {
    /// The server has so many bytes.
    At(u64),
    /// It has all of them.
    Complete(Url),
}

fn about(source: &Source, error: &io::Error) -> Trouble {
    Trouble::Here(format!("{}: {error}", source.path.display()))
}
