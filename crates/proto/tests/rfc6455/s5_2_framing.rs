//! RFC 6455 §5.2: the base framing protocol.

use tidegate_proto::websocket::{Config, PeerMisbehaved, Side};

use crate::peer::{Endpoint, masked, plain};

#[test]
fn each_length_has_its_form_both_ways() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let mut server = Endpoint::server();
        server.connection.send(payload.clone().into()).unwrap();
        let sent = server.sends();
        assert_eq!(sent, plain(0x82, &payload), "length {len}");
        let mut client = Endpoint::client();
        for chunk in sent.chunks(60_000) {
            client.gets(chunk);
            if chunk.len() == 60_000 {
                client.reads_nothing();
            }
        }
        client.reads(payload).reads_nothing();
    }
}

#[test]
fn any_chunking_of_the_bytes_gives_the_same_messages() {
    let wire = [
        masked(0x81, "one"),
        masked(0x02, "tw"),
        masked(0x89, "p"),
        masked(0x80, "o"),
        masked(0x82, [7; 300]),
    ]
    .concat();
    for size in 1..wire.len() {
        let mut server = Endpoint::server();
        let mut messages = Vec::new();
        for chunk in wire.chunks(size) {
            server.gets(chunk);
            while let Some(event) = server.event() {
                messages.push(event.unwrap());
            }
        }
        assert_eq!(messages.len(), 3, "chunks of {size}");
        assert_eq!(server.sends(), plain(0x8a, "p"), "chunks of {size}");
    }
}

#[test]
fn reserved_bits_fail_the_connection() {
    for rsv in [0x10, 0x20, 0x40, 0x70] {
        for opcode in [0x01, 0x02, 0x08, 0x09, 0x0a] {
            let mut server = Endpoint::server();
            server.gets(masked(0x80 | rsv | opcode, ""));
            server.fails(PeerMisbehaved::SetReservedBit);
        }
    }
}

#[test]
fn reserved_opcodes_fail_the_connection_at_their_first_byte() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let mut server = Endpoint::server();
        server.gets([0x80 | opcode]);
        server.fails(PeerMisbehaved::SentReservedOpcode(opcode));
    }
}

#[test]
fn a_length_not_in_its_shortest_form_fails_the_connection() {
    let long_forms: [&[u8]; 4] = [
        &[0x82, 0xfe, 0, 0],
        &[0x82, 0xfe, 0, 125],
        &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
    ];
    for header in long_forms {
        let mut server = Endpoint::server();
        server.gets(header);
        server.fails(PeerMisbehaved::SentNonMinimalLength);
    }
}

#[test]
fn a_length_with_the_top_bit_set_fails_the_connection() {
    let mut server = Endpoint::server();
    server.gets([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    server.fails(PeerMisbehaved::SentLengthWithTopBit);
}

#[test]
fn the_largest_length_there_is_costs_nothing_but_the_connection() {
    let config = Config::default().max_frame_bytes(u64::MAX).max_message_bytes(1 << 20);
    let mut server = Endpoint::new(Side::Server, config);
    server.gets([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]);
    server.fails(PeerMisbehaved::ExceededMessageLimit { limit: 1 << 20 });
}

#[test]
fn a_message_of_limit_size_passes_however_it_is_chunked() {
    let payload = vec![9; 200_000];
    let mut server = Endpoint::server();
    for chunk in masked(0x82, &payload).chunks(1000) {
        server.reads_nothing().gets(chunk);
    }
    server.reads(payload);
}
