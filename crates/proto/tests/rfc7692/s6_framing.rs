//! RFC 7692 §6: the bit that marks a compressed message, and the frames that carry it.

use tidegate_proto::websocket::deflate::Inflater;
use tidegate_proto::websocket::{Event, Failure, Message, PeerMisbehaved, Side};

use crate::peer::{Endpoint, UNLIMITED, compress_all, deflate, deflater, inflate, noise};

/// First bytes of frames: FIN, RSV1, opcode.
const TEXT: u8 = 0x81;
const COMPRESSED_TEXT: u8 = 0xc1;
const COMPRESSED_TEXT_BEGINS: u8 = 0x41;
const COMPRESSED_BINARY: u8 = 0xc2;
const CONTINUES: u8 = 0x00;
const CONTINUATION_ENDS: u8 = 0x80;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

#[test]
fn a_compressed_message_carries_the_bit_on_its_first_frame_alone() {
    let payload = noise(10_000);
    let mut server = Endpoint::new(Side::Server, compress_all().fragment_bytes(1000), UNLIMITED);
    server.connection.send(payload.clone().into()).unwrap();
    let frames = server.sends();
    assert!(frames.len() > 9, "{} frames", frames.len());
    let (last, inner) = frames[1..].split_last().unwrap();
    assert_eq!(frames[0].0, 0x42);
    assert!(inner.iter().all(|(first, _)| *first == CONTINUES));
    assert_eq!(last.0, CONTINUATION_ENDS);
    let compressed: Vec<u8> = frames.into_iter().flat_map(|(_, payload)| payload).collect();
    assert_eq!(inflate(&mut Inflater::new(15, true), &compressed), Ok(payload));
}

#[test]
fn both_sides_mark_text_and_binary() {
    for side in [Side::Server, Side::Client] {
        let mut endpoint = Endpoint::new(side, compress_all(), UNLIMITED);
        let mut inflater = Inflater::new(15, true);
        for (message, first) in
            [(Message::from("text text text"), COMPRESSED_TEXT), (vec![7; 300].into(), COMPRESSED_BINARY)]
        {
            endpoint.connection.send(message.clone()).unwrap();
            let frames = endpoint.sends();
            assert_eq!((frames.len(), frames[0].0), (1, first));
            assert_eq!(inflate(&mut inflater, &frames[0].1).unwrap(), message.as_bytes());
        }
    }
}

#[test]
fn messages_under_the_minimum_go_as_they_are() {
    let config = tidegate_proto::websocket::Config::default();
    let mut server = Endpoint::new(Side::Server, config, UNLIMITED);
    server.connection.send("a".repeat(63).into()).unwrap();
    server.connection.send("a".repeat(64).into()).unwrap();
    let frames = server.sends();
    assert_eq!(frames[0], (TEXT, vec![b'a'; 63]));
    assert_eq!(frames[1].0, COMPRESSED_TEXT);
}

#[test]
fn control_frames_are_never_compressed() {
    let mut server = Endpoint::server();
    server.connection.ping(&[b'p'; 125]).unwrap();
    server.gets(PING, [b'q'; 125]).reads_nothing();
    server.connection.close(Some(1000.into()), &"r".repeat(123)).unwrap();
    let frames = server.sends();
    assert_eq!(frames[0], (PING, vec![b'p'; 125]));
    assert_eq!(frames[1], (PONG, vec![b'q'; 125]));
    assert_eq!((frames[2].0, &frames[2].1[2..]), (0x88, &[b'r'; 123][..]));
}

/// RFC 7692 §6.1: only the first frame of a data message may carry the bit.
#[test]
fn the_bit_on_a_control_frame_is_1002() {
    for first in [0xc8, 0xc9, 0xca] {
        let mut server = Endpoint::server();
        server.gets(first, "").fails(PeerMisbehaved::SetReservedBit);
    }
}

#[test]
fn the_bit_on_a_control_frame_between_fragments_is_1002() {
    let mut server = Endpoint::server();
    server.gets(COMPRESSED_TEXT_BEGINS, &deflate(&mut deflater(), "Hello")[..3]).reads_nothing();
    server.gets(0xc9, "").fails(PeerMisbehaved::SetReservedBit);
}

#[test]
fn the_bit_on_a_continuation_is_1002_whether_its_message_is_compressed_or_not() {
    let compressed = deflate(&mut deflater(), "Hello");
    for (begins, payload) in [(COMPRESSED_TEXT_BEGINS, &compressed[..3]), (0x01, b"Hel")] {
        for continues in [0x40, 0xc0] {
            let mut server = Endpoint::server();
            server.gets(begins, payload).reads_nothing();
            server.gets(continues, &compressed[3..]).fails(PeerMisbehaved::SetReservedBit);
        }
    }
}

#[test]
fn the_other_reserved_bits_stay_forbidden() {
    for first in [0xa1, 0x91, 0xe1, 0xd1, 0xf1] {
        let mut server = Endpoint::server();
        server.gets(first, deflate(&mut deflater(), "Hello")).fails(PeerMisbehaved::SetReservedBit);
    }
}

#[test]
fn a_compressed_message_may_be_cut_anywhere_with_empty_fragments_too() {
    let compressed = deflate(&mut deflater(), "Hello, Hello, Hello");
    for first in 0..=compressed.len() {
        for second in first..=compressed.len() {
            let mut server = Endpoint::server();
            server.gets(COMPRESSED_TEXT_BEGINS, &compressed[..first]).reads_nothing();
            server.gets(CONTINUES, &compressed[first..second]).reads_nothing();
            server.gets(CONTINUATION_ENDS, &compressed[second..]).reads("Hello, Hello, Hello");
        }
    }
}

#[test]
fn a_control_frame_between_compressed_fragments_is_answered_and_disturbs_nothing() {
    let mut server = Endpoint::server();
    let mut deflater = deflater();
    for turn in 0..3 {
        let compressed = deflate(&mut deflater, "Hello, Hello, Hello");
        server.gets(COMPRESSED_TEXT_BEGINS, &compressed[..2]).gets(PING, "a").reads_nothing();
        server.gets(PONG, "unasked").gets(CONTINUES, "").reads_nothing();
        server.gets(CONTINUATION_ENDS, &compressed[2..]).reads("Hello, Hello, Hello");
        assert_eq!(server.sends(), [(PONG, b"a".to_vec())], "turn {turn}");
    }
}

#[test]
fn a_close_between_compressed_fragments_ends_the_connection_cleanly() {
    let mut server = Endpoint::server();
    server.gets(COMPRESSED_TEXT_BEGINS, &deflate(&mut deflater(), "Hello")[..2]);
    server.gets(0x88, b"\x03\xe8");
    assert!(matches!(server.event(), Some(Ok(Event::Close(info))) if info.close_code == 1000));
    assert_eq!(server.sends(), [(0x88, b"\x03\xe8".to_vec())]);
}

/// RFC 7692 §6: an endpoint may send any message uncompressed; those do not touch the window.
#[test]
fn compressed_and_uncompressed_messages_mix() {
    let mut server = Endpoint::server();
    let mut deflater = deflater();
    for turn in 0..4 {
        server.gets(COMPRESSED_TEXT, deflate(&mut deflater, "the same words")).reads("the same words");
        server.gets(TEXT, "plain words").reads("plain words");
        server.gets(0x02, [turn]).gets(CONTINUES, "").gets(CONTINUATION_ENDS, [turn]).reads(vec![turn; 2]);
    }
}

#[test]
fn the_empty_message_is_one_byte_and_reads_as_empty() {
    let mut server = Endpoint::server();
    server.gets(COMPRESSED_TEXT, [0x00]).reads("");
    server.gets(COMPRESSED_BINARY, [0x00]).reads(vec![]);
    server.connection.send("".into()).unwrap();
    let frames = server.sends();
    assert_eq!(frames, [(COMPRESSED_TEXT, vec![0x00])]);
}

#[test]
fn a_bit_without_an_agreement_is_1002() {
    let connection = tidegate_proto::websocket::Connection::new(Side::Server, compress_all(), None, [7; 32]);
    let mut server = Endpoint::server();
    server.connection = connection;
    server.gets(COMPRESSED_TEXT, deflate(&mut deflater(), "Hello"));
    let failure = Failure::PeerMisbehaved(PeerMisbehaved::SetReservedBit);
    assert_eq!(server.event(), Some(Err(failure)));
}
