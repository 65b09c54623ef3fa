//! The opening handshake.

use base64::Engine;
use sha1::{Digest, Sha1};

/// A request of which only a part has come.
#[derive(Default)]
pub(crate) struct Opening {
    request: Vec<u8>,
}

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

impl Opening {
    /// The answer, once the request is complete.
    pub(crate) fn read(&mut self, input: &[u8]) -> Option<String> {
        self.request.extend_from_slice(input);
        if !self.request.ends_with(b"\r\n\r\n") {
            return None;
        }
        let request = String::from_utf8_lossy(&self.request);
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
        })?;
        let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize();
        let accept = base64::engine::general_purpose::STANDARD.encode(digest);
        Some(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        ))
    }
}
