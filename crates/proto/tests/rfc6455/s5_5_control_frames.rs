//! RFC 6455 §5.5: control frames.

use tidegate_proto::websocket::{ApiMisuse, PeerMisbehaved};

use crate::peer::{Endpoint, close, masked, plain};

#[test]
fn a_fragmented_control_frame_fails_the_connection_at_its_first_byte() {
    for first in [0x08, 0x09, 0x0a] {
        let mut server = Endpoint::server();
        server.gets([first]);
        server.fails(PeerMisbehaved::SentFragmentedControlFrame);
    }
}

#[test]
fn a_control_frame_over_125_bytes_fails_the_connection_at_its_second_byte() {
    for first in [0x88, 0x89, 0x8a] {
        for second in [0xfe, 0xff] {
            let mut server = Endpoint::server();
            server.gets([first, second]);
            server.fails(PeerMisbehaved::SentLongControlFrame);
        }
    }
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let mut server = Endpoint::server();
    for payload in [&b""[..], b"ping", &[0xff; 125]] {
        server.gets(masked(0x89, payload)).reads_nothing();
        assert_eq!(server.sends(), plain(0x8a, payload));
    }
    let mut client = Endpoint::client();
    client.gets(plain(0x89, "to the client")).reads_nothing();
    assert_eq!(client.sends(), plain(0x8a, "to the client"));
}

#[test]
fn a_pong_nobody_asked_for_is_ignored() {
    let mut server = Endpoint::server();
    server.gets(masked(0x8a, "why")).gets(masked(0x81, "on")).reads("on");
    assert_eq!(server.sends(), b"");
}

#[test]
fn a_ping_behind_unread_messages_waits_and_nothing_is_decoded_before_it_is_asked_for() {
    let mut server = Endpoint::server();
    server.gets(masked(0x81, "1")).gets(masked(0x89, "p"));
    assert_eq!(server.sends(), b"");
    server.reads("1").reads_nothing();
    assert_eq!(server.sends(), plain(0x8a, "p"));
}

/// RUSTSEC-2020-0043, and what three of today's libraries still do: hold a pong for every ping of a peer that never
/// reads.
#[test]
fn a_flood_of_pings_from_a_peer_that_never_reads_costs_a_constant() {
    let mut server = Endpoint::server();
    for index in 0..100_000u32 {
        server.gets(masked(0x89, index.to_be_bytes())).reads_nothing();
        assert!(server.connection.queued_bytes() <= 4096 + 127, "{} bytes", server.connection.queued_bytes());
    }
    let pongs = server.sends();
    // The newest ping is the one that must be answered (§5.5.3).
    assert_eq!(pongs[pongs.len() - 4..], 99_999u32.to_be_bytes());
    assert_eq!(server.sends(), b"");
}

#[test]
fn pings_go_on_being_answered_while_messages_keep_the_queue_full() {
    let mut server = Endpoint::server();
    let mut pongs = 0;
    for _ in 0..1000 {
        server.connection.send(vec![0; 1000].into()).unwrap();
        server.connection.send(vec![0; 1000].into()).unwrap();
        server.gets(masked(0x89, [5; 100])).reads_nothing();
        // A transport that takes a part, so that the queue is never empty.
        let transmit = server.connection.poll_transmit().unwrap();
        let part = bytes::Buf::remaining(transmit) - 500;
        let sent = bytes::Buf::copy_to_bytes(transmit, part);
        pongs += sent.windows(2).filter(|pair| pair == b"\x8a\x64").count();
    }
    assert!(pongs > 900, "{pongs} of 1000");
}

#[test]
fn pings_can_be_sent_while_open() {
    let mut server = Endpoint::server();
    server.connection.ping(b"there?").unwrap();
    assert_eq!(server.sends(), plain(0x89, "there?"));
    assert_eq!(server.connection.ping(&[0; 126]), Err(ApiMisuse::LongControlPayload(126)));
    server.gets(close(1000, "")).reads_close(1000, "");
    assert_eq!(server.connection.ping(b""), Err(ApiMisuse::SendAfterClose));
}

#[test]
fn only_the_answer_to_a_ping_tells_that_what_was_sent_before_it_has_been_read() {
    let mut server = Endpoint::server();
    server.connection.send("12345678".into()).unwrap();
    server.connection.ping(b"mark").unwrap();
    server.connection.send("9".into()).unwrap();
    server.sends();
    // Payload, and 32 bytes a message: what the peer may have to hold.
    assert_eq!(server.connection.unanswered_bytes(), 8 + 32 + 1 + 32);
    server.gets(masked(0x81, "hi")).reads("hi").gets(masked(0x8a, "other")).reads_nothing();
    assert_eq!(server.connection.unanswered_bytes(), 8 + 32 + 1 + 32);
    server.gets(masked(0x8a, "mark")).reads_nothing();
    assert_eq!(server.connection.unanswered_bytes(), 1 + 32);
}
