//! One conversation, whatever carries it.

use std::fmt;
use std::sync::Arc;

use http::Request;
use tidegate_proto::websocket::{ApiMisuse, CloseInfo};

use crate::session::{Carrier, Transport};
use crate::websocket::{CloseOptions, Opened, Stats, WebSocketError, WebSocketStream};

/// A connection whose messages are read and written with backpressure, whatever carries it: a WebSocket, an HTTP stream,
/// an event stream, long polling or polling.
///
/// It is used as a [`WebSocketStream`] is: [`opened`](Self::opened) gives the two halves, [`closed`](Self::closed) tells
/// how it ended, [`close`](Self::close) ends it. A client that keeps a session (docs/sessions.md) may change what
/// carries it at any time; nothing is lost or comes twice, and nothing of it is seen here but
/// [`transport`](Self::transport). A client that opens a plain WebSocket has just that.
pub struct Connection {
    socket: WebSocketStream,
    carrier: Option<Arc<Carrier>>,
}

impl Connection {
    /// A connection over a session.
    pub(crate) fn over(socket: WebSocketStream, carrier: Arc<Carrier>) -> Self {
        Self { socket, carrier: Some(carrier) }
    }

    /// What carries the connection now; `None` while a session waits for its client to come back.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        match &self.carrier {
            Some(carrier) => carrier.get(),
            None => Some(Transport::WebSocket),
        }
    }

    /// Whether the connection may change what carries it; a plain WebSocket may not.
    #[must_use]
    pub fn is_session(&self) -> bool {
        self.carrier.as_ref().is_some_and(|carrier| carrier.carries_session())
    }

    /// The request that opened the connection, on a server's side.
    #[must_use]
    pub fn request(&self) -> Option<&Request<()>> {
        self.socket.request()
    }

    /// Takes the request out, so that an idle connection need not hold its headers.
    pub fn take_request(&mut self) -> Option<Request<()>> {
        self.socket.take_request()
    }

    /// The URL, as [`WebSocketStream::url`].
    #[must_use]
    pub fn url(&self) -> &str {
        self.socket.url()
    }

    /// Waits until the connection is open, and gives out its halves.
    ///
    /// May be dropped at any await, and called again.
    ///
    /// # Errors
    ///
    /// As [`WebSocketStream::opened`].
    pub async fn opened(&self) -> Result<Opened, WebSocketError> {
        self.socket.opened().await
    }

    /// What the connection has done, and what waits in it; all zero before it is open. Bytes are those of the
    /// conversation, whatever became of them on the way.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.socket.stats()
    }

    /// Waits until the connection has ended, and tells with which code and reason the peer closed it.
    ///
    /// May be called any number of times, and dropped at any await.
    ///
    /// # Errors
    ///
    /// As [`WebSocketStream::closed`]; a session whose client does not come back has not ended cleanly.
    pub async fn closed(&self) -> Result<CloseInfo, WebSocketError> {
        self.socket.closed().await
    }

    /// Closes the connection: what was written is sent first, then this code and reason. Does nothing when it is
    /// closing or closed already.
    ///
    /// # Errors
    ///
    /// As [`WebSocketStream::close`].
    pub fn close(&self, options: impl Into<CloseOptions>) -> Result<(), ApiMisuse> {
        self.socket.close(options)
    }
}

impl From<WebSocketStream> for Connection {
    /// A plain WebSocket.
    fn from(socket: WebSocketStream) -> Self {
        Self { socket, carrier: None }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("url", &self.url()).finish_non_exhaustive()
    }
}
