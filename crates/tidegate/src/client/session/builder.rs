//! What a client asks for of a connection.

use std::sync::Arc;
use std::time::Duration;

use super::super::ClientBuilder;
use super::super::request::ClientRequest;
use super::core::Core;
use super::open::Opener;
use super::trip::{Pace, Trip};
use super::way::Way;
use crate::connection::Connection;
use crate::session::{Carrier, Transport};
use crate::websocket::{WebSocketError, WebSocketStream};

/// What a client asks for, on the way to a [`Connection`].
///
/// ```no_run
/// # async fn example() -> Result<(), tidegate::WebSocketError> {
/// use tidegate::{Connection, Transport};
///
/// let connection = Connection::builder("https://feed.example/ticks")
///     .transports([Transport::EventStream, Transport::LongPoll])
///     .client(|client| client.protocols(["ticks.v2", "ticks.v1"]))
///     .connect()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is connected before `connect`"]
pub struct ConnectionBuilder {
    client: ClientBuilder,
    transports: Vec<Transport>,
    pace: Pace,
}

impl Connection {
    /// Starts to connect to `url` (`http`, `https`, `ws` or `wss`), with every default: by a WebSocket, or by what works
    /// in its place.
    ///
    /// Must be called on a tokio runtime. The connection is made in the background: await
    /// [`opened`](Self::opened). To a server that takes WebSockets but keeps no sessions (docs/sessions.md) it is a
    /// plain WebSocket, which ends when its transport does.
    ///
    /// # Errors
    ///
    /// A URL that is not absolute, has another scheme, or has a fragment; a proxy that the environment names wrongly.
    pub fn connect(url: impl Into<String>) -> Result<Self, WebSocketError> {
        Self::builder(url).connect()
    }

    /// What to ask for when connecting to `url`.
    pub fn builder(url: impl Into<String>) -> ConnectionBuilder {
        WebSocketStream::builder(url).into()
    }
}

impl From<ClientBuilder> for ConnectionBuilder {
    /// Everything that was set for a WebSocket holds for the connection, whatever carries it; but HTTP/2 pools are for
    /// WebSockets alone.
    fn from(client: ClientBuilder) -> Self {
        Self { client, transports: Transport::ALL.to_vec(), pace: Pace::default() }
    }
}

impl ConnectionBuilder {
    /// What may carry the connection, best first; by default all, in the order of [`Transport`].
    ///
    /// They are tried in this order, the next one beside those under way when nothing has come of them for a second, and
    /// the first that attaches wins. When it is lost, what worked last is tried first; while another than the first is
    /// in use, better ones are tried from time to time. None at all stands for all.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports.clear();
        for transport in transports {
            if !self.transports.contains(&transport) {
                self.transports.push(transport);
            }
        }
        if self.transports.is_empty() {
            self.transports = Transport::ALL.to_vec();
        }
        self
    }

    /// Sets what is the same for a WebSocket: protocols, headers, limits, TLS, proxies, timeouts, the signal.
    pub fn client(mut self, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        self.client = set(self.client);
        self
    }

    /// How long nothing may come from the server before what carries the connection is given up for dead and replaced;
    /// 40 s by default, at least 100 ms. Servers break their silence every 15 s, so a shorter time costs needless
    /// requests.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.pace.silence = silence.max(Duration::from_millis(100));
        self.pace.attach = Pace::default().attach.min(self.pace.silence);
        self
    }

    /// How long a transport may take to attach before the next one is tried beside it; 1 s by default.
    pub fn stagger(mut self, stagger: Duration) -> Self {
        self.pace.stagger = stagger;
        self
    }

    /// How long to stay with a transport before a better one is tried, 30 s by default; twice as long after each try
    /// that fails, up to twenty times.
    pub fn climb_interval(mut self, interval: Duration) -> Self {
        self.pace.climb = interval.max(Duration::from_millis(1));
        self
    }

    /// The longest pause between two requests of [`Transport::Poll`]; 1 s by default. It is shorter while something
    /// happens.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.pace.poll = interval;
        self
    }

    /// Starts to connect, in the background. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub fn connect(self) -> Result<Connection, WebSocketError> {
        let Self { client, transports, pace } = self;
        let (url, options) = client.checked()?;
        // Its protocols and headers must do for a WebSocket too.
        ClientRequest::new(url.clone(), options).map_err(WebSocketError::without_code)?;
        let way = Way::of(&client)?;
        let (socket, opening) = WebSocketStream::opening(url.into());
        let carrier = Arc::new(Carrier::default());
        let core = Arc::new(Core::new(&Default::default(), carrier.clone(), client.tuning.budget.share()));
        // Without the credentials, from here on; the way has them.
        let client = ClientBuilder { url: socket.url().to_owned(), ..client };
        let trip = Trip::new(core, client, way, pace);
        tokio::spawn(Opener { trip, transports }.run(opening));
        Ok(Connection::over(socket, carrier))
    }
}
