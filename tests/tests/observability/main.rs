//! What `tracing` and `metrics` are told, by a subscriber and a recorder that collect everything.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod collector;
mod events;
mod numbers;
mod scene;
