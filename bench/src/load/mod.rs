//! The loads: what is done to a server, and what is counted meanwhile.

pub(crate) mod deflate;
pub(crate) mod echo;
pub(crate) mod fanout;
pub(crate) mod memory;
pub(crate) mod stuck;
