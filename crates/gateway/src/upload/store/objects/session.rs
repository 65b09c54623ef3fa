//! One writer's work on an upload: parts, tails and manifests, in an order that a crash cannot confuse.

use std::sync::Arc;

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::{ObjectStore, ObjectStoreExt, PutOptions, PutPayload, UpdateVersion};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bucket::{Bucket, meaning};
use super::manifest::{Manifest, Tail};
use crate::upload::store::{Record, StoreError, UploadId};

/// One writer's work on an upload.
pub(super) struct Session {
    bucket: Bucket,
    manifest: Manifest,
    version: UpdateVersion,
    /// Parts that were put and are in no manifest yet.
    new_parts: Vec<String>,
    /// What was pushed behind the last part.
    buffer: Vec<Bytes>,
    buffered: u64,
    /// The buffer is not here but in the tail.
    is_parked: bool,
    hold: Option<Hold>,
    /// How many tails this writer has written.
    tails: u64,
    memory: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

/// Where the bytes end that count.
struct Hold {
    buffer: Vec<Bytes>,
    buffered: u64,
}

/// S3 allows 10,000 parts.
const MAX_PARTS: usize = 10_000;

impl Session {
    /// Creates an upload.
    pub(super) async fn create(
        bucket: Bucket,
        mut manifest: Manifest,
        memory: Arc<Semaphore>,
    ) -> Result<Self, StoreError> {
        manifest.take_over()?;
        let version = manifest.put(&bucket, None).await?;
        Ok(Self::new(bucket, manifest, version, memory))
    }

    /// Takes an upload over from whoever wrote it.
    pub(super) async fn open(
        bucket: Bucket,
        id: &UploadId,
        memory: Arc<Semaphore>,
    ) -> Result<Self, StoreError> {
        loop {
            let (mut manifest, version) = Manifest::get(&bucket, id).await?;
            manifest.fence += 1;
            manifest.take_over()?;
            match manifest.put(&bucket, Some(version)).await {
                Ok(version) => {
                    let mut session = Self::new(bucket, manifest, version, memory);
                    session.finish().await?;
                    return Ok(session);
                }
                // The other one was faster. It may have been a checkpoint.
                Err(StoreError::Fenced) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn new(bucket: Bucket, manifest: Manifest, version: UpdateVersion, memory: Arc<Semaphore>) -> Self {
        let buffered = manifest.tail.as_ref().map_or(0, |tail| tail.bytes);
        Self {
            bucket,
            manifest,
            version,
            new_parts: Vec::new(),
            buffer: Vec::new(),
            buffered,
            is_parked: buffered > 0,
            hold: None,
            tails: 0,
            memory,
            permit: None,
        }
    }

    pub(super) fn record(&self) -> &Record {
        &self.manifest.record
    }

    pub(super) fn durable(&self) -> u64 {
        self.manifest.offset()
    }

    fn end(&self) -> u64 {
        let parts = (self.manifest.parts.len() + self.new_parts.len()) as u64;
        self.manifest.stored.unwrap_or(parts * self.manifest.part_bytes + self.buffered)
    }

    /// Takes bytes; puts a part when there is a whole one.
    pub(super) async fn add(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        if self.manifest.stored.is_some() {
            let error = "no bytes can follow: the parts are one object already";
            return Err(StoreError::Io(std::io::Error::new(std::io::ErrorKind::Unsupported, error)));
        }
        self.unpark().await?;
        self.buffered += bytes.len() as u64;
        self.buffer.push(bytes);
        while self.buffered >= self.manifest.part_bytes {
            self.put_part().await?;
            if self.hold.is_none() {
                self.save(false).await?;
            }
        }
        Ok(())
    }

    /// Brings the tail back.
    async fn unpark(&mut self) -> Result<(), StoreError> {
        if self.permit.is_none() {
            let kibibytes = u32::try_from(self.manifest.part_bytes / 1024).unwrap_or(u32::MAX);
            let permit = Arc::clone(&self.memory).acquire_many_owned(kibibytes).await;
            self.permit = Some(permit.map_err(std::io::Error::other)?);
        }
        if !self.is_parked {
            return Ok(());
        }
        let Some(tail) = &self.manifest.tail else { return Ok(()) };
        let path = self.bucket.tail(&self.manifest.record.id, &tail.name);
        let bytes = match self.bucket.objects.get(&path).await {
            Ok(got) => got.bytes().await.map_err(meaning)?,
            // It goes when there is a newer manifest, so this writer is no longer the newest. Or it is lost.
            Err(object_store::Error::NotFound { .. }) => return Err(StoreError::Fenced),
            Err(error) => return Err(meaning(error)),
        };
        if bytes.len() as u64 != tail.bytes {
            return Err(StoreError::Dead);
        }
        self.buffer = vec![bytes];
        self.is_parked = false;
        Ok(())
    }

    /// Gives the memory back, while nothing comes.
    pub(super) async fn park(&mut self) -> Result<(), StoreError> {
        if self.hold.is_some() || self.manifest.stored.is_some() {
            return Ok(());
        }
        self.save(true).await?;
        self.buffer.clear();
        self.is_parked = self.buffered > 0;
        self.permit = None;
        Ok(())
    }

    async fn put_part(&mut self) -> Result<(), StoreError> {
        let number = self.manifest.parts.len() + self.new_parts.len();
        if number + 1 >= MAX_PARTS {
            return Err(StoreError::Full);
        }
        let mut part = Vec::new();
        let mut missing = usize::try_from(self.manifest.part_bytes).unwrap_or(usize::MAX);
        let mut rest = Vec::new();
        for mut piece in self.buffer.drain(..) {
            let now = piece.split_to(missing.min(piece.len()));
            missing -= now.len();
            part.push(now);
            if !piece.is_empty() {
                rest.push(piece);
            }
        }
        let id = self.multipart().await?;
        self.check_newest().await?;
        let path = self.bucket.data(&self.manifest.record.id);
        let put = self.bucket.objects.put_part(&path, &id, number, PutPayload::from_iter(part)).await;
        self.new_parts.push(put.map_err(meaning)?.content_id);
        self.buffer = rest;
        self.buffered -= self.manifest.part_bytes;
        Ok(())
    }

    /// Whether no newer writer is known. A part is put over the one that is there, on no condition: without this a writer
    /// that was asleep while another one went on would replace a part that a manifest names. What is left is a writer
    /// that falls asleep between the two requests.
    async fn check_newest(&self) -> Result<(), StoreError> {
        let path = self.bucket.manifest(&self.manifest.record.id);
        let found = self.bucket.objects.head(&path).await.map_err(meaning)?.e_tag;
        let bare = |tag: &Option<String>| tag.as_ref().map(|tag| tag.trim_matches('"').to_owned());
        if bare(&found) == bare(&self.version.e_tag) { Ok(()) } else { Err(StoreError::Fenced) }
    }

    /// The multipart upload, noted before it has a part, so that it can be given up with the upload.
    async fn multipart(&mut self) -> Result<String, StoreError> {
        if let Some(id) = &self.manifest.multipart {
            return Ok(id.clone());
        }
        let path = self.bucket.data(&self.manifest.record.id);
        let id = self.bucket.objects.create_multipart(&path).await.map_err(meaning)?;
        let mut manifest = self.manifest.clone();
        manifest.multipart = Some(id.clone());
        self.put(manifest).await?;
        Ok(id)
    }

    async fn put(&mut self, manifest: Manifest) -> Result<(), StoreError> {
        let put = manifest.put(&self.bucket, Some(self.version.clone())).await;
        self.version = match put {
            Err(StoreError::Missing) => return Err(StoreError::Missing),
            other => other?,
        };
        self.manifest = manifest;
        Ok(())
    }

    /// Makes durable what is there; without its tail, only whole parts. A chunk that was held counts from now on.
    pub(super) async fn save(&mut self, with_tail: bool) -> Result<(), StoreError> {
        self.hold = None;
        self.save_as(self.manifest.record.clone(), with_tail).await
    }

    async fn save_as(&mut self, record: Record, with_tail: bool) -> Result<(), StoreError> {
        let is_changed = record != self.manifest.record || !self.new_parts.is_empty();
        if !is_changed && (!with_tail || self.end() == self.durable()) {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        manifest.record = record;
        manifest.parts.append(&mut self.new_parts);
        if manifest.stored.is_none() && !self.is_parked {
            manifest.tail = if with_tail { self.put_tail().await? } else { None };
            // Without a tail the manifest would say less than it said.
            if manifest.offset() < self.manifest.offset() {
                manifest.tail = self.put_tail().await?;
            }
        }
        let old = self.manifest.tail.clone();
        let new = manifest.tail.clone().map(|tail| tail.name);
        self.put(manifest).await?;
        if let Some(old) = old.filter(|old| Some(&old.name) != new.as_ref()) {
            // What stays costs room and no more.
            let _ = self.bucket.objects.delete(&self.bucket.tail(&self.manifest.record.id, &old.name)).await;
        }
        Ok(())
    }

    async fn put_tail(&mut self) -> Result<Option<Tail>, StoreError> {
        if self.buffered == 0 {
            return Ok(None);
        }
        self.tails += 1;
        let name = format!("{}-{}", self.manifest.fence, self.tails);
        let payload = PutPayload::from_iter(self.buffer.iter().cloned());
        let path = self.bucket.tail(&self.manifest.record.id, &name);
        self.bucket.objects.put_opts(&path, payload, PutOptions::default()).await.map_err(meaning)?;
        Ok(Some(Tail { name, bytes: self.buffered }))
    }

    /// From here on what comes is on probation.
    pub(super) async fn hold(&mut self) -> Result<(), StoreError> {
        self.save(true).await?;
        if self.manifest.stored.is_none() {
            self.unpark().await?;
        }
        self.hold = Some(Hold { buffer: self.buffer.clone(), buffered: self.buffered });
        Ok(())
    }

    /// Forgets what came since. Parts that were put are put again, with other bytes.
    pub(super) fn roll_back(&mut self) {
        if let Some(hold) = self.hold.take() {
            self.new_parts.clear();
            (self.buffer, self.buffered) = (hold.buffer, hold.buffered);
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// Replaces the record. When the upload is complete, its parts become one object first.
    pub(super) async fn update(&mut self, record: Record) -> Result<(), StoreError> {
        self.hold = None;
        if record.is_complete && self.manifest.stored.is_none() {
            self.save(true).await?;
            self.unpark().await?;
            self.seal().await?;
        }
        self.save_as(record, true).await
    }

    /// Puts the parts together.
    async fn seal(&mut self) -> Result<(), StoreError> {
        let path = self.bucket.data(&self.manifest.record.id);
        let bytes = PutPayload::from_iter(self.buffer.iter().cloned());
        let size = self.manifest.offset();
        let Some(id) = self.manifest.multipart.clone() else {
            self.bucket.objects.put_opts(&path, bytes, PutOptions::default()).await.map_err(meaning)?;
            return self.stored(size).await;
        };
        if self.buffered > 0 {
            let number = self.manifest.parts.len();
            self.check_newest().await?;
            let last = self.bucket.objects.put_part(&path, &id, number, bytes).await.map_err(meaning)?;
            let mut manifest = self.manifest.clone();
            manifest.last = Some(last.content_id);
            self.put(manifest).await?;
        } else {
            let mut manifest = self.manifest.clone();
            manifest.last = manifest.parts.last().cloned();
            self.put(manifest).await?;
        }
        self.finish().await
    }

    /// Ends what a crash may have interrupted: parts that are put together, or were.
    async fn finish(&mut self) -> Result<(), StoreError> {
        let (Some(last), Some(id), None) =
            (self.manifest.last.clone(), self.manifest.multipart.clone(), self.manifest.stored)
        else {
            return Ok(());
        };
        let path = self.bucket.data(&self.manifest.record.id);
        let size = self.manifest.offset();
        let mut parts = self.manifest.parts.clone();
        parts.extend(self.manifest.tail.is_some().then_some(last));
        let parts = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        if let Err(error) = self.bucket.objects.complete_multipart(&path, &id, parts).await {
            // It may have been done before.
            let is_there = self.bucket.objects.head(&path).await.is_ok_and(|meta| meta.size == size);
            if !is_there {
                return Err(meaning(error));
            }
        }
        self.stored(size).await
    }

    /// The bytes are one object.
    async fn stored(&mut self, size: u64) -> Result<(), StoreError> {
        let mut manifest = self.manifest.clone();
        let tail = manifest.tail.take();
        (manifest.stored, manifest.last, manifest.multipart) = (Some(size), None, None);
        manifest.parts.clear();
        self.put(manifest).await?;
        (self.buffered, self.is_parked, self.permit) = (0, false, None);
        self.buffer.clear();
        if let Some(tail) = tail {
            let _ = self.bucket.objects.delete(&self.bucket.tail(&self.manifest.record.id, &tail.name)).await;
        }
        Ok(())
    }

    /// Notes that the upload is given up.
    pub(super) async fn kill(&mut self) -> Result<(), StoreError> {
        let mut manifest = self.manifest.clone();
        manifest.is_dead = true;
        self.put(manifest).await
    }
}
