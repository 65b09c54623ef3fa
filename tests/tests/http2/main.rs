//! WebSockets over HTTP/2 (RFC 8441), over real sockets: our client, our server, and peers that are not ours.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what stands outside of test functions")]

mod abuse;
mod chromium;
mod closing;
mod fallback;
mod flow;
mod frames;
mod limits;
mod messages;
mod nghttpx;
mod opening;
mod others;
mod pool;
mod python;
mod rig;
