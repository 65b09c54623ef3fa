//! `WebSocketStream`: opening, open, closed.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::Request;
use tidegate_proto::websocket::{ApiMisuse, CloseCode, CloseInfo};
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use super::CloseOptions;
use super::error::{Cause, WebSocketError};
use super::readable::Readable;
use super::shared::{Handle, Shared};
use super::stats::Stats;
use super::writable::Writable;
use crate::http::Asked;

/// A WebSocket whose messages are read and written with backpressure.
///
/// [`opened`](Self::opened) gives the two halves, [`closed`](Self::closed) tells how it ended, [`close`](Self::close)
/// ends it. The same type comes from [`connect`](Self::connect) and from a server's `accept`. When this and both
/// halves are dropped, the connection closes with an empty Close, after everything that was written is sent.
pub struct WebSocketStream {
    way: Way,
    /// What a server was asked.
    asked: Option<Asked>,
}

/// How far it is.
enum Way {
    /// A client's, open or not.
    Opening(Arc<Opening>),
    /// A server's, which is open from the beginning.
    Open(Arc<Shared>),
}

/// The way from `connect` to open.
pub(crate) struct Opening {
    url: String,
    result: SetOnce<Result<Arc<Shared>, WebSocketError>>,
    /// Cancelled by `close` and by dropping the socket, which matters while the connection is not open yet.
    abort: CancellationToken,
    /// What `close` was called with.
    close: OnceLock<CloseOptions>,
    is_dropped: AtomicBool,
}

/// What an open connection consists of.
pub struct Opened {
    /// What comes from the peer.
    pub readable: Readable,
    /// What goes to the peer.
    pub writable: Writable,
    /// The subprotocol that was agreed on; empty when there is none.
    pub protocol: String,
    /// The extensions that were agreed on, as in the header; empty when there are none.
    pub extensions: String,
}

impl WebSocketStream {
    /// A socket that is not open yet, and what is to be told once it is.
    pub(crate) fn opening(url: String) -> (Self, Arc<Opening>) {
        let opening = Arc::new(Opening {
            url,
            result: SetOnce::new(),
            abort: CancellationToken::new(),
            close: OnceLock::new(),
            is_dropped: AtomicBool::new(false),
        });
        (Self { way: Way::Opening(opening.clone()), asked: None }, opening)
    }

    /// A server's socket.
    pub(crate) fn accepted(shared: Arc<Shared>, asked: Asked) -> Self {
        Self { way: Way::Open(shared), asked: Some(asked) }
    }

    /// The connection, if it is open.
    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        match &self.way {
            Way::Open(shared) => Some(shared),
            Way::Opening(opening) => opening.result.get()?.as_ref().ok(),
        }
    }

    /// The request that opened the connection, on a server's side.
    #[must_use]
    pub fn request(&self) -> Option<&Request<()>> {
        self.asked.as_ref()?.request()
    }

    /// Takes the request out, so that an idle connection need not hold its headers.
    pub fn take_request(&mut self) -> Option<Request<()>> {
        self.asked.as_mut()?.take()
    }

    /// The URL: of a client, after http and https were rewritten to ws and wss, without credentials, and before any
    /// redirect; of a server, the request target.
    #[must_use]
    pub fn url(&self) -> &str {
        match &self.way {
            Way::Opening(opening) => &opening.url,
            Way::Open(_) => self.asked.as_ref().map_or("", Asked::target),
        }
    }

    /// Waits until the connection is open, and gives out its halves.
    ///
    /// May be dropped at any await, and called again.
    ///
    /// # Errors
    ///
    /// When it did not open: the [`Cause`] tells why; and on a second call after one that succeeded.
    pub async fn opened(&self) -> Result<Opened, WebSocketError> {
        let shared = match &self.way {
            Way::Open(shared) => shared.clone(),
            // Boxed, since a server's handler has it in its future and never waits.
            Way::Opening(opening) => Box::pin(opening.result.wait()).await.clone()?,
        };
        if !shared.give_out() {
            return Err(WebSocketError::without_code(Cause::OpenedTwice));
        }
        let (protocol, extensions) = shared.names();
        Ok(Opened {
            protocol,
            extensions,
            readable: Readable::new(shared.clone()),
            writable: Writable::new(shared),
        })
    }

    /// What the connection has done, and what waits in it; all zero before it is open.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared().map_or_else(Stats::default, |shared| shared.stats())
    }

    /// Waits until the connection has ended, and tells with which code and reason the peer closed it.
    ///
    /// It settles whether anybody reads or not, unless more than the read-ahead lies before the peer's Close. May
    /// be called any number of times, and dropped at any await.
    ///
    /// # Errors
    ///
    /// When it did not end cleanly: no Close came (1006), the peer broke the protocol, or messages that had been
    /// accepted could not be sent.
    pub async fn closed(&self) -> Result<CloseInfo, WebSocketError> {
        if let Some(shared) = self.shared() {
            shared.attend();
        }
        let shared = match &self.way {
            Way::Open(shared) => shared,
            Way::Opening(opening) => match Box::pin(opening.result.wait()).await {
                Ok(shared) => shared,
                Err(error) => return Err(error.clone().with_code(CloseCode::ABNORMAL)),
            },
        };
        shared.ended().await
    }

    /// Closes the connection: what was written is sent first, then a Close with this code and reason. Does nothing
    /// when it is closing or closed already. While the connection is being opened, that is given up.
    ///
    /// Messages that arrive before the peer's Close can still be read; a reader that does not come for half of
    /// [`Config::close_timeout`](crate::Config::close_timeout) loses them.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes, in every state; then nothing is done.
    pub fn close(&self, options: impl Into<CloseOptions>) -> Result<(), ApiMisuse> {
        let options = options.into();
        options.validate()?;
        if let Way::Opening(opening) = &self.way {
            // Before the look at the result: whoever opens the connection looks here after setting it. The first call
            // counts.
            let _ = opening.close.set(options.clone());
            opening.abort.cancel();
        }
        self.shared().map_or(Ok(()), |shared| shared.close(&options))
    }
}

impl Opening {
    /// Resolves when the connection is wanted no longer.
    pub(crate) async fn aborted(&self) {
        self.abort.cancelled().await;
    }

    pub(crate) fn succeed(&self, shared: Arc<Shared>) {
        // Set once, by the one task that opens the connection.
        let _ = self.result.set(Ok(shared.clone()));
        // It may have been given up just before it opened.
        if let Some(options) = self.close.get() {
            // Validated when it was given.
            let _ = shared.close(options);
        }
        if self.is_dropped.load(Ordering::Acquire) {
            for handle in [Handle::Socket, Handle::Readable, Handle::Writable] {
                shared.release(handle);
            }
        }
    }

    pub(crate) fn fail(&self, cause: Cause) {
        let _ = self.result.set(Err(WebSocketError::without_code(cause)));
    }
}

impl Drop for WebSocketStream {
    fn drop(&mut self) {
        if let Way::Opening(opening) = &self.way {
            opening.is_dropped.store(true, Ordering::Release);
            opening.abort.cancel();
        }
        if let Some(shared) = self.shared() {
            shared.release(Handle::Socket);
            if shared.give_out() {
                shared.release(Handle::Readable);
                shared.release(Handle::Writable);
            }
        }
    }
}

impl fmt::Debug for WebSocketStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream").field("url", &self.url()).finish_non_exhaustive()
    }
}
