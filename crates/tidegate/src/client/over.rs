//! Opening a connection on a byte stream that is there already.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{ClientBuilder, ClientRequest, begin, settle, upgrade};
use crate::http::{Io, parse_url};
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
}

async fn open(builder: ClientBuilder, request: ClientRequest, io: Box<dyn Io>) -> Result<Arc<Shared>, Cause> {
    let answer = upgrade(io, &request, &builder.connect.head_limits).await?;
    begin(answer, builder).await
}
