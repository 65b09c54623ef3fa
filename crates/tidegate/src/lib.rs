//! WebSocketStream for Rust.

#[cfg_attr(not(test), expect(dead_code, reason = "its callers, client and server, are not written yet"))]
mod http;

pub use self::http::h1::{HeadError, HeadLimits, MalformedHead};
pub use self::http::tcp::{TcpError, tune};
pub use self::http::tls::{ClientTls, InvalidTls, ServerTls, TlsError};
pub use self::http::url::{InvalidUrl, parse_url};
pub use self::http::{ConnectError, Io};
