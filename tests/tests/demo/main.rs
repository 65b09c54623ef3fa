//! What `tidegate demo` serves, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod chat;
mod echo;
mod files;
mod firehose;
mod hello;
mod process;
mod server;
