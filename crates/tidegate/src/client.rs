//! Opening a WebSocketStream to a server.

mod http2;
mod over;
mod request;
#[cfg(feature = "sessions")]
mod session;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_proto::credit;
use tidegate_proto::websocket::handshake::ClientOptions;
use tidegate_proto::websocket::{Config, Side};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::http2::Asked;
use self::request::{Answer, ClientRequest};
#[cfg(feature = "sessions")]
pub use self::session::{ConnectionBuilder, TransportError};
use crate::http::Io;
use crate::http::h2::Http2Pool;
use crate::http::tls::ClientTls;
use crate::http::{
    self as transport, ConnectError, ConnectOptions, HeadLimits, Proxy, RedirectError, h1, redirect,
};
use crate::websocket::observe::{self, Peer};
use crate::websocket::{
    Budget, Cause, Deadlines, Layers, Opening, Shared, Tuning, WebSocketError, WebSocketStream, greet, start,
    write_all,
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
    credits: Option<credit::Config>,
    connect: ConnectOptions,
    max_redirects: u8,
    http2: Option<Http2Pool>,
    handshake_timeout: Duration,
    tuning: Tuning,
    signal: Option<CancellationToken>,
    /// The parameters of the session that the WebSocket is to carry, a part of the URL: it speaks no credits then.
    session: Option<Vec<(&'static str, String)>>,
}

impl WebSocketStream {
    /// Starts to connect to `url` (`ws`, `wss`, or `http` and `https` for the same), with every default.
    ///
    /// Must be called on a tokio runtime. The connection is made in the background: await
    /// [`opened`](Self::opened).
    ///
    /// # Errors
    ///
    /// A URL that is not absolute, has another scheme, or has a fragment; a proxy that the environment names wrongly.
    pub fn connect(url: impl Into<String>) -> Result<Self, WebSocketError> {
        Self::builder(url).connect()
    }

    /// What to ask for when connecting to `url`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            handshake: ClientOptions::default(),
            config: Config::default(),
            credits: None,
            connect: ConnectOptions::default(),
            max_redirects: 0,
            http2: None,
            handshake_timeout: Duration::from_secs(30),
            tuning: Tuning::default(),
            signal: None,
            session: None,
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

    /// Offers credits (`tidegate.v1`), by which a server that speaks them sends no more than this end reads, whatever
    /// lies between, and loses nothing behind a Close; not by default. Towards another server the connection goes on
    /// without, unless there are [`protocols`](Self::protocols) and it selects none of them.
    pub fn credits(mut self, credits: credit::Config) -> Self {
        self.handshake.credits = true;
        self.credits = Some(credits);
        self
    }

    /// How to trust the server of a `wss` URL; the platform's certificates by default.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.connect.tls = tls;
        self
    }

    /// Shares a connection over HTTP/2 with other sockets of `pool`, where the server takes WebSockets so (RFC 8441).
    /// Else, and by default, the socket has a connection of its own, over HTTP/1.1.
    pub fn http2(mut self, pool: &Http2Pool) -> Self {
        self.http2 = Some(pool.clone());
        self
    }

    /// Which proxy to go through; what the environment variables say by default, see [`Proxy::from_env`].
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.connect.proxy = proxy;
        self
    }

    /// How many redirects to follow; none by default, so that one fails the connection (WebSocketStream, rule 8).
    ///
    /// Statuses 301, 302, 303, 307 and 308 are followed, but never from `wss` to `ws`. A redirect to another origin
    /// (scheme, host or port) is followed without the credentials of the URL, without the client certificate, and
    /// without the headers `Authorization`, `Cookie`, `Host`, `Proxy-Authorization` and any whose value
    /// [is marked as sensitive](HeaderValue::set_sensitive); they stay away from all that follow. Credentials within
    /// a location are ignored. [`url`](WebSocketStream::url) stays the first one.
    pub fn max_redirects(mut self, redirects: u8) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// How long each TCP connection attempt may take; 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect.connect_timeout = timeout;
        self
    }

    /// How long all of it may take, with proxies and redirects: name lookups, TCP, TLS and the opening handshake;
    /// 30 s by default.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How large the header section of a response may be, of the server or a proxy; 16 KiB and 100 headers by
    /// default.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.connect.head_limits = limits;
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
        self.tuning.deadlines = Arc::new(deadlines);
        self
    }

    /// What the connection may hold together with others, in place of [`Budget::process`].
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.tuning.budget = budget.clone();
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
    /// User name and password of the URL go out as basic authentication, unless there is an `Authorization` header
    /// already; [`url`](WebSocketStream::url) does not tell them.
    ///
    /// # Errors
    ///
    /// A URL, a proxy, protocols or headers that cannot be asked for; nothing is sent then.
    pub fn connect(self) -> Result<WebSocketStream, WebSocketError> {
        let (url, options) = self.checked()?;
        let (socket, opening) = WebSocketStream::opening(url.to_string());
        let request = ClientRequest::new(url, options).map_err(WebSocketError::without_code)?;
        // Without the credentials, from here on.
        let builder = Self { url: socket.url().to_owned(), ..self };
        let attempt = Attempt { builder, request };
        tokio::spawn(attempt.run(opening));
        Ok(socket)
    }

    /// The URL without credentials, and the options with them.
    fn checked(&self) -> Result<(Url, ClientOptions), WebSocketError> {
        let mut url = transport::parse_url(&self.url).map_err(WebSocketError::without_code)?;
        let mut options = self.handshake.clone();
        let authorization = transport::take_credentials(&mut url).map_err(WebSocketError::without_code)?;
        if let Some(authorization) = authorization {
            options.headers.entry(AUTHORIZATION).or_insert(authorization);
        }
        let proxy = self.connect.proxy.server(&url).map_err(ConnectError::from);
        proxy.map_err(WebSocketError::without_code)?;
        Ok((url, options))
    }
}

struct Attempt {
    builder: ClientBuilder,
    request: ClientRequest,
}

impl Attempt {
    /// Connects, unless that is given up first.
    async fn run(self, opening: Arc<Opening>) {
        let (signal, timeout) = (self.builder.signal.clone(), self.builder.handshake_timeout);
        let peer = Peer::new(&self.builder.url, None);
        settle(self.open(), signal, timeout, opening, peer).await;
    }

    async fn open(self) -> Result<Arc<Shared>, Cause> {
        let Self { mut builder, mut request } = self;
        let answer = follow(&mut request, &mut builder).await?;
        begin(answer, builder).await
    }
}

/// Opens a socket, unless that is given up first, and tells how it went.
async fn settle(
    open: impl Future<Output = Result<Arc<Shared>, Cause>>,
    signal: Option<CancellationToken>,
    timeout: Duration,
    opening: Arc<Opening>,
    peer: Peer,
) {
    let signal = signal.unwrap_or_default();
    let result = tokio::select! {
        biased;
        () = signal.cancelled() => Err(Cause::Aborted),
        () = opening.aborted() => Err(Cause::Aborted),
        () = tokio::time::sleep(timeout) => Err(Cause::HandshakeTimedOut(timeout)),
        result = open => result,
    };
    match result {
        Ok(shared) => opening.succeed(shared),
        Err(cause) => {
            observe::unopened(Side::Client, &peer, observe::kind(&cause), &cause);
            opening.fail(cause);
        }
    }
}

/// Starts the connection that a server has agreed to.
async fn begin(answer: Answer, builder: ClientBuilder) -> Result<Arc<Shared>, Cause> {
    let Answer { mut io, response, rest, handshake } = answer;
    let offered = handshake.protocols().to_vec();
    let mut agreed = handshake.finish(&response)?;
    if builder.session.is_some() && !std::mem::take(&mut agreed.credits) {
        return Err(Cause::NoSessions);
    }
    let mut seed = [0; 32];
    random(&mut seed)?;
    let (config, credits) = (builder.config, builder.credits);
    let mut connection = Layers::new(Side::Client, config, credits, &agreed, &offered, seed);
    // A response is at most HeadLimits long, so what came with it fits the input buffer.
    connection.handle_input(&rest);
    if agreed.credits {
        agreed.protocol = greet(&mut io, &mut connection).await?;
    }
    let peer = Peer::new(&builder.url, None);
    Ok(start(io, connection, agreed, &builder.tuning, &peer))
}

/// Asks until the answer is no redirect that is to be followed. `request` and `builder` are then what was asked last.
async fn follow(request: &mut ClientRequest, builder: &mut ClientBuilder) -> Result<Answer, Cause> {
    let mut redirects = 0;
    loop {
        let answer = ask(request, builder).await?;
        if builder.max_redirects == 0 {
            return Ok(answer);
        }
        let Some(mut location) = redirect::location(&request.url, &answer.response)? else {
            return Ok(answer);
        };
        if let Some(parameters) = &builder.session {
            let names: Vec<&str> = parameters.iter().map(|(name, _)| *name).collect();
            location = transport::url::set_parameters(&location, &names, parameters);
        }
        if redirects == builder.max_redirects {
            return Err(RedirectError::TooMany(redirects).into());
        }
        redirects += 1;
        if !redirect::is_same_origin(&request.url, &location) {
            redirect::strip(&mut request.options.headers);
            builder.connect.tls = builder.connect.tls.without_client_certificate();
        }
        *request = ClientRequest::new(location, request.options.clone())?;
    }
}

async fn ask(request: &ClientRequest, builder: &ClientBuilder) -> Result<Answer, Cause> {
    let asked = match &builder.http2 {
        None => Asked::Upgrade(None),
        Some(pool) => http2::ask(pool, request, &builder.connect).await?,
    };
    let io = match asked {
        Asked::Answered(answer) => return Ok(*answer),
        Asked::Upgrade(Some(io)) => io,
        Asked::Upgrade(None) => transport::connect(&request.url, &builder.connect).await?,
    };
    upgrade(io, request, &builder.connect.head_limits).await
}

/// Asks over HTTP/1.1.
async fn upgrade(mut io: Box<dyn Io>, request: &ClientRequest, limits: &HeadLimits) -> Result<Answer, Cause> {
    let bytes = h1::encode_request(&request.request);
    write_all(&mut io, &bytes).await.map_err(|error| Cause::Lost(Some(error)))?;
    let (response, rest) = h1::read_response(&mut io, limits).await?;
    Ok(Answer { io, response, rest, handshake: request.handshake.clone() })
}

fn random(bytes: &mut [u8]) -> Result<(), Cause> {
    getrandom::fill(bytes).map_err(Cause::Randomness)
}
