//! RFC 8441, section by section.

mod s5_websocket;
