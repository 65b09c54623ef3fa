//! RFC 6455 §5.4: fragmentation.

use tidegate_proto::websocket::{Config, FRAGMENT_OVERHEAD, PeerMisbehaved, Side};

use crate::peer::{Endpoint, masked, plain};

#[test]
fn fragments_make_one_message_with_control_frames_between_them() {
    let mut server = Endpoint::server();
    server.gets(masked(0x01, "Hel")).reads_nothing();
    server.gets(masked(0x89, "a")).reads_nothing();
    assert_eq!(server.sends(), plain(0x8a, "a"));
    server.gets(masked(0x00, "")).gets(masked(0x8a, "unasked")).gets(masked(0x80, "lo")).reads("Hello");
    server.gets(masked(0x82, "next")).reads(&b"next"[..]).reads_nothing();
}

#[test]
fn a_continuation_of_nothing_fails_the_connection() {
    for first in [0x00, 0x80] {
        let mut server = Endpoint::server();
        server.gets(masked(first, "x"));
        server.fails(PeerMisbehaved::ContinuedNothing);
        let mut server = Endpoint::server();
        server.gets(masked(0x81, "whole")).gets(masked(first, "x")).reads("whole");
        server.fails(PeerMisbehaved::ContinuedNothing);
    }
}

#[test]
fn a_new_message_inside_another_fails_the_connection() {
    for first in [0x01, 0x81, 0x02, 0x82] {
        let mut server = Endpoint::server();
        server.gets(masked(0x01, "begun")).gets(masked(first, "x"));
        server.fails(PeerMisbehaved::InterruptedMessage);
    }
}

#[test]
fn a_message_can_be_sent_in_fragments() {
    let mut server = Endpoint::new(Side::Server, Config::default().fragment_bytes(2));
    server.connection.send("Hello".into()).unwrap();
    assert_eq!(server.sends(), [plain(0x01, "He"), plain(0x00, "ll"), plain(0x80, "o")].concat());
    server.connection.send("".into()).unwrap();
    assert_eq!(server.sends(), plain(0x81, ""));
}

#[test]
fn too_many_fragments_are_1009() {
    let mut server = Endpoint::new(Side::Server, Config::default().max_fragments(3));
    server.gets([masked(0x02, "a"), masked(0x00, "b"), masked(0x80, "c")].concat()).reads(&b"abc"[..]);
    server.gets([masked(0x02, ""), masked(0x00, ""), masked(0x00, ""), masked(0x80, "")].concat());
    server.fails(PeerMisbehaved::ExceededFragmentLimit { limit: 3 });
}

#[test]
fn empty_fragments_count_against_the_message_limit() {
    let limit = 10 * FRAGMENT_OVERHEAD;
    let mut server = Endpoint::new(Side::Server, Config::default().max_message_bytes(limit));
    server.gets(masked(0x02, ""));
    for _ in 0..10 {
        server.gets(masked(0x00, "")).reads_nothing();
    }
    server.gets(masked(0x00, ""));
    server.fails(PeerMisbehaved::ExceededMessageLimit { limit });
}
