//! Resumable uploads: one machine for an upload, and the grammar of three protocols. docs/uploads.md says what they do.
//!
//! ```text
//! a head → tutorial | tus | draft → what is asked for → Upload → what to store, and what to answer
//! ```
//!
//! [`Upload`] judges offsets and lengths, and knows who writes. The fronts' modules turn header fields into what is
//! asked for, and back; they know nothing of each other.

mod checksum;
mod disposition;
pub mod draft;
mod field;
mod item;
mod machine;
mod metadata;
mod refusal;
pub mod tus;
pub mod tutorial;

use http::{HeaderMap, Method};

pub use checksum::{Algorithm, Checksum};
pub use field::method;
pub use machine::{Body, Claim, Ending, Excess, Snapshot, Upload};
pub use metadata::{BadMetadata, MAX_METADATA_BYTES, Metadata};
pub use refusal::Refusal;

/// A protocol in which one speaks to the resource of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// tus 1.0.0.
    Tus,
    /// draft-ietf-httpbis-resumable-upload. A plain POST, HEAD, GET or DELETE is of it too: it asks for no field there.
    Draft,
}

impl Protocol {
    /// The protocol that a head is of. One that names neither, but brings bytes with fields that both know, is a tus
    /// client's that forgot the version: it is told so.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is_tus = headers.contains_key(field::TUS_RESUMABLE);
        let brings_bytes = [Method::POST, Method::PATCH].contains(method) && !draft::is_meant(headers);
        if is_tus || (brings_bytes && headers.keys().any(|name| name.as_str().starts_with("upload-"))) {
            Self::Tus
        } else {
            Self::Draft
        }
    }
}
