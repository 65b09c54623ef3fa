//! What came out, for people.

pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod svg;
pub(crate) mod table;
