//! The stores of uploads: what every store does, and what the files store survives.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod behaviour;
mod crashes;
mod files;
mod objects;
mod servers;
