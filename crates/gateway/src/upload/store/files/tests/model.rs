//! What a store has promised, and whether it keeps it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::poll_fn;

use super::sim::{Dice, Sim};
use crate::upload::store::files::{Files, Settings};
use crate::upload::store::{Form, Owner, Record, Store, StoreError, UploadId, Writer};

/// What is known of an upload.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) record: Record,
    /// A record that was being written when all ended.
    next: Option<Record>,
    /// All bytes that were pushed, and count.
    pushed: Vec<u8>,
    /// From here on they do not count yet.
    held: Option<usize>,
    /// So many were reported durable.
    acked: u64,
    /// Its creation was reported.
    is_made: bool,
    /// Its removal has begun; and was reported.
    is_going: bool,
    is_gone: bool,
    is_killed: bool,
}

/// All uploads, and the store that has them now.
pub(super) struct Model {
    pub(super) uploads: BTreeMap<u64, Known>,
    writers: BTreeMap<u64, Box<dyn Writer>>,
    store: Arc<Files>,
    next: u64,
    /// So that bytes at the same place are others when they are sent again.
    generation: u64,
    /// Something other than the power may fail: an upload may be dead, or may have found no room.
    pub(super) may_fail: bool,
}

const ROOT: &str = "/uploads";

/// Syncs often: every boundary is near.
fn settings() -> Settings {
    Settings::default().threads(3).checkpoint_bytes(0).checkpoint_interval(Duration::from_millis(1))
}

pub(super) fn open(sim: &Sim) -> Result<Arc<Files>, StoreError> {
    Files::on_disk(Arc::new(sim.clone()), Path::new(ROOT), settings()).map(Arc::new)
}

impl Model {
    pub(super) fn new(store: Arc<Files>) -> Self {
        Self {
            uploads: BTreeMap::new(),
            writers: BTreeMap::new(),
            store,
            next: 0,
            generation: 0,
            may_fail: false,
        }
    }

    /// One thing, chosen by the dice. An error is the disk's.
    pub(super) async fn step(&mut self, dice: &mut Dice) -> Result<(), StoreError> {
        let known: Vec<u64> = self.writers.keys().copied().collect();
        let chosen = known.get(usize::try_from(dice.below(known.len() as u64)).unwrap()).copied();
        match (dice.below(20), chosen) {
            (0 | 1, _) | (_, None) if self.writers.len() < 4 => self.create(dice).await,
            (2..=9, Some(which)) => self.push(which, dice).await,
            (10 | 11, Some(which)) => self.sync(which).await,
            (12, Some(which)) => self.hold(which).await,
            (13, Some(which)) => self.roll_back(which).await,
            (14, Some(which)) => self.update(which, dice).await,
            (15, Some(which)) => {
                self.close(which);
                Ok(())
            }
            (16, Some(which)) => self.take_over(which).await,
            (17, Some(which)) if dice.below(3) == 0 => self.remove(which).await,
            (18, Some(which)) if dice.below(3) == 0 => self.kill(which).await,
            (19, Some(_)) if known.len() >= 2 => self.concatenate(&known, dice).await,
            (_, Some(which)) => self.reopen(which).await,
            _ => Ok(()),
        }
    }

    fn record(&mut self, form: Form) -> (u64, Record) {
        self.next += 1;
        let owner = Owner::parse(&format!("{:016x}", self.next % 3)).unwrap();
        let id = UploadId::new(&owner, u128::from(self.next));
        let record = Record {
            id,
            form,
            length: None,
            is_complete: false,
            created: self.next,
            expires: None,
            metadata: "filename YQ==".into(),
            parts: None,
        };
        (self.next, record)
    }

    fn know(&mut self, which: u64, record: Record, pushed: Vec<u8>) {
        let known = Known {
            record,
            next: None,
            pushed,
            held: None,
            acked: 0,
            is_made: false,
            is_going: false,
            is_gone: false,
            is_killed: false,
        };
        self.uploads.insert(which, known);
    }

    fn known(&mut self, which: u64) -> &mut Known {
        self.uploads.get_mut(&which).unwrap()
    }

    async fn create(&mut self, _: &mut Dice) -> Result<(), StoreError> {
        let (which, record) = self.record(Form::Whole);
        self.know(which, record.clone(), Vec::new());
        let writer = self.store.create(&record).await?;
        self.known(which).is_made = true;
        self.writers.insert(which, writer);
        Ok(())
    }

    async fn push(&mut self, which: u64, dice: &mut Dice) -> Result<(), StoreError> {
        let size = [1, 500, 5_000, 70_000, 200_000][usize::try_from(dice.below(5)).unwrap()];
        let mut bytes = vec![0; usize::try_from(1 + dice.below(size)).unwrap()];
        let mut content = Dice(self.generation.wrapping_mul(1_000_003) ^ dice.next());
        bytes.iter_mut().for_each(|byte| *byte = content.next() as u8);
        let writer = self.writers.get_mut(&which).unwrap();
        poll_fn(|cx| writer.poll_room(cx)).await?;
        writer.push(Bytes::copy_from_slice(&bytes));
        let durable = writer.durable();
        let known = self.known(which);
        known.pushed.extend_from_slice(&bytes);
        known.ack(durable);
        Ok(())
    }

    async fn sync(&mut self, which: u64) -> Result<(), StoreError> {
        // The bytes count as soon as the disk may know that they do.
        self.known(which).held = None;
        let durable = self.writers.get_mut(&which).unwrap().sync().await?;
        assert_eq!(durable, self.known(which).pushed.len() as u64);
        self.known(which).ack(durable);
        Ok(())
    }

    async fn hold(&mut self, which: u64) -> Result<(), StoreError> {
        self.known(which).held = None;
        self.writers.get_mut(&which).unwrap().hold().await?;
        let known = self.known(which);
        known.held = Some(known.pushed.len());
        known.ack(known.pushed.len() as u64);
        Ok(())
    }

    async fn roll_back(&mut self, which: u64) -> Result<(), StoreError> {
        let durable = self.writers.get_mut(&which).unwrap().roll_back().await?;
        let known = self.known(which);
        if let Some(held) = known.held.take() {
            known.pushed.truncate(held);
        }
        assert_eq!(durable, known.pushed.len() as u64);
        known.ack(durable);
        Ok(())
    }

    async fn update(&mut self, which: u64, dice: &mut Dice) -> Result<(), StoreError> {
        let known = self.known(which);
        let mut next = known.record.clone();
        next.metadata = "x".repeat(usize::try_from(dice.below(9_000)).unwrap());
        next.is_complete = dice.below(2) == 0;
        known.next = Some(next.clone());
        known.held = None;
        self.writers.get_mut(&which).unwrap().update(next.clone()).await?;
        let known = self.known(which);
        (known.record, known.next) = (next, None);
        known.ack(known.pushed.len() as u64);
        Ok(())
    }

    fn close(&mut self, which: u64) {
        self.writers.remove(&which);
        let known = self.known(which);
        if let Some(held) = known.held.take() {
            known.pushed.truncate(held);
        }
    }

    async fn take_over(&mut self, which: u64) -> Result<(), StoreError> {
        let known = self.known(which);
        if let Some(held) = known.held.take() {
            known.pushed.truncate(held);
        }
        let id = known.record.id.clone();
        let writer = self.store.append(&id).await?;
        let mut old = self.writers.insert(which, writer).unwrap();
        let fenced = old.sync().await;
        assert!(self.may_fail || matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
        drop(old);
        self.resume(which)
    }

    /// A new writer begins where all ends that was pushed, unless the disk has failed meanwhile.
    fn resume(&mut self, which: u64) -> Result<(), StoreError> {
        let durable = self.writers[&which].durable();
        let may_fail = self.may_fail;
        let known = self.known(which);
        assert!(may_fail || durable == known.pushed.len() as u64);
        known.pushed.truncate(usize::try_from(durable).unwrap());
        known.ack(durable);
        Ok(())
    }

    async fn reopen(&mut self, which: u64) -> Result<(), StoreError> {
        self.close(which);
        let id = self.known(which).record.id.clone();
        let writer = self.store.append(&id).await?;
        assert_eq!(*writer.record(), self.known(which).record);
        self.writers.insert(which, writer);
        self.resume(which)
    }

    async fn remove(&mut self, which: u64) -> Result<(), StoreError> {
        let known = self.known(which);
        known.is_going = true;
        let id = known.record.id.clone();
        self.store.remove(&id).await?;
        self.writers.remove(&which);
        self.known(which).is_gone = true;
        Ok(())
    }

    async fn kill(&mut self, which: u64) -> Result<(), StoreError> {
        self.known(which).is_killed = true;
        let mut writer = self.writers.remove(&which).unwrap();
        writer.kill().await
    }

    async fn concatenate(&mut self, from: &[u64], dice: &mut Dice) -> Result<(), StoreError> {
        let mut parts = Vec::new();
        let mut pushed = Vec::new();
        for which in from.iter().take(2 + usize::try_from(dice.below(2)).unwrap()) {
            self.sync(*which).await?;
            parts.push(self.known(*which).record.id.clone());
            pushed.extend_from_slice(&self.known(*which).pushed.clone());
        }
        let (which, mut record) = self.record(Form::Joined);
        (record.is_complete, record.length) = (true, Some(pushed.len() as u64));
        self.know(which, record.clone(), pushed);
        let stored = self.store.concatenate(&record, &parts).await?;
        let known = self.known(which);
        assert_eq!((stored.offset, &stored.record), (known.pushed.len() as u64, &record));
        known.is_made = true;
        known.ack(stored.offset);
        Ok(())
    }

    /// Goes on with another store, which must have kept every promise.
    pub(super) async fn recover(&mut self, store: Arc<Files>) -> Result<(), StoreError> {
        for (which, writer) in &self.writers {
            let durable = writer.durable();
            self.uploads.get_mut(which).unwrap().ack(durable);
        }
        self.writers.clear();
        self.store = store;
        self.generation += 1;
        let known: Vec<u64> = self.uploads.keys().copied().collect();
        for which in known {
            if !self.check(which).await? {
                self.uploads.remove(&which);
            }
        }
        Ok(())
    }

    /// Whether the upload is still there, as it must be if it was promised.
    async fn check(&mut self, which: u64) -> Result<bool, StoreError> {
        let mut known = self.uploads[&which].clone();
        let stored = match self.store.look(&known.record.id).await {
            Ok(stored) => stored,
            Err(StoreError::Missing) => {
                assert!(!known.is_made || known.is_going, "upload {which} is lost");
                return Ok(false);
            }
            Err(StoreError::Dead) => {
                assert!(known.is_killed || self.may_fail, "upload {which} is dead");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        assert!(!known.is_gone, "upload {which} is back");
        let most = known.held.unwrap_or(known.pushed.len()) as u64;
        assert!(
            stored.offset >= known.acked,
            "upload {which}: {} of {} acknowledged",
            stored.offset,
            known.acked
        );
        assert!(stored.offset <= most, "upload {which}: {} of {most} that count", stored.offset);
        if known.next.as_ref() == Some(&stored.record) {
            assert_eq!(stored.offset, known.pushed.len() as u64, "the record came before the bytes");
            known.record = stored.record.clone();
        }
        assert_eq!(stored.record, known.record);
        known.pushed.truncate(usize::try_from(stored.offset).unwrap());
        let mut read = Vec::new();
        let mut pieces = self.store.read(&known.record.id, 0);
        while let Some(piece) = pieces.next().await {
            read.extend_from_slice(&piece?);
        }
        drop(pieces);
        assert!(read == known.pushed, "upload {which} has other bytes");
        known.ack(stored.offset);
        (known.held, known.next, known.is_made, known.is_going) = (None, None, true, false);
        if known.record.form == Form::Whole {
            let writer = self.store.append(&known.record.id).await?;
            assert_eq!(writer.durable(), stored.offset);
            self.writers.insert(which, writer);
        }
        self.uploads.insert(which, known);
        Ok(true)
    }

    /// What a list shows is what there is.
    pub(super) async fn check_list(&self) -> Result<(), StoreError> {
        let listed: Vec<_> = self.store.list(None).collect().await;
        let mut ids = Vec::new();
        for stored in listed {
            ids.push(stored?.record.id.as_str().to_owned());
        }
        for known in self.uploads.values().filter(|known| known.is_made && !known.is_killed && !known.is_gone)
        {
            assert!(
                ids.iter().any(|id| id == known.record.id.as_str()),
                "{} is not listed",
                known.record.id.as_str()
            );
        }
        Ok(())
    }
}

impl Known {
    fn ack(&mut self, durable: u64) {
        assert!(durable >= self.acked, "{durable} after {}", self.acked);
        self.acked = durable;
    }
}
