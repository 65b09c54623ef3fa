//! One body for one upload: begun, on its way, and ended in order, whatever becomes of the request.

use std::future::poll_fn;

use tidegate_proto::upload::{Checksum, Refusal, tus};

use super::super::call::{Broken, Source};
use super::super::command::{Expected, State, UploadError};
use super::super::store::{Record, StoreError};
use super::clock::expires_in;
use super::flow::{Flow, Outcome};
use super::parts::Parts;

/// A body on its way. Dropping it, as a server does whose client has gone, loses nothing of what came: it is made
/// durable in the background, and the next one waits for that.
pub(super) struct Transfer(Option<Parts>);

/// What the checksum of a body says.
enum Verdict {
    None,
    Right,
    Wrong,
}

impl Transfer {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Some(parts))
    }

    /// Moves the body, and ends.
    pub(super) async fn run(
        mut self,
        body: &mut dyn Source,
        expected: Option<&Expected>,
        on_durable: &mut (dyn FnMut(u64) + Send),
    ) -> Result<State, UploadError> {
        let Some(parts) = &mut self.0 else { return Err(UploadError::Busy) };
        let limits = parts.limits.clone();
        let mut flow = Flow::new(parts, body, on_durable, &limits);
        let outcome = poll_fn(|cx| flow.poll(cx)).await;
        let verdict = match (&outcome, expected) {
            (_, None) => Verdict::None,
            (Outcome::Whole, Some(expected)) => parts.judge(expected, body),
            _ => Verdict::Wrong,
        };
        let Some(parts) = self.0.take() else { return Err(UploadError::Busy) };
        // In a task of its own, which goes on if the request is dropped meanwhile.
        let ended = tokio::spawn(parts.end(outcome, verdict)).await;
        ended.unwrap_or_else(|error| {
            let error = std::io::Error::other(format!("ending an upload's body failed: {error}"));
            Err(UploadError::Storage(StoreError::Io(error)))
        })
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let Some(parts) = self.0.take() else { return };
        // Without a runtime there is nobody left who could ask; the store keeps what was pushed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let verdict = if parts.hashing.is_some() { Verdict::Wrong } else { Verdict::None };
            runtime.spawn(parts.end(Outcome::Broken(Broken::Gone), verdict));
        }
    }
}

impl Parts {
    fn judge(&mut self, expected: &Expected, body: &dyn Source) -> Verdict {
        let checksum = match expected {
            Expected::Known(checksum) => Some(checksum.clone()),
            Expected::InTrailer => in_trailer(body),
        };
        let hashing = self.hashing.take();
        let agrees = hashing.zip(checksum).is_some_and(|(hashing, checksum)| hashing.agrees(&checksum));
        if agrees { Verdict::Right } else { Verdict::Wrong }
    }

    /// Makes durable what counts, tells the machine and the record, and gives the turn away.
    async fn end(mut self, outcome: Outcome, verdict: Verdict) -> Result<State, UploadError> {
        let has_come = matches!(outcome, Outcome::Whole);
        let is_wrong = matches!(verdict, Verdict::Wrong);
        let outcome = match outcome {
            Outcome::Failed(error) => {
                self.refund();
                return Err(self.fail(error).await);
            }
            outcome => outcome,
        };
        let settled = self.settle(verdict, has_come && !is_wrong).await;
        self.refund();
        let ended = match settled {
            Ok(ended) => ended,
            Err(error) => return Err(self.fail(error).await),
        };
        self.tell(true);
        let state = State { record: self.writer.record().clone(), offset: self.offset() };
        Err(match (outcome, ended) {
            (Outcome::Refused(refusal), _) | (Outcome::Whole, Err(refusal)) => refused(refusal, state),
            (Outcome::Whole, Ok(())) if is_wrong => UploadError::WrongChecksum(state),
            (Outcome::Whole, Ok(())) => return Ok(state),
            (Outcome::Superseded, _) => UploadError::TakenOver(state),
            (Outcome::OverQuota, _) => UploadError::OverQuota,
            (Outcome::Broken(broken), _) => UploadError::Broken(broken, state),
            (Outcome::Failed(error), _) => UploadError::Storage(error),
        })
    }

    /// What counts is durable, and the record says what is so.
    async fn settle(&mut self, verdict: Verdict, is_whole: bool) -> Result<Result<(), Refusal>, StoreError> {
        // The last bytes, and that they are the last, become durable together: a small upload waits for the disk once less.
        let is_last = matches!(verdict, Verdict::None)
            && self.turn.with(|machine, claim| machine.will_complete(claim, is_whole));
        let durable = match verdict {
            Verdict::Wrong => self.writer.roll_back().await?,
            Verdict::Right => {
                let durable = self.writer.sync().await?;
                self.turn.with(|machine, claim| machine.approve(claim));
                durable
            }
            Verdict::None if is_last => {
                let length = self.turn.with(|machine, _| machine.pushed());
                self.record_complete(length).await?;
                self.writer.durable()
            }
            Verdict::None => self.writer.sync().await?,
        };
        let ended = self.turn.with(|machine, claim| machine.end(claim, durable, is_whole));
        match ended {
            Ok(true) => {
                if !is_last {
                    self.record_complete(durable).await?;
                }
                Ok(self.turn.with(|machine, claim| machine.complete(claim)))
            }
            Ok(false) => {
                self.put_off_expiry(durable).await?;
                Ok(Ok(()))
            }
            Err(refusal) => {
                if refusal == Refusal::Dead {
                    self.writer.kill().await?;
                }
                Ok(Err(refusal))
            }
        }
    }

    /// Makes durable what was pushed, and that it is all.
    async fn record_complete(&mut self, length: u64) -> Result<(), StoreError> {
        let record = Record {
            is_complete: true,
            length: Some(length),
            expires: self.limits.retention.map(expires_in),
            ..self.writer.record().clone()
        };
        self.writer.update(record).await
    }

    /// An upload to which bytes have come is kept for as long again; it is not recorded for every few bytes.
    async fn put_off_expiry(&mut self, durable: u64) -> Result<(), StoreError> {
        let record = self.writer.record();
        let eighth = u64::try_from(self.limits.expiry.as_millis() / 8).unwrap_or(u64::MAX);
        let later = expires_in(self.limits.expiry);
        let is_due = record.expires.is_some_and(|expires| expires.saturating_add(eighth) < later);
        if durable == self.began || record.is_complete || !is_due {
            return Ok(());
        }
        let record = Record { expires: Some(later), ..record.clone() };
        self.writer.update(record).await
    }

    /// The store has failed: what it acknowledged before may be lost, so the upload is given up.
    async fn fail(&mut self, error: StoreError) -> UploadError {
        match error {
            StoreError::Fenced => {
                // Another process goes on with it.
                self.turn.with(|machine, _| machine.fence());
                let state = State { record: self.writer.record().clone(), offset: self.offset() };
                return UploadError::TakenOver(state);
            }
            StoreError::Missing => return UploadError::Unknown,
            _ => {}
        }
        self.turn.with(|machine, _| {
            machine.fence();
            machine.kill();
        });
        // Where even that fails, what is recorded is no more than what was acknowledged.
        let _ = self.writer.kill().await;
        self.tell(true);
        match error {
            StoreError::Dead => UploadError::Dead,
            StoreError::Full => UploadError::Full,
            error => UploadError::Storage(error),
        }
    }
}

/// The checksum that came behind the body.
fn in_trailer(body: &dyn Source) -> Option<Checksum> {
    let value = body.trailers()?.get("upload-checksum")?;
    tus::upload_checksum(value.as_bytes()).ok()
}

/// What a refusal of the machine is to the client.
pub(super) fn refused(refusal: Refusal, state: State) -> UploadError {
    match refusal {
        Refusal::Complete => UploadError::Complete(state),
        Refusal::WrongOffset { .. } => UploadError::WrongOffset(state),
        Refusal::WrongLength { .. } => UploadError::WrongLength(state),
        Refusal::TooLarge { .. } => UploadError::TooLarge(state),
        Refusal::TakenOver => UploadError::TakenOver(state),
        _ => UploadError::Dead,
    }
}
