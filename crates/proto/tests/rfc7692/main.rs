//! RFC 7692, section by section.

mod s7_1_parameters;
