//! Reading the requests of one connection, each when the one before it is answered.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use super::client::Client;
use super::crew::Crew;
use super::head::{self, Head, HeadError};
use super::places::Busy;
use super::reply::{Reply, send};
use super::site::{Handling, Site};

/// How large the head of a request may be. Beyond: 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a connection may be idle between requests, so that a poller that comes every minute keeps its own.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long the head of a request may take, from its first byte on; and until the first byte of the first one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

thread_local! {
    /// What every read goes into: a connection that waits owns none.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_HEAD_BYTES].into());
}

/// Answers the requests of one connection, and then of others that the crew has.
pub(super) fn serve<S: Site>(site: Arc<S>, client: Client, crew: Weak<Crew>) -> Serving<S> {
    Serving { site, crew, step: Step::begin(client) }
}

/// One connection, and the next. What it does is boxed, so that it never takes more than that needs: a request that is
/// held has no room for the reading of heads, nor the other way around.
pub(super) struct Serving<S> {
    site: Arc<S>,
    /// Not held, so that it ends with who accepts.
    crew: Weak<Crew>,
    step: Step,
}

enum Step {
    Reading(Pin<Box<HeadReading>>),
    Handling(Begun),
    /// The connection has ended, or gone to a task of its own.
    Resting(oneshot::Receiver<Client>),
}

impl Step {
    fn begin(client: Client) -> Self {
        Self::Reading(Box::pin(HeadReading::new(client, HEAD_TIMEOUT)))
    }
}

/// A request that is being answered.
struct Begun {
    handling: Handling,
    _busy: Busy,
}

impl<S: Site> Future for Serving<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let next = match &mut this.step {
                Step::Reading(reading) => ready!(reading.as_mut().poll(cx, &this.site)).map(Step::Handling),
                Step::Handling(begun) => ready!(begun.handling.as_mut().poll(cx))
                    .map(|client| Step::Reading(Box::pin(HeadReading::new(client, IDLE_TIMEOUT)))),
                Step::Resting(client) => match ready!(Pin::new(client).poll(cx)) {
                    Ok(client) => Some(Step::begin(client)),
                    Err(_) => return Poll::Ready(()),
                },
            };
            let rest = || this.crew.upgrade().and_then(|crew| crew.rest()).map(Step::Resting);
            match next.or_else(rest) {
                Some(step) => this.step = step,
                None => return Poll::Ready(()),
            }
        }
    }
}

pin_project! {
    /// Reads the head of the next request, and begins to answer it.
    struct HeadReading {
        head: PartialHead,
        deadline: Instant,
        has_begun: bool,
        #[pin]
        timer: Sleep,
    }
}

impl HeadReading {
    fn new(mut client: Client, patience: Duration) -> Self {
        if client.ahead.is_empty() {
            // A connection that waits owns no buffer, also when the body of its last request needed one.
            client.ahead = Vec::new();
        }
        let deadline = Instant::now() + patience;
        let head = PartialHead { client: Some(client), scanned: 0 };
        Self { head, deadline, has_begun: false, timer: sleep_until(deadline) }
    }

    /// Ready with `None` when the connection has ended.
    fn poll<S: Site>(self: Pin<&mut Self>, cx: &mut Context<'_>, site: &Arc<S>) -> Poll<Option<Begun>> {
        let mut this = self.project();
        if let Poll::Ready(begun) = this.head.poll(cx, site) {
            return Poll::Ready(begun);
        }
        if this.head.has_begun() && !std::mem::replace(this.has_begun, true) {
            this.timer.as_mut().reset((*this.deadline).min(Instant::now() + HEAD_TIMEOUT));
        }
        this.timer.poll(cx).map(|()| None)
    }
}

/// A head that has come in part, or not at all.
struct PartialHead {
    /// Taken once the head is complete.
    client: Option<Client>,
    /// How many of the bytes that were read ahead have been searched for the end of the head.
    scanned: usize,
}

impl PartialHead {
    fn has_begun(&self) -> bool {
        self.client.as_ref().is_some_and(|client| !client.ahead.is_empty())
    }

    fn poll<S: Site>(&mut self, cx: &mut Context<'_>, site: &Arc<S>) -> Poll<Option<Begun>> {
        BUFFER.with_borrow_mut(|buffer| {
            loop {
                let Some(client) = &mut self.client else { return Poll::Ready(None) };
                // What came behind the last request, or in part, is looked at before anything is read.
                let mut length = client.ahead.len();
                buffer[..length].copy_from_slice(&client.ahead);
                if self.scanned == length {
                    if length == buffer.len() {
                        return Poll::Ready(self.refuse(HeadError::TooLarge));
                    }
                    match ready!(client.poll_read(cx, &mut buffer[length..])) {
                        Ok(0) | Err(_) => return Poll::Ready(None),
                        Ok(read) => length += read,
                    }
                }
                match head::find_end(&buffer[..length], self.scanned) {
                    Ok(Some(end)) => {
                        client.ahead.clear();
                        client.ahead.extend_from_slice(&buffer[end..length]);
                        return Poll::Ready(self.begin(&buffer[..end], site));
                    }
                    Ok(None) => {
                        client.ahead.clear();
                        client.ahead.extend_from_slice(&buffer[..length]);
                        self.scanned = length;
                    }
                    Err(error) => return Poll::Ready(self.refuse(error)),
                }
            }
        })
    }

    fn begin<S: Site>(&mut self, bytes: &[u8], site: &Arc<S>) -> Option<Begun> {
        let mut headers = [httparse::EMPTY_HEADER; head::MAX_HEADERS];
        let head = match Head::parse(bytes, &mut headers) {
            Ok(head) => head,
            Err(error) => return self.refuse(error),
        };
        let mut client = self.client.take()?;
        if client.ahead.is_empty() {
            // It may be held for long.
            client.ahead = Vec::new();
        }
        client.is_http11 = head.is_http11();
        client.is_head = head.method() == "HEAD";
        client.keeps_alive = head.keeps_alive() && !client.is_leaving();
        client.expects_continue = head.expects_continue();
        let busy = client.busy();
        Some(Begun { handling: site.handle(&head, client), _busy: busy })
    }

    fn refuse(&mut self, error: HeadError) -> Option<Begun> {
        let mut client = self.client.take()?;
        client.keeps_alive = false;
        client.is_head = false;
        let reply = Reply::reason(error.status(), error.reason());
        let busy = client.busy();
        Some(Begun { handling: Box::pin(send(client, reply)), _busy: busy })
    }
}
