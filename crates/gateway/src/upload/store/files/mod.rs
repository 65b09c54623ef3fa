//! Uploads in files.
//!
//! ```text
//! store → writer → upload → state          what there is to do, without a disk
//!   │                 └───→ pool → lanes   who does it, and in which order
//!   └─→ made, existing, reader → sidecar → blocks, disk
//! ```

mod blocks;
mod disk;
mod engine;
mod existing;
mod lanes;
mod made;
mod pool;
mod reader;
mod room;
mod settings;
mod sidecar;
mod state;
mod store;
mod upload;
mod writer;

#[cfg(test)]
mod tests;

pub use settings::Settings;
pub use store::Files;
