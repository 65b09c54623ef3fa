//! The store itself.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::sync::Semaphore;

use super::bucket::{Bucket, ETags, Parts, meaning};
use super::manifest::Manifest;
use super::probe::conditional_writes;
use super::removal::{self, PATIENCE, remove};
use super::session::Session;
use super::writer::{Desk, ObjectWriter};
use crate::upload::store::{Owner, Record, Store, StoreError, Stored, UploadId, Writer};

/// Uploads in a bucket of S3, or of what speaks like it.
///
/// Several processes may have the same bucket: the newest writer of an upload counts, and an older one fails at its next
/// checkpoint. The server must know conditional writes (`If-Match`, `If-None-Match`); one that does not is refused when
/// the bucket is opened. Bytes can be read once the upload is complete, which is when its parts become one object.
///
/// What a crash leaves behind that no manifest names (a tail, or a multipart upload without an object) is for the
/// bucket's own rules of lifecycle.
pub struct Objects {
    bucket: Bucket,
    settings: Settings,
    memory: Arc<Semaphore>,
    /// The writers of this process.
    live: Mutex<HashMap<UploadId, Arc<Desk>>>,
}

/// How the store works, in numbers.
#[derive(Clone, Debug)]
pub struct Settings {
    part_bytes: u64,
    memory_bytes: u64,
    interval: Duration,
    options: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            part_bytes: 8 * 1024 * 1024,
            memory_bytes: 256 * 1024 * 1024,
            interval: Duration::from_secs(1),
            options: Vec::new(),
        }
    }
}

/// S3 takes no smaller parts, but for the last.
const LEAST_PART: u64 = 5 * 1024 * 1024;

/// What a part grows by.
const MEBIBYTE: u64 = 1024 * 1024;

/// How many parts an upload of known length has at most: S3 allows 10,000.
const PARTS: u64 = 9_000;

/// How many manifests are read at a time for a list.
const LISTED: usize = 16;

impl Settings {
    /// How many bytes a part has; 8 MiB unless set, at least 5 MiB. An upload whose length says that it would have too
    /// many gets larger ones. A part is kept in memory until it is whole, and is what may have to be sent again.
    #[must_use]
    pub fn part_bytes(mut self, bytes: u64) -> Self {
        self.part_bytes = bytes.max(LEAST_PART).next_multiple_of(MEBIBYTE);
        self
    }

    /// How many bytes the parts of all uploads may take in memory; 256 MiB unless set. Uploads beyond that wait for one
    /// that is idle for a second. It is at least one part.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// After how long without news what is no whole part is made durable; 1 s unless set. Less costs more requests.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// What the environment would say, by the same name (`aws_endpoint`, `aws_region`, `aws_allow_http`).
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Objects {
    /// A bucket of S3, below a prefix. What else there is to know (region, keys, `AWS_ENDPOINT`) is taken from the
    /// environment, by the names that the AWS tools use.
    ///
    /// # Errors
    ///
    /// When the environment does not say enough, the bucket cannot be reached, or it does not keep conditional writes:
    /// that is tried with an object of its own, below `probes`.
    pub async fn s3(bucket: &str, prefix: &str, settings: Settings) -> Result<Self, StoreError> {
        // There may be a provider already; then that is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        for (name, value) in &settings.options {
            builder = builder.with_config(AmazonS3ConfigKey::from_str(name).map_err(meaning)?, value);
        }
        let objects = builder.build().map_err(meaning)?;
        let prefix =
            Path::parse(prefix).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let etags = conditional_writes(&objects, &prefix).await?;
        Ok(Self::of(Arc::new(objects), prefix, etags, settings))
    }

    /// In memory, for tests: nothing survives.
    #[must_use]
    pub fn in_memory(settings: Settings) -> Self {
        let objects = Arc::new(object_store::memory::InMemory::new());
        Self::of(objects, Path::default(), ETags::Quoted, settings)
    }

    fn of(objects: Arc<dyn Parts>, prefix: Path, etags: ETags, settings: Settings) -> Self {
        let kibibytes = settings.memory_bytes.max(settings.part_bytes) / 1024;
        let memory = usize::try_from(kibibytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            bucket: Bucket::new(objects, prefix, etags),
            settings,
            memory: Arc::new(Semaphore::new(memory)),
            live: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Desk>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How large the parts of an upload are.
    fn part_bytes(&self, length: Option<u64>) -> u64 {
        let needed = length.unwrap_or(0).div_ceil(PARTS).next_multiple_of(MEBIBYTE);
        self.settings.part_bytes.max(needed)
    }

    fn write(&self, session: Session, id: &UploadId) -> Box<dyn Writer> {
        let (writer, desk) = ObjectWriter::start(session, self.settings.interval);
        let mut live = self.lock();
        // Those that have ended are found now and then.
        if live.len().is_power_of_two() {
            live.retain(|_, desk| !desk.is_over());
        }
        live.insert(id.clone(), desk);
        Box::new(writer)
    }

    /// Ends the writer of this process, if there is one.
    async fn end_writer(&self, id: &UploadId) {
        let desk = self.lock().get(id).cloned();
        if let Some(desk) = desk {
            desk.fence();
            desk.over().await;
        }
    }

    async fn session(&self, record: &Record) -> Result<Session, StoreError> {
        let manifest = Manifest::new(record.clone(), self.part_bytes(record.length));
        let create = || Session::create(self.bucket.clone(), manifest.clone(), Arc::clone(&self.memory));
        match create().await {
            // What a crash has left of one that was removed does not stand in the way.
            Err(StoreError::Exists) if removal::clear(&self.bucket, &record.id, PATIENCE).await? => {
                create().await
            }
            created => created,
        }
    }

    async fn join(&self, record: &Record, parts: &[UploadId]) -> Result<Stored, StoreError> {
        for part in parts {
            Manifest::get(&self.bucket, part).await?;
        }
        // It is there from now on, but not complete, and of an owner who has not been told its id.
        let unfinished = Record { is_complete: false, ..record.clone() };
        let mut session = self.session(&unfinished).await?;
        let joined = async {
            for part in parts {
                let mut pieces = read(self.bucket.clone(), part.clone(), 0);
                while let Some(piece) = pieces.next().await {
                    session.add(piece?).await?;
                }
            }
            session.update(record.clone()).await?;
            Ok(Stored { record: record.clone(), offset: session.durable() })
        };
        let joined: Result<Stored, StoreError> = joined.await;
        if joined.is_err() {
            let _ = remove(&self.bucket, &record.id).await;
        }
        joined
    }

    /// The upload of a manifest; none if it is damaged, or gone meanwhile.
    async fn listed(&self, manifest: &Path) -> Option<Result<Stored, StoreError>> {
        let mut names = manifest.parts().rev();
        let (secret, owner) = (names.next()?, names.next()?);
        let id = UploadId::parse(&format!("{}-{}", owner.as_ref(), secret.as_ref()))?;
        match Manifest::get(&self.bucket, &id).await {
            Ok((manifest, _)) => Some(Ok(manifest.state())),
            Err(StoreError::Io(error)) => Some(Err(StoreError::Io(error))),
            Err(_) => {
                // What cannot be removed now is removed the next time.
                let _ = removal::clear(&self.bucket, &id, PATIENCE).await;
                None
            }
        }
    }

    async fn make_secret(&self) -> Result<[u8; 32], StoreError> {
        let path = self.bucket.secret();
        loop {
            match self.bucket.objects.get(&path).await {
                Ok(got) => {
                    let bytes = got.bytes().await.map_err(meaning)?;
                    let damaged = |_| {
                        io::Error::new(io::ErrorKind::InvalidData, "the secret of the uploads is damaged")
                    };
                    return Ok(<[u8; 32]>::try_from(&bytes[..]).map_err(damaged)?);
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(meaning(error)),
            }
            let mut secret = vec![0; 32];
            getrandom::fill(&mut secret).map_err(io::Error::from)?;
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            match self.bucket.objects.put_opts(&path, secret.into(), options).await {
                // Another process may have been faster; its own is read.
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(meaning(error)),
            }
        }
    }
}

impl Store for Objects {
    fn create<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        async move { Ok(self.write(self.session(record).await?, &record.id)) }.boxed()
    }

    fn look<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Stored, StoreError>> {
        async move { Ok(Manifest::get(&self.bucket, id).await?.0.state()) }.boxed()
    }

    fn append<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        async move {
            self.end_writer(id).await;
            let session = Session::open(self.bucket.clone(), id, Arc::clone(&self.memory)).await?;
            Ok(self.write(session, id))
        }
        .boxed()
    }

    fn concatenate<'a>(
        &'a self,
        record: &'a Record,
        parts: &'a [UploadId],
    ) -> BoxFuture<'a, Result<Stored, StoreError>> {
        self.join(record, parts).boxed()
    }

    fn remove<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.end_writer(id).await;
            remove(&self.bucket, id).await
        }
        .boxed()
    }

    fn read<'a>(&'a self, id: &'a UploadId, from: u64) -> BoxStream<'a, Result<Bytes, StoreError>> {
        read(self.bucket.clone(), id.clone(), from)
    }

    fn list<'a>(&'a self, owner: Option<&'a Owner>) -> BoxStream<'a, Result<Stored, StoreError>> {
        let prefix = self.bucket.manifests(owner);
        let found = self.bucket.objects.list(Some(&prefix));
        let listed = found.map(move |meta| async move {
            match meta {
                Ok(meta) => self.listed(&meta.location).await,
                Err(error) => Some(Err(meaning(error))),
            }
        });
        listed.buffer_unordered(LISTED).filter_map(std::future::ready).boxed()
    }

    fn secret(&self) -> BoxFuture<'_, Result<[u8; 32], StoreError>> {
        self.make_secret().boxed()
    }
}

/// The bytes of a complete upload.
fn read(bucket: Bucket, id: UploadId, from: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let opening = async move {
        let (manifest, _) = Manifest::get(&bucket, &id).await?;
        if from >= manifest.offset() {
            return Ok(stream::empty().boxed());
        }
        if manifest.stored.is_none() {
            let reason = "what is kept in an object store can be read once it is complete";
            return Err(StoreError::Io(io::Error::new(io::ErrorKind::Unsupported, reason)));
        }
        let options = GetOptions { range: Some(GetRange::Offset(from)), ..GetOptions::default() };
        let got = bucket.objects.get_opts(&bucket.data(&id), options).await.map_err(meaning)?;
        Ok(got.into_stream().map(|piece| piece.map_err(meaning)).boxed())
    };
    stream::once(opening)
        .map(|opened: Result<BoxStream<'static, _>, StoreError>| match opened {
            Ok(pieces) => pieces,
            Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
        })
        .flatten()
        .boxed()
}
