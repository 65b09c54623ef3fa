//! Accepting WebSocketStreams: from any byte stream, from a listener, or from an HTTP server of one's own.

mod acceptor;
mod origin;
mod refuse;
mod serve;

pub use acceptor::{AcceptError, Accepted, Acceptor};
pub use origin::{OriginCheck, OriginPolicy};
pub use serve::{accept, serve};
