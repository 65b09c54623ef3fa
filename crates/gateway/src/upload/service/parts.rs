//! What a body on its way holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::super::limits::Limits;
use super::super::store::Writer;
use super::super::watch::{Progress, Watch};
use super::hashing::Hashing;
use super::ledger::{Accounts, OverQuota};
use super::seats::Turn;

/// What a transfer holds.
pub(super) struct Parts {
    pub(super) turn: Turn,
    pub(super) writer: Box<dyn Writer>,
    pub(super) hashing: Option<Hashing>,
    /// What the writer said last to be durable.
    pub(super) seen: u64,
    pub(super) limits: Arc<Limits>,
    pub(super) watch: Option<Arc<dyn Watch>>,
    /// Where each byte is charged that was not announced.
    pub(super) accounts: Option<Accounts>,
    pub(super) charged: u64,
    pub(super) began: u64,
    pub(super) told: Option<Instant>,
    pub(super) _place: OwnedSemaphorePermit,
}

/// How often others are told, at most, of progress that is not the last.
const TELL_EVERY: Duration = Duration::from_millis(200);

impl Parts {
    /// How many bytes may be told.
    pub(super) fn offset(&self) -> u64 {
        self.turn.with(|machine, _| machine.offset())
    }

    /// Charges bytes that were not announced.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), OverQuota> {
        if let Some(accounts) = &self.accounts {
            accounts.add(bytes, 0)?;
            self.charged += bytes;
        }
        Ok(())
    }

    /// Tells others how far it has come.
    pub(super) fn tell(&mut self, is_last: bool) {
        let Some(watch) = &self.watch else { return };
        if !is_last && self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let progress = self.turn.with(|machine, _| Progress {
            offset: machine.offset(),
            length: machine.length(),
            is_complete: machine.is_complete(),
            is_gone: machine.is_dead(),
        });
        watch.progress(self.turn.id(), progress);
    }

    /// Bytes that were charged, and do not count.
    pub(super) fn refund(&mut self) {
        let kept = self.offset().saturating_sub(self.began);
        if let Some(accounts) = &self.accounts {
            accounts.subtract(self.charged.saturating_sub(kept), 0);
        }
    }
}
