//! Sessions over HTTP as their bytes are (docs/sessions.md): a server of this library, and clients made by hand.

mod backpressure;
mod client;
mod embedding;
mod ending;
mod expiry;
mod frames;
mod http2;
mod memory;
mod opening;
mod policy;
mod posting;
mod pressure;
mod resuming;
mod rig;
mod serving;
mod silence;
mod websocket;
