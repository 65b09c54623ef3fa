//! Resumable uploads: one resource, three protocols, two stores. See docs/uploads.md.
//!
//! ```text
//! request → front → service → transfer → store
//! ```

pub mod call;
pub mod command;
#[allow(dead_code, reason = "the service that calls it is wired next")]
mod front;
mod limits;
mod service;
pub mod store;
mod watch;

pub use limits::Limits;
pub use service::Uploads;
pub use watch::{Progress, Watch};
