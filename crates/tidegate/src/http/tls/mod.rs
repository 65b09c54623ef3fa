//! TLS by rustls, as a client and as a server.
//!
//! Both offer HTTP/1.1 by ALPN, and HTTP/2 before it where that is switched on. The cryptography is chosen by the
//! features of this crate and never by a process-wide default, so that a library elsewhere in the program cannot
//! change it or make it panic.

mod alpn;
mod client;
mod error;
mod provider;
mod server;
mod setup;

pub(crate) use alpn::{Alpn, is_http2};
pub use client::ClientTls;
pub use error::TlsError;
pub use server::ServerTls;
pub use setup::InvalidTls;

#[cfg(test)]
mod tests;
