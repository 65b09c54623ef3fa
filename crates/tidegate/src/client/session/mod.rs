//! A connection that outlives what carries it, as a client has it (docs/sessions.md).
//!
//! ```text
//! the halves ⇄ Link ⇄ SessionStream ⇄ Core (the machine) ⇄ Held: Socket or Body, chosen, lost and replaced by conduct
//!                                         └─────────────▶ post_all: the client's frames beside a Body
//! ```

mod backoff;
mod body;
mod builder;
mod choose;
mod conduct;
mod core;
mod ended;
mod error;
mod event_stream;
mod held;
mod lane;
mod open;
mod post;
mod socket;
mod stream;
mod trip;
mod way;

pub use builder::ConnectionBuilder;
pub use error::TransportError;
