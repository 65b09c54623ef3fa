//! Connections over HTTP/2 that sockets share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::client::{Carrier, Place};
use super::error::Http2Error;
use super::settings::Http2;
use crate::http::proxy::ProxyServer;
use crate::http::tls::ClientTls;

/// How long a server that does not take WebSockets over HTTP/2 is not asked again.
const MEMORY: Duration = Duration::from_secs(300);

/// Connections over HTTP/2 that many WebSockets share (RFC 8441), for
/// [`ClientBuilder::http2`](crate::ClientBuilder::http2). Clones are the same pool.
///
/// A `wss` server is asked for HTTP/2 by ALPN. Where it chooses HTTP/1.1, or does not take WebSockets over HTTP/2,
/// the socket opens over HTTP/1.1, on a connection of its own. `ws` goes over HTTP/1.1, unless
/// [`prior_knowledge`](Self::prior_knowledge) says otherwise.
///
/// Sockets share a connection where scheme, host, port, proxy and, over TLS, the [`ClientTls`] are the same: clones of
/// one value are. Where all streams of a
/// connection are taken, another one is opened, up to [`max_connections`](Self::max_connections); then a socket waits
/// for its turn, as long as its handshake may take. A connection that has ended leaves the pool, and one without
/// sockets ends after [`Http2::idle_timeout`].
#[derive(Clone)]
pub struct Http2Pool {
    settings: Http2,
    max_connections: usize,
    max_servers: usize,
    knows_plain: bool,
    servers: Arc<Mutex<Vec<Arc<Server>>>>,
}

impl Default for Http2Pool {
    fn default() -> Self {
        Self {
            settings: Http2::default(),
            max_connections: 4,
            max_servers: 64,
            knows_plain: false,
            servers: Arc::default(),
        }
    }
}

impl fmt::Debug for Http2Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Pool").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Http2Pool {
    /// An empty pool, with every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The limits of each connection that is opened from now on.
    #[must_use]
    pub fn settings(mut self, settings: Http2) -> Self {
        self.settings = settings;
        self
    }

    /// How many connections may go to one server; 4 by default, at least 1. Sockets beyond what these carry wait.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How many servers may have connections; 64 by default, at least 1. Sockets to further ones fail with
    /// [`Http2Error::PoolFull`] while none is without sockets.
    #[must_use]
    pub fn max_servers(mut self, servers: usize) -> Self {
        self.max_servers = servers.max(1);
        self
    }

    /// Speaks HTTP/2 to `ws` servers too, without asking (RFC 9113 §3.3). One that does not understand is talked to
    /// over HTTP/1.1, on another connection.
    #[must_use]
    pub fn prior_knowledge(mut self) -> Self {
        self.knows_plain = true;
        self
    }

    /// How many connections are open for new sockets.
    #[must_use]
    pub fn connections(&self) -> usize {
        let servers = self.servers().clone();
        servers.iter().map(|server| server.known().open().count()).sum()
    }

    /// Whether a server is asked for HTTP/2 at all.
    pub(crate) fn covers(&self, is_secure: bool) -> bool {
        is_secure || self.knows_plain
    }

    /// Finds a place on a connection to `server`, by `dial` where there is none. `dial` tells whether HTTP/2 was
    /// agreed on. One socket dials at a time, the others wait for it.
    ///
    /// # Errors
    ///
    /// Those of `dial`, and when the pool is full.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives up dialling; the next socket goes on in its place.
    pub(crate) async fn route<T, E, F>(
        &self,
        key: Key,
        header_bytes: usize,
        dial: impl FnOnce() -> F,
    ) -> Result<Route<T>, E>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        E: From<Http2Error>,
        F: Future<Output = Result<(T, bool), E>>,
    {
        let server = self.server(key)?;
        let turn = server.turn.lock().await;
        loop {
            if server.known().wants_http1() {
                return Ok(Route::Http1(None));
            }
            if let Some(place) = server.known().place() {
                return Ok(Route::Http2(place));
            }
            if server.known().carriers.len() < self.max_connections {
                break;
            }
            server.freed.notified().await;
        }
        let (io, is_http2) = dial().await?;
        if !is_http2 {
            server.known().http1_until = Some(Instant::now() + MEMORY);
            return Ok(Route::Http1(Some(io)));
        }
        let freed = server.freed.clone();
        let carrier = Carrier::connect(io, &self.settings, header_bytes, freed).await;
        let place = carrier.as_ref().and_then(Carrier::place);
        let mut known = server.known();
        match place {
            Some(place) => {
                known.carriers.extend(carrier);
                drop(turn);
                Ok(Route::Http2(place))
            }
            None => {
                known.http1_until = Some(Instant::now() + MEMORY);
                Ok(Route::Http1(None))
            }
        }
    }

    fn servers(&self) -> MutexGuard<'_, Vec<Arc<Server>>> {
        // Nothing panics under this lock.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn server(&self, key: Key) -> Result<Arc<Server>, Http2Error> {
        let mut servers = self.servers();
        if let Some(server) = servers.iter().find(|server| server.key.is_same(&key)) {
            return Ok(server.clone());
        }
        if servers.len() >= self.max_servers {
            let idle = servers.iter().position(Server::is_idle).ok_or(Http2Error::PoolFull)?;
            servers.swap_remove(idle);
        }
        let server = Arc::new(Server {
            key,
            turn: tokio::sync::Mutex::new(()),
            known: Mutex::default(),
            freed: Arc::default(),
        });
        servers.push(server.clone());
        Ok(server)
    }
}

/// How a socket goes to its server.
pub(crate) enum Route<T> {
    /// On a stream of a shared connection.
    Http2(Place),
    /// By an upgrade, on this connection if one was made.
    Http1(Option<T>),
}

/// Whose connections may be shared.
pub(crate) struct Key {
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// What it is reached through.
    pub(crate) proxy: Option<ProxyServer>,
    /// How the server was trusted, and what it was shown; `None` without TLS.
    pub(crate) tls: Option<ClientTls>,
}

impl Key {
    fn is_same(&self, key: &Self) -> bool {
        let is_same_tls = match (&self.tls, &key.tls) {
            (Some(tls), Some(other)) => tls.is_same(other),
            (None, None) => true,
            _ => false,
        };
        self.origin == key.origin && self.proxy == key.proxy && is_same_tls
    }
}

/// What is known of a server.
struct Server {
    key: Key,
    /// Held by the socket that looks for a place, or dials.
    turn: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct Known {
    carriers: Vec<Arc<Carrier>>,
    http1_until: Option<Instant>,
}

impl Server {
    /// What is known, without the connections that have ended.
    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics under this lock.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.carriers.retain(|carrier| carrier.is_open());
        known
    }

    /// Whether nobody would miss it.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && self.known().carriers.iter().all(|carrier| carrier.is_unused())
    }
}

impl Known {
    fn open(&self) -> impl Iterator<Item = &Arc<Carrier>> {
        self.carriers.iter()
    }

    fn wants_http1(&mut self) -> bool {
        self.http1_until.take_if(|until| *until <= Instant::now());
        self.http1_until.is_some()
    }

    fn place(&self) -> Option<Place> {
        self.carriers.iter().find_map(Carrier::place)
    }
}
