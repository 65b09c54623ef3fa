//! A client's session, and who waits for it: the conversation on top, what carries it, and the POSTs beside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tidegate_proto::session::{Attachment, Carries, ClientSession, Config, Post, Violation};
use tokio::sync::watch;
use tokio::time::Instant;

use super::way::Parameters;
use crate::session::{Carrier, Flow, Transport};
use crate::websocket::{NotResumed, Share};

/// One session of a client.
pub(super) struct Core {
    state: Mutex<State>,
    /// Told when anything has changed that somebody may wait for.
    news: watch::Sender<()>,
    carrier: Arc<Carrier>,
}

struct State {
    machine: ClientSession,
    /// The link, which waits for frames, and for room.
    reader: Option<Waker>,
    writer: Option<Waker>,
    uplink: Uplink,
    /// A POST is in flight, so its frames do not go by a WebSocket at the same time.
    is_posting: bool,
    /// How many POSTs with frames the server has answered.
    posted: u64,
    /// This end's END is among what was sent.
    has_sent_end: bool,
    /// The server's END has been handed to the link, so nothing more is expected; and whether it answers ours.
    has_ended: bool,
    is_answered: bool,
    /// The conversation on top is over, or gone.
    has_left: bool,
    failure: Option<NotResumed>,
    /// What is kept counts in the budget of all connections.
    share: Share,
}

/// How the client's frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uplink {
    /// Not at all for now.
    None,
    /// By the WebSocket that is attached.
    Socket,
    /// By POST, which for some transports is the one way to acknowledge.
    Post { acknowledges: bool },
}

/// The type of END (docs/protocol.md, section 2).
const END: u8 = 0x07;

/// When to look at the budget again.
const PAUSE: Duration = Duration::from_secs(1);

/// How much goes into one message of a WebSocket.
const BATCH_BYTES: usize = 64 << 10;

impl Core {
    pub(super) fn new(config: &Config, carrier: Arc<Carrier>, share: Share) -> Self {
        let state = State {
            machine: ClientSession::new(config),
            reader: None,
            writer: None,
            uplink: Uplink::None,
            is_posting: false,
            posted: 0,
            has_sent_end: false,
            has_ended: false,
            is_answered: false,
            has_left: false,
            failure: None,
            share,
        };
        Self { state: Mutex::new(state), news: watch::Sender::new(()), carrier }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock is a bug of ours, but every step leaves the state usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state, and tells everyone.
    fn change<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let result = step(&mut self.lock());
        self.news.send_replace(());
        result
    }

    /// Waits until `look` finds something. Whatever changes, it looks again.
    async fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut news = self.news.subscribe();
        loop {
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            // The sender is here, so it cannot fail.
            let _ = news.changed().await;
        }
    }

    // Attachments.

    /// A new attachment is tried: what its request says.
    pub(super) fn attach(&self, transport: Transport) -> (Attachment, Parameters) {
        let carries = if transport == Transport::WebSocket { Carries::Both } else { Carries::Down };
        let mut state = self.lock();
        let mut parameters = vec![("transport", transport.name().to_owned())];
        if let Some(id) = state.machine.id() {
            parameters.push(("session", id.to_owned()));
            parameters.push(("after", state.machine.position().to_string()));
        }
        (state.machine.attach(carries), parameters)
    }

    /// Takes whole frames that came on an attachment.
    pub(super) fn take(&self, attachment: &mut Attachment, batch: &Bytes) -> Result<(), Violation> {
        self.change(|state| {
            let taken = state.machine.handle_batch(now(), attachment, batch);
            state.settle();
            if state.has_left {
                // Nobody will come for them.
                while state.machine.poll_frame().is_some() {}
            }
            state.wake();
            taken
        })
    }

    /// The id of another session that this batch has opened.
    pub(super) fn stray(&self, batch: &Bytes) -> Option<String> {
        self.lock().machine.stray(batch)
    }

    /// This transport carries the session from now on.
    pub(super) fn carried_by(&self, transport: Transport) {
        self.carrier.set(Some(transport));
        self.change(|state| {
            state.uplink = match transport {
                Transport::WebSocket => Uplink::Socket,
                // What these ask for next acknowledges as well.
                Transport::LongPoll | Transport::Poll => Uplink::Post { acknowledges: false },
                _ => Uplink::Post { acknowledges: true },
            };
        });
    }

    /// The connection goes on without a session, as a plain WebSocket.
    pub(super) fn carries_nothing(&self) {
        self.carrier.set_plain();
    }

    /// Nothing carries the session now; POSTs may.
    pub(super) fn dropped(&self) {
        self.carrier.set(None);
        self.change(|state| {
            if state.uplink == Uplink::Socket {
                state.uplink = Uplink::None;
            }
        });
    }

    /// What to send on a WebSocket now.
    pub(super) fn transmit(&self, attachment: &mut Attachment) -> Option<Bytes> {
        let mut state = self.lock();
        if state.is_posting {
            return None;
        }
        state.machine.poll_transmit(now(), attachment, BATCH_BYTES)
    }

    /// Waits until there may be something to send on a WebSocket.
    pub(super) async fn outgoing(&self, attachment: &mut Attachment) -> Bytes {
        loop {
            let mut news = self.news.subscribe();
            if let Some(bytes) = self.transmit(attachment) {
                return bytes;
            }
            let ack_at = self.lock().machine.poll_timeout().map(Instant::from_std);
            tokio::select! {
                _ = news.changed() => {}
                () = until(ack_at) => {}
            }
        }
    }

    /// Waits until frames may be taken off an attachment.
    pub(super) async fn room(&self) {
        self.wait(|state| (state.machine.takes_frames() || state.has_left).then_some(())).await;
    }

    // POSTs.

    /// Waits until there is something to POST, with frames of about `max_bytes`. Until [`posted`](Self::posted) it is in flight.
    pub(super) async fn next_post(&self, max_bytes: usize) -> (Post, Parameters) {
        self.wait(|state| {
            let Uplink::Post { acknowledges } = state.uplink else { return None };
            let id = state.machine.id()?.to_owned();
            let post = state.machine.next_post_within(max_bytes)?;
            if post.body.is_empty() && !acknowledges {
                return None;
            }
            state.is_posting = true;
            let parameters = vec![
                ("session", id),
                ("from", post.from.to_string()),
                ("received", post.received.to_string()),
            ];
            Some((post, parameters))
        })
        .await
    }

    /// The POST is in flight no longer: `answer` says what the server has, if it was taken or refused with that.
    pub(super) fn posted(&self, post: &Post, answer: Posted) -> Result<(), Violation> {
        self.change(|state| {
            state.is_posting = false;
            state.posted += u64::from(!post.body.is_empty());
            let known = match answer {
                Posted::Taken(position) => state.machine.handle_answer(post, position),
                Posted::Refused(position) => state.machine.handle_position(position),
                Posted::Unknown => Ok(()),
            };
            state.settle();
            state.wake();
            known
        })
    }

    /// Waits until a WebSocket has carried the session for this long.
    pub(super) async fn taken_over(&self, grace: Duration) {
        loop {
            self.wait(|state| (state.uplink == Uplink::Socket).then_some(())).await;
            let is_gone = self.wait(|state| (state.uplink != Uplink::Socket).then_some(()));
            if tokio::time::timeout(grace, is_gone).await.is_err() {
                return;
            }
        }
    }

    /// Waits until a POST has been answered since there were `posted` of them.
    pub(super) async fn further_post(&self, posted: u64) {
        self.wait(|state| (state.posted > posted).then_some(())).await;
    }

    /// How many POSTs have been answered.
    pub(super) fn post_count(&self) -> u64 {
        self.lock().posted
    }

    /// What a POST says that only acknowledges all that has come.
    pub(super) fn last_words(&self) -> Option<Parameters> {
        let state = self.lock();
        let id = state.machine.id()?.to_owned();
        let received = state.machine.position().to_string();
        // Where nothing is sent, any position will do that the server has reached.
        Some(vec![("session", id), ("from", "0".to_owned()), ("received", received)])
    }

    // The end.

    /// The session does not go on.
    pub(super) fn fail(&self, failure: NotResumed) {
        self.carrier.set(None);
        self.change(|state| {
            state.failure.get_or_insert(failure);
            state.share.close();
            state.wake();
        });
    }

    /// Why the session does not go on. Where all has been said both ways, that is no failure: a server forgets a
    /// session that is over (docs/sessions.md, section 7).
    pub(super) fn failure(&self) -> Option<NotResumed> {
        let state = self.lock();
        let is_done = state.is_answered || (state.has_ended && state.machine.kept_bytes() == 0);
        state.failure.clone().filter(|_| !is_done && !state.machine.is_over())
    }

    /// Looks after what is kept, as far as it counts in the budget. Ready with the budget's limit when this session was
    /// chosen to fail for the others' sake.
    pub(super) async fn doomed(&self) -> usize {
        loop {
            self.wait(|state| state.share.is_open().then_some(())).await;
            tokio::time::sleep(PAUSE).await;
            let mut state = self.lock();
            if state.share.is_doomed() {
                return state.share.limit();
            }
            let kept = state.machine.kept_bytes();
            state.share.look(kept, Instant::now());
        }
    }

    /// Waits until the conversation on top is over, or gone.
    pub(super) async fn left(&self) {
        self.wait(|state| state.has_left.then_some(())).await;
    }

    /// Waits until the server has all that was sent.
    pub(super) async fn drained(&self) {
        self.wait(|state| (state.machine.kept_bytes() == 0).then_some(())).await;
    }

    /// Waits until the server has said that the session is over.
    pub(super) async fn over(&self) {
        self.wait(|state| state.machine.is_over().then_some(())).await;
    }

    /// The session is over: nothing carries it any more.
    pub(super) fn settle(&self) {
        self.carrier.set(None);
        self.change(State::wake);
    }

    /// How far both flows have come, to see whether something moves; and how long the server keeps the session.
    pub(super) fn progress(&self) -> (u64, usize) {
        let state = self.lock();
        (state.machine.position(), state.machine.kept_bytes())
    }

    /// How long the server keeps the session without an attachment.
    pub(super) fn keep(&self) -> Duration {
        self.lock().machine.keep()
    }
}

/// What an answer to a POST says of the client's flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// Taken: the server has so many frames.
    Taken(u64),
    /// Not taken, or not whole; the server has so many frames.
    Refused(u64),
    /// It did not tell.
    Unknown,
}

impl State {
    /// Counts what is kept, after some of it was acknowledged.
    fn settle(&mut self) {
        if self.share.is_open() {
            self.share.settle(self.machine.kept_bytes(), &Context::from_waker(Waker::noop()));
        }
    }

    /// Calls the link.
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Flow for Core {
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.failure.is_some() {
            return Poll::Ready(());
        }
        let (was_open, kept) = (state.share.is_open(), state.machine.kept_bytes());
        state.share.settle(kept, cx);
        let has_room = state.machine.has_room() && state.share.poll_room(kept, cx).is_ready();
        if !has_room {
            state.writer = Some(cx.waker().clone());
        }
        let has_opened = !was_open && state.share.is_open();
        drop(state);
        if has_opened {
            // From now on somebody has to look after it.
            self.news.send_replace(());
        }
        if has_room { Poll::Ready(()) } else { Poll::Pending }
    }

    fn send(&self, frame: Bytes) {
        self.change(|state| {
            state.has_sent_end |= frame.first() == Some(&END);
            state.machine.send(frame);
        });
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        let had_room = state.machine.takes_frames();
        if let Some(frame) = state.machine.poll_frame() {
            if frame.first() == Some(&END) {
                state.has_ended = true;
                state.is_answered = state.has_sent_end;
            }
            let makes_room = !had_room && state.machine.takes_frames();
            drop(state);
            if makes_room {
                self.news.send_replace(());
            }
            return Poll::Ready(Some(frame));
        }
        if state.failure.is_some() || state.machine.is_over() {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&self, _: &[u8]) {
        self.leave();
    }

    fn leave(&self) {
        self.change(|state| {
            state.has_left = true;
            while state.machine.poll_frame().is_some() {}
        });
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The time as tokio sees it, which tests can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
