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
mod watch;

pub use limits::Limits;
pub use reception::{Content, Principal, Reception};
pub use service::Uploads;
pub use watch::{Progress, Watch};
