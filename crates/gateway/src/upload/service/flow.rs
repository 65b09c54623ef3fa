//! A body on its way into the store, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tidegate_proto::upload::Refusal;
use tokio::time::{Instant, Sleep, sleep_until};

use super::super::call::{Broken, Source};
use super::super::limits::Limits;
use super::super::store::{MAX_PUSH, StoreError};
use super::parts::Parts;
use super::pause::Pause;

/// Moves a body into the store. It is pulled only when the store has room, so a slow disk slows the sender, and what is
/// not pulled is not read from the network.
pub(super) struct Flow<'a> {
    parts: &'a mut Parts,
    body: &'a mut dyn Source,
    on_durable: &'a mut (dyn FnMut(u64) + Send),
    idleness: Idleness,
    pause: Pause,
    /// How many bytes were moved since the last pause.
    moved: usize,
    /// How much of the upload was durable when it was told last.
    told: u64,
}

/// How a body ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It has come whole.
    Whole,
    /// It has not.
    Broken(Broken),
    /// A newer request wants the upload.
    Superseded,
    /// It may not have more.
    Refused(Refusal),
    /// The owner may not have more.
    OverQuota,
    /// The store cannot.
    Failed(StoreError),
}

/// How many bytes are moved before others get their turn.
const BURST: usize = 128 * 1024;

impl<'a> Flow<'a> {
    pub(super) fn new(
        parts: &'a mut Parts,
        body: &'a mut dyn Source,
        on_durable: &'a mut (dyn FnMut(u64) + Send),
        limits: &Limits,
    ) -> Self {
        let told = parts.offset();
        let (idleness, pause) = (Idleness::new(limits), Pause::default());
        Self { parts, body, on_durable, idleness, pause, moved: 0, told }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.parts.turn.poll_superseded(cx).is_ready() {
            return Poll::Ready(Outcome::Superseded);
        }
        if self.pause.is_on(cx) {
            return Poll::Pending;
        }
        while self.moved < BURST {
            if let Err(error) = self.tell_durable(cx) {
                return Poll::Ready(Outcome::Failed(error));
            }
            match self.parts.writer.poll_room(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Outcome::Failed(error)),
                Poll::Pending => {
                    self.idleness.pause();
                    return Poll::Pending;
                }
            }
            match self.body.poll_piece(cx) {
                Poll::Ready(Ok(Some(piece))) => {
                    self.moved += piece.len().max(1);
                    self.idleness.came += piece.len() as u64;
                    if let Err(outcome) = self.push(piece) {
                        return Poll::Ready(outcome);
                    }
                }
                Poll::Ready(Ok(None)) => return Poll::Ready(Outcome::Whole),
                Poll::Ready(Err(broken)) => return Poll::Ready(Outcome::Broken(broken)),
                Poll::Pending => {
                    return self.idleness.poll(cx).map(|()| Outcome::Broken(Broken::TimedOut));
                }
            }
        }
        self.moved = 0;
        self.pause.begin(cx);
        Poll::Pending
    }

    fn tell_durable(&mut self, cx: &mut Context<'_>) -> Result<(), StoreError> {
        while let Poll::Ready(durable) = self.parts.writer.poll_durable(cx, self.parts.seen) {
            self.parts.seen = durable?.max(self.parts.seen + 1);
            let seen = self.parts.seen;
            self.parts.turn.with(|machine, claim| machine.durable(claim, seen));
            let offset = self.parts.offset();
            if offset > self.told {
                self.told = offset;
                (self.on_durable)(offset);
                self.parts.tell(false);
            }
        }
        Ok(())
    }

    fn push(&mut self, piece: Bytes) -> Result<(), Outcome> {
        let bytes = piece.len() as u64;
        self.parts.charge(bytes).map_err(|_| Outcome::OverQuota)?;
        self.parts.turn.with(|machine, claim| machine.take(claim, bytes)).map_err(Outcome::Refused)?;
        if let Some(hashing) = &mut self.parts.hashing {
            hashing.update(&piece);
        }
        let mut rest = piece;
        while rest.len() > MAX_PUSH {
            // A source that keeps its promise never comes here.
            let first = rest.split_to(MAX_PUSH);
            self.parts.writer.push(first);
        }
        self.parts.writer.push(rest);
        Ok(())
    }
}

/// Whether a body brings enough to be waited for.
struct Idleness {
    timer: Option<Pin<Box<Sleep>>>,
    idle: Duration,
    min_bytes: u64,
    /// Since the timer was set.
    came: u64,
    /// The store took nothing, which is not the client's fault.
    was_paused: bool,
}

impl Idleness {
    fn new(limits: &Limits) -> Self {
        Self {
            timer: None,
            idle: limits.idle,
            min_bytes: limits.min_bytes.max(1),
            came: 0,
            was_paused: false,
        }
    }

    fn pause(&mut self) {
        self.was_paused = true;
    }

    /// Ready when too little has come for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let idle = self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + idle)));
        if std::mem::take(&mut self.was_paused) {
            timer.as_mut().reset(Instant::now() + idle);
            self.came = 0;
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if self.came < self.min_bytes {
                return Poll::Ready(());
            }
            self.came = 0;
            timer.as_mut().reset(Instant::now() + idle);
        }
    }
}
