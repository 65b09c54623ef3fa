//! Opening a connection on a byte stream that is there already.

use std::sync::Arc;

use tidegate_proto::websocket::{Connection, Side};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::SetOnce;

use super::{ClientBuilder, ClientRequest, random};
use crate::http::{Io, h1, parse_url};
use crate::websocket::{Cause, Ending, Shared, WebSocketError, WebSocketStream, start, write_all};

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
        let ending = socket.ending();
        let timeout = self.handshake_timeout;
        let signal = self.signal.clone().unwrap_or_default();
        tokio::spawn(async move {
            let result = tokio::select! {
                biased;
                () = signal.cancelled() => Err(Cause::Aborted),
                () = opening.aborted() => Err(Cause::Aborted),
                () = tokio::time::sleep(timeout) => Err(Cause::HandshakeTimedOut(timeout)),
                result = open(self, request, Box::new(io), ending.clone()) => result,
            };
            match result {
                Ok(shared) => opening.succeed(shared),
                Err(cause) => opening.fail(&ending, cause),
            }
        });
        Ok(socket)
    }
}

async fn open(
    builder: ClientBuilder,
    request: ClientRequest,
    mut io: Box<dyn Io>,
    ending: Arc<SetOnce<Ending>>,
) -> Result<Arc<Shared>, Cause> {
    let head = h1::encode_request(&request.request);
    write_all(&mut io, &head).await.map_err(|error| Cause::Lost(Some(error)))?;
    let (response, rest) = h1::read_response(&mut io, &builder.connect.head_limits).await?;
    let agreed = request.handshake.finish(&response)?;
    let mut seed = [0; 32];
    random(&mut seed)?;
    let mut connection = Connection::new(Side::Client, builder.config, agreed.deflate, seed);
    // A response is at most HeadLimits long, so what came with it fits the input buffer.
    connection.handle_input(&rest);
    Ok(start(io, connection, agreed, builder.tuning, ending))
}
