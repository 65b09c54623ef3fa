//! RFC 6455 §8.1: text is UTF-8, and a wrong byte fails the connection when it comes.

use tidegate_proto::websocket::PeerMisbehaved;

use crate::peer::{Endpoint, KEY, masked};

#[test]
fn characters_may_be_split_over_fragments_and_reads() {
    let text = "κόσμε 🌊";
    for split in 0..=text.len() {
        let mut server = Endpoint::server();
        server.gets(masked(0x01, &text.as_bytes()[..split])).reads_nothing();
        server.gets(masked(0x80, &text.as_bytes()[split..])).reads(text);
    }
}

#[test]
fn bad_text_is_1007() {
    for bad in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80", b"cut \xe2\x82"] {
        let mut server = Endpoint::server();
        server.gets(masked(0x81, bad));
        server.fails(PeerMisbehaved::SentInvalidUtf8);
        let mut server = Endpoint::server();
        server.gets(masked(0x01, bad)).gets(masked(0x80, ""));
        server.fails(PeerMisbehaved::SentInvalidUtf8);
        // The same bytes are fine in a binary message.
        let mut server = Endpoint::server();
        server.gets(masked(0x82, bad)).reads(bad);
    }
}

#[test]
fn the_first_bad_byte_is_enough() {
    let mut frame =
        masked(0x81, [&b"\xce\xba\xe1\xbd\xb9"[..], &[0xed; 1], &[0xa0; 1], &[b'x'; 100]].concat());
    let header = 2 + KEY.len();
    frame.truncate(header + 7);
    let mut server = Endpoint::server();
    for byte in &frame[..header + 6] {
        server.gets([*byte]).reads_nothing();
    }
    server.gets([frame[header + 6]]);
    server.fails(PeerMisbehaved::SentInvalidUtf8);
}
