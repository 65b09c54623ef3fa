//! RFC 6455, section by section.

mod peer;
mod s10_4_limits;
mod s4_1_client_requirements;
mod s4_2_server_requirements;
mod s4_4_versions;
mod s5_1_masking;
mod s5_2_framing;
mod s5_4_fragmentation;
mod s5_4_streaming;
mod s5_5_1_close;
mod s5_5_control_frames;
mod s7_closing;
mod s8_1_utf8;
mod s9_1_extensions;
