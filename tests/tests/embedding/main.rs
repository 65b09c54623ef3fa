//! WebSockets inside other servers: graceful shutdown, slots, hooks, hyper, tower, axum, and behind real proxies.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod authorize;
mod axum;
mod documents;
mod http2;
mod hyper;
mod per_core;
mod proxies;
mod proxy;
mod shutdown;
mod slots;
mod tower;
mod wire;
