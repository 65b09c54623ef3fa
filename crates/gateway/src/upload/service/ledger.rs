//! How much each owner has, and everybody together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use tokio::sync::OnceCell;

use super::super::limits::Limits;
use super::super::store::{Owner, Store, StoreError, Stored};

/// The accounts that were needed lately, and that of everybody together. What the store has is counted when an account
/// is needed first; from then on it is kept.
pub(super) struct Ledger {
    accounts: Mutex<HashMap<Owner, Arc<Account>>>,
    all: Option<Mutex<Arc<Account>>>,
    owner_limit: Totals,
}

/// What somebody has, and may have.
struct Account {
    is_counted: OnceCell<()>,
    totals: Mutex<Totals>,
    limit: Totals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    bytes: u64,
    uploads: u64,
}

/// An owner's account, counted, and that of everybody.
#[derive(Clone)]
pub(super) struct Accounts {
    own: Arc<Account>,
    all: Option<Arc<Account>>,
}

/// Somebody has as much as he may.
#[derive(Debug)]
pub(super) struct OverQuota;

/// How many accounts are kept that nobody uses now. Everybody who comes without a cookie is another owner.
const ACCOUNTS: usize = 65_536;

impl Ledger {
    pub(super) fn new(limits: &Limits) -> Self {
        let account = |bytes| Mutex::new(Arc::new(Account::new(Totals { bytes, uploads: u64::MAX })));
        let owner_limit = Totals { bytes: limits.owner_bytes, uploads: limits.owner_uploads };
        Self { accounts: Mutex::default(), all: limits.total_bytes.map(account), owner_limit }
    }

    /// The accounts that an owner's upload goes to.
    pub(super) async fn open(&self, owner: &Owner, store: &dyn Store) -> Result<Accounts, StoreError> {
        let own = self.account(owner);
        own.count(store, Some(owner)).await?;
        let all = self.all.as_ref().map(|all| all.lock().unwrap_or_else(PoisonError::into_inner).clone());
        if let Some(all) = &all {
            all.count(store, None).await?;
        }
        Ok(Accounts { own, all })
    }

    /// An owner's account, which may not be counted yet.
    fn account(&self, owner: &Owner) -> Arc<Account> {
        let mut accounts = self.lock();
        if accounts.len() >= ACCOUNTS && !accounts.contains_key(owner) {
            accounts.retain(|_, account| Arc::strong_count(account) > 1);
        }
        accounts.entry(owner.clone()).or_insert_with(|| Arc::new(Account::new(self.owner_limit))).clone()
    }

    /// Forgets the accounts that nobody uses now: they are counted again when they are needed.
    pub(super) fn sweep(&self) {
        // An account is only ever given out under the lock.
        self.lock().retain(|_, account| Arc::strong_count(account) > 1);
        self.recount_all(|account| Arc::strong_count(account) == 1);
    }

    /// Something of an owner's went whose weight nobody knows: his account is counted again.
    pub(super) fn recount(&self, owner: &Owner) {
        self.lock().remove(owner);
        self.recount_all(|_| true);
    }

    fn recount_all(&self, may: impl FnOnce(&Arc<Account>) -> bool) {
        let Some(all) = &self.all else { return };
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if may(&all) {
            *all = Arc::new(Account::new(all.limit));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    /// Adds to both accounts, or to none.
    pub(super) fn add(&self, bytes: u64, uploads: u64) -> Result<(), OverQuota> {
        let more = Totals { bytes, uploads };
        self.own.add(more)?;
        if let Some(all) = &self.all
            && let Err(error) = all.add(more)
        {
            self.own.subtract(more);
            return Err(error);
        }
        Ok(())
    }

    pub(super) fn subtract(&self, bytes: u64, uploads: u64) {
        let less = Totals { bytes, uploads };
        self.own.subtract(less);
        if let Some(all) = &self.all {
            all.subtract(less);
        }
    }
}

/// How many bytes an upload takes of its owner's: those that were announced, and in any case those that are there.
pub(super) fn weight(stored: &Stored) -> u64 {
    stored.record.length.unwrap_or(0).max(stored.offset)
}

impl Account {
    fn new(limit: Totals) -> Self {
        Self { is_counted: OnceCell::new(), totals: Mutex::default(), limit }
    }

    async fn count(&self, store: &dyn Store, owner: Option<&Owner>) -> Result<(), StoreError> {
        let counting = async {
            let mut found = Totals::default();
            let mut list = store.list(owner);
            while let Some(stored) = list.next().await {
                found.bytes = found.bytes.saturating_add(weight(&stored?));
                found.uploads += 1;
            }
            // Nobody changes an account before it is counted.
            *self.lock() = found;
            Ok(())
        };
        self.is_counted.get_or_try_init(|| counting).await.map(|_| ())
    }

    fn add(&self, more: Totals) -> Result<(), OverQuota> {
        // What is there already may be more than a limit that was lowered since: then only more is refused.
        let sum = |have: u64, more, limit| match have.checked_add(more) {
            Some(sum) if more == 0 || sum <= limit => Ok(sum),
            _ => Err(OverQuota),
        };
        let mut totals = self.lock();
        let bytes = sum(totals.bytes, more.bytes, self.limit.bytes)?;
        let uploads = sum(totals.uploads, more.uploads, self.limit.uploads)?;
        *totals = Totals { bytes, uploads };
        Ok(())
    }

    fn subtract(&self, less: Totals) {
        let mut totals = self.lock();
        totals.bytes = totals.bytes.saturating_sub(less.bytes);
        totals.uploads = totals.uploads.saturating_sub(less.uploads);
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_that_come_once_are_not_kept_without_end() {
        let ledger = Ledger::new(&Limits::default());
        let owner = |number: u64| Owner::of_key(number);
        let in_use = ledger.account(&owner(0));
        for number in 1..2 * ACCOUNTS as u64 {
            drop(ledger.account(&owner(number)));
        }
        assert!(ledger.lock().len() <= ACCOUNTS);
        assert!(Arc::ptr_eq(&in_use, &ledger.account(&owner(0))));
    }
}
