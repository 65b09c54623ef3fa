//! The uploads: who may have which, who writes, and what they may take.
//!
//! ```text
//! Uploads ─▶ Seats      whose turn it is at an upload; a newer request ends the older one's
//!         ─▶ Ledger     how much each owner has
//!         ─▶ Transfer ─▶ Flow     one body: pull a piece only when the store has room, push it, tell what is durable
//! ```

mod append;
mod clock;
mod flow;
mod hashing;
mod ledger;
mod parts;
mod pause;
mod seats;
mod sweep;
mod transfer;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use sha2::{Digest, Sha256};
use tidegate_proto::upload::tus::MAX_LIST;
use tokio::sync::{OnceCell, Semaphore};

use super::command::{Create, Join, State, UploadError};
use super::limits::Limits;
use super::store::{Form, Owner, Record, Store, StoreError, Stored, UploadId};
use super::watch::{Progress, Watch};
use clock::{expires_in, has_expired, now};
use ledger::{Ledger, weight};
use seats::{Seats, Turn};

/// The uploads of a store. Clones are the same.
///
/// One request at a time has its turn at an upload. A newer one ends the older one, which makes durable what came, and
/// answers its client; the newer one goes on from there. Its methods need a tokio runtime. Each may be dropped at any
/// moment: what came of a body is kept, and made durable in the background.
#[derive(Clone)]
pub struct Uploads(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    limits: Arc<Limits>,
    seats: Arc<Seats>,
    ledger: Ledger,
    /// Places for bodies that are on their way.
    places: Arc<Semaphore>,
    secret: OnceCell<[u8; 32]>,
    watch: OnceLock<Arc<dyn Watch>>,
    sweeper: OnceLock<()>,
}

/// An upload that was just begun, and the turn at it: its first body comes before anybody else's request.
pub(crate) struct Fresh {
    /// How it stands.
    pub(crate) state: State,
    turn: Turn,
}

/// The most parts that are joined at once.
const MAX_PARTS: usize = 1000;

impl Uploads {
    /// The uploads in a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self(Arc::new(Inner {
            store,
            seats: Arc::new(Seats::new(limits.max_bytes)),
            ledger: Ledger::new(&limits),
            places: Arc::new(Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS))),
            secret: OnceCell::new(),
            watch: OnceLock::new(),
            sweeper: OnceLock::new(),
            limits: Arc::new(limits),
        }))
    }

    /// Tells `watch` how far uploads have come, from now on. Only the first one is told.
    #[must_use]
    pub fn watched_by(self, watch: Arc<dyn Watch>) -> Self {
        let _ = self.0.watch.set(watch);
        self
    }

    /// What uploads may take.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Where others may follow an upload, if anywhere.
    #[must_use]
    pub fn link(&self, id: &UploadId) -> Option<String> {
        self.0.watch.get()?.link(id)
    }

    /// Begins an upload. One that has the same id already, because the client chose it, is replaced.
    ///
    /// # Errors
    ///
    /// [`UploadError::TooLarge`] and [`UploadError::OverQuota`] before anything is stored; what the store says.
    pub async fn create(&self, owner: &Owner, create: Create) -> Result<State, UploadError> {
        Ok(self.create_fresh(owner, create).await?.state)
    }

    /// As [`create`](Self::create), for a request whose body follows at once: whoever learns of the upload and asks how
    /// it stands comes behind that body, and ends it.
    pub(crate) async fn create_fresh(&self, owner: &Owner, create: Create) -> Result<Fresh, UploadError> {
        self.tend();
        let Create { id, form, length, metadata } = create;
        let chosen = id.is_some();
        let id = match id {
            Some(id) => id,
            None => UploadId::new(owner, random()?),
        };
        self.check_owner(owner, &id)?;
        let created = now();
        let expires = Some(expires_in(self.0.limits.expiry));
        let is_complete = false;
        let mut record = Record { id, form, length, is_complete, created, expires, metadata, parts: None };
        if length == Some(0) {
            record.is_complete = true;
            record.expires = self.0.limits.retention.map(expires_in);
        }
        if length.is_some_and(|length| length > self.0.limits.max_bytes) {
            return Err(UploadError::TooLarge(State { record, offset: 0 }));
        }
        let turn = self.0.seats.take(&record.id).await;
        if chosen {
            self.remove_stored(&turn).await?;
        }
        let accounts = self.0.ledger.open(owner, &*self.0.store).await.map_err(failed)?;
        let bytes = length.unwrap_or(0);
        accounts.add(bytes, 1).map_err(|_| UploadError::OverQuota)?;
        // In a task of its own: a request that is dropped meanwhile leaves a whole upload, which is in the books.
        let store = self.0.store.clone();
        let creating = tokio::spawn(async move {
            let created = store.create(&record).await.map(drop);
            if created.is_err() {
                accounts.subtract(bytes, 1);
            }
            created.map(|()| (record, turn))
        });
        let (record, turn) = creating.await.map_err(|error| failed(panicked(error)))?.map_err(failed)?;
        let state = State { record, offset: 0 };
        self.tell(&state, false);
        Ok(Fresh { state, turn })
    }

    /// How an upload stands. A body that is on its way is ended before, so that the offset is where the next one begins.
    ///
    /// # Errors
    ///
    /// [`UploadError::Unknown`], [`UploadError::Expired`], [`UploadError::Dead`]; what the store says.
    pub async fn look(&self, owner: &Owner, id: &UploadId) -> Result<State, UploadError> {
        self.check_owner(owner, id)?;
        let _turn = self.0.seats.take(id).await;
        self.stored(id).await
    }

    /// As [`look`](Self::look), and lets whoever writes go on.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn peek(&self, owner: &Owner, id: &UploadId) -> Result<State, UploadError> {
        self.check_owner(owner, id)?;
        self.stored(id).await
    }

    /// The durable bytes of an upload from an offset on, in pieces.
    pub fn read<'a>(&'a self, id: &'a UploadId, from: u64) -> BoxStream<'a, Result<Bytes, StoreError>> {
        self.0.store.read(id, from)
    }

    /// Makes one upload of several parts, in their order. The parts stay.
    ///
    /// # Errors
    ///
    /// [`UploadError::Unknown`] for a part that is not the owner's; [`UploadError::NotJoinable`] for one that is no part,
    /// or not complete; [`UploadError::TooLarge`], [`UploadError::OverQuota`]; what the store says.
    pub async fn join(&self, owner: &Owner, join: Join) -> Result<State, UploadError> {
        self.tend();
        let Join { parts, list, metadata } = join;
        if parts.is_empty() || parts.len() > MAX_PARTS || list.len() > MAX_LIST {
            return Err(UploadError::NotJoinable);
        }
        let mut length: u64 = 0;
        for part in &parts {
            let state = self.peek(owner, part).await?;
            if state.record.form != Form::Part || !state.record.is_complete {
                return Err(UploadError::NotJoinable);
            }
            length = length.saturating_add(state.offset);
        }
        let record = Record {
            id: UploadId::new(owner, random()?),
            form: Form::Joined,
            length: Some(length),
            is_complete: true,
            created: now(),
            expires: self.0.limits.retention.map(expires_in),
            metadata,
            parts: Some(list.into()),
        };
        if length > self.0.limits.max_bytes {
            return Err(UploadError::TooLarge(State { record, offset: 0 }));
        }
        let accounts = self.0.ledger.open(owner, &*self.0.store).await.map_err(failed)?;
        accounts.add(length, 1).map_err(|_| UploadError::OverQuota)?;
        let store = self.0.store.clone();
        let joining = tokio::spawn(async move {
            let joined = store.concatenate(&record, &parts).await;
            if joined.is_err() {
                accounts.subtract(length, 1);
            }
            joined
        });
        let stored = joining.await.map_err(|error| failed(panicked(error)))?.map_err(failed)?;
        let state = State { record: stored.record, offset: stored.offset };
        self.tell(&state, false);
        Ok(state)
    }

    /// Removes an upload, also one that has expired or was given up. A body that is on its way is ended before.
    ///
    /// # Errors
    ///
    /// [`UploadError::Unknown`]; what the store says.
    pub async fn remove(&self, owner: &Owner, id: &UploadId) -> Result<(), UploadError> {
        self.check_owner(owner, id)?;
        let turn = self.0.seats.take(id).await;
        if self.remove_stored(&turn).await? { Ok(()) } else { Err(UploadError::Unknown) }
    }

    /// The id of an upload that the client has given a name of its own, in bytes. The same client and name give the same
    /// id in every process that uses the store, and nobody else can tell it.
    ///
    /// # Errors
    ///
    /// When the store's secret cannot be had.
    pub async fn chosen_id(&self, owner: &Owner, client_id: &[u8]) -> Result<UploadId, UploadError> {
        let secret = self.0.secret.get_or_try_init(|| self.0.store.secret()).await.map_err(failed)?;
        // Secret and owner have fixed lengths, and half of the digest is given away: nothing can be put behind it.
        let digest = Sha256::new()
            .chain_update(secret)
            .chain_update(owner.as_str())
            .chain_update(client_id)
            .finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Ok(UploadId::new(owner, u128::from_be_bytes(half)))
    }

    fn check_owner(&self, owner: &Owner, id: &UploadId) -> Result<(), UploadError> {
        if id.owner() == *owner { Ok(()) } else { Err(UploadError::Unknown) }
    }

    /// What the store has, unless it has expired.
    async fn stored(&self, id: &UploadId) -> Result<State, UploadError> {
        let Stored { record, offset } = self.0.store.look(id).await.map_err(failed)?;
        if has_expired(&record) { Err(UploadError::Expired) } else { Ok(State { record, offset }) }
    }

    /// Removes what there is of an upload; tells whether there was anything.
    async fn remove_stored(&self, turn: &Turn) -> Result<bool, UploadError> {
        let id = turn.id();
        let found = match self.0.store.look(id).await {
            Err(StoreError::Missing) => return Ok(false),
            // What cannot be read can be removed.
            Err(_) => None,
            Ok(stored) => Some(stored),
        };
        let accounts = self.0.ledger.open(&id.owner(), &*self.0.store).await.map_err(failed)?;
        self.0.store.remove(id).await.map_err(failed)?;
        turn.forget();
        match found {
            Some(stored) => {
                accounts.subtract(weight(&stored), 1);
                self.tell(&State { record: stored.record, offset: stored.offset }, true);
            }
            None => self.0.ledger.recount(&id.owner()),
        }
        Ok(true)
    }

    fn tell(&self, state: &State, is_gone: bool) {
        let Some(watch) = self.0.watch.get() else { return };
        let State { record, offset } = state;
        let progress =
            Progress { offset: *offset, length: record.length, is_complete: record.is_complete, is_gone };
        watch.progress(&record.id, progress);
    }
}

/// What the store says, as the clients are told.
fn failed(error: StoreError) -> UploadError {
    match error {
        StoreError::Missing => UploadError::Unknown,
        StoreError::Dead => UploadError::Dead,
        StoreError::Full => UploadError::Full,
        // Another process has it at the moment.
        StoreError::Fenced => UploadError::Busy,
        error => UploadError::Storage(error),
    }
}

fn panicked(error: tokio::task::JoinError) -> StoreError {
    StoreError::Io(std::io::Error::other(error))
}

fn random() -> Result<u128, UploadError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| UploadError::Storage(StoreError::Io(error.into())))?;
    Ok(u128::from_be_bytes(bytes))
}
