//! WebSockets over HTTP/2: each is one stream of a connection that many share (RFC 8441).
//!
//! ```text
//! WebSocket ⇄ Http2Io ⇄ h2 ⇄ Paced ⇄ TLS or TCP     one Http2Io a socket, one task a connection
//!     reads ──┘   └── Backlog: what absent readers leave
//! ```
//!
//! A stream's window opens again only by what its reader has read, and the window of the connection holds all
//! streams' windows together. So a socket that is not read stops its own peer and nobody else.

mod backlog;
mod client;
mod error;
#[cfg(feature = "sessions")]
mod exchange;
mod io;
mod paced;
mod pool;
mod preface;
mod seats;
mod server;
mod settings;

pub use error::Http2Error;
pub use pool::Http2Pool;
pub(crate) use pool::{Key, Route};
pub(crate) use preface::is_http2;
pub(crate) use server::{Responder, serve};
pub use settings::Http2;
