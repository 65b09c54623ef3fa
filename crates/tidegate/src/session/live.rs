//! A session that lives: the machine, and who waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tidegate_proto::session::{
    AttachError, Attachment, Carries, Config, FrameSplitter, PostError, ServerSession, Violation,
};
use tidegate_proto::websocket::CloseInfo;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::carrier::{Carrier, Transport};
use super::flow::Flow;
use super::uplink::Uplink;
use crate::websocket::Share;

/// One session of a server. The conversation on top of it, its attachment and its POSTs come to it from three sides.
pub(crate) struct Session {
    state: Mutex<State>,
    carrier: Arc<Carrier>,
    /// Told when the time at which it ends may have changed.
    changed: Notify,
    /// Told when frames were taken, so that there may be room for more.
    taken: Notify,
    uplink: Uplink,
}

struct State {
    machine: ServerSession,
    /// The link, which waits for frames or for room.
    link: Option<Waker>,
    /// The attachment, which waits for something to send.
    downlink: Option<Waker>,
    /// What a WebSocket is closed with in the end.
    farewell: Option<CloseInfo>,
    /// Whether nobody can come for it any more.
    is_over: bool,
    /// What is kept counts in the budget of all connections.
    share: Share,
}

/// The one POST of a session that is in flight.
pub(crate) struct Posting<'a> {
    session: &'a Session,
    number: u64,
}

/// When to look again at what is due and cannot be done, or at the budget.
const PAUSE: Duration = Duration::from_secs(1);

impl Session {
    /// A session with nothing in it. It must be [kept](Self::keep).
    pub(super) fn new(id: String, config: Config, share: Share) -> Self {
        let state = State {
            machine: ServerSession::new(now(), id, config),
            link: None,
            downlink: None,
            farewell: None,
            is_over: false,
            share,
        };
        Self {
            state: Mutex::new(state),
            carrier: Arc::default(),
            changed: Notify::new(),
            taken: Notify::new(),
            uplink: Uplink::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock is a bug of ours, but every step leaves the state usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the client names it by.
    pub(crate) fn id(&self) -> String {
        self.lock().machine.id().to_owned()
    }

    /// How many frames of the client it has.
    pub(crate) fn position(&self) -> u64 {
        self.lock().machine.position()
    }

    /// What carries it.
    pub(crate) fn carrier(&self) -> &Arc<Carrier> {
        &self.carrier
    }

    /// What to close a WebSocket with that carried the session to its end.
    pub(crate) fn farewell(&self) -> Option<CloseInfo> {
        self.lock().farewell.clone()
    }

    /// Waits until nobody can come for it any more.
    ///
    /// # Cancellation
    ///
    /// Without this the session has no deadlines.
    pub(super) async fn keep(&self) {
        loop {
            let changed = self.changed.notified();
            let due = {
                let mut state = self.lock();
                if state.machine.is_expired(now()) || state.share.is_doomed() {
                    break;
                }
                let due = state.machine.poll_timeout().map(Instant::from_std);
                if due.is_some_and(|due| due <= Instant::now()) {
                    // An acknowledgement is due.
                    wake(&mut state.downlink);
                }
                let kept = state.machine.kept_bytes();
                let look_again = state.share.is_open() && state.share.look(kept, Instant::now());
                [due, look_again.then(Instant::now)].into_iter().flatten().min()
            };
            match due {
                None => changed.await,
                Some(due) => {
                    let now = Instant::now();
                    let due = if due > now { due } else { now + PAUSE };
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(due) => {}
                    }
                }
            }
        }
        let mut state = self.lock();
        state.is_over = true;
        state.share.close();
        wake(&mut state.link);
        wake(&mut state.downlink);
        drop(state);
        self.taken.notify_waiters();
    }

    /// Attaches behind this position, and ends the attachment before.
    ///
    /// # Errors
    ///
    /// A position that is not there.
    pub(super) fn attach(&self, transport: Transport, after: u64) -> Result<Attachment, AttachError> {
        let carries = match transport {
            Transport::WebSocket => Carries::Both,
            _ => Carries::Down,
        };
        let mut state = self.lock();
        let attachment = state.machine.attach(carries, after)?;
        self.carrier.set(Some(transport));
        // The older attachment is to see that it is one; what it brought may have made room.
        wake(&mut state.downlink);
        wake(&mut state.link);
        drop(state);
        self.changed.notify_one();
        Ok(attachment)
    }

    pub(super) fn detach(&self, attachment: &Attachment) {
        let mut state = self.lock();
        state.machine.detach(now(), attachment);
        if state.machine.is_current(attachment) {
            self.carrier.set(None);
            state.downlink = None;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What to send next on an attachment, if there is anything now; `None` in the end.
    pub(super) fn poll_transmit(
        &self,
        cx: &mut Context<'_>,
        attachment: &mut Attachment,
        max_bytes: usize,
    ) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        if let Some(bytes) = state.machine.poll_transmit(now(), attachment, max_bytes) {
            return Poll::Ready(Some(bytes));
        }
        if attachment.ended().is_some() || state.is_over {
            return Poll::Ready(None);
        }
        // Only the newest comes here.
        state.downlink = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes whole frames that came on a WebSocket.
    pub(super) fn handle_batch(&self, attachment: &mut Attachment, batch: &Bytes) -> Result<(), Violation> {
        let mut state = self.lock();
        let handled = state.machine.handle_batch(now(), attachment, batch);
        state.settle(&Context::from_waker(Waker::noop()));
        wake(&mut state.link);
        wake(&mut state.downlink);
        drop(state);
        self.changed.notify_one();
        handled
    }

    /// Waits until frames that have come were taken, if too many wait.
    pub(super) async fn room(&self) {
        loop {
            let taken = self.taken.notified();
            if self.takes_frames() {
                return;
            }
            taken.await;
        }
    }

    fn takes_frames(&self) -> bool {
        let state = self.lock();
        state.machine.takes_frames() || state.is_over
    }

    /// Begins a POST, unless one is in flight whose body comes, or has come.
    pub(crate) fn begin_post(&self) -> Option<Posting<'_>> {
        self.uplink.begin().map(|number| Posting { session: self, number })
    }

    /// Ends the session as if its connection had been lost.
    pub(super) fn abandon(&self) {
        self.lock().machine.abandon();
        self.changed.notify_one();
    }

    fn post(&self, from: u64, received: Option<u64>, body: &Bytes) -> Result<(), PostError> {
        let mut state = self.lock();
        let posted = state.machine.handle_post(now(), from, received, body);
        state.settle(&Context::from_waker(Waker::noop()));
        wake(&mut state.link);
        drop(state);
        self.changed.notify_one();
        posted
    }
}

impl Posting<'_> {
    /// Something of its body has come, or all of it.
    pub(crate) fn heard(&self, is_whole: bool) {
        self.session.uplink.heard(self.number, is_whole);
    }

    /// Waits until a newer POST has taken the place of this one, whose body has not come.
    pub(crate) async fn displaced(&self) {
        self.session.uplink.displaced(self.number).await;
    }

    /// Takes the whole frames of a body that does not come to its end, as far as there is room. The position tells.
    pub(crate) fn keep(&self, from: u64, received: Option<u64>, begun: &Bytes) {
        let Ok(whole) = FrameSplitter::default().split(begun) else { return };
        let _ = self.session.post(from, received, &whole);
    }

    /// Takes the frames of a body, as soon as there is room for them all.
    ///
    /// # Errors
    ///
    /// See [`PostError`]; never [`PostError::Full`].
    ///
    /// # Cancellation
    ///
    /// Frames up to the session's position were taken.
    pub(crate) async fn post(&self, from: u64, received: Option<u64>, body: &Bytes) -> Result<(), PostError> {
        loop {
            let taken = self.session.taken.notified();
            match self.session.post(from, received, body) {
                Err(PostError::Full) => taken.await,
                posted => return posted,
            }
        }
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.session.uplink.end(self.number);
    }
}

impl Flow for Session {
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        // What is sent when nobody can come for it is lost either way.
        if state.is_over {
            return Poll::Ready(());
        }
        let (was_open, kept) = (state.share.is_open(), state.machine.kept_bytes());
        state.settle_more(cx);
        let has_room = state.machine.has_room() && state.share.poll_room(kept, cx).is_ready();
        if !has_room {
            state.link = Some(cx.waker().clone());
        }
        if !was_open && state.share.is_open() {
            // From now on somebody has to look after it.
            self.changed.notify_one();
        }
        if has_room { Poll::Ready(()) } else { Poll::Pending }
    }

    fn send(&self, frame: Bytes) {
        let mut state = self.lock();
        state.machine.send(frame);
        wake(&mut state.downlink);
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        if let Some(frame) = state.machine.poll_frame() {
            drop(state);
            self.taken.notify_waiters();
            return Poll::Ready(Some(frame));
        }
        if state.is_over {
            return Poll::Ready(None);
        }
        state.link = Some(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&self, close: &[u8]) {
        // It was just made, so it can be read.
        self.end(CloseInfo::parse(close).ok());
    }

    fn leave(&self) {
        self.end(None);
    }
}

impl Session {
    fn end(&self, farewell: Option<CloseInfo>) {
        let mut state = self.lock();
        if !state.machine.is_finished() {
            state.machine.finish(now());
            state.farewell = farewell;
        }
        wake(&mut state.downlink);
        drop(state);
        self.taken.notify_waiters();
        self.changed.notify_one();
    }
}

impl State {
    /// Counts what is kept, after some of it was acknowledged.
    fn settle(&mut self, cx: &Context<'_>) {
        if self.share.is_open() {
            self.settle_more(cx);
        }
    }

    fn settle_more(&mut self, cx: &Context<'_>) {
        let kept = self.machine.kept_bytes();
        self.share.settle(kept, cx);
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// The time as tokio sees it, which tests can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
