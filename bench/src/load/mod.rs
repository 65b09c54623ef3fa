//! The loads: what is done to a server, and what is counted meanwhile.

pub(crate) mod echo;
