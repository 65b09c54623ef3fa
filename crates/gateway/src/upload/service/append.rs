//! Bytes for an upload: who may begin, and with what.

use std::future::poll_fn;

use tidegate_proto::upload::{Body, Refusal, Snapshot};
use tokio::sync::OwnedSemaphorePermit;

use super::super::call::Source;
use super::super::command::{Append, State, UploadError};
use super::super::store::{Form, Owner, Record, UploadId, Writer};
use super::hashing::Hashing;
use super::ledger::Accounts;
use super::parts::Parts;
use super::seats::Turn;
use super::transfer::{Transfer, refused};
use super::{Fresh, Uploads, failed};

impl Uploads {
    /// Adds bytes to an upload, and tells how it stands then. `on_durable` is told each offset that has become durable
    /// meanwhile.
    ///
    /// The body is pulled only when the store has room. Dropping the future keeps what came.
    ///
    /// # Errors
    ///
    /// Any [`UploadError`]. Those of the head come before a byte of the body is pulled.
    pub async fn append(
        &self,
        owner: &Owner,
        id: &UploadId,
        append: Append,
        body: &mut dyn Source,
        on_durable: &mut (dyn FnMut(u64) + Send),
    ) -> Result<State, UploadError> {
        self.tend();
        self.check_owner(owner, id)?;
        let turn = self.0.seats.take(id).await;
        self.take_body(turn, append, body, on_durable).await
    }

    /// As [`append`](Self::append), for the first body of an upload that was just begun.
    pub(crate) async fn append_first(
        &self,
        Fresh { turn, .. }: Fresh,
        append: Append,
        body: &mut dyn Source,
        on_durable: &mut (dyn FnMut(u64) + Send),
    ) -> Result<State, UploadError> {
        self.take_body(turn, append, body, on_durable).await
    }

    async fn take_body(
        &self,
        turn: Turn,
        append: Append,
        body: &mut dyn Source,
        on_durable: &mut (dyn FnMut(u64) + Send),
    ) -> Result<State, UploadError> {
        let place = self.0.places.clone().try_acquire_owned().map_err(|_| UploadError::Busy)?;
        let state = self.stored(turn.id()).await?;
        if state.record.form == Form::Joined {
            return Err(UploadError::Joined);
        }
        let announced = body_of(&append, body.length());
        if let Err(refusal) = turn.with(|machine, claim| machine.begin(claim, snapshot(&state), &announced)) {
            return Err(self.refuse(&turn, refusal, state).await);
        }
        if state.record.is_complete {
            return repeat(&turn, state, body).await;
        }
        let begun = self.begin(turn, &state, &append, place).await;
        begun?.run(body, append.checksum.as_ref(), on_durable).await
    }

    /// Why a body may not begin. That can be the end of the upload, which is recorded then.
    async fn refuse(&self, turn: &Turn, refusal: Refusal, state: State) -> UploadError {
        if turn.with(|machine, _| machine.is_dead()) {
            // What is recorded is no more than what was acknowledged, also where this fails.
            if let Ok(mut writer) = self.0.store.append(turn.id()).await {
                let _ = writer.kill().await;
            }
            self.tell(&state, true);
        }
        refused(refusal, state)
    }

    /// Opens the writer, and records a length that was not known.
    async fn begin(
        &self,
        turn: Turn,
        state: &State,
        append: &Append,
        place: OwnedSemaphorePermit,
    ) -> Result<Transfer, UploadError> {
        let ready = self.open(&turn, state, append).await;
        let (writer, accounts) = match ready {
            Ok(ready) => ready,
            Err(error) => {
                turn.with(|machine, _| machine.fence());
                return Err(error);
            }
        };
        Ok(Transfer::new(Parts {
            seen: writer.durable(),
            began: state.offset,
            turn,
            writer,
            hashing: append.checksum.as_ref().map(Hashing::new),
            limits: self.0.limits.clone(),
            watch: self.0.watch.get().cloned(),
            accounts,
            charged: 0,
            told: None,
            _place: place,
        }))
    }

    async fn open(
        &self,
        turn: &Turn,
        state: &State,
        append: &Append,
    ) -> Result<(Box<dyn Writer>, Option<Accounts>), UploadError> {
        let id = turn.id();
        let mut writer = self.0.store.append(id).await.map_err(failed)?;
        if writer.durable() != state.offset {
            // Another process has written since.
            let state = State { record: writer.record().clone(), offset: writer.durable() };
            return Err(UploadError::WrongOffset(state));
        }
        let mut accounts = None;
        if state.record.length.is_none() {
            let open = self.0.ledger.open(&id.owner(), &*self.0.store).await.map_err(failed)?;
            match turn.with(|machine, _| machine.length()) {
                None => accounts = Some(open),
                Some(length) => {
                    let more = length.saturating_sub(state.offset);
                    open.add(more, 0).map_err(|_| UploadError::OverQuota)?;
                    let record = Record { length: Some(length), ..state.record.clone() };
                    if let Err(error) = writer.update(record).await {
                        open.subtract(more, 0);
                        return Err(failed(error));
                    }
                }
            }
        }
        if append.checksum.is_some() {
            writer.hold().await.map_err(failed)?;
        }
        Ok((writer, accounts))
    }
}

fn body_of(append: &Append, content_length: Option<u64>) -> Body {
    Body {
        offset: append.offset,
        length: append.length,
        content_length,
        ending: append.ending,
        excess: append.excess,
        is_held: append.checksum.is_some(),
    }
}

fn snapshot(state: &State) -> Snapshot {
    let State { record, offset } = state;
    Snapshot { offset: *offset, length: record.length, is_complete: record.is_complete }
}

/// A body for an upload that is complete: it changes nothing, and must be empty.
async fn repeat(turn: &Turn, state: State, body: &mut dyn Source) -> Result<State, UploadError> {
    turn.with(|machine, _| machine.fence());
    loop {
        let piece = tokio::select! {
            piece = poll_fn(|cx| body.poll_piece(cx)) => piece,
            () = poll_fn(|cx| turn.poll_superseded(cx)) => return Err(UploadError::TakenOver(state)),
        };
        match piece {
            Ok(Some(piece)) if piece.is_empty() => {}
            Ok(Some(_)) => return Err(refused(Refusal::Complete, state)),
            Ok(None) => return Ok(state),
            Err(broken) => return Err(UploadError::Broken(broken, state)),
        }
    }
}

#[cfg(test)]
mod tests;
