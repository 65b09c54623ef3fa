//! A peer's bytes into a connection: whatever they are, in whatever pieces they come, the same comes out of them, and
//! nothing that waits passes its limit.
#![no_main]

mod common;

use bytes::Buf;
use common::Choices;
use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::deflate::{DeflateConfig, DeflateParams};
use tidegate_proto::websocket::{Config, Connection, Event, Failure, Phase, READ_BUFFER_BYTES, Side};

type Events = Vec<Result<Event, Failure>>;

/// Pongs, one pong beyond their limit, and a Close: all that a connection may queue by itself.
const MAX_REPLY_BYTES: usize = 4096 + 127 + 127;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let flags = choices.byte();
    let step = usize::from(choices.byte());
    let wire = choices.rest();
    let whole = events(flags, wire, READ_BUFFER_BYTES);
    let pieces = events(flags, wire, step.max(1));
    let is_compressed = flags & 2 != 0;
    same(&whole, &pieces, is_compressed);
});

/// Of several rules that one piece of compressed data breaks, which is seen first depends on the pieces.
#[track_caller]
fn same(whole: &Events, pieces: &Events, is_compressed: bool) {
    let failed = |event: Option<&Result<Event, Failure>>| matches!(event, Some(Err(_)));
    if is_compressed && failed(whole.last()) && failed(pieces.last()) {
        assert_eq!(whole[..whole.len() - 1], pieces[..pieces.len() - 1]);
    } else {
        assert_eq!(whole, pieces);
    }
}

fn connection(flags: u8) -> Connection {
    let side = if flags & 1 == 0 { Side::Server } else { Side::Client };
    let params = DeflateParams {
        server_no_context_takeover: flags & 4 != 0,
        client_no_context_takeover: flags & 4 != 0,
        server_max_window_bits: if flags & 8 == 0 { 15 } else { 9 },
        client_max_window_bits: if flags & 8 == 0 { 15 } else { 9 },
    };
    let mut config = Config::default().deflate(Some(DeflateConfig::default()));
    if flags & 16 != 0 {
        config = config.max_frame_bytes(1000).max_message_bytes(1000).max_fragments(8);
    }
    Connection::new(side, config, (flags & 2 != 0).then_some(params), [3; 32])
}

/// All that comes of `wire` in pieces of `step` bytes, with the invariants looked at on the way.
fn events(flags: u8, mut wire: &[u8], step: usize) -> Events {
    let mut connection = connection(flags);
    let mut events = Events::new();
    let mut turn = 0_usize;
    while !wire.is_empty() {
        let piece = &wire[..step.min(wire.len())];
        let room = READ_BUFFER_BYTES - connection.undecoded_bytes();
        let taken = connection.handle_input(piece);
        assert!(taken <= piece.len());
        if matches!(connection.phase(), Phase::Open | Phase::Closing) {
            assert_eq!(taken, piece.len().min(room));
        }
        wire = &wire[taken..];
        poll(&mut connection, &mut events);
        turn += 1;
        // A transport that takes little, and a pause now and then, change nothing.
        if let Some(transmit) = connection.poll_transmit() {
            transmit.advance(transmit.remaining().min(turn % 7));
        }
        if flags & 32 != 0 && turn % 5 == 0 {
            connection.park();
        }
    }
    connection.handle_eof();
    poll(&mut connection, &mut events);
    assert_ne!(connection.phase(), Phase::Open, "the stream has ended");
    events
}

fn poll(connection: &mut Connection, events: &mut Events) {
    while let Some(event) = connection.poll_event() {
        let is_end = !matches!(event, Ok(Event::Message(_)));
        let is_lost = matches!(event, Err(Failure::Lost));
        events.push(event);
        assert!(connection.queued_bytes() <= MAX_REPLY_BYTES, "{} bytes", connection.queued_bytes());
        if is_end {
            assert!(connection.poll_event().is_none(), "nothing comes behind the end");
            assert!(!matches!(connection.phase(), Phase::Open | Phase::Closing));
            assert!(is_lost || connection.undecoded_bytes() == 0, "what comes behind the end is dropped");
            return;
        }
    }
    // What is left is part of a header or of a control frame.
    assert!(connection.undecoded_bytes() < 14 + 125);
    assert!(connection.queued_bytes() <= MAX_REPLY_BYTES);
}
