//! Opening a WebSocketStream to a server.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tidegate_proto::websocket::handshake::{ClientHandshake, ClientOptions};
use tidegate_proto::websocket::{Config, Connection, Side};
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::http::tls::ClientTls;
use crate::http::{self as transport, ConnectOptions, HeadLimits, InvalidUrl, Io, h1};
use crate::websocket::{
    Cause, Deadlines, Ending, Opening, Shared, Tuning, WebSocketError, WebSocketStream, start, write_all,
};

/// What a client asks for, on the way to a [`WebSocketStream`].
///
/// ```no_run
/// # async fn example() -> Result<(), tidegate::WebSocketError> {
/// let socket = tidegate::WebSocketStream::builder("wss://feed.example/ticks")
///     .protocols(["ticks.v2", "ticks.v1"])
///     .connect()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is connected before `connect`"]
pub struct ClientBuilder {
    url: String,
    handshake: ClientOptions,
    config: Config,
    connect: ConnectOptions,
    head_limits: HeadLimits,
    handshake_timeout: Duration,
    tuning: Tuning,
    signal: Option<CancellationToken>,
}

impl WebSocketStream {
    /// Starts to connect to `url` (`ws`, `wss`, or `http` and `https` for the same), with every default.
    ///
    /// Must be called on a tokio runtime. The connection is made in the background: await
    /// [`opened`](Self::opened).
    ///
    /// # Errors
    ///
    /// A URL that is not absolute, has another scheme, or has a fragment.
    pub fn connect(url: impl Into<String>) -> Result<Self, WebSocketError> {
        Self::builder(url).connect()
    }

    /// What to ask for when connecting to `url`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            handshake: ClientOptions::default(),
            config: Config::default(),
            connect: ConnectOptions::default(),
            head_limits: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(30),
            tuning: Tuning::default(),
            signal: None,
        }
    }
}

impl ClientBuilder {
    /// The subprotocols to offer, by preference; the connection fails when the server selects none of them.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.handshake.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a header to the request, as `Authorization` or `Cookie`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.handshake.headers.append(name, value);
        self
    }

    /// Replaces the headers that [`header`](Self::header) added.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.handshake.headers = headers;
        self
    }

    /// The `Origin` to name; none by default, since only browsers must.
    pub fn origin(mut self, origin: HeaderValue) -> Self {
        self.handshake.origin = Some(origin);
        self
    }

    /// The limits of the connection, and its compression.
    pub fn config(mut self, config: Config) -> Self {
        self.handshake.deflate = config.deflate_config().copied();
        self.config = config;
        self
    }

    /// How to trust the server of a `wss` URL; the platform's certificates by default.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.connect.tls = tls;
        self
    }

    /// How long each TCP connection attempt may take; 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect.connect_timeout = timeout;
        self
    }

    /// How long all of it may take, name lookup, TCP, TLS and the opening handshake; 30 s by default.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How large the header section of the response may be; 16 KiB and 100 headers by default.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// How many bytes may wait to be sent before a write waits; 64 KiB by default. One message of any size may go
    /// beyond it.
    pub fn high_water_mark(mut self, bytes: usize) -> Self {
        self.tuning.high_water_mark = bytes.max(1);
        self
    }

    /// How long silence may last once the connection is open; see [`Deadlines`] for the defaults.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.tuning.deadlines = deadlines;
        self
    }

    /// A token that gives up connecting when it is cancelled. Once the connection is open it has no effect
    /// (WebSocketStream, rule 5).
    pub fn signal(mut self, signal: CancellationToken) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Starts to connect, in the background. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// A URL, protocols or headers that cannot be asked for; nothing is sent then.
    pub fn connect(self) -> Result<WebSocketStream, WebSocketError> {
        let url = transport::parse_url(&self.url).map_err(WebSocketError::without_code)?;
        let mut nonce = [0; 16];
        random(&mut nonce).map_err(WebSocketError::without_code)?;
        // Any URL with a host is a URI too, unless it is beyond the length of one.
        let target = url
            .as_str()
            .parse()
            .map_err(|_| WebSocketError::without_code(InvalidUrl::LongTarget(url.as_str().len())))?;
        let (handshake, request) = ClientHandshake::new(&target, self.handshake.clone(), nonce)
            .map_err(WebSocketError::without_code)?;
        let (socket, opening) = WebSocketStream::opening(url.to_string());
        let attempt = Attempt { builder: self, url, handshake, request };
        tokio::spawn(attempt.run(opening, socket.ending()));
        Ok(socket)
    }
}

struct Attempt {
    builder: ClientBuilder,
    url: Url,
    handshake: ClientHandshake,
    request: Request<()>,
}

impl Attempt {
    /// Connects, unless that is given up first.
    async fn run(self, opening: Arc<Opening>, ending: Arc<SetOnce<Ending>>) {
        let signal = self.builder.signal.clone().unwrap_or_default();
        let timeout = self.builder.handshake_timeout;
        let result = tokio::select! {
            biased;
            () = signal.cancelled() => Err(Cause::Aborted),
            () = opening.aborted() => Err(Cause::Aborted),
            () = tokio::time::sleep(timeout) => Err(Cause::HandshakeTimedOut(timeout)),
            result = self.open(ending.clone()) => result,
        };
        match result {
            Ok(shared) => opening.succeed(shared),
            Err(cause) => opening.fail(&ending, cause),
        }
    }

    async fn open(self, ending: Arc<SetOnce<Ending>>) -> Result<Arc<Shared>, Cause> {
        let Self { builder, url, handshake, request } = self;
        let mut io = transport::connect(&url, &builder.connect).await?;
        let (agreed, rest) = exchange(&mut io, handshake, &request, &builder.head_limits).await?;
        let mut seed = [0; 32];
        random(&mut seed)?;
        let mut connection = Connection::new(Side::Client, builder.config, agreed.deflate, seed);
        // A response is at most HeadLimits long, so what came with it fits the input buffer.
        connection.handle_input(&rest);
        Ok(start(io, connection, agreed, builder.tuning, ending))
    }
}

async fn exchange(
    io: &mut Box<dyn Io>,
    handshake: ClientHandshake,
    request: &Request<()>,
    limits: &HeadLimits,
) -> Result<(tidegate_proto::websocket::handshake::Agreed, Vec<u8>), Cause> {
    write_all(io, &h1::encode_request(request)).await.map_err(|error| Cause::Lost(Some(error)))?;
    let (response, rest) = h1::read_response(io, limits).await?;
    Ok((handshake.finish(&response)?, rest))
}

fn random(bytes: &mut [u8]) -> Result<(), Cause> {
    getrandom::fill(bytes).map_err(Cause::Randomness)
}
