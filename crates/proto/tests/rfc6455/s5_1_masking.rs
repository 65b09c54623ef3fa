//! RFC 6455 §5.1: a client masks every frame, a server none.

use tidegate_proto::websocket::{PeerMisbehaved, Side};

use crate::peer::{Endpoint, masked, plain};

#[test]
fn a_server_fails_the_connection_on_an_unmasked_frame_of_any_kind() {
    for first in [0x81, 0x82, 0x01, 0x89, 0x8a, 0x88] {
        let mut server = Endpoint::server();
        server.gets(plain(first, ""));
        server.fails(PeerMisbehaved::SentUnmaskedFrame);
    }
}

#[test]
fn a_client_fails_the_connection_on_a_masked_frame_of_any_kind() {
    for first in [0x81, 0x82, 0x01, 0x89, 0x8a, 0x88] {
        let mut client = Endpoint::client();
        client.gets(masked(first, ""));
        client.fails(PeerMisbehaved::SentMaskedFrame);
    }
}

#[test]
fn a_server_sends_unmasked_frames() {
    let mut server = Endpoint::server();
    server.connection.send("hi".into()).unwrap();
    assert_eq!(server.sends(), b"\x81\x02hi");
}

#[test]
fn a_client_draws_a_new_key_for_each_frame() {
    let mut client = Endpoint::client();
    let mut keys = std::collections::HashSet::new();
    for _ in 0..100 {
        client.connection.send("hi".into()).unwrap();
        let transmit = client.connection.poll_transmit().unwrap();
        let frame = bytes::Buf::copy_to_bytes(transmit, 8);
        assert_eq!(frame[1], 0x82);
        keys.insert(frame[2..6].to_vec());
    }
    assert!(keys.len() > 98, "keys repeat: {}", keys.len());
}

#[test]
fn the_keys_come_from_the_seed_alone() {
    let run = |seed| {
        let config = tidegate_proto::websocket::Config::default();
        let mut client = tidegate_proto::websocket::Connection::new(Side::Client, config, None, seed);
        client.send("hi".into()).unwrap();
        let transmit = client.poll_transmit().unwrap();
        bytes::Buf::copy_to_bytes(transmit, 8)
    };
    assert_eq!(run([1; 32]), run([1; 32]));
    assert_ne!(run([1; 32]), run([2; 32]));
}
