//! What to call for each of the four events of the classic WebSocket.

use tidegate_proto::websocket::Message;

use super::error::WebSocketError;
use super::events::{CloseEvent, SocketEvent, WebSocket};
use super::stream::WebSocketStream;

/// The handlers of a [`WebSocket`]. Events without a handler are let go.
///
/// ```no_run
/// # fn example() -> Result<(), tidegate::WebSocketError> {
/// use tidegate::{Handlers, WebSocket};
///
/// let handlers = Handlers::new()
///     .on_open(|socket| drop(socket.send("My name is John")))
///     .on_message(|_, message| println!("{message:?}"))
///     .on_close(|_, close| println!("closed {} {}", close.code, close.reason));
/// WebSocket::connect("ws://127.0.0.1:8080/hello", handlers)?;
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Handlers {
    open: Handler<()>,
    message: Handler<Message>,
    error: Handler<WebSocketError>,
    close: Handler<CloseEvent>,
}

type Handler<T> = Option<Box<dyn FnMut(&WebSocket, T) + Send>>;

impl Handlers {
    /// No handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do when the connection is open.
    #[must_use]
    pub fn on_open(mut self, mut handler: impl FnMut(&WebSocket) + Send + 'static) -> Self {
        self.open = Some(Box::new(move |socket, ()| handler(socket)));
        self
    }

    /// What to do with a message. The next one is read when this has returned.
    #[must_use]
    pub fn on_message(mut self, handler: impl FnMut(&WebSocket, Message) + Send + 'static) -> Self {
        self.message = Some(Box::new(handler));
        self
    }

    /// What to do when the connection fails; [`on_close`](Self::on_close) is called after it.
    #[must_use]
    pub fn on_error(mut self, handler: impl FnMut(&WebSocket, WebSocketError) + Send + 'static) -> Self {
        self.error = Some(Box::new(handler));
        self
    }

    /// What to do when the connection is over. Called exactly once, last.
    #[must_use]
    pub fn on_close(mut self, handler: impl FnMut(&WebSocket, CloseEvent) + Send + 'static) -> Self {
        self.close = Some(Box::new(handler));
        self
    }

    pub(super) fn handle(&mut self, socket: &WebSocket, event: SocketEvent) {
        match event {
            SocketEvent::Open => call(&mut self.open, socket, ()),
            SocketEvent::Message(message) => call(&mut self.message, socket, message),
            SocketEvent::Error(error) => call(&mut self.error, socket, error),
            SocketEvent::Close(close) => call(&mut self.close, socket, close),
        }
    }
}

impl WebSocket {
    /// Starts to connect, and calls `handlers` for what happens. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// A URL that is not absolute, has another scheme than `ws`, `wss`, `http` and `https`, or has a fragment.
    pub fn connect(url: impl Into<String>, handlers: Handlers) -> Result<Self, WebSocketError> {
        Ok(Self::attach(WebSocketStream::connect(url)?, handlers))
    }

    /// Calls `handlers` for what happens on `socket`, which a builder or a server has made and whose halves nobody
    /// has taken. Must be called on a tokio runtime.
    pub fn attach(socket: WebSocketStream, mut handlers: Handlers) -> Self {
        let (socket, mut events) = Self::with_events(socket);
        let handle = socket.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                handlers.handle(&handle, event);
            }
        });
        socket
    }
}

fn call<T>(handler: &mut Handler<T>, socket: &WebSocket, event: T) {
    if let Some(handler) = handler {
        handler(socket, event);
    }
}
