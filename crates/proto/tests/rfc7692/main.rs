//! RFC 7692, section by section.

mod known_bugs;
mod pausing;
mod peer;
mod s6_framing;
mod s7_1_parameters;
mod s7_2_compression;
