//! Talks to implementations that are not ours: Python's websockets, npm's ws, and the WebSocketStream of Chromium.
//!
//! Each peer is the real thing, started by the test and led from there by commands (`tests/peers`). A [`cell::Cell`]
//! says who talks to whom and how; each file of `scenarios` has what happens then, and each peer's file runs every
//! scenario in every cell that the peer can take part in.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what stands outside of test functions")]

mod cell;
mod chromium;
mod flow;
mod memory;
mod node_ws;
mod peer;
mod python_websockets;
mod scenarios;
