//! RFC 6455 §10.4: implementation-specific limits.

use tidegate_proto::websocket::{Config, Message, PeerMisbehaved, READ_BUFFER_BYTES, Side};

use crate::peer::{Endpoint, masked};

#[test]
fn a_frame_over_the_limit_is_1009_at_its_header() {
    let mut server = Endpoint::new(Side::Server, Config::default().max_frame_bytes(1000));
    server.gets(masked(0x82, [0; 1000])).reads(vec![0; 1000]);
    server.gets(&masked(0x82, [0; 1001])[..8]);
    server.fails(PeerMisbehaved::ExceededFrameLimit { len: 1001, limit: 1000 });
}

#[test]
fn a_message_over_the_limit_is_1009_in_one_frame_or_many() {
    let config = Config::default().max_message_bytes(1000);
    let mut server = Endpoint::new(Side::Server, config.clone());
    server.gets(masked(0x81, [b'a'; 1000]));
    assert!(matches!(server.event(), Some(Ok(_))));
    server.gets(&masked(0x81, [b'a'; 1001])[..8]);
    server.fails(PeerMisbehaved::ExceededMessageLimit { limit: 1000 });

    let mut server = Endpoint::new(Side::Server, config);
    server.gets(masked(0x01, [b'a'; 600])).reads_nothing();
    server.gets(&masked(0x80, [b'a'; 385])[..8]);
    server.fails(PeerMisbehaved::ExceededMessageLimit { limit: 1000 });
}

#[test]
fn no_more_is_taken_than_the_read_buffer_holds() {
    let mut server = Endpoint::server();
    let wire = masked(0x82, [1; 10]).repeat(10_000);
    let mut offset = 0;
    let mut read = 0;
    while offset < wire.len() {
        offset += server.connection.handle_input(&wire[offset..]);
        assert!(server.connection.undecoded_bytes() <= READ_BUFFER_BYTES);
        while let Some(event) = server.event() {
            event.unwrap();
            read += 1;
            if read % 100 == 0 {
                break;
            }
        }
    }
    while let Some(event) = server.event() {
        event.unwrap();
        read += 1;
    }
    assert_eq!(read, 10_000);
}

#[test]
fn a_lent_buffer_comes_back_when_little_waits_in_it() {
    let mut server = Endpoint::server();
    server.connection.lend_buffer(Vec::with_capacity(READ_BUFFER_BYTES));
    let wire = masked(0x81, "hello");
    server.connection.input_buffer().extend_from_slice(&wire);
    server.connection.input_buffer().extend_from_slice(&wire[..3]);
    server.reads("hello");
    let buffer = server.connection.reclaim_buffer().expect("three bytes do not keep a buffer");
    assert_eq!(buffer.capacity(), READ_BUFFER_BYTES);
    assert!(server.connection.reclaim_buffer().is_none());
    server.connection.lend_buffer(buffer);
    server.connection.input_buffer().extend_from_slice(&wire[3..]);
    server.reads("hello").reads_nothing();
}

#[test]
fn large_payloads_are_never_copied_on_their_way_out() {
    let payload = bytes::Bytes::from(vec![5; 100_000]);
    let mut server = Endpoint::server();
    server.connection.send(Message::Binary(payload.clone())).unwrap();
    let transmit = server.connection.poll_transmit().unwrap();
    let mut slices = [std::io::IoSlice::new(&[]); 4];
    assert_eq!(bytes::Buf::chunks_vectored(transmit, &mut slices), 2);
    assert_eq!(slices[1].as_ptr(), payload.as_ptr());
}
