//! Channels by their five doors, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod browser;
mod doors;
mod front;
mod gaps;
mod many;
mod nginx;
mod origins;
mod pages;
mod polling;
mod positions;
mod publishing;
mod server;
mod sessions;
mod sockets;
mod tutorial;
