//! An event of Server-Sent Events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// A line that says nothing.
pub(super) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// An event of these frames, and the position behind them.
pub(super) fn event(frames: &[u8], session: &str, position: u64) -> Bytes {
    let mut event = String::with_capacity(frames.len().div_ceil(3) * 4 + session.len() + 48);
    event.push_str("data: ");
    STANDARD.encode_string(frames, &mut event);
    event.push_str("\nid: ");
    event.push_str(session);
    event.push('.');
    event.push_str(&position.to_string());
    event.push_str("\n\n");
    event.into()
}

#[test]
fn an_event_holds_the_frames_and_the_position_behind_them() {
    assert_eq!(event(&[0x10, 2, b'h', b'i'], "a_b", 7), "data: EAJoaQ==\nid: a_b.7\n\n");
}
