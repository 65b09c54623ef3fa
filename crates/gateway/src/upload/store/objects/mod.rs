//! Uploads in an object store: S3 and what speaks like it.
//!
//! ```text
//! store → writer → session → manifest, bucket
//!       → probe, removal
//! ```
//!
//! An upload is a manifest, which says what of it is durable, and a multipart upload, whose parts the manifest names.
//! What is left behind the last whole part lies in an object of its own, the tail. Every change of a manifest is
//! conditional on the one before it, so of two processes that write one upload the older one fails.

mod bucket;
mod manifest;
mod probe;
mod removal;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use store::{Objects, Settings};
