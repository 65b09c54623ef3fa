//! The echo of compressed JSON: texts of about 1 KiB, alike but never the same within a window.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::echo::{Answers, Asking, Echo};
use crate::failure::{Failure, fail};
use crate::frames::{Script, masked_frame, noise};
use crate::incoming::{Frame, Incoming};
use crate::socket::{Socket, Target};
use crate::watch::{Budget, Process, Rate};

/// FIN, RSV1 and the opcode of a text message.
const COMPRESSED_TEXT: u8 = 0xc1;

/// Texts in a row before the first comes again: many windows of 32 KiB.
const TEXTS: u64 = 256;

/// How many answers are inflated and compared before anything is timed.
const CHECKED: u64 = 300;

const TRADES: u64 = 7;

const CONNECTIONS: usize = 16;
const DEPTH: usize = 4;

/// Runs the load; the bytes that came back for a message are in the rate.
pub(crate) fn run(target: &Target, process: Process, budget: Budget) -> Result<Rate, Failure> {
    check(target)?;
    let payloads: Vec<Vec<u8>> = (0..TEXTS).map(|number| deflated(text(number).as_bytes())).collect();
    let script = Script::payloads(COMPRESSED_TEXT, &payloads);
    let load = Echo { size: 0, connections: CONNECTIONS, depth: DEPTH };
    Asking::open(target, &script, load, Answers::Counted)?.measure(process, budget)
}

fn check(target: &Target) -> Result<(), Failure> {
    let (mut socket, extensions) = Socket::open(target)?;
    if !extensions.contains("permessage-deflate") {
        fail!("it did not agree to permessage-deflate: {extensions:?}");
    }
    socket.set_blocking()?;
    let mut incoming = Incoming::keeping();
    let forgets = extensions.contains("server_no_context_takeover");
    let mut inflater = Decompress::new(false);
    let mut input = vec![0; 64 * 1024];
    for number in 0..CHECKED {
        let expected = text(number % TEXTS);
        let question = masked_frame(COMPRESSED_TEXT, &deflated(expected.as_bytes()), number + 1);
        std::io::Write::write_all(&mut socket, &question)?;
        let mut answer: Option<Frame> = None;
        let deadline = Instant::now() + Duration::from_secs(10);
        while answer.is_none() && Instant::now() < deadline {
            let len = socket.receive(&mut input)?.unwrap_or(0);
            incoming.feed(&input[..len], |frame| answer = frame.is_data().then(|| frame.clone()));
        }
        let Some(answer) = answer else { fail!("no answer to the text with number {number}") };
        let plain =
            if answer.is_compressed() { inflated(&mut inflater, answer.payload)? } else { answer.payload };
        if plain != expected.as_bytes() {
            fail!("the echo of the text with number {number} differs");
        }
        if forgets {
            inflater.reset(false);
        }
    }
    Ok(())
}

/// As RFC 7692 §7.2.1 has it, without a memory of earlier messages, which a client may always do.
fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + 64);
    // Into memory, with room to spare, nothing can fail.
    let _ = Compress::new(Compression::new(6), false).compress_vec(plain, &mut out, FlushCompress::Sync);
    out.truncate(out.len().saturating_sub(4));
    out
}

fn inflated(inflater: &mut Decompress, mut bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    bytes.extend_from_slice(&[0, 0, 0xff, 0xff]);
    let mut out = Vec::with_capacity(16 * 1024);
    let status = inflater.decompress_vec(&bytes, &mut out, FlushDecompress::Sync);
    match status.map_err(Failure::because("inflating the answer"))? {
        Status::StreamEnd => fail!("the answer ends the stream"),
        _ => Ok(out),
    }
}

/// A text as a feed of trades has them.
pub(crate) fn text(number: u64) -> String {
    let dice = noise(256, number + 77);
    let mut dice = dice.iter().map(|&byte| u32::from(byte)).cycle();
    let mut roll = |below: u32| dice.next().unwrap_or(0).wrapping_mul(below) >> 8;
    let mut text = format!(
        r#"{{"type":"trades","channel":"market.{}","sequence":{},"trades":["#,
        ["ETH-EUR", "BTC-EUR", "SOL-USD", "XMR-EUR"][roll(4) as usize],
        4_711_000 + number * 13
    );
    for index in 0..TRADES {
        let comma = if index == 0 { "" } else { "," };
        let side = ["buy", "sell"][roll(2) as usize];
        let (price, cents, size) = (2_000 + roll(200), roll(100), roll(250) + 1);
        let (ms, maker) = (roll(250) * 4 + roll(4), roll(2) == 1);
        let mark: String = (0..10).map(|_| format!("{:02x}", roll(256))).collect();
        // A writer of strings cannot fail.
        let _ = write!(
            text,
            r#"{comma}{{"id":{},"side":"{side}","price":"{price}.{cents:02}","size":"0.{size:04}","time":"2026-11-22T02:{:02}:{:02}.{ms:03}Z","maker":{maker},"order":"{mark}"}}"#,
            88_000_000 + number * TRADES + index,
            number % 60,
            index * 7,
        );
    }
    text + "]}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_of_one_kibibyte_and_differ() {
        let texts: Vec<String> = (0..TEXTS).map(text).collect();
        assert!(texts.iter().all(|text| (1000..1100).contains(&text.len())), "{}", texts[0].len());
        assert!(texts.windows(2).all(|pair| pair[0] != pair[1]));
    }

    /// What zlib makes of a text is what others measured with texts of their own: 254 B and 411 B.
    #[test]
    fn the_texts_are_as_hard_to_compress_as_a_feed() {
        let mut remembering = Compress::new(Compression::new(6), false);
        let (mut with, mut without) = (0, 0);
        for number in 0..TEXTS {
            let plain = text(number);
            let mut out = Vec::with_capacity(2048);
            remembering.compress_vec(plain.as_bytes(), &mut out, FlushCompress::Sync).unwrap();
            with += out.len() - 4;
            without += deflated(plain.as_bytes()).len();
        }
        let (with, without) = (with / TEXTS as usize, without / TEXTS as usize);
        assert!((235..265).contains(&with) && (360..430).contains(&without), "{with} and {without}");
    }

    #[test]
    fn what_is_deflated_can_be_inflated() {
        let mut inflater = Decompress::new(false);
        for number in 0..3 {
            let plain = text(number);
            assert_eq!(inflated(&mut inflater, deflated(plain.as_bytes())).unwrap(), plain.as_bytes());
        }
    }
}
