//! Any bytes from a peer: however they are cut, the same events and the same replies, within the limits.
#![no_main]

use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::deflate::{DeflateConfig, DeflateParams};
use tidegate_proto::websocket::{Config, Connection, Event, Failure, READ_BUFFER_BYTES, Side};

const MAX_MESSAGE: u64 = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let Some((&flags, rest)) = input.split_first() else { return };
    let Some((&cut, wire)) = rest.split_first() else { return };
    let whole = run(flags, wire, wire.len().max(1));
    let cut = run(flags, wire, usize::from(cut) + 1);
    // Output that was inflated before the corrupt byte came may itself break a rule, which is then told first.
    if let (true, Some(Err(_)), Some(Err(_))) = (flags & 2 != 0, cut.0.last(), whole.0.last()) {
        assert_eq!(cut.0[..cut.0.len() - 1], whole.0[..whole.0.len() - 1]);
    } else {
        assert_eq!(cut, whole);
    }
});

/// The events that `wire` holds, given in pieces of `step` bytes, and everything that is replied.
fn run(flags: u8, wire: &[u8], step: usize) -> (Vec<Result<Event, Failure>>, Vec<u8>) {
    let mut connection = connection(flags);
    let mut events = Vec::new();
    for mut piece in wire.chunks(step) {
        while !piece.is_empty() {
            let taken = connection.handle_input(piece);
            piece = &piece[taken..];
            assert!(connection.undecoded_bytes() <= READ_BUFFER_BYTES);
            let before = events.len();
            events.extend(std::iter::from_fn(|| connection.poll_event()));
            assert!(taken > 0 || events.len() > before, "stuck with {} bytes to come", piece.len());
        }
    }
    connection.handle_eof();
    events.extend(std::iter::from_fn(|| connection.poll_event()));
    judge(&events);
    let mut replies = Vec::new();
    while let Some(transmit) = connection.poll_transmit() {
        replies.extend_from_slice(transmit.chunk());
        transmit.advance(transmit.chunk().len());
    }
    (events, replies)
}

/// The last event, and no other, is a Close or an error; no message is longer than allowed.
fn judge(events: &[Result<Event, Failure>]) {
    let (last, messages) = events.split_last().expect("the end of the stream is an event");
    assert!(!matches!(last, Ok(Event::Message(_))), "nothing ends after {last:?}");
    for event in messages {
        let Ok(Event::Message(message)) = event else { panic!("{event:?} is not the last event") };
        assert!(message.len() as u64 <= MAX_MESSAGE);
    }
}

fn connection(flags: u8) -> Connection {
    let side = if flags & 1 == 0 { Side::Server } else { Side::Client };
    let deflate = (flags & 2 != 0).then_some(DeflateParams {
        server_no_context_takeover: flags & 4 != 0,
        client_no_context_takeover: flags & 4 != 0,
        server_max_window_bits: 8 + (flags >> 3) % 8,
        client_max_window_bits: 8 + (flags >> 3) % 8,
    });
    let config = Config::default()
        .max_frame_bytes(MAX_MESSAGE)
        .max_message_bytes(MAX_MESSAGE)
        .max_fragments(100)
        .deflate(deflate.map(|_| DeflateConfig::default()));
    Connection::new(side, config, deflate, [7; 32])
}
