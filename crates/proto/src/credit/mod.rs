//! The subprotocol `tidegate.v1`: messages by credit, and an END before the Close. `docs/protocol.md` specifies it.
//!
//! ```text
//! WebSocket messages in → handle_batch → poll_event → the application
//! the application → send → poll_transmit → WebSocket messages out
//! ```

mod config;
mod ending;
mod endpoint;
mod failure;
mod frame;
mod greeting;
mod incoming;
mod outgoing;
mod round_trip;
mod violation;

pub use config::Config;
pub use endpoint::{Endpoint, Event};
pub use failure::Failure;
pub use frame::{MAX_BATCH_BYTES, MESSAGE_COST};
pub use outgoing::Batch;
pub use violation::Violation;
