//! The writer of an upload, and the task that works for it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, oneshot};

use super::session::Session;
use crate::upload::store::{MAX_PUSH, Record, StoreError, Writer};

/// What a writer and its task share.
pub(super) struct Desk {
    inner: Mutex<Inner>,
    news: Notify,
}

struct Inner {
    queue: VecDeque<Message>,
    queued: usize,
    durable: u64,
    failure: Option<Failure>,
    waiting: Vec<Waker>,
    /// No more will come; what is here is to be saved.
    is_closing: bool,
    /// The task has ended.
    is_over: bool,
}

enum Message {
    Bytes(Bytes),
    Order(Order, oneshot::Sender<Result<(), StoreError>>),
}

enum Order {
    Sync,
    Hold,
    RollBack,
    Update(Box<Record>),
    Kill,
}

/// Why nothing more can be written.
#[derive(Clone)]
enum Failure {
    Fenced,
    Missing,
    Dead,
    Full,
    Broken(Arc<io::Error>),
}

/// How many bytes of an upload may wait for its task.
const QUEUE: usize = 1024 * 1024;

impl Failure {
    fn of(error: StoreError) -> Self {
        match error {
            StoreError::Fenced | StoreError::Exists => Self::Fenced,
            StoreError::Missing => Self::Missing,
            StoreError::Dead => Self::Dead,
            StoreError::Full => Self::Full,
            StoreError::Io(error) => Self::Broken(Arc::new(error)),
        }
    }

    fn error(&self) -> StoreError {
        match self {
            Self::Fenced => StoreError::Fenced,
            Self::Missing => StoreError::Missing,
            Self::Dead => StoreError::Dead,
            Self::Full => StoreError::Full,
            Self::Broken(error) => StoreError::Io(io::Error::new(error.kind(), Arc::clone(error))),
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A newer writer comes. What was pushed is saved, unless it is held.
    pub(super) fn fence(&self) {
        let mut inner = self.lock();
        inner.failure.get_or_insert(Failure::Fenced);
        inner.is_closing = true;
        inner.wake();
        drop(inner);
        self.news.notify_one();
    }

    /// Waits until the task has ended.
    pub(super) async fn over(&self) {
        poll_fn(|cx| {
            let mut inner = self.lock();
            if inner.is_over {
                return Poll::Ready(());
            }
            inner.wait(cx.waker());
            Poll::Pending
        })
        .await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }
}

impl Inner {
    fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    fn check(&self) -> Result<(), StoreError> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.error()))
    }
}

/// The writer of an upload.
pub(super) struct ObjectWriter {
    desk: Arc<Desk>,
    record: Record,
}

impl ObjectWriter {
    /// Starts the task that works for a writer. Bytes that wait are saved after `interval`.
    pub(super) fn start(session: Session, interval: Duration) -> (Self, Arc<Desk>) {
        let inner = Inner {
            queue: VecDeque::new(),
            queued: 0,
            durable: session.durable(),
            failure: None,
            waiting: Vec::new(),
            is_closing: false,
            is_over: false,
        };
        let desk = Arc::new(Desk { inner: Mutex::new(inner), news: Notify::new() });
        let record = session.record().clone();
        tokio::spawn(work(session, Arc::clone(&desk), interval));
        (Self { desk: Arc::clone(&desk), record }, desk)
    }

    async fn order(&self, order: Order) -> Result<u64, StoreError> {
        let (sender, done) = oneshot::channel();
        {
            let mut inner = self.desk.lock();
            inner.check()?;
            inner.queue.push_back(Message::Order(order, sender));
        }
        self.desk.news.notify_one();
        match done.await {
            Ok(done) => done?,
            // The task drops what it can no longer do, and has said why.
            Err(_) => return Err(self.desk.lock().check().err().unwrap_or(StoreError::Fenced)),
        }
        Ok(self.desk.lock().durable)
    }
}

impl Writer for ObjectWriter {
    fn record(&self) -> &Record {
        &self.record
    }

    fn durable(&self) -> u64 {
        self.desk.lock().durable
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, seen: u64) -> Poll<Result<u64, StoreError>> {
        let mut inner = self.desk.lock();
        inner.check()?;
        if inner.durable > seen {
            return Poll::Ready(Ok(inner.durable));
        }
        inner.wait(cx.waker());
        Poll::Pending
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        let mut inner = self.desk.lock();
        inner.check()?;
        if inner.queued + MAX_PUSH <= QUEUE {
            return Poll::Ready(Ok(()));
        }
        inner.wait(cx.waker());
        Poll::Pending
    }

    fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let mut inner = self.desk.lock();
        // A writer that has failed says so at the next call that can.
        if inner.failure.is_none() {
            inner.queued += bytes.len();
            inner.queue.push_back(Message::Bytes(bytes));
            drop(inner);
            self.desk.news.notify_one();
        }
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.order(Order::Sync))
    }

    fn hold(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.order(Order::Hold).await.map(drop) })
    }

    fn roll_back(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.order(Order::RollBack))
    }

    fn update(&mut self, record: Record) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.order(Order::Update(Box::new(record.clone()))).await?;
            self.record = record;
            Ok(())
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.order(Order::Kill).await.map(drop) })
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        self.desk.lock().is_closing = true;
        self.desk.news.notify_one();
    }
}

/// What the task finds when it looks.
enum Next {
    Message(Message),
    Wait,
    End,
}

/// Does what the writer asks for, one after the other.
async fn work(mut session: Session, desk: Arc<Desk>, interval: Duration) {
    let result = serve(&mut session, &desk, interval).await;
    let mut inner = desk.lock();
    if let Err(error) = result {
        inner.failure.get_or_insert(Failure::of(error));
    }
    inner.failure.get_or_insert(Failure::Fenced);
    inner.is_over = true;
    inner.queue.clear();
    inner.queued = 0;
    inner.wake();
}

async fn serve(session: &mut Session, desk: &Desk, interval: Duration) -> Result<(), StoreError> {
    loop {
        match next(desk) {
            Next::Message(Message::Bytes(bytes)) => {
                let count = bytes.len();
                session.add(bytes).await?;
                desk.lock().queued -= count;
            }
            Next::Message(Message::Order(order, sender)) => {
                let is_end = matches!(order, Order::Kill);
                let result = carry_out(session, order).await;
                let failure = match &result {
                    Ok(()) => is_end.then_some(Failure::Dead),
                    Err(error) => Some(Failure::of(copy(error))),
                };
                publish(session, desk, failure.clone());
                // A writer that was dropped does not wait.
                let _ = sender.send(result);
                if let Some(failure) = failure {
                    return Err(failure.error());
                }
                continue;
            }
            Next::Wait => {
                let is_late = tokio::time::timeout(interval, desk.news.notified()).await.is_err();
                if is_late && !session.is_held() {
                    // Nothing comes: what is here is made durable, its memory is given back, and then there is
                    // nothing to do until there is news.
                    session.park().await?;
                    publish(session, desk, None);
                    desk.news.notified().await;
                }
            }
            Next::End => {
                if session.is_held() {
                    session.roll_back();
                }
                session.save(true).await?;
                publish(session, desk, None);
                return Ok(());
            }
        }
        publish(session, desk, None);
    }
}

/// An error for two who want it.
fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Missing => StoreError::Missing,
        StoreError::Exists => StoreError::Exists,
        StoreError::Dead => StoreError::Dead,
        StoreError::Fenced => StoreError::Fenced,
        StoreError::Full => StoreError::Full,
        StoreError::Io(error) => StoreError::Io(io::Error::new(error.kind(), error.to_string())),
    }
}

fn next(desk: &Desk) -> Next {
    let mut inner = desk.lock();
    match inner.queue.pop_front() {
        Some(message) => Next::Message(message),
        None if inner.is_closing => Next::End,
        None => Next::Wait,
    }
}

async fn carry_out(session: &mut Session, order: Order) -> Result<(), StoreError> {
    match order {
        Order::Sync => session.save(true).await,
        Order::Hold => session.hold().await,
        Order::RollBack if session.is_held() => {
            session.roll_back();
            Ok(())
        }
        Order::RollBack => session.save(true).await,
        Order::Update(record) => session.update(*record).await,
        Order::Kill => session.kill().await,
    }
}

/// Tells how much is durable, and calls who waits.
fn publish(session: &Session, desk: &Desk, failure: Option<Failure>) {
    let mut inner = desk.lock();
    inner.durable = session.durable();
    if let Some(failure) = failure {
        inner.failure.get_or_insert(failure);
    }
    inner.wake();
}
