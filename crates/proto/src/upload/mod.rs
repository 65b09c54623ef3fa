//! Resumable uploads: one machine for an upload, and the grammar of three protocols. docs/uploads.md says what they do.
//!
//! ```text
//! a head → tutorial | tus | draft → what is asked for → Upload → what to store, and what to answer
//! ```
//!
//! [`Upload`] judges offsets and lengths, and knows who writes. The fronts' modules turn header fields into what is
//! asked for, and back; they know nothing of each other.

mod checksum;
mod machine;
mod refusal;

pub use checksum::{Algorithm, Checksum};
pub use machine::{Body, Claim, Ending, Excess, Snapshot, Upload};
pub use refusal::Refusal;
