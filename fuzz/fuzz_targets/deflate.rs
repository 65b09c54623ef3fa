//! What is deflated inflates to the same, and no input makes the inflater panic or outgrow its limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::PeerMisbehaved;
use tidegate_proto::websocket::deflate::{Deflater, Inflater};

const LIMIT: usize = 256 * 1024;

/// The longest slice that a sink is given.
const SLICE: usize = 16 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[shape, options, cut], rest)) = bytes.split_first_chunk::<3>() else { return };
    let shape = Shape {
        window_bits: 8 + shape % 8,
        takeover: options & 1 != 0,
        parks: options & 2 != 0,
        level: 1 + (options >> 2) % 9,
        mem_level: 1 + (shape >> 3) % 9,
        cut: usize::from(cut) + 1,
    };
    round_trip(&shape, rest);
    hostile(&shape, rest);
});

struct Shape {
    window_bits: u8,
    takeover: bool,
    parks: bool,
    level: u8,
    mem_level: u8,
    cut: usize,
}

/// Several messages, in parts, each inflated as it arrives.
fn round_trip(shape: &Shape, bytes: &[u8]) {
    let mut deflater = Deflater::new(shape.window_bits, shape.takeover, shape.level, shape.mem_level);
    let mut inflater = Inflater::new(shape.window_bits, shape.takeover);
    for message in bytes.split(|byte| *byte == 0xFF) {
        let mut compressed = Vec::new();
        let mut parts = message.chunks(shape.cut).peekable();
        while let Some(part) = parts.next() {
            deflater.deflate_part(part, parts.peek().is_none(), &mut compressed);
        }
        if message.is_empty() {
            deflater.deflate(message, &mut compressed);
        }
        let mut inflated = Vec::new();
        for piece in compressed.chunks(shape.cut) {
            let sink = &mut |slice: &[u8]| {
                inflated.extend_from_slice(slice);
                Ok(())
            };
            inflater.inflate(piece, sink).expect("what was deflated inflates");
        }
        inflater.finish_message().expect("the message is whole");
        assert_eq!(inflated, message);
        if shape.parks {
            deflater.park();
            inflater.park();
        }
    }
}

/// Any bytes as messages. A sink that has said no is never called again.
fn hostile(shape: &Shape, bytes: &[u8]) {
    let mut inflater = Inflater::new(shape.window_bits, shape.takeover);
    for message in bytes.split(|byte| *byte == 0xFE) {
        let mut len = 0;
        let mut full = false;
        for piece in message.chunks(shape.cut) {
            let sink = &mut |slice: &[u8]| {
                assert!(!full && slice.len() <= SLICE);
                len += slice.len();
                full = len > LIMIT;
                if full { Err(PeerMisbehaved::SentLongControlFrame) } else { Ok(()) }
            };
            if inflater.inflate(piece, sink).is_err() {
                assert!(inflater.inflate(b"a", &mut |_| panic!("called after an error")).is_err());
                return;
            }
        }
        if inflater.finish_message().is_err() {
            return;
        }
        if shape.parks {
            inflater.park();
        }
    }
}
