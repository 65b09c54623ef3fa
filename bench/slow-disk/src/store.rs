//! A store that does what the real one does, but has room only as fast as its disk takes bytes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tidegate_gateway::upload::store::{Owner, Record, Store, StoreError, Stored, UploadId, Writer};
use tokio::time::{Instant, Sleep, sleep_until};

/// The real store behind a slow disk.
pub(crate) struct Slow {
    inner: Arc<dyn Store>,
    disk: Disk,
}

/// One disk, whatever the number of its writers.
#[derive(Clone)]
struct Disk {
    /// Bytes a second.
    rate: u64,
    /// When it has taken what was pushed.
    free_at: Arc<Mutex<Instant>>,
}

/// So much of the time that nobody used may be used later: timers are late.
const SLACK: Duration = Duration::from_millis(50);

impl Disk {
    fn free_at(&self) -> Instant {
        *self.free_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: usize) {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let begin = free_at.max(now.checked_sub(SLACK).unwrap_or(now));
        *free_at = begin + Duration::from_nanos(bytes as u64 * 1_000_000_000 / self.rate);
    }
}

impl Slow {
    pub(crate) fn around(inner: Arc<dyn Store>, rate: u64) -> Self {
        Self { inner, disk: Disk { rate, free_at: Arc::new(Mutex::new(Instant::now())) } }
    }

    fn writer(&self, inner: Box<dyn Writer>) -> Box<dyn Writer> {
        Box::new(SlowWriter { inner, disk: self.disk.clone(), timer: None })
    }
}

impl Store for Slow {
    fn create<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        Box::pin(async move { Ok(self.writer(self.inner.create(record).await?)) })
    }

    fn look<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Stored, StoreError>> {
        self.inner.look(id)
    }

    fn append<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>> {
        Box::pin(async move { Ok(self.writer(self.inner.append(id).await?)) })
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

struct SlowWriter {
    inner: Box<dyn Writer>,
    disk: Disk,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Writer for SlowWriter {
    fn record(&self) -> &Record {
        self.inner.record()
    }

    fn durable(&self) -> u64 {
        self.inner.durable()
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, seen: u64) -> Poll<Result<u64, StoreError>> {
        self.inner.poll_durable(cx, seen)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        loop {
            let free_at = self.disk.free_at();
            if free_at <= Instant::now() {
                return self.inner.poll_room(cx);
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(free_at)));
            timer.as_mut().reset(free_at);
            ready!(timer.as_mut().poll(cx));
        }
    }

    fn push(&mut self, bytes: Bytes) {
        self.disk.take(bytes.len());
        self.inner.push(bytes);
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.sync()
    }

    fn hold(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.hold()
    }

    fn roll_back(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.roll_back()
    }

    fn update(&mut self, record: Record) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.update(record)
    }

    fn kill(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.kill()
    }
}
