//! Opening a connection on a byte stream that is there already.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{ClientBuilder, ClientRequest, begin, settle, upgrade};
use crate::http::{self as transport, Io, parse_url};
use crate::websocket::observe::Peer;
use crate::websocket::{Cause, Shared, WebSocketError, WebSocketStream};

impl ClientBuilder {
    /// As [`connect`](Self::connect), but over `io`, a byte stream to the server: a Unix socket, a tunnel, a pipe in a
    /// test. The URL says what to ask for; TLS, proxies and redirects are the caller's.
    ///
    /// # Errors
    ///
    /// A URL, protocols or headers that cannot be asked for; nothing is sent then.
    pub fn connect_over(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<WebSocketStream, WebSocketError> {
        let url = parse_url(&self.url).map_err(WebSocketError::without_code)?;
        let (socket, opening) = WebSocketStream::opening(url.to_string());
        let request =
            ClientRequest::new(url, self.handshake.clone()).map_err(WebSocketError::without_code)?;
        let (signal, timeout) = (self.signal.clone(), self.handshake_timeout);
        let peer = Peer::new(&self.url, None);
        let open = open(self, request, Box::new(io));
        tokio::spawn(settle(open, signal, timeout, opening, peer));
        Ok(socket)
    }

    /// Opens a byte stream to the server and asks nothing on it: for requests of an HTTP client of one's own that are
    /// to go the same way. It is TCP, through the proxy where there is one, with TLS for `wss` and `https`, where
    /// HTTP/1.1 is what is agreed on. [`handshake_timeout`](Self::handshake_timeout) bounds all of it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and whatever keeps the stream from being opened.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the socket.
    pub async fn dial(&self) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, WebSocketError> {
        let (url, _) = self.checked()?;
        let timeout = self.handshake_timeout;
        let connected = tokio::time::timeout(timeout, transport::connect(&url, &self.connect)).await;
        let io: Box<dyn Io> = connected
            .map_err(|_| WebSocketError::without_code(Cause::HandshakeTimedOut(timeout)))?
            .map_err(WebSocketError::without_code)?;
        Ok(io)
    }
}

async fn open(builder: ClientBuilder, request: ClientRequest, io: Box<dyn Io>) -> Result<Arc<Shared>, Cause> {
    let answer = upgrade(io, &request, &builder.connect.head_limits).await?;
    begin(answer, builder).await
}
