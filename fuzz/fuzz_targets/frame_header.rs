//! Headers, Close payloads and masks: whatever comes in, what is understood of it is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::{CloseInfo, FrameHeader, MAX_HEADER_BYTES, apply_mask};

fuzz_target!(|bytes: &[u8]| {
    header(bytes);
    close(bytes);
    mask(bytes);
});

fn header(bytes: &[u8]) {
    let whole = FrameHeader::parse(bytes);
    if let Ok(Some((header, len))) = whole {
        assert!(len <= MAX_HEADER_BYTES && len <= bytes.len());
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        // Only the shortest form is accepted, so there is one way to write it.
        assert_eq!(encoded, bytes[..len]);
    }
    // A prefix is incomplete, or has the same end: more bytes never turn an error or a header into something else.
    for end in 0..bytes.len().min(MAX_HEADER_BYTES) {
        match FrameHeader::parse(&bytes[..end]) {
            Ok(None) => {}
            early => assert_eq!(early, whole, "after {end} bytes"),
        }
    }
}

fn close(bytes: &[u8]) {
    let Ok(info) = CloseInfo::parse(bytes) else { return };
    if bytes.is_empty() {
        return;
    }
    let mut written = u16::from(info.close_code).to_be_bytes().to_vec();
    written.extend_from_slice(info.reason.as_bytes());
    assert_eq!(written, bytes);
    assert!(info.close_code.may_be_sent());
}

fn mask(bytes: &[u8]) {
    let Some((&key, payload)) = bytes.split_first_chunk::<4>() else { return };
    let Some((&at, payload)) = payload.split_first() else { return };
    let at = usize::from(at).min(payload.len());
    let mut whole = payload.to_vec();
    apply_mask(key, 0, &mut whole);
    // In two parts, as it arrives from a socket.
    let mut parts = payload.to_vec();
    let (first, second) = parts.split_at_mut(at);
    apply_mask(key, 0, first);
    apply_mask(key, at as u64, second);
    assert_eq!(parts, whole);
    apply_mask(key, 0, &mut whole);
    assert_eq!(whole, payload);
}
