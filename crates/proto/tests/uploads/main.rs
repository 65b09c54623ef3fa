//! Uploads: the machine, its simulation, and the grammar of the three protocols by their sections.

mod draft;
mod machine;
mod metadata;
#[path = "../random/mod.rs"]
mod random;
mod simulation;
mod tus;
mod tutorial;

use http::{HeaderMap, HeaderName, HeaderValue};

/// A head of these fields.
pub(crate) fn head(fields: &[(&str, &str)]) -> HeaderMap {
    let one = |(name, value): &(&str, &str)| {
        (
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        )
    };
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().map(one) {
        headers.append(name, value);
    }
    headers
}
