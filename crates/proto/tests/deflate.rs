//! permessage-deflate's codec against RFC 7692 §7.2, against zlib-rs itself, and against itself when parked.

use tidegate_proto::websocket::PeerMisbehaved;
use tidegate_proto::websocket::deflate::{Deflater, Inflater};

/// The messages of RFC 7692 §7.2.3 that say "Hello", each alone on its connection.
const HELLO: &[(&str, &[u8])] = &[
    ("§7.2.3.1 one block", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
    ("§7.2.3.3 no compression", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
    ("§7.2.3.4 final block", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
    ("§7.2.3.5 two blocks", &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]),
    // Not in the RFC: a sender that leaves out the empty block behind its final one.
    ("final block alone", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
    ("two final blocks", &[0xf3, 0x48, 0x05, 0x00, 0xcb, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
];

#[test]
fn examples_of_the_rfc() {
    for &(section, message) in HELLO {
        for takeover in [true, false] {
            let mut inflater = Inflater::new(15, takeover);
            for turn in 0..3 {
                assert_eq!(inflate(&mut inflater, message).unwrap(), b"Hello", "{section}, turn {turn}");
            }
        }
    }
}

#[test]
fn examples_of_the_rfc_cut_anywhere() {
    for &(section, message) in HELLO {
        for first in 0..=message.len() {
            for second in first..=message.len() {
                let mut inflater = Inflater::new(15, true);
                let pieces = [&message[..first], &message[first..second], &message[second..]];
                let hello = inflate_pieces(&mut inflater, pieces).unwrap();
                assert_eq!(hello, b"Hello", "{section} cut at {first}, {second}");
                assert_eq!(inflate(&mut inflater, message).unwrap(), b"Hello");
            }
        }
    }
}

#[test]
fn window_shared_by_messages() {
    // RFC 7692 §7.2.3.2.
    let mut inflater = Inflater::new(15, true);
    assert_eq!(inflate(&mut inflater, HELLO[0].1).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &[0xf2, 0x00, 0x11, 0x00, 0x00]).unwrap(), b"Hello");
    inflater.park();
    assert_eq!(inflate(&mut inflater, &[0xf2, 0x00, 0x11, 0x00, 0x00]).unwrap(), b"Hello");

    let mut forgetful = Inflater::new(15, false);
    assert_eq!(inflate(&mut forgetful, HELLO[0].1).unwrap(), b"Hello");
    let refused = inflate(&mut forgetful, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(refused, Err(PeerMisbehaved::SentCorruptDeflate));
}

#[test]
fn window_shared_across_a_final_block() {
    for takeover in [true, false] {
        let mut inflater = Inflater::new(15, takeover);
        let hello_twice: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(inflate(&mut inflater, hello_twice).unwrap(), b"HelloHello");
    }
}

#[test]
fn an_empty_message_is_one_zero_byte() {
    // RFC 7692 §7.2.3.6.
    for takeover in [true, false] {
        let mut deflater = Deflater::new(15, takeover, 6, 8);
        let mut inflater = Inflater::new(15, takeover);
        for payload in [&b""[..], b"", b"text", b"", b"", b"text"] {
            let message = deflate(&mut deflater, payload);
            assert!(!payload.is_empty() || message == [0x00], "{message:x?}");
            assert_eq!(inflate(&mut inflater, &message).unwrap(), payload);
        }
        // Wrong by the letter, but there is only one thing that it can mean.
        assert_eq!(inflate(&mut inflater, &[]).unwrap(), b"");
        assert_eq!(inflate(&mut inflater, &deflate(&mut deflater, b"text")).unwrap(), b"text");
    }
}

#[test]
fn corrupt_data() {
    let cases: &[(&str, &[u8])] = &[
        ("reserved block type", &[0x07]),
        ("lengths that disagree", &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48]),
        ("back before the beginning", &[0xf2, 0x00, 0x11, 0x00, 0x00]),
        ("cut off inside a symbol", &[0xf2, 0x48, 0xcd]),
        ("cut off inside a stored block", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65]),
        ("cut off before the empty block", &[0x00, 0x01, 0x00, 0xfe, 0xff, 0x48]),
        ("tail left in", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff]),
        ("garbage behind a final block", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xff, 0xff, 0xff]),
        ("text", b"Hello"),
    ];
    for (case, message) in cases {
        let mut inflater = Inflater::new(15, true);
        assert_eq!(inflate(&mut inflater, message), Err(PeerMisbehaved::SentCorruptDeflate), "{case}");
        assert_eq!(
            inflate(&mut inflater, HELLO[0].1),
            Err(PeerMisbehaved::SentCorruptDeflate),
            "{case}: later"
        );
        assert_eq!(inflater.finish_message(), Err(PeerMisbehaved::SentCorruptDeflate), "{case}: later");
        assert!(inflater.memory() < 1024, "{case}");
    }
}

#[test]
fn noise_ends_and_never_panics() {
    for seed in 0..1500 {
        let mut random = Random(seed);
        let len = 1 + random.below(3000);
        let mut message = random.text(len);
        if random.below(2) == 0 {
            message = random.noise(message.len());
        } else {
            message = deflate(&mut Deflater::new(15, false, 6, 8), &message);
            for _ in 0..=random.below(4) {
                let at = random.below(message.len());
                message[at] ^= 1 << random.below(8);
            }
        }
        let mut given = 0;
        let mut sink = |bytes: &[u8]| {
            given += bytes.len();
            Ok(())
        };
        let mut inflater = Inflater::new(15, true);
        let result = inflater.inflate(&message, &mut sink).and_then(|()| inflater.finish_message());
        assert!(matches!(result, Ok(()) | Err(PeerMisbehaved::SentCorruptDeflate)), "seed {seed}");
        // DEFLATE gives at most 258 bytes for two bits.
        assert!(given <= message.len() * 1032, "seed {seed}: {given} bytes out of {}", message.len());
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    const LIMIT: usize = 1 << 20;
    const EXCEEDED: PeerMisbehaved = PeerMisbehaved::ExceededMessageLimit { limit: LIMIT as u64 };
    let mut deflater = Deflater::new(15, true, 6, 8);
    let mut bomb = Vec::new();
    for _ in 0..1024 {
        deflater.deflate_part(&[0; 1 << 20], false, &mut bomb);
    }
    deflater.deflate_part(&[], true, &mut bomb);
    assert!(bomb.len() < 2 << 20);

    let (mut given, mut calls_after_error) = (0, 0);
    let mut inflater = Inflater::new(15, true);
    let result = inflater.inflate(&bomb, &mut |bytes| {
        calls_after_error += usize::from(given > LIMIT);
        given += bytes.len();
        if given > LIMIT { Err(EXCEEDED) } else { Ok(()) }
    });
    assert_eq!(result, Err(EXCEEDED));
    assert!(given <= LIMIT + 16 * 1024, "{given}");
    assert_eq!(calls_after_error, 0);
    assert!(inflater.memory() < 1024);
}

#[test]
fn final_blocks_without_end_are_taken_one_by_one() {
    // Each pair is an empty final block, behind a window that is full.
    let mut inflater = Inflater::new(15, true);
    let filler = Random(1).noise(1 << 15);
    inflate(&mut inflater, &deflate(&mut Deflater::new(15, true, 1, 8), &filler)).unwrap();
    let message = [0x03, 0x00].repeat(20_000);
    assert_eq!(inflate(&mut inflater, &message).unwrap(), b"");
}

#[test]
fn round_trips() {
    for seed in 0..250 {
        let mut random = Random(seed);
        let (bits, takeover) = (8 + random.below(8) as u8, random.below(2) == 0);
        let (level, mem_level) = (1 + random.below(9) as u8, 1 + random.below(9) as u8);
        let case =
            format!("seed {seed}: {bits} bits, takeover {takeover}, level {level}, memory {mem_level}");
        let mut deflater = Deflater::new(bits, takeover, level, mem_level);
        let mut inflater = Inflater::new(bits, takeover);
        let mut reference = Reference::new(takeover);
        for _ in 0..6 {
            let payload = random.payload();
            let message = if random.below(3) == 0 {
                deflate_in_parts(&mut deflater, &payload, &mut random)
            } else {
                deflate(&mut deflater, &payload)
            };
            assert!(message.len() <= payload.len() + payload.len() / 8 + 64, "{case}: {}", message.len());
            assert!(reference.inflate(&message) == payload, "{case}: zlib-rs reads something else");
            let pieces = random.cut(&message);
            assert!(inflate_pieces(&mut inflater, pieces).as_ref() == Ok(&payload), "{case}");
        }
    }
}

#[test]
fn fragments_cut_at_every_byte() {
    let payload = br#"{"channel":"ticks","channel":"ticks","price":101.25}"#;
    for takeover in [true, false] {
        let mut deflater = Deflater::new(15, takeover, 6, 8);
        let mut inflater = Inflater::new(15, takeover);
        for cut in 0..=payload.len() {
            let mut message = Vec::new();
            deflater.deflate_part(&payload[..cut], false, &mut message);
            let behind = message.len();
            deflater.deflate_part(&payload[cut..], true, &mut message);
            let pieces = [&message[..behind], &message[behind..]];
            assert_eq!(inflate_pieces(&mut inflater, pieces).unwrap(), payload);
            for cut in 0..=message.len() {
                let mut fresh = Inflater::new(15, false);
                let pieces = [&message[..cut], &message[cut..]];
                let alone = inflate_pieces(&mut fresh, pieces);
                assert!(takeover || alone.unwrap() == payload, "cut at {cut}");
            }
        }
    }
}

#[test]
fn parking_between_messages_changes_nothing() {
    for seed in 0..140 {
        let mut random = Random(seed);
        let bits = 9 + (seed % 7) as u8;
        let mut deflater = Deflater::new(bits, true, 1 + random.below(9) as u8, 8);
        let mut readers = [Inflater::new(bits, true), Inflater::new(bits, true), Inflater::new(bits, true)];
        let mut reference = Reference::new(true);
        for turn in 0..12 {
            let payload = random.payload();
            let message = deflate(&mut deflater, &payload);
            let case = format!("seed {seed}, {bits} bits, turn {turn}");
            assert!(reference.inflate(&message) == payload, "{case}: zlib-rs reads something else");
            for (index, reader) in readers.iter_mut().enumerate() {
                assert!(inflate(reader, &message).as_ref() == Ok(&payload), "{case}: reader {index}");
            }
            if random.below(2) == 0 {
                deflater.park();
                deflater.park();
            }
            // The first is never parked, the second at random, the third always.
            if random.below(2) == 0 {
                readers[1].park();
            }
            readers[2].park();
            assert!(readers[2].memory() <= (1 << bits) + 1024, "{case}: {}", readers[2].memory());
        }
    }
}

#[test]
fn parking_inside_a_message_does_nothing() {
    let mut deflater = Deflater::new(12, true, 6, 8);
    let mut inflater = Inflater::new(12, true);
    let payload = Random(7).text(20_000);
    for _ in 0..3 {
        let (mut message, mut back) = (Vec::new(), Vec::new());
        for (index, part) in payload.chunks(3000).enumerate() {
            deflater.deflate_part(part, index == 6, &mut message);
            deflater.park();
        }
        for piece in message.chunks(700) {
            inflater
                .inflate(piece, &mut |bytes| {
                    back.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            inflater.park();
        }
        inflater.finish_message().unwrap();
        assert!(back == payload);
    }
}

#[test]
fn an_idle_connection_holds_little() {
    let payload = Random(3).text(100_000);
    for bits in 9..=15 {
        for takeover in [true, false] {
            let mut deflater = Deflater::new(bits, takeover, 6, 8);
            let mut inflater = Inflater::new(bits, takeover);
            assert!(deflater.memory() <= 1024 && inflater.memory() <= 1024);
            let message = deflate(&mut deflater, &payload);
            inflate(&mut inflater, &message).unwrap();
            let limit = 1024 + if takeover { 1 << bits } else { 0 };
            assert!(deflater.memory() <= limit, "{bits} bits: {}", deflater.memory());
            assert!(inflater.memory() <= limit, "{bits} bits: {}", inflater.memory());
            // During a message they hold a state each.
            deflater.deflate_part(b"begun", false, &mut Vec::new());
            inflater.inflate(&[0xf2], &mut |_| Ok(())).unwrap();
            assert!(deflater.memory() > 137_000 && inflater.memory() > 32_768);
        }
    }
}

#[test]
fn a_connection_that_moves_between_threads_finds_no_stale_state() {
    let (mut deflater, mut inflater) = (Deflater::new(15, true, 6, 8), Inflater::new(15, true));
    let mut random = Random(5);
    // The same two threads in turn, each with what the other one does not know.
    let (send, work) = std::sync::mpsc::sync_channel::<(Deflater, Inflater, Vec<u8>)>(1);
    let (done, receive) = std::sync::mpsc::sync_channel(1);
    let other = std::thread::spawn(move || {
        for (mut deflater, mut inflater, payload) in work {
            let message = deflate(&mut deflater, &payload);
            assert!(inflate(&mut inflater, &message).as_ref() == Ok(&payload));
            done.send((deflater, inflater)).unwrap();
        }
    });
    for turn in 0..40 {
        let payload = random.text(900);
        if random.below(2) == 0 {
            send.send((deflater, inflater, payload)).unwrap();
            (deflater, inflater) = receive.recv().unwrap();
        } else {
            let message = deflate(&mut deflater, &payload);
            assert!(inflate(&mut inflater, &message).as_ref() == Ok(&payload), "turn {turn}");
        }
    }
    drop(send);
    other.join().unwrap();
}

#[test]
fn connections_share_a_thread_and_keep_apart() {
    let mut random = Random(11);
    let mut pairs: Vec<_> = (0..40)
        .map(|index| {
            let (bits, takeover) = (9 + index % 7, index % 3 != 0);
            (Deflater::new(bits, takeover, 1 + index % 9, 8), Inflater::new(bits, takeover))
        })
        .collect();
    for turn in 0..2000 {
        let index = random.below(pairs.len());
        let (deflater, inflater) = &mut pairs[index];
        let payload = random.text(1 + turn % 500);
        let message = deflate(deflater, &payload);
        assert!(inflate(inflater, &message).as_ref() == Ok(&payload), "turn {turn}, connection {index}");
        match random.below(4) {
            0 => deflater.park(),
            1 => inflater.park(),
            // Given up in the middle of a message: what is left open must not reach the next connection.
            2 => Deflater::new(15, true, 1, 8).deflate_part(&payload, false, &mut Vec::new()),
            _ => {}
        }
    }
}

#[test]
fn a_sink_may_inflate_something_else() {
    let message = deflate(&mut Deflater::new(15, false, 6, 8), &[b'x'; 100_000]);
    let mut total = 0;
    let mut outer = Inflater::new(15, false);
    outer
        .inflate(&message, &mut |bytes| {
            assert!(bytes.iter().all(|byte| *byte == b'x'));
            total += bytes.len();
            assert_eq!(inflate(&mut Inflater::new(15, false), HELLO[0].1).unwrap(), b"Hello");
            Ok(())
        })
        .unwrap();
    assert_eq!(total, 100_000);
}

#[test]
fn both_halves_can_move_to_another_thread() {
    fn assert_send<T: Send + Sync>() {}
    assert_send::<Inflater>();
    assert_send::<Deflater>();
}

fn deflate(deflater: &mut Deflater, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    deflater.deflate(payload, &mut message);
    message
}

fn deflate_in_parts(deflater: &mut Deflater, payload: &[u8], random: &mut Random) -> Vec<u8> {
    let mut message = Vec::new();
    for part in random.cut(payload) {
        deflater.deflate_part(part, false, &mut message);
    }
    deflater.deflate_part(&[], true, &mut message);
    message
}

fn inflate(inflater: &mut Inflater, message: &[u8]) -> Result<Vec<u8>, PeerMisbehaved> {
    inflate_pieces(inflater, [message])
}

fn inflate_pieces<'a>(
    inflater: &mut Inflater,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, PeerMisbehaved> {
    let mut payload = Vec::new();
    for piece in pieces {
        inflater.inflate(piece, &mut |bytes| {
            assert!(bytes.len() <= 16 * 1024);
            payload.extend_from_slice(bytes);
            Ok(())
        })?;
    }
    inflater.finish_message()?;
    Ok(payload)
}

/// A peer that is nothing but zlib-rs.
struct Reference {
    stream: zlib_rs::Inflate,
    takeover: bool,
}

impl Reference {
    fn new(takeover: bool) -> Self {
        Self { stream: zlib_rs::Inflate::new(false, 15), takeover }
    }

    fn inflate(&mut self, message: &[u8]) -> Vec<u8> {
        let whole = [message, &[0x00, 0x00, 0xff, 0xff]].concat();
        let mut payload = vec![0; 300 * 1024];
        let (total_in, total_out) = (self.stream.total_in(), self.stream.total_out());
        self.stream
            .decompress(&whole, &mut payload, zlib_rs::InflateFlush::SyncFlush)
            .expect("zlib-rs reads the message");
        assert_eq!(self.stream.total_in() - total_in, whole.len() as u64);
        payload.truncate((self.stream.total_out() - total_out) as usize);
        if !self.takeover {
            self.stream.reset(false);
        }
        payload
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn noise(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    fn text(&mut self, len: usize) -> Vec<u8> {
        const WORDS: [&str; 8] =
            ["{\"price\":", "101.25", ",\"name\":", "tide", "gate", "}", "Grüße", " 🌊 "];
        let mut text = Vec::new();
        while text.len() < len {
            match self.below(9) {
                8 => text.extend_from_slice(self.below(100_000).to_string().as_bytes()),
                word => text.extend_from_slice(WORDS[word].as_bytes()),
            }
        }
        text.truncate(len);
        text
    }

    /// Up to 200 KiB, mostly short, of text, noise or one byte.
    fn payload(&mut self) -> Vec<u8> {
        let limit = [1, 64, 1024, 8 * 1024, 40 * 1024, 200 * 1024][self.below(6)];
        let len = self.below(limit + 1);
        match self.below(4) {
            0 => self.noise(len),
            1 => vec![self.next() as u8; len],
            _ => self.text(len),
        }
    }

    fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() && pieces.len() < 50 {
            let (piece, rest) = bytes.split_at(self.below(bytes.len() + 1));
            pieces.push(piece);
            bytes = rest;
        }
        pieces.push(bytes);
        pieces
    }
}
