//! The opening handshake on a byte stream: each step of it by one deadline.

use std::net::SocketAddr;

use http::Response;
use tokio::time::{Instant, timeout_at};

use super::acceptor::{AcceptError, Acceptor};
use super::refuse::{refuse, response_to, too_slow};
use crate::http::h1::{self, HeadReader, ReadRequest};
use crate::http::tls::{Alpn, TlsError, is_http2};
use crate::http::{Asked, Io, PeerAddress};
use crate::websocket::{Driver, WebSocketStream, write_all};

impl Acceptor {
    /// As [`accept_from`](Self::accept_from), but leaves it to the caller to run the driver.
    pub(super) async fn accept_undriven(
        &self,
        io: impl Io,
        peer: Option<SocketAddr>,
    ) -> Result<(WebSocketStream, Driver), AcceptError> {
        let limit = self.settings.handshake_timeout;
        let deadline = Instant::now() + limit;
        if self.settings.tls.is_none() {
            return self.accept_secured(io, peer, deadline).await;
        }
        let secured = match timeout_at(deadline, self.secure(io, Alpn::Http1)).await {
            Ok(secured) => secured.map_err(AcceptError::from),
            Err(_) => Err(AcceptError::HandshakeTimedOut(limit)),
        };
        let (io, _) = secured.inspect_err(|error| error.observe(peer))?;
        self.accept_secured(io, peer, deadline).await
    }

    /// Makes the TLS handshake where TLS is set, and tells whether HTTP/2 was agreed on by it.
    pub(super) async fn secure(&self, io: impl Io, alpn: Alpn) -> Result<(Box<dyn Io>, bool), TlsError> {
        let Some(tls) = &self.settings.tls else { return Ok((Box::new(io), false)) };
        let io = tls.accept(io, alpn).await?;
        let is_http2 = is_http2(io.get_ref().1);
        Ok((Box::new(io), is_http2))
    }

    /// Reads an HTTP/1.1 request and answers it, by the deadline.
    pub(super) async fn accept_secured(
        &self,
        io: impl Io,
        peer: Option<SocketAddr>,
        deadline: Instant,
    ) -> Result<(WebSocketStream, Driver), AcceptError> {
        let accepted = match self.read_and_answer(io, peer, deadline).await {
            Ok(opened) => Ok(opened),
            Err(NotOpened { error, farewell }) => {
                if let Some((mut io, response)) = farewell {
                    refuse(&mut io, response).await;
                }
                Err(error)
            }
        };
        accepted.inspect_err(|error| error.observe(peer))
    }

    async fn read_and_answer(
        &self,
        mut io: impl Io,
        peer: Option<SocketAddr>,
        deadline: Instant,
    ) -> Result<(WebSocketStream, Driver), NotOpened> {
        let ReadRequest { mut request, head, rest } = match self.read(&mut io, deadline).await {
            Ok(read) => read,
            Err((error, response)) => return Err(NotOpened::new(error, io, response)),
        };
        let peer = peer.map(PeerAddress);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (response, judged) = match self.judge(&request, deadline).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let response = refusal.clone().into_response();
                return Err(NotOpened::new(AcceptError::Refused(refusal), io, Some(response)));
            }
        };
        drop(request);
        let bytes = h1::encode_response(&response, b"");
        let written = match timeout_at(deadline, write_all(&mut io, &bytes)).await {
            Ok(written) => written.map_err(AcceptError::from),
            Err(_) => Err(AcceptError::HandshakeTimedOut(self.settings.handshake_timeout)),
        };
        written.map_err(|error| NotOpened { error, farewell: None })?;
        Ok(judged.start(io, rest.into(), Asked::head(head, peer)))
    }

    /// Reads a request; or else tells why not, and what the client is to be told, if anything.
    async fn read(
        &self,
        io: &mut impl Io,
        deadline: Instant,
    ) -> Result<ReadRequest, (AcceptError, Option<Response<String>>)> {
        let mut reader = HeadReader::new(io, self.settings.head_limits);
        match timeout_at(deadline, reader.request()).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => {
                let response = response_to(&error);
                Err((error.into(), response))
            }
            Err(_) => {
                let limit = self.settings.handshake_timeout;
                // A browser opens connections ahead of need; on one that asked nothing, an answer would be taken for
                // that to its first request.
                let response = reader.has_begun().then(|| too_slow(limit));
                Err((AcceptError::HandshakeTimedOut(limit), response))
            }
        }
    }
}

/// Why a handshake on a byte stream came to nothing, and what its client is to be told, if anything.
struct NotOpened {
    error: AcceptError,
    farewell: Option<(Box<dyn Io>, Response<String>)>,
}

impl NotOpened {
    fn new(error: AcceptError, io: impl Io, response: Option<Response<String>>) -> Self {
        let farewell = response.map(|response| (Box::new(io) as Box<dyn Io>, response));
        Self { error, farewell }
    }
}
