//! Disks that are slow, or fail: stores around the real one, which do what it does but for that.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tidegate_gateway::upload::store::{Owner, Record, Store, StoreError, Stored, UploadId, Writer};
use tokio::time::{Instant, Sleep, sleep_until};

/// What is wrong with a disk. One disk, whatever the number of its writers.
#[derive(Clone)]
pub struct Fault {
    /// How many bytes it takes a second, and when it has taken what was pushed.
    rate: Option<(u64, Arc<Mutex<Instant>>)>,
    /// After how many bytes it fails, and how.
    fails: Option<(u64, Failure)>,
    seen: Arc<Seen>,
}

/// How a disk fails.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// There is no room for more.
    Full,
    /// Syncing fails, which says nothing good of what was written before.
    Sync,
    /// Syncing never comes to an end.
    Hang,
}

/// What went through it.
#[derive(Default)]
pub struct Seen {
    /// The bytes that were pushed.
    pub pushed: AtomicU64,
    /// The most that were pushed and not durable yet, of one writer.
    pub most_queued: AtomicU64,
    /// How many writers there were.
    pub writers: AtomicUsize,
}

/// So much of the time that nobody used may be used later: a timer that is late does not make the disk slower.
const SLACK: Duration = Duration::from_millis(50);

impl Fault {
    /// A disk that takes so many bytes a second.
    #[must_use]
    pub fn slow(rate: u64) -> Self {
        let rate = Some((rate.max(1), Arc::new(Mutex::new(Instant::now()))));
        Self { rate, fails: None, seen: Arc::default() }
    }

    /// A disk that fails when it has taken so many bytes.
    #[must_use]
    pub fn failing(after: u64, failure: Failure) -> Self {
        Self { rate: None, fails: Some((after, failure)), seen: Arc::default() }
    }

    /// What went through it.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        self.seen.clone()
    }

    /// A store with this disk.
    pub fn around(self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Faulty { inner, fault: self })
    }

    fn writer(&self, inner: Box<dyn Writer>) -> Box<dyn Writer> {
        self.seen.writers.fetch_add(1, Ordering::Relaxed);
        let end = inner.durable();
        Box::new(FaultyWriter { inner, fault: self.clone(), timer: None, end })
    }

    /// When the disk has taken what was pushed, if it is slow.
    fn free_at(&self) -> Option<Instant> {
        let (_, free_at) = self.rate.as_ref()?;
        Some(*free_at.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// So many bytes are pushed, whoever pushes them.
    fn take(&self, bytes: u64) {
        self.seen.pushed.fetch_add(bytes, Ordering::Relaxed);
        let Some((rate, free_at)) = &self.rate else { return };
        let mut free_at = free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let begin = free_at.max(now.checked_sub(SLACK).unwrap_or(now));
        *free_at = begin + Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate);
    }

    fn has_failed(&self, failure: impl Fn(Failure) -> bool) -> bool {
        let pushed = self.seen.pushed.load(Ordering::Relaxed);
        self.fails.is_some_and(|(after, how)| pushed >= after && failure(how))
    }
}

struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
}

impl Store for Faulty {
    fn create<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        Box::pin(async move { Ok(self.fault.writer(self.inner.create(record).await?)) })
    }

    fn look<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Stored, StoreError>> {
        self.inner.look(id)
    }

    fn append<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        Box::pin(async move { Ok(self.fault.writer(self.inner.append(id).await?)) })
    }

    fn concatenate<'a>(
        &'a self,
        record: &'a Record,
        parts: &'a [UploadId],
    ) -> BoxFuture<'a, Result<Stored, StoreError>> {
        self.inner.concatenate(record, parts)
    }

    fn remove<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.remove(id)
    }

    fn read<'a>(&'a self, id: &'a UploadId, from: u64) -> BoxStream<'a, Result<Bytes, StoreError>> {
        self.inner.read(id, from)
    }

    fn list<'a>(&'a self, owner: Option<&'a Owner>) -> BoxStream<'a, Result<Stored, StoreError>> {
        self.inner.list(owner)
    }

    fn secret(&self) -> BoxFuture<'_, Result<[u8; 32], StoreError>> {
        self.inner.secret()
    }
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    fault: Fault,
    timer: Option<std::pin::Pin<Box<Sleep>>>,
    /// The end of what was pushed.
    end: u64,
}

impl FaultyWriter {
    fn sync_fails(&self) -> Result<(), StoreError> {
        if self.fault.has_failed(|how| matches!(how, Failure::Sync)) {
            // EIO
            return Err(StoreError::Io(io::Error::from_raw_os_error(5)));
        }
        Ok(())
    }
}

impl Writer for FaultyWriter {
    fn record(&self) -> &Record {
        self.inner.record()
    }

    fn durable(&self) -> u64 {
        self.inner.durable()
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, seen: u64) -> Poll<Result<u64, StoreError>> {
        self.sync_fails()?;
        self.inner.poll_durable(cx, seen)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        if self.fault.has_failed(|how| matches!(how, Failure::Full)) {
            return Poll::Ready(Err(StoreError::Full));
        }
        // Others may have pushed meanwhile.
        while let Some(free_at) = self.fault.free_at().filter(|free_at| *free_at > Instant::now()) {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(free_at)));
            timer.as_mut().reset(free_at);
            ready!(timer.as_mut().poll(cx));
        }
        self.inner.poll_room(cx)
    }

    fn push(&mut self, bytes: Bytes) {
        let length = bytes.len() as u64;
        self.end += length;
        let queued = self.end.saturating_sub(self.inner.durable());
        self.fault.take(length);
        self.fault.seen.most_queued.fetch_max(queued, Ordering::Relaxed);
        self.inner.push(bytes);
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.sync_fails()?;
            if self.fault.has_failed(|how| matches!(how, Failure::Hang)) {
                std::future::pending::<()>().await;
            }
            self.inner.sync().await
        })
    }

    fn hold(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.hold()
    }

    fn roll_back(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.roll_back()
    }

    fn update(&mut self, record: Record) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.sync_fails()?;
            self.inner.update(record).await
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.kill()
    }
}
