//! What stands behind every connection. It does what no half is there to do: sends what was written when the writer
//! has yielded, sees pings and a Close while nobody reads, keeps deadlines, and ends the transport in order.
//!
//! It runs in a task of its own, or [beside](super::beside) a handler in the handler's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tidegate_proto::websocket::Phase;
use tokio::time::Instant;

use super::call::Call;
use super::clock::Alarm;
use super::closing::Closing;
use super::deadlines::{Deadlines, Watchdog};
use super::observe::{Observer, Scope};
use super::shared::{Reader, Shared, State};

/// How long a reader may stay away before the driver decodes ahead of it, and, once the connection closes, before
/// the messages that it has not read are dropped.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    /// When to look whether the reader still comes.
    watch_at: Option<Instant>,
    watchdog: Watchdog,
    closing: Closing,
    observer: Observer,
    /// Dropped last, when the connection is gone.
    alarm: Alarm,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = self.shared.clone();
        shared.register_driver(cx.waker());
        let mut state = shared.lock();
        loop {
            let due = self.drive(&shared, &mut state);
            shared.tell_ending(&mut state);
            if state.link.is_done() {
                self.observer.ended(&state.link);
                drop(state);
                shared.wake_halves();
                return Poll::Ready(());
            }
            let Some(due) = due else { return Poll::Pending };
            let now = Instant::now();
            if now < due {
                self.alarm.set(now, due, shared.waiting());
                return Poll::Pending;
            }
        }
    }
}

impl Driver {
    /// The driver of a connection on the current tokio runtime. It must be polled for as long as it lives.
    pub(super) fn new(shared: Arc<Shared>, deadlines: Arc<Deadlines>, observer: Observer) -> Self {
        Self {
            shared,
            watch_at: Some(Instant::now() + WATCH_INTERVAL),
            watchdog: Watchdog::new(deadlines),
            closing: Closing::default(),
            observer,
            alarm: Alarm::new(),
        }
    }

    /// What a handler of this connection runs in.
    pub(crate) fn scope(&self) -> Scope {
        self.observer.scope()
    }

    /// How it is called.
    pub(super) fn call(&self) -> &Call {
        &self.shared.waiting().driver
    }

    /// Does all that can be done now, and tells when more is due by the clock.
    fn drive(&mut self, shared: &Shared, state: &mut State) -> Option<Instant> {
        let cx = &mut shared.io_context();
        state.begin_flush();
        state.link.obey_budget();
        let _ = state.link.poll_flush(cx);
        self.watch(shared, state);
        // It may find the reader gone, so before the reader's place is taken.
        self.closing.look(Instant::now(), state);
        let is_open = matches!(state.link.connection.phase(), Phase::Open | Phase::Closing);
        let reader = &state.reader;
        match reader {
            _ if !is_open || reader.is_parked => {}
            Reader { is_gone: true, .. } => state.link.poll_discard(cx),
            Reader { is_away: true, .. } => state.link.poll_ahead(cx),
            _ if state.link.connection.has_credits() => state.link.poll_take_in(cx),
            _ => {}
        }
        if state.link.connection.phase() != Phase::Open {
            self.wind_up(shared, state);
        }
        let deadline = match state.link.connection.phase() {
            Phase::Open => self.watchdog.look(Instant::now(), &mut state.link).unwrap_or_else(|cause| {
                state.link.time_out(cause);
                Some(Instant::now())
            }),
            _ => state.link.connection.poll_timeout(Instant::now().into_std()).map(Instant::from_std),
        };
        let credits = state.link.connection.look_after_credits().map(Instant::from_std);
        // Looking ahead may have made a pong, and the watchdog a ping.
        let _ = state.link.poll_flush(cx);
        self.watchdog.after_flush(&state.link);
        if state.link.connection.take_news() {
            shared.call_halves();
        }
        if state.link.share.is_open() && self.watch_at.is_none() {
            self.watch_at = Some(Instant::now() + WATCH_INTERVAL);
        }
        [self.watch_at, self.closing.look_at(), deadline, credits].into_iter().flatten().min()
    }

    /// Sees, once in an interval, whether the reader still comes. Nothing is watched while it waits undisturbed.
    fn watch(&mut self, shared: &Shared, state: &mut State) {
        let now = Instant::now();
        if shared.is_watched() && self.watch_at.is_none() {
            self.watch_at = Some(now + WATCH_INTERVAL);
        }
        if self.watch_at.is_none_or(|at| now < at) {
            return;
        }
        self.observer.pass_by(&state.link);
        let look_again = state.link.look_at_budget(now).then(|| now + WATCH_INTERVAL);
        if std::mem::take(&mut state.reader.was_active) {
            self.watch_at = Some(now + WATCH_INTERVAL);
            return;
        }
        self.watch_at = look_again;
        // Before the look at the reader: a call after that is told again.
        shared.stop_watching();
        state.link.connection.park();
        if shared.is_attentive(state) {
            return;
        }
        state.reader.is_parked = false;
        state.reader.is_away = true;
    }

    /// Brings a connection that is closing, or failed, to its end.
    fn wind_up(&mut self, shared: &Shared, state: &mut State) {
        let cx = &mut shared.io_context();
        if let Err(failure) = state.link.connection.handle_timeout(Instant::now().into_std()) {
            state.link.fail(failure);
        }
        if state.link.connection.phase() == Phase::Lingering {
            state.link.poll_linger(cx);
        }
        if state.link.connection.phase() == Phase::Ended {
            state.link.finish();
        }
    }
}
