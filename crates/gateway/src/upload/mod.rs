//! Resumable uploads: one resource, three protocols, two stores. See docs/uploads.md.

pub mod call;
pub mod command;
pub mod store;
