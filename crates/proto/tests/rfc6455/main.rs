//! RFC 6455, section by section.

mod s4_1_client_requirements;
mod s4_2_server_requirements;
mod s4_4_versions;
mod s9_1_extensions;
