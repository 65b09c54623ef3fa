//! What the halves of one WebSocketStream and its driver share.

mod credit;
mod reading;
mod writing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use tidegate_proto::websocket::ApiMisuse;
use tokio::sync::Notify;

use super::CloseOptions;
use super::ending::Ending;
use super::layers::Layers;
use super::link::Link;
use super::stats::Stats;
use super::tuning::Tuning;
use super::waiting::Waiting;
use crate::http::Io;
pub(crate) use writing::Offered;

pub(crate) struct Shared {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
    /// Wakes whoever is in `waiting`: the only waker that the transport ever sees.
    io_waker: Waker,
    /// The protocol and the extensions that were agreed on, if any were.
    names: Option<Box<(String, String)>>,
    high_water_mark: usize,
}

pub(crate) struct State {
    pub(crate) link: Link,
    pub(crate) reader: Reader,
    /// Whether anything was written since the reader last came or the driver last flushed.
    has_written: bool,
    /// Told when the connection has ended; there once somebody waits for that.
    ended: Option<Arc<Notify>>,
    /// Whether it has been told how the connection ended.
    is_told: bool,
    /// Whether the two halves have been given to the user.
    is_given_out: bool,
    /// Whether the driver has been asked to flush, and has not done so yet.
    flush_is_due: bool,
    /// Which of the three handles are still held.
    held: [bool; 3],
}

/// What is known of whoever reads.
#[derive(Default)]
pub(crate) struct Reader {
    /// Waits for a message right now, so that it turns the wheel itself.
    pub(crate) is_parked: bool,
    /// Took a message since the driver last looked.
    pub(crate) was_active: bool,
    /// Has not come for a while: the driver decodes ahead, so that pings and a Close are seen.
    pub(crate) is_away: bool,
    /// Never comes again: messages are dropped.
    pub(crate) is_gone: bool,
    /// Was told by a stream's last item how it ended.
    has_stream_ended: bool,
}

/// The three things that a user can hold of one connection.
#[derive(Clone, Copy)]
pub(crate) enum Handle {
    Socket = 0,
    Readable = 1,
    Writable = 2,
}

impl Shared {
    /// A connection whose opening handshake is done. It needs a [driver](super::driver::Driver).
    pub(crate) fn new(io: Box<dyn Io>, connection: Layers, names: (String, String), tuning: &Tuning) -> Self {
        let waiting = Arc::new(Waiting { is_watched: true.into(), ..Waiting::default() });
        let reader = Reader { was_active: true, ..Reader::default() };
        let state = State {
            link: Link::new(io, connection, tuning.budget.share()),
            reader,
            has_written: false,
            ended: None,
            is_told: false,
            is_given_out: false,
            flush_is_due: false,
            held: [true; 3],
        };
        Self {
            state: Mutex::new(state),
            io_waker: Waker::from(waiting.clone()),
            waiting,
            names: (names != <(String, String)>::default()).then(|| Box::new(names)),
            high_water_mark: tuning.high_water_mark,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock is a bug of ours, but every step leaves the state usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the halves out: false when that was done before.
    pub(crate) fn give_out(&self) -> bool {
        !std::mem::replace(&mut self.lock().is_given_out, true)
    }

    /// The protocol and the extensions that were agreed on, empty where none were.
    pub(crate) fn names(&self) -> (String, String) {
        self.names.as_deref().cloned().unwrap_or_default()
    }

    /// Who waits for the transport.
    pub(crate) fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    pub(crate) fn io_context(&self) -> Context<'_> {
        Context::from_waker(&self.io_waker)
    }

    pub(crate) fn wake_driver(&self) {
        self.waiting.driver.wake();
    }

    pub(crate) fn register_driver(&self, waker: &Waker) {
        self.waiting.driver.register(waker);
    }

    /// Tells that the connection has ended, once it is known how. Only the driver does.
    pub(crate) fn tell_ending(&self, state: &mut State) {
        if state.link.ending().is_some() && !std::mem::replace(&mut state.is_told, true) {
            if let Some(ended) = state.ended.take() {
                ended.notify_waiters();
            }
            self.wake_halves();
        }
    }

    /// Waits until the connection has ended, and tells how; may be dropped at any time.
    pub(crate) async fn ended(&self) -> Ending {
        loop {
            let ended = {
                let mut state = self.lock();
                match state.link.ending() {
                    Some(ending) if state.is_told => return ending.clone(),
                    // From here on it hears of it, polled or not.
                    _ => state.ended.get_or_insert_default().clone().notified_owned(),
                }
            };
            ended.await;
        }
    }

    /// Wakes everyone: the connection has ended, or a half of it.
    pub(crate) fn wake_halves(&self) {
        self.waiting.reader.wake();
        self.waiting.writer.wake();
    }

    /// Bytes that the transport has taken.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.lock().link.connection.sent_bytes()
    }

    /// Where the output ends, counted as [`sent_bytes`](Self::sent_bytes) is.
    pub(crate) fn output_end(&self) -> u64 {
        let connection = &self.lock().link.connection;
        connection.sent_bytes() + connection.queued_bytes() as u64
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().link.stats()
    }

    /// Starts the closing handshake; nothing happens when one is under way.
    pub(crate) fn close(&self, options: &CloseOptions) -> Result<(), ApiMisuse> {
        let mut state = self.lock();
        state.link.close(options)?;
        state.reader.is_away = true;
        self.waiting.writer.wake();
        self.wake_driver();
        Ok(())
    }

    /// Has the driver look for the end of the connection while somebody awaits it.
    pub(crate) fn attend(&self) {
        self.lock().reader.is_away = true;
        self.wake_driver();
    }

    /// Drops messages from now on.
    pub(crate) fn stop_reading(&self) {
        self.lock().reader.is_gone = true;
        self.wake_driver();
    }

    /// Bytes that may still be written below the high water mark; negative above it.
    pub(crate) fn desired_size(&self) -> isize {
        let queued = self.lock().link.connection.queued_bytes();
        // Both are sizes of things in memory, which fit an isize.
        self.high_water_mark as isize - queued as isize
    }

    /// A handle was dropped. When the reader is, messages are; when the last handle is, the connection closes.
    pub(crate) fn release(&self, handle: Handle) {
        let mut state = self.lock();
        state.held[handle as usize] = false;
        if matches!(handle, Handle::Readable) {
            self.unpark(&mut state);
            state.reader.is_gone = true;
        }
        if state.held == [false; 3] {
            // An empty Close may always be sent.
            let _ = state.link.close(&CloseOptions::default());
        }
        drop(state);
        self.wake_driver();
    }
}

impl State {
    /// Takes note that the driver flushes now.
    pub(crate) fn begin_flush(&mut self) {
        self.flush_is_due = false;
        self.has_written = false;
    }
}
