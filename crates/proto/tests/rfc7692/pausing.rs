//! Inflating pauses where the caller says so: a small input may stand for a large message.

use tidegate_proto::websocket::{Event, Side};

use crate::peer::{Endpoint, UNLIMITED, compress_all, deflate, deflater};

const COMPRESSED_BINARY: u8 = 0xc2;
const BINARY: u8 = 0x82;

/// What may be beyond what was allowed: what 16 bytes can grow to.
const BEYOND: usize = 16 * 1032;

#[test]
fn a_message_grows_by_what_is_allowed_and_arrives_whole() {
    let payload = vec![7; 10_000_000];
    for allowed in [1, 1000, 100_000] {
        let mut server = Endpoint::new(Side::Server, compress_all(), UNLIMITED);
        assert!(!server.connection.allow_inflating(allowed));
        server.gets(COMPRESSED_BINARY, deflate(&mut deflater(), &payload));
        let mut before = 0;
        let mut pauses = 0;
        let message = loop {
            match server.event() {
                Some(event) => break event.unwrap(),
                None => {
                    let held = server.connection.assembling_bytes();
                    assert!(held > before && held <= before + allowed + BEYOND, "{before}, then {held}");
                    before = held;
                    pauses += 1;
                    assert!(server.connection.allow_inflating(allowed), "it waits for nothing else");
                }
            }
        };
        assert_eq!(message, Event::Message(payload.clone().into()));
        assert!(pauses > 50, "{pauses} pauses");
        // There is nothing to go on with.
        assert!(server.event().is_none());
        assert!(!server.connection.allow_inflating(allowed));
    }
}

#[test]
fn a_message_behind_another_one_does_not_grow_on_the_word_for_that() {
    let mut deflater = deflater();
    let payload = vec![7; 1_000_000];
    let mut server = Endpoint::new(Side::Server, compress_all(), UNLIMITED);
    server.connection.allow_inflating(2_000_000);
    server.gets(COMPRESSED_BINARY, deflate(&mut deflater, &payload));
    server.gets(COMPRESSED_BINARY, deflate(&mut deflater, &payload));
    server.reads(payload.clone());
    assert!(server.event().is_none());
    assert!(server.connection.assembling_bytes() <= 2 * BEYOND);
    assert!(server.connection.allow_inflating(2_000_000));
    server.reads(payload);
}

#[test]
fn what_is_not_compressed_does_not_pause() {
    let payload = vec![7; 50_000];
    let mut server = Endpoint::new(Side::Server, compress_all(), UNLIMITED);
    server.connection.allow_inflating(1);
    server.gets(BINARY, &payload).reads(payload);
}

#[test]
fn giving_up_drops_what_is_held_and_tells_the_peer() {
    let mut server = Endpoint::new(Side::Server, compress_all(), UNLIMITED);
    server.gets(0x02, [7; 1000]).reads_nothing();
    assert_eq!(server.connection.assembling_bytes(), 1000);
    server.connection.give_up(tidegate_proto::websocket::CloseCode::TRY_AGAIN_LATER, "later");
    assert_eq!(server.connection.assembling_bytes(), 0);
    assert_eq!(server.sends(), [(0x88, b"\x03\xf5later".to_vec())]);
    server.gets(0x80, [7; 1000]).reads_nothing();
}
