//! The classic `WebSocket`, with its four events, on top of [`WebSocketStream`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tidegate_proto::websocket::{ApiMisuse, CloseCode, CloseInfo, Message};

use super::CloseOptions;
use super::error::WebSocketError;
use super::readable::Readable;
use super::shared::Shared;
use super::stream::{Opened, WebSocketStream};

/// The classic WebSocket: it is told of what happens, and sends without waiting. Cheap to clone.
///
/// It cannot make its owner wait, but it waits itself: the next message is read when the handler of the last one has
/// returned, and a handler that takes its time slows the peer down. [`send`](Self::send) queues at most the
/// [limit](Self::with_send_limit), and tells when that is reached. Prefer [`WebSocketStream`].
///
/// Binary messages come as `Bytes`, the counterpart of the specification's `"arraybuffer"`; there is no `"blob"`.
#[derive(Clone)]
pub struct WebSocket {
    inner: Arc<Inner>,
}

struct Inner {
    socket: WebSocketStream,
    open: OnceLock<OpenState>,
    state: Mutex<State>,
    send_limit: usize,
}

struct OpenState {
    shared: Arc<Shared>,
    protocol: String,
    extensions: String,
}

struct State {
    ready_state: ReadyState,
    /// For each message that has not wholly left: where it ends in the output, and its payload length.
    unsent: VecDeque<(u64, usize)>,
    /// Payload bytes given to `send` after closing began: they count as buffered for ever.
    dropped: usize,
}

/// Where a [`WebSocket`] stands (HTML, "the ready states").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadyState {
    /// 0: not open yet.
    Connecting = 0,
    /// 1: messages go both ways.
    Open = 1,
    /// 2: the closing handshake is under way, or connecting was given up.
    Closing = 2,
    /// 3: over.
    Closed = 3,
}

/// One of the four events.
#[derive(Clone, Debug)]
pub enum SocketEvent {
    /// The connection is open.
    Open,
    /// A message came. A binary one is [`Bytes`](bytes::Bytes), so there is nothing for a `binaryType` to choose.
    Message(Message),
    /// The connection failed; a [`Close`](Self::Close) follows.
    Error(WebSocketError),
    /// The connection is over. Always the last event, and there is always one.
    Close(CloseEvent),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseEvent {
    /// The peer's code; 1005 when its Close held none, 1006 when none came.
    pub code: CloseCode,
    /// The peer's reason.
    pub reason: String,
    /// Whether both sides closed, and all that was sent has left.
    pub was_clean: bool,
}

/// Why [`WebSocket::send`] did not take a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is not open yet (an `InvalidStateError` in the specification).
    #[error("the connection is not open yet")]
    Connecting,
    /// As many bytes as the limit allows wait already. The message comes back; send it when
    /// [`buffered_amount`](WebSocket::buffered_amount) has fallen.
    #[error("{buffered} bytes are buffered already")]
    Full {
        /// The message.
        message: Message,
        /// The buffered amount.
        buffered: usize,
    },
}

/// Payload bytes that may be buffered, unless set otherwise.
const DEFAULT_SEND_LIMIT: usize = 16 << 20;

impl WebSocket {
    /// The events as something to pull: the next message is read when the next event is asked for.
    pub fn with_events(socket: WebSocketStream) -> (Self, Events) {
        Self::with_send_limit(socket, DEFAULT_SEND_LIMIT)
    }

    /// As [`with_events`](Self::with_events), with the payload bytes that may be buffered; 16 MiB by default. One
    /// message of any size may go beyond it.
    pub fn with_send_limit(socket: WebSocketStream, send_limit: usize) -> (Self, Events) {
        let state = State { ready_state: ReadyState::Connecting, unsent: VecDeque::new(), dropped: 0 };
        let inner = Inner { socket, open: OnceLock::new(), state: Mutex::new(state), send_limit };
        let socket = Self { inner: Arc::new(inner) };
        let events = Events { socket: socket.clone(), stage: Stage::Opening };
        (socket, events)
    }

    /// The URL, as [`WebSocketStream::url`].
    #[must_use]
    pub fn url(&self) -> &str {
        self.inner.socket.url()
    }

    /// The subprotocol that was agreed on; empty when there is none, and before the connection is open.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.inner.open.get().map_or("", |open| &open.protocol)
    }

    /// The extensions that were agreed on; empty when there are none, and before the connection is open.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.inner.open.get().map_or("", |open| &open.extensions)
    }

    /// Where the connection stands.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.lock().ready_state
    }

    /// Payload bytes that were given to [`send`](Self::send) and have not gone to the network. What is sent after
    /// closing began goes nowhere, and counts for ever.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        let mut state = self.lock();
        self.count_buffered(&mut state)
    }

    /// Queues a message. While closing and after it, the message is dropped without an error, as specified.
    ///
    /// # Errors
    ///
    /// Before the connection is open, and when the limit is reached; the message is not taken then.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        let len = message.len();
        let mut state = self.lock();
        let buffered = self.count_buffered(&mut state);
        let open = match (state.ready_state, self.inner.open.get()) {
            (ReadyState::Connecting, _) | (ReadyState::Open, None) => return Err(SendError::Connecting),
            (ReadyState::Open, Some(_)) if buffered >= self.inner.send_limit => {
                return Err(SendError::Full { message, buffered });
            }
            (ReadyState::Open, Some(open)) => open,
            _ => {
                state.dropped += len;
                return Ok(());
            }
        };
        match open.shared.send(message) {
            Ok(()) => state.unsent.push_back((open.shared.output_end(), len)),
            // It ended before its events told so.
            Err(_) => state.dropped += len,
        }
        Ok(())
    }

    /// Starts to close; what was sent before leaves first. Does nothing when closing or closed.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes; then nothing is done.
    pub fn close(&self, options: impl Into<CloseOptions>) -> Result<(), ApiMisuse> {
        self.inner.socket.close(options)?;
        let mut state = self.lock();
        state.ready_state = state.ready_state.max(ReadyState::Closing);
        Ok(())
    }

    fn count_buffered(&self, state: &mut State) -> usize {
        if let Some(open) = self.inner.open.get() {
            let sent = open.shared.sent_bytes();
            while state.unsent.front().is_some_and(|(end, _)| *end <= sent) {
                state.unsent.pop_front();
            }
        }
        state.unsent.iter().map(|(_, len)| len).sum::<usize>() + state.dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// The events of a [`WebSocket`], one at a time.
///
/// Nothing is queued: a message stays with the peer until it is asked for. A Close is seen when the messages before
/// it have been asked for. When this is dropped, messages are dropped.
pub struct Events {
    socket: WebSocket,
    stage: Stage,
}

enum Stage {
    Opening,
    Reading(Readable),
    /// The last event, while its error is told first.
    Closing(CloseEvent),
    Over,
}

impl Events {
    /// The next event, or `None` behind the Close.
    ///
    /// May be dropped at any await: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<SocketEvent> {
        let event = match &mut self.stage {
            Stage::Opening => match self.socket.inner.socket.opened().await {
                Ok(opened) => self.open(opened),
                Err(error) => self.end(Err(error.with_code(CloseCode::ABNORMAL))),
            },
            Stage::Reading(readable) => match Self::next_message(&self.socket, readable).await {
                Some(message) => SocketEvent::Message(message),
                None => {
                    let ending = self.socket.inner.socket.closed().await;
                    self.end(ending)
                }
            },
            Stage::Closing(close) => {
                let close = close.clone();
                self.stage = Stage::Over;
                self.socket.lock().ready_state = ReadyState::Closed;
                SocketEvent::Close(close)
            }
            Stage::Over => return None,
        };
        Some(event)
    }

    /// The next message; those that come after `close` are dropped, as specified.
    async fn next_message(socket: &WebSocket, readable: &mut Readable) -> Option<Message> {
        while let Ok(Some(message)) = readable.read().await {
            if socket.ready_state() == ReadyState::Open {
                return Some(message);
            }
        }
        None
    }

    fn open(&mut self, opened: Opened) -> SocketEvent {
        let Opened { readable, writable, protocol, extensions } = opened;
        let open = OpenState { shared: writable.shared(), protocol, extensions };
        // Only this sets it, once.
        let _ = self.socket.inner.open.set(open);
        let mut state = self.socket.lock();
        state.ready_state = state.ready_state.max(ReadyState::Open);
        drop(state);
        self.stage = Stage::Reading(readable);
        SocketEvent::Open
    }

    fn end(&mut self, ending: Result<CloseInfo, WebSocketError>) -> SocketEvent {
        let mut state = self.socket.lock();
        state.ready_state = ReadyState::Closing;
        drop(state);
        let (close, error) = match ending {
            Ok(CloseInfo { close_code, reason }) => {
                (CloseEvent { code: close_code, reason, was_clean: true }, None)
            }
            Err(error) => {
                let code = error.close_code().unwrap_or(CloseCode::ABNORMAL);
                (CloseEvent { code, reason: error.reason().to_owned(), was_clean: false }, Some(error))
            }
        };
        match error {
            Some(error) => {
                self.stage = Stage::Closing(close);
                SocketEvent::Error(error)
            }
            None => {
                self.stage = Stage::Over;
                self.socket.lock().ready_state = ReadyState::Closed;
                SocketEvent::Close(close)
            }
        }
    }
}
