//! Accepting WebSocketStreams: from any byte stream, from a listener, or from an HTTP server of one's own.

mod acceptor;
#[cfg(feature = "axum")]
pub mod axum;
mod connections;
#[cfg(feature = "sessions")]
mod cors;
mod crew;
#[cfg(feature = "sessions")]
mod handover;
mod http2;
#[cfg(feature = "sessions")]
mod http2_any;
#[cfg(feature = "hyper")]
mod hyper;
mod judged;
mod lease;
mod opening;
mod origin;
mod per_core;
mod places;
mod policy;
mod refuse;
#[cfg(feature = "sessions")]
mod respond;
mod serve;
#[cfg(feature = "sessions")]
mod serve_any;
#[cfg(feature = "sessions")]
mod sessions;
mod settings;
mod shutdown;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "hyper")]
pub use self::hyper::{UpgradeError, Upgrading};
#[cfg(all(feature = "tower", feature = "sessions"))]
pub use self::tower::ConnectionService;
#[cfg(feature = "tower")]
pub use self::tower::{Refuse, WebSocketLayer, WebSocketService};
pub use crate::http::PeerAddress;
pub use acceptor::{AcceptError, Accepted, Acceptor};
pub use connections::{Connections, Drained};
#[cfg(feature = "sessions")]
pub use handover::Handover;
pub use origin::{OriginCheck, OriginPolicy};
pub use per_core::PerCore;
pub use policy::Admission;
pub use serve::accept;
#[cfg(feature = "sessions")]
pub use serve_any::serve;
