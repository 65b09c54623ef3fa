//! Helpers shared by the test binaries of this crate.

pub mod abuse;
pub mod browser;
pub mod certificates;
pub mod program;
pub mod random;
#[expect(missing_docs, reason = "the verbs of a scripted peer speak for themselves")]
pub mod raw;
pub mod storage;
pub mod tools;
pub mod wpt;
