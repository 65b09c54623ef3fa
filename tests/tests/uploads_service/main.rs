//! Uploads as a service: who writes, what it may take, and what becomes of it when the disk or the peer is slow or gone.
//!
//! Over real sockets and real files. The protocols themselves are tested elsewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod channels;
mod disk;
mod downloads;
mod fair;
mod front;
mod many;
mod owners;
mod peer;
mod rules;
mod server;
mod takeover;
mod tower;
