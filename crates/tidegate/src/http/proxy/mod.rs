//! Through a proxy to a server: which proxy, and how it is asked for a tunnel.
//!
//! hyper-util has both, but its tunnel forgets the status that a proxy refuses with, its SOCKS looks names up on the
//! thread of the runtime, and its reader of the environment connects directly where a variable cannot be understood.

mod bypass;
mod choice;
mod connect;
mod environment;
mod error;
mod server;
mod socks5;
mod tunnel;

pub use choice::Proxy;
pub(crate) use connect::connect;
pub use error::{ProxyError, ProxyFailure, SocksReply};
pub use server::InvalidProxy;
pub(crate) use server::ProxyServer;
