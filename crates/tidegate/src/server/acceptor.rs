//! The server's end of the opening handshake, with its policy.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tidegate_proto::websocket::handshake::{Agreed, Answer, Offer, Refusal, receive};
use tidegate_proto::websocket::{Config, Connection, Side};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::origin::OriginPolicy;
use super::refuse::{refuse, response_to};
use crate::http::tls::{ServerTls, TlsError};
use crate::http::{HeadError, HeadLimits, Io, h1};
use crate::websocket::{Deadlines, Tuning, WebSocketStream, start, write_all};

/// Accepts WebSocketStreams by one policy. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    pub(super) settings: Arc<Settings>,
}

#[derive(Clone)]
pub(super) struct Settings {
    config: Config,
    protocols: Vec<String>,
    origins: OriginPolicy,
    authorize: Option<Arc<Authorize>>,
    tls: Option<ServerTls>,
    head_limits: HeadLimits,
    handshake_timeout: Duration,
    tuning: Tuning,
    pub(super) max_connections: usize,
}

type Authorize = dyn Fn(&Request<()>, &Offer) -> Result<(), Refusal> + Send + Sync;

/// Why a client was not accepted. Where there was anybody to tell, the client has been told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The request could not be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The request does not open a WebSocket, or the policy is against it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The opening handshake took longer than its timeout.
    #[error("the opening handshake took longer than {0:?}")]
    HandshakeTimedOut(Duration),
    /// The stream failed.
    #[error("connection lost during the opening handshake: {0}")]
    Io(#[from] std::io::Error),
}

impl Default for Acceptor {
    fn default() -> Self {
        let settings = Settings {
            config: Config::default(),
            protocols: Vec::new(),
            origins: OriginPolicy::default(),
            authorize: None,
            tls: None,
            head_limits: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            tuning: Tuning::default(),
            max_connections: 16 * 1024,
        };
        Self { settings: Arc::new(settings) }
    }
}

impl Acceptor {
    /// The default policy: same origin, no subprotocol, compression, every limit at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// The limits of each connection, and its compression.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        self.with(|settings| settings.config = config)
    }

    /// The subprotocols that are spoken here. The first that the client offers of these is selected.
    #[must_use]
    pub fn protocols(self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|settings| settings.protocols = protocols.into_iter().map(Into::into).collect())
    }

    /// Which pages may connect; those of the same origin by default. Others get 403.
    #[must_use]
    pub fn origins(self, origins: OriginPolicy) -> Self {
        self.with(|settings| settings.origins = origins)
    }

    /// A last word on each request, after the origin was judged: a [`Refusal`] is sent as it is.
    #[must_use]
    pub fn authorize(
        self,
        authorize: impl Fn(&Request<()>, &Offer) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.with(|settings| settings.authorize = Some(Arc::new(authorize)))
    }

    /// Speaks TLS before anything else: `wss`.
    #[must_use]
    pub fn tls(self, tls: ServerTls) -> Self {
        self.with(|settings| settings.tls = Some(tls))
    }

    /// How large the header section of a request may be; 16 KiB and 100 headers by default. Beyond: 431.
    #[must_use]
    pub fn head_limits(self, limits: HeadLimits) -> Self {
        self.with(|settings| settings.head_limits = limits)
    }

    /// How long TLS and the opening handshake may take together; 10 s by default.
    #[must_use]
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.handshake_timeout = timeout)
    }

    /// How many bytes may wait to be sent before a write waits; 64 KiB by default. One message of any size may go
    /// beyond it.
    #[must_use]
    pub fn high_water_mark(self, bytes: usize) -> Self {
        self.with(|settings| settings.tuning.high_water_mark = bytes.max(1))
    }

    /// How long silence may last once a connection is open; see [`Deadlines`] for the defaults.
    #[must_use]
    pub fn deadlines(self, deadlines: Deadlines) -> Self {
        self.with(|settings| settings.tuning.deadlines = deadlines)
    }

    /// How many connections [`serve`](Self::serve) has at a time; 16,384 by default. Further clients wait in the
    /// listener's queue.
    #[must_use]
    pub fn max_connections(self, connections: usize) -> Self {
        self.with(|settings| settings.max_connections = connections.max(1))
    }

    /// Reads an HTTP/1.1 request from `io` and answers it. The connection is open when this returns.
    ///
    /// On a TCP stream, call [`tune`](crate::tune) before. Dropping the future closes `io`.
    ///
    /// # Errors
    ///
    /// A request that opens no WebSocket or breaks the policy: the client has been sent the response that says why.
    pub async fn accept(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<WebSocketStream, AcceptError> {
        let limit = self.settings.handshake_timeout;
        match timeout(limit, self.read_and_answer(io)).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err((error, None))) => Err(error),
            Ok(Err((error, Some((mut io, response))))) => {
                refuse(&mut io, response).await;
                Err(error)
            }
            Err(_) => Err(AcceptError::HandshakeTimedOut(limit)),
        }
    }

    async fn read_and_answer(
        &self,
        io: impl Io,
    ) -> Result<WebSocketStream, (AcceptError, Option<(Box<dyn Io>, Response<String>)>)> {
        let mut io: Box<dyn Io> = match &self.settings.tls {
            None => Box::new(io),
            Some(tls) => Box::new(tls.accept(io).await.map_err(|error| (error.into(), None))?),
        };
        let (request, rest) = match h1::read_request(&mut io, &self.settings.head_limits).await {
            Ok(read) => read,
            Err(error) => {
                let farewell = response_to(&error).map(|response| (io, response));
                return Err((error.into(), farewell));
            }
        };
        let (response, accepted) = match self.answer(request) {
            Ok(answer) => answer,
            Err(refusal) => {
                let response = refusal.clone().into_response();
                return Err((AcceptError::Refused(refusal), Some((io, response))));
            }
        };
        let head = h1::encode_response(&response, b"");
        write_all(&mut io, &head).await.map_err(|error| (error.into(), None))?;
        Ok(accepted.start_boxed(io, &rest))
    }

    /// Judges a request that an HTTP server of one's own has read: the response to send, and what to
    /// [`start`](Accepted::start) on the connection behind it.
    ///
    /// # Errors
    ///
    /// The refusal to send instead, by [`Refusal::into_response`].
    pub fn answer<B>(&self, request: Request<B>) -> Result<(Response<()>, Accepted), Refusal> {
        let request = request.map(drop);
        let offer = receive(&request)?;
        if !self.settings.origins.allows(offer.origin(), request.headers()) {
            return Err(Refusal::forbidden_origin());
        }
        if let Some(authorize) = &self.settings.authorize {
            authorize(&request, &offer)?;
        }
        let answer = Answer {
            protocol: offer.select_protocol(&self.settings.protocols).map(str::to_owned),
            deflate: self.settings.config.deflate_config().copied(),
            ..Answer::default()
        };
        // The protocol is one of those offered, and there are no headers to clash.
        let (response, agreed) = offer
            .accept(answer)
            .map_err(|error| Refusal::new(http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok((response, Accepted { agreed, request, settings: self.settings.clone() }))
    }
}

/// A request that was accepted, and waits for the byte stream behind its response.
pub struct Accepted {
    agreed: Agreed,
    request: Request<()>,
    settings: Arc<Settings>,
}

impl Accepted {
    /// Opens the connection on `io`, once the response has been sent. `already_read` are bytes that came behind
    /// the request, at most 64 KiB. Must be called on a tokio runtime.
    pub fn start(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        already_read: &[u8],
    ) -> WebSocketStream {
        self.start_boxed(Box::new(io), already_read)
    }

    fn start_boxed(self, io: Box<dyn Io>, already_read: &[u8]) -> WebSocketStream {
        let Self { agreed, request, settings } = self;
        let config = settings.config.clone();
        // A server draws no masking keys, so it needs no seed.
        let mut connection = Connection::new(Side::Server, config, agreed.deflate, [0; 32]);
        connection.handle_input(already_read);
        let (socket, opening) = WebSocketStream::accepted(request);
        opening.succeed(start(io, connection, agreed, settings.tuning, socket.ending()));
        socket
    }
}
