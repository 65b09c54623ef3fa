//! Resumable uploads: one resource, three protocols, two stores. See docs/uploads.md.
//!
//! ```text
//! request → reception → front → service → store
//! ```

pub mod call;
pub mod command;
mod front;
mod limits;
mod reception;
mod service;
pub mod store;
#[cfg(feature = "tower")]
mod tower;
mod watch;

pub use limits::Limits;
pub use reception::{Content, Principal, Reception};
pub use service::Uploads;
#[cfg(feature = "tower")]
pub use tower::{UploadBody, UploadService};
pub use watch::{Progress, Watch};
