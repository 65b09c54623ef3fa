//! Sessions: one conversation over any transport (docs/sessions.md).
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod client;
