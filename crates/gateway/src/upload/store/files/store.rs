//! The store itself: who may do what at the same time, and on which threads.

use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;

use super::blocks::Blocks;
use super::disk::{Disk, Names, System};
use super::engine::{Engine, Paths};
use super::pool::Pool;
use super::reader::Reader;
use super::room::Room;
use super::settings::Settings;
use super::upload::{Live, Task, Upload};
use super::writer::FileWriter;
use super::{existing, made};
use crate::upload::store::{Owner, Record, Store, StoreError, Stored, UploadId, Writer};

/// Uploads in a folder of this machine: for each a file of its bytes, and one beside it that says what of them counts.
///
/// One process at a time has the folder. Nothing is read when it is opened; an upload that a crash has left is recovered
/// when it is first asked for.
///
/// A method must be called on a tokio runtime. Dropping its future does not end what a thread has begun: an upload may
/// then be there that nobody was told of.
pub struct Files {
    engine: Arc<Engine>,
    pool: Arc<Pool<Task>>,
    live: Arc<Live>,
    /// How many may open, make, remove or read files at a time.
    hands: Arc<Semaphore>,
}

/// What the blocking parts need.
#[derive(Clone)]
struct Hand {
    engine: Arc<Engine>,
    pool: Arc<Pool<Task>>,
    live: Arc<Live>,
    hands: Arc<Semaphore>,
}

/// How many may open, make, remove or read files at a time.
const HANDS: usize = 32;

/// How long the store waits for another process to let go of the folder.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many uploads are looked at in one go, of a list.
const LISTED: usize = 64;

impl Files {
    /// Opens a folder, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or used, or another process still has it after 10 s.
    pub async fn open(folder: impl Into<PathBuf>, settings: Settings) -> Result<Self, StoreError> {
        let folder = folder.into();
        let opening = tokio::task::spawn_blocking(move || Self::on_disk(Arc::new(System), &folder, settings));
        opening.await.map_err(io::Error::other)?
    }

    /// Opens a folder of some disk. It blocks.
    pub(super) fn on_disk(disk: Arc<dyn Disk>, root: &Path, settings: Settings) -> Result<Self, StoreError> {
        disk.create_folder(root)?;
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            disk.sync_folder(parent)?;
        }
        let lock = locked(&*disk, &root.join("lock"))?;
        let run = u64::from_le_bytes(random()?);
        let room = Room::new(settings.total_queue_bytes);
        let pool = Arc::new(Pool::start(settings.threads, settings.bulk_syncs)?);
        let engine = Engine {
            disk,
            root: root.to_owned(),
            run,
            settings,
            room,
            graves: Default::default(),
            busy: Default::default(),
            owners: Default::default(),
            _lock: lock,
        };
        let (engine, live, hands) = (Arc::new(engine), Arc::default(), Arc::new(Semaphore::new(HANDS)));
        Ok(Self { engine, pool, live, hands })
    }

    /// How many bytes wait for the disk, of all uploads together.
    pub fn queued_bytes(&self) -> usize {
        self.engine.room.used()
    }

    fn hand(&self) -> Hand {
        Hand {
            engine: Arc::clone(&self.engine),
            pool: Arc::clone(&self.pool),
            live: Arc::clone(&self.live),
            hands: Arc::clone(&self.hands),
        }
    }
}

fn locked(disk: &dyn Disk, path: &Path) -> Result<Box<dyn std::any::Any + Send + Sync>, StoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(lock) = disk.lock(path)? {
            return Ok(lock);
        }
        if Instant::now() >= deadline {
            let error =
                io::Error::new(io::ErrorKind::ResourceBusy, "another process has the folder of uploads");
            return Err(StoreError::Io(error));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

impl Hand {
    /// Does something that waits for the disk.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.hands).acquire_owned().await.map_err(io::Error::other)?;
        let working = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&self)
        });
        working.await.map_err(io::Error::other)?
    }

    fn look(&self, id: &UploadId) -> Result<Stored, StoreError> {
        let _claim = self.engine.busy.claim(id);
        self.look_claimed(id)
    }

    fn look_claimed(&self, id: &UploadId) -> Result<Stored, StoreError> {
        if let Some(found) = self.live.find(id).and_then(|upload| upload.look()) {
            return found;
        }
        let slot = existing::open(&self.engine, id, false)?.slot;
        Ok(Stored { record: slot.record, offset: slot.blocks.end })
    }

    fn write_to(&self, opened: super::upload::Opened) -> Result<FileWriter, StoreError> {
        let (engine, pool) = (Arc::clone(&self.engine), Arc::clone(&self.pool));
        let upload = Upload::new(opened, engine, pool, &self.live);
        self.live.add(&upload);
        FileWriter::take_over(&upload).ok_or(StoreError::Fenced)
    }

    fn create(&self, record: &Record) -> Result<FileWriter, StoreError> {
        let _claim = self.engine.busy.claim(&record.id);
        if self.live.find(&record.id).is_some() {
            return Err(StoreError::Exists);
        }
        let made = {
            let _small = self.pool.small();
            made::create(&self.engine, record)?
        };
        self.write_to(made)
    }

    /// `None`: it is open already.
    fn append(&self, id: &UploadId) -> Result<Option<FileWriter>, StoreError> {
        let _claim = self.engine.busy.claim(id);
        if self.live.find(id).is_some() {
            return Ok(None);
        }
        self.write_to(existing::open(&self.engine, id, true)?).map(Some)
    }

    fn concatenate(&self, record: &Record, parts: &[UploadId]) -> Result<Stored, StoreError> {
        let _claim = self.engine.busy.claim(&record.id);
        if self.live.find(&record.id).is_some() {
            return Err(StoreError::Exists);
        }
        let parts: Result<Vec<_>, _> = parts.iter().map(|id| self.reader(id, 0)).collect();
        let opened = made::joined(&self.engine, record, parts?)?;
        Ok(Stored { record: opened.slot.record, offset: opened.slot.blocks.end })
    }

    fn reader(&self, id: &UploadId, from: u64) -> Result<Reader, StoreError> {
        let _claim = self.engine.busy.claim(id);
        let paths = Paths::of(&self.engine.root, id);
        let durable: Blocks = match self.live.find(id) {
            Some(upload) => {
                if let Some(found) = upload.look() {
                    found?;
                }
                upload.lock().durable
            }
            None => existing::open(&self.engine, id, false)?.slot.blocks,
        };
        let open = |path: &Path| self.engine.disk.open(path).map_err(gone);
        let (data, sidecar) = (open(&paths.data)?, open(&paths.sidecar)?);
        Ok(Reader::new(data, sidecar, paths.data, from, durable))
    }

    /// Removes what a crash has left, if nobody is making it.
    fn sweep(&self, id: &UploadId) {
        let _claim = self.engine.busy.claim(id);
        if self.live.find(id).is_none() {
            made::sweep(&self.engine, id);
        }
    }

    /// Removes an upload that was given up, once it has expired: no list shows it.
    fn sweep_dead(&self, id: &UploadId) {
        let _claim = self.engine.busy.claim(id);
        if self.live.find(id).is_none() && existing::is_over(&self.engine, id) {
            // Otherwise the next list does it.
            let _ = made::remove(&self.engine, id);
        }
    }
}

fn gone(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::NotFound { StoreError::Missing } else { error.into() }
}

impl Store for Files {
    fn create<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        let record = record.clone();
        self.hand().run(move |hand| Ok(Box::new(hand.create(&record)?) as Box<dyn Writer>)).boxed()
    }

    fn look<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Stored, StoreError>> {
        async move {
            if let Some(found) = self.live.find(id).and_then(|upload| upload.look()) {
                return found;
            }
            let id = id.clone();
            self.hand().run(move |hand| hand.look(&id)).await
        }
        .boxed()
    }

    fn append<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        async move {
            loop {
                let open = self.live.find(id);
                let mut writer = match open.as_ref().map(FileWriter::take_over) {
                    // It is being closed, and gone at once.
                    Some(None) => continue,
                    Some(Some(writer)) => writer,
                    None => {
                        let id = id.clone();
                        let Some(writer) = self.hand().run(move |hand| hand.append(&id)).await? else {
                            continue;
                        };
                        writer
                    }
                };
                match (writer.settled().await, open) {
                    (Ok(()), _) => return Ok(Box::new(writer) as Box<dyn Writer>),
                    // There may be room again. What is durable is good, and is opened anew.
                    (Err(StoreError::Full), Some(upload)) => {
                        drop(writer);
                        closed(&upload).await;
                    }
                    (Err(StoreError::Io(_)), _) => return Err(StoreError::Dead),
                    (Err(error), _) => return Err(error),
                }
            }
        }
        .boxed()
    }

    fn concatenate<'a>(
        &'a self,
        record: &'a Record,
        parts: &'a [UploadId],
    ) -> BoxFuture<'a, Result<Stored, StoreError>> {
        let (record, parts) = (record.clone(), parts.to_vec());
        self.hand().run(move |hand| hand.concatenate(&record, &parts)).boxed()
    }

    fn remove<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            loop {
                if let Some(upload) = self.live.find(id) {
                    upload.forget();
                    closed(&upload).await;
                }
                let id = id.clone();
                let removing = self.hand().run(move |hand| {
                    let _claim = hand.engine.busy.claim(&id);
                    if hand.live.find(&id).is_some() {
                        return Ok(false);
                    }
                    made::remove(&hand.engine, &id).map(|()| true)
                });
                if removing.await? {
                    return Ok(());
                }
            }
        }
        .boxed()
    }

    fn read<'a>(&'a self, id: &'a UploadId, from: u64) -> BoxStream<'a, Result<Bytes, StoreError>> {
        let (hand, id) = (self.hand(), id.clone());
        let opening = async move {
            hand.clone().run(move |hand| hand.reader(&id, from)).await.map(|reader| (hand, reader))
        };
        stream::once(opening)
            .map(|opened| match opened {
                Ok((hand, reader)) => stream::unfold(Some((hand, reader)), next_piece).boxed(),
                Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
            })
            .flatten()
            .boxed()
    }

    fn list<'a>(&'a self, owner: Option<&'a Owner>) -> BoxStream<'a, Result<Stored, StoreError>> {
        let owners: Names = match owner {
            Some(owner) => Box::new(std::iter::once(Ok(owner.as_str().to_owned()))),
            None => match self.engine.disk.names(&self.engine.root) {
                Ok(names) => names,
                Err(error) => return stream::once(std::future::ready(Err(error.into()))).boxed(),
            },
        };
        let listing = Listing { hand: self.hand(), owners, owner: None, names: None };
        stream::unfold(Some(listing), next_batch).map(stream::iter).flatten().boxed()
    }

    fn secret(&self) -> BoxFuture<'_, Result<[u8; 32], StoreError>> {
        self.hand().run(|hand| secret(&hand.engine)).boxed()
    }
}

/// Waits until an upload is no longer open.
async fn closed(upload: &Arc<Upload>) {
    poll_fn(|cx| {
        let mut state = upload.lock();
        if state.is_evicted {
            return Poll::Ready(());
        }
        state.wait(cx.waker());
        Poll::Pending
    })
    .await;
}

type Piece = Result<Bytes, StoreError>;

async fn next_piece(reading: Option<(Hand, Reader)>) -> Option<(Piece, Option<(Hand, Reader)>)> {
    let (hand, mut reader) = reading?;
    let read = hand.clone().run(move |_| reader.next_piece().map(|piece| piece.map(|piece| (piece, reader))));
    match read.await {
        Ok(None) => None,
        Ok(Some((piece, reader))) => Some((Ok(piece), Some((hand, reader)))),
        Err(error) => Some((Err(error), None)),
    }
}

/// How far a list has come.
struct Listing {
    hand: Hand,
    owners: Names,
    owner: Option<Owner>,
    names: Option<Names>,
}

type Batch = Vec<Result<Stored, StoreError>>;

async fn next_batch(listing: Option<Listing>) -> Option<(Batch, Option<Listing>)> {
    let mut listing = listing?;
    let hand = listing.hand.clone();
    let listed = hand.run(move |_| {
        let batch = listing.batch()?;
        Ok(batch.map(|batch| (batch, listing)))
    });
    match listed.await {
        Ok(None) => None,
        Ok(Some((batch, listing))) => Some((batch, Some(listing))),
        Err(error) => Some((vec![Err(error)], None)),
    }
}

impl Listing {
    /// The next few uploads. `None` behind the last.
    fn batch(&mut self) -> Result<Option<Batch>, StoreError> {
        let mut batch = Vec::new();
        for _ in 0..LISTED {
            let (Some(owner), Some(names)) = (&self.owner, &mut self.names) else {
                if !self.next_owner()? {
                    return Ok((!batch.is_empty()).then_some(batch));
                }
                continue;
            };
            let Some(name) = names.next() else {
                self.owner = None;
                continue;
            };
            match made::upload_of(owner, &name?) {
                Some((id, true)) => batch.extend(self.listed(&id)),
                Some((id, false)) => self.hand.sweep(&id),
                None => {}
            }
        }
        Ok(Some(batch))
    }

    /// Goes on to the next owner. `false`: there is none.
    fn next_owner(&mut self) -> Result<bool, StoreError> {
        let Some(name) = self.owners.next() else { return Ok(false) };
        let Some(owner) = Owner::parse(&name?) else { return Ok(true) };
        match self.hand.engine.disk.names(&self.hand.engine.root.join(owner.as_str())) {
            Ok(names) => (self.owner, self.names) = (Some(owner), Some(names)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// One upload; none if it is damaged, or gone meanwhile.
    fn listed(&self, id: &UploadId) -> Option<Result<Stored, StoreError>> {
        if let Some(found) = self.hand.live.find(id).and_then(|upload| upload.look()) {
            return found.ok().map(Ok);
        }
        match existing::peek(&self.hand.engine, id) {
            Ok(slot) => Some(Ok(Stored { record: slot.record, offset: slot.blocks.end })),
            Err(StoreError::Io(error)) => Some(Err(StoreError::Io(error))),
            Err(error) => {
                match error {
                    StoreError::Dead => self.hand.sweep_dead(id),
                    StoreError::Missing => self.hand.sweep(id),
                    _ => {}
                }
                None
            }
        }
    }
}

/// The secret of the store, made when it is first asked for.
fn secret(engine: &Engine) -> Result<[u8; 32], StoreError> {
    let _one = engine.owners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = engine.root.join("secret");
    let mut secret = [0; 32];
    match engine.disk.open(&path) {
        Ok(file) if file.read_at(0, &mut secret)? == secret.len() => {
            engine.disk.sync_folder(&engine.root)?;
            return Ok(secret);
        }
        Ok(_) => {
            let error = io::Error::new(io::ErrorKind::InvalidData, "the secret of the uploads is damaged");
            return Err(StoreError::Io(error));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let secret = random()?;
    let new = engine.root.join("secret.new");
    let file = engine.disk.create(&new)?;
    file.write_at(0, &[&secret])?;
    file.sync()?;
    engine.disk.rename(&new, &path)?;
    engine.disk.sync_folder(&engine.root)?;
    Ok(secret)
}
