//! The writer of an upload.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::state::{Failure, Grave, State};
use super::upload::Upload;
use crate::upload::store::{MAX_PUSH, Record, StoreError, Writer};

/// The writer of an upload. Dropping it makes durable what was pushed, unless it is held.
pub(super) struct FileWriter {
    upload: Arc<Upload>,
    number: u64,
    record: Record,
}

impl FileWriter {
    /// Takes the upload over from an older writer. `None`: it is no longer open.
    pub(super) fn take_over(upload: &Arc<Upload>) -> Option<Self> {
        let (number, record) = upload.take_over()?;
        Some(Self { upload: Arc::clone(upload), number, record })
    }

    /// Waits until what the older writer has pushed is durable, or forgotten if it was held.
    pub(super) async fn settled(&mut self) -> Result<(), StoreError> {
        let number = self.number;
        let record = self
            .until(move |state| {
                let is_done = !state.is_rolling && state.accepted == state.durable.end && !state.is_dirty();
                (is_done && state.writer == number).then(|| state.record.clone())
            })
            .await?;
        self.record = record;
        Ok(())
    }

    /// Waits for something that the threads bring about.
    fn until<'a, T>(
        &'a self,
        mut done: impl FnMut(&mut State) -> Option<T> + Send + 'a,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'a {
        poll_fn(move |cx| {
            let mut state = self.upload.lock();
            if let Err(error) = self.check(&state) {
                return Poll::Ready(Err(error));
            }
            match done(&mut state) {
                Some(value) => Poll::Ready(Ok(value)),
                None => {
                    state.wait(cx.waker());
                    Poll::Pending
                }
            }
        })
    }

    fn check(&self, state: &State) -> Result<(), StoreError> {
        match &state.failure {
            Some(failure) => Err(failure.error()),
            None if state.writer != self.number => Err(StoreError::Fenced),
            None => Ok(()),
        }
    }

    /// Changes the state, if this is still the writer, and starts what follows from it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let mut state = self.upload.lock();
        self.check(&state)?;
        let value = change(&mut state);
        self.upload.stir(&mut state);
        Ok(value)
    }

    /// Waits until so much is durable, and all else that was to be saved.
    async fn saved(&self, target: u64) -> Result<u64, StoreError> {
        self.until(move |state| {
            (state.durable.end >= target && !state.is_dirty()).then_some(state.durable.end)
        })
        .await
    }
}

impl Writer for FileWriter {
    fn record(&self) -> &Record {
        &self.record
    }

    fn durable(&self) -> u64 {
        self.upload.lock().durable.end
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, seen: u64) -> Poll<Result<u64, StoreError>> {
        let mut state = self.upload.lock();
        if let Err(error) = self.check(&state) {
            return Poll::Ready(Err(error));
        }
        if state.durable.end > seen {
            return Poll::Ready(Ok(state.durable.end));
        }
        state.wait(cx.waker());
        Poll::Pending
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        let mut state = self.upload.lock();
        if let Err(error) = self.check(&state) {
            return Poll::Ready(Err(error));
        }
        let engine = self.upload.engine();
        if state.queued() + MAX_PUSH > engine.settings.queue_bytes {
            state.room_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if engine.room.has(MAX_PUSH, cx.waker()) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        // A writer that has failed says so at the next call that can.
        let _ = self.change(|state| {
            state.accepted += bytes.len() as u64;
            state.pending_bytes += bytes.len();
            self.upload.engine().room.take(bytes.len());
            state.pending.push_back(bytes);
        });
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let target = self.change(|state| {
                state.held = None;
                state.goal = state.accepted;
                state.goal
            })?;
            self.saved(target).await
        })
    }

    fn hold(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let target = self.change(|state| {
                state.held = None;
                state.is_strict = true;
                state.goal = state.accepted;
                state.goal
            })?;
            self.until(move |state| {
                let is_done = state.durable.end >= target && !state.is_dirty() && state.is_idle();
                is_done.then(|| state.held = Some(state.durable))
            })
            .await
        })
    }

    fn roll_back(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let target = self.change(|state| {
                let target = state.held.map_or(state.accepted, |blocks| blocks.end);
                self.upload.leave(state);
                target
            })?;
            self.until(move |state| {
                (!state.is_rolling && state.durable.end >= target).then_some(state.durable.end)
            })
            .await
        })
    }

    fn update(&mut self, record: Record) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let next = record.clone();
            let target = self.change(|state| {
                state.held = None;
                state.goal = state.accepted;
                state.next_record = Some(next);
                state.goal
            })?;
            self.saved(target).await?;
            self.record = record;
            Ok(())
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.change(|state| self.upload.fail(state, Failure::Dead(None)))?;
            poll_fn(|cx| {
                let mut state = self.upload.lock();
                match state.grave {
                    Grave::Dug => Poll::Ready(Ok(())),
                    Grave::Failed => Poll::Ready(Err(StoreError::Dead)),
                    Grave::None | Grave::Wanted => {
                        state.wait(cx.waker());
                        Poll::Pending
                    }
                }
            })
            .await
        })
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        let mut state = self.upload.lock();
        if state.writer != self.number {
            return;
        }
        state.is_closing = true;
        self.upload.leave(&mut state);
    }
}
