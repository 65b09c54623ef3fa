//! The machines of [Tidegate]: bytes ⇄ frames ⇄ messages, with nothing else in the way.
//!
//! Nothing here does I/O, reads a clock, draws a random number or needs a runtime: time and seeds are arguments.
//! Most people want the crate `tidegate`, which runs these machines on tokio; this one is for other runtimes,
//! fuzzers and simulations.
//!
//! ```text
//! bytes in → decoder → assembler → poll_event → the application
//! the application → send_* → fragmenter → encoder → poll_transmit → bytes out
//! ```
//!
//! [Tidegate]: https://docs.rs/tidegate

pub mod credit;
mod parameters;
pub mod session;
pub mod upload;
mod varint;
pub mod websocket;
