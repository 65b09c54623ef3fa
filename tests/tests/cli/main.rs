//! The `tidegate` command as its users have it: real processes, pipes, signals and exit codes.
//!
//! `TIDEGATE_BIN` names the binary to test; without it, it is built first.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod address;
mod backpressure;
mod broadcast;
mod closing;
mod connect;
mod exit_codes;
mod http2;
mod idle;
mod interrupt;
mod leaving;
mod peer;
mod process;
mod temporary;
mod tls;
mod transports;
