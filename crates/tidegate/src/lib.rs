//! WebSocketStream for Rust: WebSocket, client and server, with backpressure end to end.
//!
//! The classic WebSocket API cannot say "wait". Here `read()` takes the next message when the application is ready
//! for it, and until then the peer waits; `write()` completes when there is room.
//!
//! ```no_run
//! use tidegate::{CloseInfo, Opened, WebSocketStream};
//!
//! # async fn example() -> Result<(), tidegate::WebSocketError> {
//! let socket = WebSocketStream::connect("wss://feed.example/ticks")?;
//! let Opened { mut readable, mut writable, .. } = socket.opened().await?;
//! while let Some(message) = readable.read().await? {
//!     writable.write(message).await?;
//! }
//! let CloseInfo { close_code, reason } = socket.closed().await?;
//! # Ok(()) }
//! ```
//!
//! A server gets the same type, from whatever it is built on:
//!
//! | a server on | uses | feature |
//! |---|---|---|
//! | a listener, any transport | `serve`, `Acceptor::serve_any`, `Acceptor::serve_any_until` | `sessions` |
//! | a listener, WebSocket alone | [`Acceptor::serve`], [`Acceptor::serve_until`] | |
//! | a listener for each core | [`PerCore`], [`Acceptor::serve_per_core`] | |
//! | any byte stream | [`accept`], [`Acceptor::accept`] | |
//! | hyper | `Acceptor::respond`, `Acceptor::upgrade` | `sessions`, `hyper` |
//! | tower | `Acceptor::connection_service`, `Acceptor::layer`, `Acceptor::into_service` | `tower` |
//! | axum | `axum::ConnectionRequest`, `axum::Upgrade` | `axum` |
//! | any other HTTP | `Acceptor::respond` and `Acceptor::answer_any`; [`Acceptor::answer`] | `sessions` |
//!
//! One [`Acceptor`] holds the policy for all of them: who may come in, and how many. [`Connections`] counts what is
//! open, and closes it in order when the server goes away.
//!
//! Further features: `tracing`, a span for each connection and events; `metrics`, counters and gauges. What they tell
//! is listed in docs/observability.md. TLS is by `ring`, the default, or `aws-lc-rs`.
//!
//! ```text
//! bytes in → decoder → assembler → readable.read() → the application → writable.write() → encoder → bytes out
//! ```

mod client;
#[cfg(feature = "sessions")]
mod connection;
mod http;
mod server;
#[cfg(feature = "sessions")]
mod session;
#[cfg(feature = "sessions")]
mod transport;
mod websocket;

pub use tidegate_proto::credit::{Config as Credits, Violation as CreditViolation};
pub use tidegate_proto::websocket::deflate::DeflateConfig;
pub use tidegate_proto::websocket::handshake::{HandshakeError, InvalidRequest, Offer, Refusal};
pub use tidegate_proto::websocket::{
    ApiMisuse, CloseCode, CloseInfo, Config, MAX_REASON_BYTES, Message, MessageKind, PeerMisbehaved, Prepared,
};
pub use tokio_util::sync::CancellationToken;

pub use self::http::{
    ClientTls, ConnectError, HeadError, HeadLimits, Http2, Http2Error, Http2Pool, InvalidProxy, InvalidTls,
    InvalidUrl, MalformedHead, Proxy, ProxyError, ProxyFailure, RedirectError, ServerTls, SocksReply,
    TcpError, TlsError, tune,
};
pub use client::ClientBuilder;
#[cfg(feature = "sessions")]
pub use client::{ConnectionBuilder, TransportError};
#[cfg(feature = "sessions")]
pub use connection::Connection;
#[cfg(all(feature = "tower", feature = "sessions"))]
pub use server::ConnectionService;
#[cfg(feature = "axum")]
pub use server::axum;
pub use server::{
    AcceptError, Accepted, Acceptor, Admission, Connections, Drained, OriginCheck, OriginPolicy, PeerAddress,
    PerCore, accept,
};
#[cfg(feature = "sessions")]
pub use server::{Handover, serve};
#[cfg(feature = "tower")]
pub use server::{Refuse, WebSocketLayer, WebSocketService};
#[cfg(feature = "hyper")]
pub use server::{UpgradeError, Upgrading};
#[cfg(feature = "sessions")]
pub use session::Transport;
#[cfg(feature = "sessions")]
pub use tidegate_proto::session::Config as Sessions;
pub use tidegate_proto::session::Violation as SessionViolation;
#[cfg(feature = "sessions")]
pub use transport::Body;
pub use websocket::{
    Broadcast, Budget, BudgetStats, ByteReader, ByteWriter, Cause, CloseEvent, CloseOptions, Deadlines,
    Events, Handlers, MessageReader, MessageWriter, NoTransport, NotResumed, Opened, Readable, ReadyState,
    SendError, SocketEvent, Stats, Subscription, WebSocket, WebSocketError, WebSocketStream, Writable,
};
