//! RFC 6455, section by section.

mod s9_1_extensions;
