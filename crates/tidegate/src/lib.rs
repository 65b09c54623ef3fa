//! WebSocketStream for Rust.
