//! What came out, for people.

pub(crate) mod table;
