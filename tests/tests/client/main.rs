//! The way of a client to its server: addresses, proxies, redirects, credentials. Servers and proxies are real and on
//! this machine; two of the proxies are not ours.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what stands outside of test functions")]

mod addresses;
mod authentication;
mod environment;
mod http_proxy;
mod listening;
mod other_proxies;
mod proxies;
mod redirects;
mod server;
mod socks_proxy;
mod tls;
