//! RFC 7692 §7.2: compressed messages on a connection, what they may refer back to, and what happens to bad ones.

use tidegate_proto::websocket::deflate::{DeflateParams, Deflater, Inflater};
use tidegate_proto::websocket::{Config, Event, Failure, PeerMisbehaved, Side};

use crate::peer::{Endpoint, UNLIMITED, compress_all, deflate, deflater, inflate, noise};

const COMPRESSED_TEXT: u8 = 0xc1;
const COMPRESSED_TEXT_BEGINS: u8 = 0x41;
const COMPRESSED_BINARY: u8 = 0xc2;
const COMPRESSED_BINARY_BEGINS: u8 = 0x42;
const CONTINUES: u8 = 0x00;
const CONTINUATION_ENDS: u8 = 0x80;

/// RFC 7692 §7.2.3.2: "Hello" again, by reference to the message before.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

fn takeover(server_forgets: bool, client_forgets: bool) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: server_forgets,
        client_no_context_takeover: client_forgets,
        ..UNLIMITED
    }
}

fn limited(bytes: u64) -> Endpoint {
    Endpoint::new(Side::Server, compress_all().max_message_bytes(bytes), UNLIMITED)
}

#[test]
fn a_message_may_refer_to_the_one_before_unless_its_sender_promised_not_to() {
    for (server_forgets, client_forgets) in [(false, false), (false, true), (true, false), (true, true)] {
        let params = takeover(server_forgets, client_forgets);
        for (side, peer_forgets) in [(Side::Server, client_forgets), (Side::Client, server_forgets)] {
            let mut endpoint = Endpoint::new(side, compress_all(), params);
            endpoint.gets(COMPRESSED_TEXT, HELLO).reads("Hello").gets(COMPRESSED_TEXT, HELLO_AGAIN);
            if peer_forgets {
                endpoint.fails(PeerMisbehaved::SentCorruptDeflate);
            } else {
                endpoint.reads("Hello");
            }
        }
    }
}

#[test]
fn what_is_sent_keeps_the_promises_of_the_handshake() {
    let payload = noise(2000);
    for (server_forgets, client_forgets) in [(false, false), (false, true), (true, false), (true, true)] {
        let params = takeover(server_forgets, client_forgets);
        for (side, forgets) in [(Side::Server, server_forgets), (Side::Client, client_forgets)] {
            let mut endpoint = Endpoint::new(side, compress_all(), params);
            let mut inflater = Inflater::new(15, !forgets);
            for turn in 0..3 {
                endpoint.connection.send(payload.clone().into()).unwrap();
                let frames = endpoint.sends();
                let is_short = frames[0].1.len() < 100;
                assert_eq!(is_short, turn > 0 && !forgets, "{side:?} {params:?} turn {turn}");
                assert_eq!(inflate(&mut inflater, &frames[0].1).unwrap(), payload);
            }
        }
    }
}

#[test]
fn what_is_sent_keeps_to_the_window_that_was_agreed() {
    // The same noise at a distance that only a larger window reaches back to.
    let payload = [noise(700), noise(700)].concat();
    for (bits, is_found) in [(9, false), (10, true), (15, true)] {
        let params = DeflateParams { server_max_window_bits: bits, ..UNLIMITED };
        let mut server = Endpoint::new(Side::Server, compress_all(), params);
        server.connection.send(payload.clone().into()).unwrap();
        let compressed = server.sends().remove(0).1;
        assert_eq!(compressed.len() < 1000, is_found, "{bits} bits: {}", compressed.len());
        assert_eq!(inflate(&mut Inflater::new(bits, true), &compressed).unwrap(), payload);
    }
}

/// A peer that breaks its promise of a small window reads as it meant, or is told 1007; never as something else.
#[test]
fn a_peer_that_breaks_its_window_never_reads_wrong() {
    let params = DeflateParams { client_max_window_bits: 9, ..UNLIMITED };
    let payload = noise(3000);
    for parks in [false, true] {
        let mut server = Endpoint::new(Side::Server, compress_all(), params);
        let mut liar = deflater();
        for _ in 0..3 {
            server.gets(COMPRESSED_BINARY, deflate(&mut liar, &payload));
            match server.event() {
                Some(Ok(Event::Message(message))) => assert_eq!(message.as_bytes(), payload),
                failed => {
                    let corrupt = PeerMisbehaved::SentCorruptDeflate;
                    assert_eq!(failed, Some(Err(Failure::PeerMisbehaved(corrupt))));
                    break;
                }
            }
            if parks {
                server.connection.park();
            }
        }
    }
}

#[test]
fn parking_between_messages_changes_nothing_on_the_wire() {
    let (mut parked, mut busy) = (Endpoint::server(), Endpoint::server());
    let mut peer = deflater();
    let mut inflater = Inflater::new(15, true);
    for turn in 0..5_u8 {
        let payload = [noise(500), vec![turn; 500]].concat();
        let compressed = deflate(&mut peer, &payload);
        for endpoint in [&mut parked, &mut busy] {
            endpoint.gets(COMPRESSED_BINARY, &compressed).reads(payload.clone());
            endpoint.connection.send(payload.clone().into()).unwrap();
        }
        let (from_parked, from_busy) = (parked.sends(), busy.sends());
        assert_eq!(inflate(&mut inflater, &from_parked[0].1).unwrap(), payload);
        assert!(turn == 0 || from_parked[0].1.len() < 300, "the window outlives the parking");
        assert!(turn == 0 || from_busy[0].1.len() < 300);
        parked.connection.park();
    }
}

#[test]
fn parking_within_a_message_does_no_harm() {
    let payload = noise(1000);
    let compressed = deflate(&mut deflater(), &payload);
    let mut server = Endpoint::server();
    server.gets(COMPRESSED_BINARY_BEGINS, &compressed[..400]).reads_nothing();
    server.connection.park();
    server.gets(CONTINUES, &compressed[400..800]).reads_nothing();
    server.connection.park();
    server.gets(CONTINUATION_ENDS, &compressed[800..]).reads(payload);
}

#[test]
fn corrupt_data_is_1007_at_its_first_bad_byte() {
    // A block of the reserved type 3; and a reference to before the beginning.
    for corrupt in [&[0x07][..], &HELLO_AGAIN[..4], b"\xff\xff\xff\xff"] {
        for first in [COMPRESSED_TEXT, COMPRESSED_BINARY, COMPRESSED_TEXT_BEGINS] {
            let mut server = Endpoint::server();
            server.gets(first, corrupt).fails(PeerMisbehaved::SentCorruptDeflate);
        }
    }
}

#[test]
fn a_message_that_is_cut_off_is_1007() {
    // One byte of a stored block, or all but the last byte, are whole messages once the tail is put back.
    let stored = deflate(&mut deflater(), noise(100));
    for (message, cuts) in [(&HELLO[..], 1..6), (&stored, 2..stored.len() - 1)] {
        for cut in cuts {
            let mut server = Endpoint::server();
            server.gets(COMPRESSED_BINARY, &message[..cut]).fails(PeerMisbehaved::SentCorruptDeflate);
        }
    }
}

/// RFC 7692 §7.2.1 has the sender remove the tail; one that leaves it in sends another empty block, cut off.
#[test]
fn a_tail_left_in_is_1007_or_harmless() {
    let mut server = Endpoint::server();
    server.gets(COMPRESSED_TEXT, [&HELLO[..], &[0x00, 0x00, 0xff, 0xff]].concat());
    match server.event() {
        Some(Ok(Event::Message(message))) => assert_eq!(message.as_text(), Some("Hello")),
        failed => {
            let corrupt = PeerMisbehaved::SentCorruptDeflate;
            assert_eq!(failed, Some(Err(Failure::PeerMisbehaved(corrupt))));
        }
    }
}

#[test]
fn after_corrupt_data_nothing_is_read_any_more() {
    let mut server = Endpoint::server();
    server.gets(COMPRESSED_TEXT, [0x07]).fails(PeerMisbehaved::SentCorruptDeflate);
    server.gets(COMPRESSED_TEXT, HELLO).gets(0x81, "Hello").reads_nothing();
}

#[test]
fn text_is_checked_after_inflating_at_the_first_bad_byte() {
    let mut server = Endpoint::server();
    let compressed = deflate(&mut deflater(), [&b"good "[..], &b"\xff"[..], &noise(500)].concat());
    // All but the last byte is here, and no FIN.
    server.gets(COMPRESSED_TEXT_BEGINS, &compressed[..compressed.len() - 1]);
    server.fails(PeerMisbehaved::SentInvalidUtf8);
}

#[test]
fn a_character_may_be_cut_between_compressed_fragments() {
    let mut server = Endpoint::server();
    let mut peer = deflater();
    let (mut begin, mut end) = (Vec::new(), Vec::new());
    peer.deflate_part(b"caf\xc3", false, &mut begin);
    peer.deflate_part(b"\xa9", true, &mut end);
    server.gets(COMPRESSED_TEXT_BEGINS, begin).reads_nothing();
    server.gets(CONTINUATION_ENDS, end).reads("café");

    server.gets(COMPRESSED_TEXT, deflate(&mut peer, b"cut off \xc3"));
    server.fails(PeerMisbehaved::SentInvalidUtf8);
}

#[test]
fn the_message_limit_counts_what_comes_out() {
    let mut server = limited(100_000);
    let mut peer = deflater();
    server.gets(COMPRESSED_BINARY, deflate(&mut peer, vec![0; 100_000])).reads(vec![0; 100_000]);
    server.gets(COMPRESSED_BINARY, deflate(&mut peer, vec![0; 100_001]));
    server.fails(PeerMisbehaved::ExceededMessageLimit { limit: 100_000 });
}

#[test]
fn the_message_limit_counts_all_fragments_together() {
    let mut server = limited(1000);
    let mut peer = deflater();
    let mut part = Vec::new();
    peer.deflate_part(&[1; 600], false, &mut part);
    server.gets(COMPRESSED_BINARY_BEGINS, &part).reads_nothing();
    part.clear();
    peer.deflate_part(&[1; 600], true, &mut part);
    server.gets(CONTINUATION_ENDS, &part).fails(PeerMisbehaved::ExceededMessageLimit { limit: 1000 });
}

#[test]
fn a_bomb_is_1009_long_before_its_end() {
    // 64 MiB of zeros in 64 KiB; what has come when the limit is passed is a thousandth of it.
    let bomb = deflate(&mut deflater(), vec![0; 64 << 20]);
    assert!(bomb.len() < 80_000, "{}", bomb.len());
    let mut server = limited(1 << 20);
    let mut fed = 0;
    for (index, piece) in bomb.chunks(256).enumerate() {
        fed += piece.len();
        server.gets(if index == 0 { COMPRESSED_BINARY_BEGINS } else { CONTINUES }, piece);
        match server.event() {
            None => {}
            failed => {
                let limit = PeerMisbehaved::ExceededMessageLimit { limit: 1 << 20 };
                assert_eq!(failed, Some(Err(Failure::PeerMisbehaved(limit))));
                break;
            }
        }
    }
    assert!(fed < 4096, "{fed} of {} bytes were taken", bomb.len());
}

/// Empty blocks inflate to nothing at all, so only what comes in can be counted.
#[test]
fn blocks_that_inflate_to_nothing_have_an_end_too() {
    let mut server = limited(10_000);
    let empty_blocks = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(200);
    server.gets(COMPRESSED_BINARY_BEGINS, &empty_blocks).reads_nothing();
    for _ in 0..100 {
        server.gets(CONTINUES, &empty_blocks);
        match server.event() {
            None => {}
            failed => {
                let limit = PeerMisbehaved::ExceededMessageLimit { limit: 10_000 };
                assert_eq!(failed, Some(Err(Failure::PeerMisbehaved(limit))));
                return;
            }
        }
    }
    panic!("100 KB of empty blocks were taken under a limit of 10 KB");
}

#[test]
fn compressed_fragments_are_counted_like_any() {
    let config = compress_all().max_fragments(3);
    let mut server = Endpoint::new(Side::Server, config, UNLIMITED);
    server.gets(COMPRESSED_TEXT_BEGINS, "").gets(CONTINUES, "").gets(CONTINUES, "").reads_nothing();
    server.gets(CONTINUATION_ENDS, HELLO).fails(PeerMisbehaved::ExceededFragmentLimit { limit: 3 });
}

#[test]
fn both_ends_of_ours_understand_each_other_over_any_parameters() {
    for bits in 9..=15 {
        for forgets in [false, true] {
            let params = DeflateParams {
                server_no_context_takeover: forgets,
                client_no_context_takeover: forgets,
                server_max_window_bits: bits,
                client_max_window_bits: 24 - bits,
            };
            let config = Config::default().fragment_bytes(700);
            let mut server = Endpoint::new(Side::Server, config.clone(), params);
            let mut client = Endpoint::new(Side::Client, config, params);
            for turn in 0..6 {
                let payload = [noise(3000), vec![turn; 3000]].concat();
                carry(&mut server, &mut client, &payload);
                carry(&mut client, &mut server, &payload);
            }
        }
    }
}

fn carry(from: &mut Endpoint, to: &mut Endpoint, payload: &[u8]) {
    from.connection.send(payload.into()).expect("it is open");
    from.connection.park();
    for (first, frame) in from.sends() {
        to.gets(first, frame);
    }
    to.reads(payload);
}

#[test]
fn a_deflater_of_eight_bits_reads_back() {
    // The smallest window of RFC 7692 §7.1.2.2, which zlib has not: runs of one byte alone are found.
    let params = DeflateParams { client_max_window_bits: 8, ..UNLIMITED };
    let mut server = Endpoint::new(Side::Server, compress_all(), params);
    let mut peer = Deflater::new(8, true, 6, 8);
    for payload in [noise(1000), vec![3; 1000], noise(1000)] {
        server.gets(COMPRESSED_BINARY, deflate(&mut peer, &payload)).reads(payload);
    }
}
